"""Patrols without a fixed order: vehicles in turns visit points, each again within a longest gap, nobody knows when.

What stands here is the outcome of planning (`vedette-fleet plan`): the coordinator draws the order of each round from
it and needs no planner. Times are from one arrival at a point to the next.
"""

from typing import Annotated

from pydantic import Field, model_validator

from contract.frozen import Frozen, Identifier, Metres3
from contract.geo import GeoPoint
from contract.hours import Hours

Heading = Annotated[float, Field(ge=0.0, lt=360.0)]


class RoamingPoint(Frozen):
    """A place that is visited, and where to look from there."""

    id: Identifier
    position: GeoPoint
    dwell_s: Annotated[float, Field(ge=0, le=600, description="how long it stays there, all looks together")] = 10.0
    look_deg: Annotated[
        tuple[Heading, ...],
        Field(max_length=8, description="where it looks in turn while it stays, clockwise from north; of what flies"),
    ] = ()


class RoamingPatrol(Frozen):
    """One round over all points starts every `every_min` within `hours`; `vehicles` take turns, in this order."""

    id: Identifier
    vehicles: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=16, description="all of one kind")]
    altitude_m: Annotated[Metres3, Field(ge=0, description="above home; 0 for rovers")]
    points: Annotated[
        tuple[RoamingPoint, ...], Field(min_length=2, max_length=100, description="in the order of the shortest round")
    ]
    every_min: Annotated[float, Field(gt=0, description="minutes from one start to the next, whoever starts")]
    round_min: Annotated[float, Field(gt=0, description="longest time from launch until the last point is left")]
    longest_gap_min: Annotated[float, Field(gt=0, description="each point is visited again within this many minutes")]
    battery_frac: Annotated[float, Field(gt=0, le=1, description="charge without which no round starts, 0 to 1")]
    randomness: Annotated[
        float, Field(ge=0, le=1, description="0: always the shortest round; 1: any order that keeps the gap")
    ] = 0.8
    hours: Annotated[Hours, Field(description="when a round may start")] = Hours()

    @model_validator(mode="after")
    def _can_keep_its_word(self) -> "RoamingPatrol":
        for what, ids in (("point", [p.id for p in self.points]), ("vehicle", list(self.vehicles))):
            double = next((i for i in ids if ids.count(i) > 1), None)
            if double is not None:
                raise ValueError(f"patrol '{self.id}': {what} '{double}' stands here twice")
        if self.longest_gap_min < self.every_min:
            raise ValueError(
                f"patrol '{self.id}': expected longest_gap_min of at least every_min ({self.every_min:g}), "
                f"got {self.longest_gap_min:g}"
            )
        return self
