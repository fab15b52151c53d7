"""Intrusion: someone the zone must be empty of stands in it.

Position error is carried, not ignored: an intrusion is `probable` when at least half of the error ellipse lies inside,
`possible` when the best estimate is inside but the ellipse is wider than the zone (a far or badly aimed camera must not
be blind to it). A best estimate outside never starts one on its own.

A person need not move to intrude (SAFETY 20). Of other things it may be asked: a car that was parked is no news.
"""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from contract.events import Certainty, Sighting
from contract.labels import Label
from contract.site import Zone
from edge.inside import Inside, InsideOptions
from edge.plane import Plane, Spot
from edge.track_rule import TellingOptions, TrackRule

WATCHES = Zone


class Options(InsideOptions, TellingOptions):
    """How an intrusion begins, goes on and ends."""

    travel_m: Annotated[
        float, Field(ge=0, le=20, description="metres that what is no person must have moved; a person never needs to")
    ] = 0.0
    leave_s: Annotated[float, Field(ge=0, le=60, description="seconds outside the margin before the end")] = 1.0


class IntrusionRule(TrackRule):
    """Where each track was first, since when it is inside and, of one that intrudes, since when it is out again."""

    def __init__(self, zone: Zone, plane: Plane, options: Options) -> None:
        super().__init__(zone.labels, plane, options)
        self._dwell_us = round(zone.dwell_s * 1e6)
        self._leave_us, self._travel_m = options.leave_s * 1e6, options.travel_m
        self._inside = Inside(zone, plane, options)
        self._first: dict[int, Spot] = {}
        self._inside_since_us: dict[int, int] = {}
        self._outside_since_us: dict[int, int] = {}

    def _keep(self, present: Collection[int], now_us: int) -> None:
        self._first = {track: spot for track, spot in self._first.items() if track in present}
        self._inside_since_us = {track: us for track, us in self._inside_since_us.items() if track in present}
        self._outside_since_us = {track: us for track, us in self._outside_since_us.items() if track in present}

    def _begins(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        track = sighting.track
        first = self._first.setdefault(track, spot)
        certainty = self._inside.certainty(spot)
        if certainty is None:
            self._inside_since_us.pop(track, None)
            return None
        is_short = now_us - self._inside_since_us.setdefault(track, now_us) < self._dwell_us
        if is_short or not self._has_travelled(sighting, first, spot):
            return None
        del self._inside_since_us[track]
        return certainty

    def _has_travelled(self, sighting: Sighting, first: Spot, spot: Spot) -> bool:
        return sighting.label is Label.PERSON or spot.distance_m(first) >= self._travel_m

    def _goes_on(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        track = sighting.track
        if not self._inside.has_left(spot):
            self._outside_since_us.pop(track, None)
        elif now_us - self._outside_since_us.setdefault(track, now_us) >= self._leave_us:
            del self._outside_since_us[track]
            return None
        return self._inside.certainty(spot) or Certainty.POSSIBLE


def open_rule(zone: Zone, plane: Plane, options: Options) -> IntrusionRule:
    return IntrusionRule(zone, plane, options)
