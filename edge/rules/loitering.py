"""Loitering: somebody stays in a zone for longer than a while.

Time runs from the first moment inside, by the frames' stamps: frames that are dropped, and a while in which the track
is hidden and only predicted, count like any other. A step outside does not begin it anew; staying outside does. The
zone is what counts; where `radius_m` is given, only one who stays that near to one place loiters, not one who passes
through a long zone.

A tracker may lose somebody and find him as another: who first appears where and when one is missing has stayed since
that one came. It makes loitering sooner told, never later: the one who is missing keeps his time too.
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
SAME_M, WALK_M_S = 1.0, 1.5  # how far from the missing one somebody may appear, and how much farther a second later


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
    """Where and since when somebody stays, and when and where he was last seen to."""

    spot: Spot
    since_us: int
    last_us: int
    last: Spot


class LoiteringRule(TrackRule):
    """The stay of each track in the zone."""

    def __init__(self, zone: Zone, plane: Plane, options: Options) -> None:
        super().__init__(zone.labels, plane, options)
        self._after_us, self._leave_us = options.after_s * 1e6, options.leave_s * 1e6
        self._radius_m, self._margin_m = options.radius_m, options.margin_m
        self._inside = Inside(zone, plane, options)
        self._stays: dict[int, _Stay] = {}
        self._known: set[int] = set()  # tracks, wherever they are

    def _keep(self, present: Collection[int], now_us: int) -> None:
        """One who is not there may return within the time that one may step outside."""
        self._stays = {
            track: stay
            for track, stay in self._stays.items()
            if track in present or now_us - stay.last_us < self._leave_us
        }
        self._known.intersection_update(present)

    def _begins(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        track = sighting.track
        is_new = track not in self._known
        self._known.add(track)
        if not self._stays_on(sighting, spot, now_us):
            self._stays.pop(track, None)
        certainty = self._inside.certainty(spot)
        if certainty is None:
            return None
        if track not in self._stays:
            missing = self._missing_near(spot, now_us) if is_new else None
            began = (spot, now_us) if missing is None else (missing.spot, missing.since_us)
            self._stays[track] = _Stay(*began, now_us, spot)
        stay = self._stays[track]
        return certainty if now_us - stay.since_us >= self._after_us else None

    def _missing_near(self, spot: Spot, now_us: int) -> _Stay | None:
        """The longest stay of one who was there a moment ago and is not seen now. Older tracks are judged before newer
        ones: whoever is seen in this frame was seen to stay or to go by now."""
        there = []
        for stay in self._stays.values():
            gone_us = now_us - stay.last_us
            reach_m = SAME_M + WALK_M_S * gone_us / 1e6 + spot.sigma_m
            if 0 < gone_us < self._leave_us and spot.distance_m(stay.last) <= reach_m:
                there.append(stay)
        return min(there, key=lambda stay: stay.since_us, default=None)

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
            stay.last_us, stay.last = now_us, spot
        return stay.last_us == now_us or now_us - stay.last_us < self._leave_us

    def _is_away(self, stay: _Stay, spot: Spot) -> bool:
        if self._inside.has_left(spot):
            return True
        if self._radius_m is None:
            return False
        return spot.distance_m(stay.spot) > self._radius_m + self._margin_m + spot.sigma_m


def open_rule(zone: Zone, plane: Plane, options: Options) -> LoiteringRule:
    return LoiteringRule(zone, plane, options)
