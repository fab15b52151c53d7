"""Line crossing: somebody goes from one side of a line to the other, the way that the site file wants to know of.

His way is followed as straight pieces from sight to sight, so frames that are dropped, and a while in which he is only
predicted, hide no crossing. It is one when he was farther than a margin from the line before and is again on the other
side: whoever dithers on the line crosses it once, or not at all if he turns back. Who walks round its end never does.

Position error is carried: the chance of a crossing is that of being on the one side at the surest sight before, times
that of being on the other now. From a half on it is `probable`, below `possible`, and it may become probable later.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from contract.events import Certainty, Crossed, Sighting
from contract.site import Direction, Line
from edge.drawn_line import DrawnLine
from edge.plane import Place, Plane, Spot
from edge.track_rule import TellingOptions, TrackRule

WATCHES = Line
PROBABLE = 0.5


class Options(TellingOptions):
    """What counts as a crossing, and when it is over."""

    margin_m: Annotated[float, Field(ge=0, le=20, description="metres from the line to have been on a side")] = 0.5
    floor_prob: Annotated[
        float, Field(gt=0.25, lt=0.5, description="below this chance of having been on both sides, nothing yet")
    ] = 0.3
    hold_s: Annotated[
        float, Field(ge=0, le=600, description="seconds that it goes on; who crosses again meanwhile prolongs it")
    ] = 3.0


@dataclass(slots=True)
class _Way:
    """Of one track: where it was seen last, how often it crossed since it was beyond the margin (see DrawnLine), and
    the best chance that it was on the side it was on then; None: it never was beyond the margin."""

    place: Place
    crossings: int = 0
    near: float | None = None


@dataclass(slots=True)
class _Crossing:
    """An event: which way it went, the chance of the side that was left, the best of what came of it, and when it is
    over."""

    went: Crossed
    near: float
    chance: float
    until_us: float


class LineCrossingRule(TrackRule):
    """The way of each track, and of those that crossed, until when that is told."""

    def __init__(self, line: Line, plane: Plane, options: Options) -> None:
        super().__init__(line.labels, plane, options)
        self._line = DrawnLine(plane.path(line))
        self._direction = line.direction
        self._margin_m, self._floor_prob, self._hold_us = options.margin_m, options.floor_prob, options.hold_s * 1e6
        self._ways: dict[int, _Way] = {}
        self._crossings: dict[int, _Crossing] = {}

    def _keep(self, present: Collection[int], now_us: int) -> None:
        self._ways = {track: way for track, way in self._ways.items() if track in present}
        self._crossings = {track: each for track, each in self._crossings.items() if track in present}

    def _begins(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        crossing = self._crossed(sighting.track, spot, now_us)
        if crossing is None:
            return None
        self._crossings[sighting.track] = crossing
        return _certainty(crossing)

    def _goes_on(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        track = sighting.track
        crossing, again = self._crossings[track], self._crossed(track, spot, now_us)
        way = self._ways[track]
        if again is not None:
            crossing.until_us = again.until_us
        elif now_us >= crossing.until_us:
            del self._crossings[track]
            return None
        elif way.crossings == 0 and way.near is not None:
            crossing.chance = max(crossing.chance, crossing.near * way.near)
        return _certainty(crossing)

    def _went(self, track: int) -> Crossed | None:
        return self._crossings[track].went

    def _crossed(self, track: int, spot: Spot, now_us: int) -> _Crossing | None:
        """Follows the way to `spot`; what was crossed in the direction that counts, if that is complete here."""
        way = self._ways.setdefault(track, _Way(spot.place))
        way.crossings += self._line.crossings(way.place, spot.place)
        way.place = spot.place
        distance, chance = self._line.side(spot)
        if distance * spot.unit_m < self._margin_m:
            return None
        if way.near is None or way.crossings == 0:
            way.near, way.crossings = max(way.near or 0.0, chance), 0
            return None
        if way.near * chance < self._floor_prob:
            return None
        went: Crossed = Direction.LEFT_TO_RIGHT if way.crossings > 0 else Direction.RIGHT_TO_LEFT
        crossing = _Crossing(went, way.near, way.near * chance, now_us + self._hold_us)
        way.near, way.crossings = chance, 0
        return crossing if self._direction in (Direction.EITHER, went) else None


def _certainty(crossing: _Crossing) -> Certainty:
    return Certainty.PROBABLE if crossing.chance >= PROBABLE else Certainty.POSSIBLE


def open_rule(line: Line, plane: Plane, options: Options) -> LineCrossingRule:
    return LineCrossingRule(line, plane, options)
