"""Devices of a site that are no cameras and tell of themselves."""

from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from contract.frozen import Frozen, Identifier
from contract.geo import GeoPoint
from contract.kinds import Severity


class SensorKind(str, Enum):
    FENCE_VIBRATION = "fence_vibration"
    DOOR_CONTACT = "door_contact"
    RADAR = "radar"
    OTHER = "other"


class Sensor(Frozen):
    """A device that is no camera and tells of itself; its id names it on the bus and to the API."""

    id: Identifier
    name: Annotated[str, Field(description="for people")]
    kind: SensorKind
    zones: Annotated[tuple[Identifier, ...], Field(min_length=1, description="zones and lines it guards")]
    position: Annotated[GeoPoint | None, Field(description="where what it tells of is, unless it says so itself")] = (
        None
    )
    sigma_m: Annotated[float, Field(gt=0, le=1000, description="one standard deviation of that, metres")] = 5.0
    severity: Annotated[Severity, Field(description="how loudly its alarms ask for a person")] = Severity.MEDIUM
    raises: Annotated[
        Literal["movement", "intrusion"],
        Field(description="movement: nobody is sent unless a person or a camera says more; intrusion: as a camera's"),
    ] = "movement"
    silent_after_s: Annotated[
        float | None, Field(ge=2, le=86_400, description="s without a word that are trouble; none: it speaks seldom")
    ] = None
    simulated: Annotated[bool, Field(description="true: it is none, and moves no real vehicle")] = False
