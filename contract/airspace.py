"""How a site shares its air: heights one copter has to itself, ways to keep to, how far manned traffic is kept off.

Heights are above home, as everywhere in the site file. Without this part of it heights are derived from the geofence's
band, and copters fly straight.
"""

from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from contract.frozen import Frozen, Identifier, Metres3
from contract.geo import GeoPath

SLOT_SEPARATION_M = 6.0  # 5 m between two barometers, and 1 m that a height is held within


class Corridor(Frozen):
    """A way through the air that copters keep to between dock and work."""

    id: Identifier
    points: Annotated[GeoPath, Field(description="its middle, on the ground, in their order")]
    width_m: Annotated[Metres3, Field(ge=10, description="from side to side")] = 30.0


class MannedTraffic(Frozen):
    """How near manned aircraft may be, now and soon, while copters go somewhere. At two thirds of these figures one
    that flies gives way."""

    radius_m: Annotated[Metres3, Field(ge=500, le=10_000, description="horizontally from any place of the way")] = (
        1_500.0
    )
    height_m: Annotated[Metres3, Field(ge=100, le=1_000, description="above and below the way")] = 150.0
    ahead_s: Annotated[float, Field(ge=30, le=300, description="how far its course is thought on")] = 60.0


class AirspaceUse(Frozen):
    """What all copters of the site share."""

    slots_m: Annotated[
        tuple[Annotated[Metres3, Field(gt=0)], ...],
        Field(description="heights above home, rising, 6 m apart; one copter each; none: derived from the band"),
    ] = ()
    corridors: Annotated[tuple[Corridor, ...], Field(description="ways to keep to; none: straight lines")] = ()
    traffic: Annotated[MannedTraffic, Field(description="when manned aircraft are too near")] = MannedTraffic()

    @model_validator(mode="after")
    def _keeps_heights_apart(self) -> "AirspaceUse":
        for low_m, high_m in pairwise(self.slots_m):
            if high_m - low_m < SLOT_SEPARATION_M:
                raise ValueError(
                    f"slots_m: expected rising heights {SLOT_SEPARATION_M:g} m apart, got {low_m:g} and {high_m:g}"
                )
        return self
