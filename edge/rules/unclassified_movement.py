"""Unclassified movement: something person-sized that has no name moves in a zone, goes on and gets somewhere.

For zones that must be sterile: what a detector was never taught walks as well. It is no intrusion, it is told at low
severity, and a budget of its own keeps a windy night from drowning everything else (SAFETY 19). Fixed cameras only.
"""

from collections import deque
from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from contract.events import Certainty, Sighting
from contract.kinds import Severity
from contract.labels import Label
from contract.site import Zone
from edge.inside import Inside, InsideOptions
from edge.plane import Plane, Spot
from edge.track_rule import TellingOptions, TrackRule

WATCHES = Zone
OF_MOVEMENT = True
SEVERITY = Severity.LOW
HOUR_US = 3_600_000_000


class Options(InsideOptions, TellingOptions):
    """How much movement is worth a look."""

    after_s: Annotated[float, Field(ge=0, le=600, description="seconds that it has to go on")] = 2.0
    travel_m: Annotated[float, Field(gt=0, le=100, description="metres from where it began: leaves stay")] = 2.0
    per_hour_max: Annotated[int, Field(ge=1, le=1000, description="events that may begin in an hour")] = 6


class UnclassifiedMovementRule(TrackRule):
    """Where and when each thing without a name was first seen."""

    def __init__(self, zone: Zone, plane: Plane, options: Options) -> None:
        super().__init__(tuple(Label), plane, options)
        self._options = options
        self._inside = Inside(zone, plane, options)
        self._first: dict[int, tuple[Spot, int]] = {}
        self._begun_us: deque[int] = deque(maxlen=options.per_hour_max)

    def _keep(self, present: Collection[int], now_us: int) -> None:
        self._first = {track: first for track, first in self._first.items() if track in present}

    def _begins(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        start, since_us = self._first.setdefault(sighting.track, (spot, now_us))
        if now_us - since_us < self._options.after_s * 1e6:
            return None
        if spot.distance_m(start) < self._options.travel_m:
            return None
        certainty = self._inside.certainty(spot)
        if certainty is None or self._is_spent(now_us):
            return None
        self._begun_us.append(now_us)
        return certainty

    def _goes_on(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        if self._inside.has_left(spot):
            return None
        return self._inside.certainty(spot) or Certainty.POSSIBLE

    def _is_spent(self, now_us: int) -> bool:
        is_full = len(self._begun_us) == self._options.per_hour_max
        return is_full and now_us - self._begun_us[0] < HOUR_US


def open_rule(zone: Zone, plane: Plane, options: Options) -> UnclassifiedMovementRule:
    return UnclassifiedMovementRule(zone, plane, options)
