"""What a sortie is to do, as a YAML file: steps in their order, places in metres from where the vehicle stands."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contract.frozen import Frozen, Identifier

Metres = Annotated[float, Field(ge=-5_000, le=5_000, allow_inf_nan=False)]
Height = Annotated[
    float, Field(gt=0, le=500, allow_inf_nan=False, description="m above home; a ground vehicle takes no notice")
]


class Place(Frozen):
    """Metres east and north of where the vehicle stood when the sortie began."""

    east_m: Metres
    north_m: Metres


class LaunchStep(Frozen):
    """Motors on; what flies goes up."""

    do: Literal["launch"]
    above_home_m: Height


class GoToStep(Place):
    """There, and stay."""

    do: Literal["go_to"]
    above_home_m: Height


class OrbitStep(Place):
    """Once round a place, looking at it."""

    do: Literal["orbit"]
    above_home_m: Height
    radius_m: Annotated[float, Field(ge=5, le=200, allow_inf_nan=False)]


class LookStep(Place):
    """Turn camera or nose to a place without going anywhere; what drives may have nothing to turn."""

    do: Literal["look"]


class PatrolStop(Place):
    dwell_s: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 0.0


class PatrolStep(Frozen):
    """A mission of the autopilot: uploaded, read back, flown to its end.

    `pause_at` and `skip` are numbers of waypoints, from 1: on the way to the first it stands for `pause_s` and goes on;
    the second is left out.
    """

    do: Literal["patrol"]
    above_home_m: Height
    waypoints: Annotated[tuple[PatrolStop, ...], Field(min_length=2, max_length=100)]
    pause_at: Annotated[int | None, Field(ge=1)] = None
    pause_s: Annotated[float, Field(ge=1, le=600, allow_inf_nan=False)] = 5.0
    skip: Annotated[int | None, Field(ge=1)] = None

    @model_validator(mode="after")
    def _names_its_waypoints(self) -> "PatrolStep":
        count = len(self.waypoints)
        if self.pause_at is not None and self.pause_at > count:
            raise ValueError(f"pause_at: expected one of {count} waypoints, got {self.pause_at}")
        if self.skip is not None and self.skip >= count:
            raise ValueError(f"skip: expected a waypoint before the last of {count}, got {self.skip}")
        if self.skip is not None and self.skip == self.pause_at:
            raise ValueError(f"pause_at and skip: expected two waypoints, got {self.skip} twice")
        return self


class HoldStep(Frozen):
    """Stand still where it is, and do not sink."""

    do: Literal["hold"]
    for_s: Annotated[float, Field(ge=1, le=600, allow_inf_nan=False)]


class ReturnStep(Frozen):
    """Home, or to its rally point, by the autopilot's own way."""

    do: Literal["return"]


class LandStep(Frozen):
    """Down where it is; a ground vehicle stands."""

    do: Literal["land"]


class DisarmStep(Frozen):
    """Motors off, on the ground."""

    do: Literal["disarm"]


Step = LaunchStep | GoToStep | OrbitStep | LookStep | PatrolStep | HoldStep | ReturnStep | LandStep | DisarmStep


class SortieScript(Frozen):
    """It begins with a launch and ends with the motors off."""

    schema_version: Literal[1]
    id: Identifier
    steps: Annotated[tuple[Annotated[Step, Field(discriminator="do")], ...], Field(min_length=1, max_length=100)]
