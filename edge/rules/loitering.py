"""Loitering: somebody stays in a zone for longer than a while.

Time runs from the first moment inside, by the frames' stamps: frames that are dropped, and a while in which the track
is hidden and only predicted, count like any other. A step outside does not begin it anew; staying outside does. The
zone is what counts; where `radius_m` is given, only one who stays that near to one place loiters, not one who passes
through a long zone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from contract.events import Certainty, Sighting
from contract.site import Zone
from edge.inside import Inside, InsideOptions
from edge.plane import Plane, Spot
from edge.track_rule import TellingOptions, TrackRule

WATCHES = Zone


class Options(InsideOptions, TellingOptions):
    """How long is too long, and where."""

    after_s: Annotated[float, Field(gt=0, le=86_400, description="seconds of staying before it is loitering")] = 30.0
    radius_m: Annotated[
        Annotated[float, Field(gt=0, le=1_000)] | None,
        Field(description="metres within which one must stay; none: the whole zone"),
    ] = None
    leave_s: Annotated[float, Field(ge=0, le=600, description="seconds away before a stay is over")] = 3.0


@dataclass(slots=True)
class _Stay:
    """Where and since when somebody stays, and when he was last seen to."""

    spot: Spot
    since_us: int
    last_us: int


class LoiteringRule(TrackRule):
    """The stay of each track in the zone."""

    def __init__(self, zone: Zone, plane: Plane, options: Options) -> None:
        super().__init__(zone.labels, plane, options)
        self._after_us, self._leave_us = options.after_s * 1e6, options.leave_s * 1e6
        self._radius_m, self._margin_m = options.radius_m, options.margin_m
        self._inside = Inside(zone, plane, options)
        self._stays: dict[int, _Stay] = {}

    def _keep(self, present: Collection[int], now_us: int) -> None:
        """One who is not there may return within the time that one may step outside."""
        self._stays = {
            track: stay
            for track, stay in self._stays.items()
            if track in present or now_us - stay.last_us < self._leave_us
        }

    def _begins(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        track = sighting.track
        if not self._stays_on(sighting, spot, now_us):
            self._stays.pop(track, None)
        certainty = self._inside.certainty(spot)
        if certainty is None:
            return None
        stay = self._stays.setdefault(track, _Stay(spot, now_us, now_us))
        return certainty if now_us - stay.since_us >= self._after_us else None

    def _goes_on(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        if not self._stays_on(sighting, spot, now_us):
            self._stays.pop(sighting.track, None)
            return None
        return self._inside.certainty(spot) or Certainty.POSSIBLE

    def _stays_on(self, sighting: Sighting, spot: Spot, now_us: int) -> bool:
        """False once it was away for too long, or was never here."""
        stay = self._stays.get(sighting.track)
        if stay is None:
            return False
        if not self._is_away(stay, spot):
            stay.last_us = now_us
        return stay.last_us == now_us or now_us - stay.last_us < self._leave_us

    def _is_away(self, stay: _Stay, spot: Spot) -> bool:
        if self._inside.has_left(spot):
            return True
        if self._radius_m is None:
            return False
        return spot.distance_m(stay.spot) > self._radius_m + self._margin_m + spot.sigma_m


def open_rule(zone: Zone, plane: Plane, options: Options) -> LoiteringRule:
    return LoiteringRule(zone, plane, options)
