"""Intrusion: someone the zone must be empty of stands in it.

Position error is carried, not ignored: an intrusion is `probable` when at least half of the error ellipse lies inside,
`possible` when the best estimate is inside but the ellipse is wider than the zone (a far or badly aimed camera must not
be blind to it). A best estimate outside never starts one on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from contract.events import Certainty, Sighting, Stage
from contract.frozen import Frozen
from contract.geo import LocalFrame, PointEnu
from contract.site import Zone
from edge.ground import Ground
from edge.rule import Finding, Subject


class Options(Frozen):
    """How an intrusion begins, goes on and ends."""

    margin_m: Annotated[float, Field(ge=0, le=10, description="metres outside the zone before it counts as left")] = 0.5
    leave_s: Annotated[float, Field(ge=0, le=60, description="seconds outside that margin before the end")] = 1.0
    floor_prob: Annotated[float, Field(gt=0, lt=0.5, description="below this chance of being inside, nothing")] = 0.1
    update_s: Annotated[float, Field(gt=0, le=60, description="seconds between two updates, at least")] = 1.0
    update_move_m: Annotated[float, Field(gt=0, le=50, description="metres moved that are worth an update")] = 0.5
    update_still_s: Annotated[float, Field(gt=0, le=600, description="seconds between updates of one who stays")] = 10.0


@dataclass(frozen=True, slots=True)
class _Intrusion:
    """What was last told, and since when the track has been outside again (None: it is inside)."""

    told: Finding
    told_at_us: int
    told_point: PointEnu | None
    sighting: Sighting
    outside_since_us: int | None = None


class IntrusionRule:
    """One zone through one camera."""

    def __init__(self, zone: Zone, frame: LocalFrame, options: Options) -> None:
        self._options = options
        self._labels = frozenset(zone.labels)
        self._dwell_us = round(zone.dwell_s * 1e6)
        self._ground = Ground(zone.polygon, frame)
        self._ground_and_margin = Ground(zone.polygon, frame, margin_m=options.margin_m)
        self._inside_since_us: dict[int, int] = {}
        self._intrusions: dict[int, _Intrusion] = {}

    def judge(self, subjects: Sequence[Subject], *, captured_at_us: int) -> list[Finding]:
        present = {subject.sighting.track: subject for subject in subjects}
        gone = sorted(self._intrusions.keys() - present.keys())
        findings = [self._end(track) for track in gone]
        self._inside_since_us = {t: us for t, us in self._inside_since_us.items() if t in present}
        for track, subject in sorted(present.items()):
            judge_one = self._follow if track in self._intrusions else self._watch
            finding = judge_one(track, subject, captured_at_us)
            if finding is not None:
                findings.append(finding)
        return findings

    def _watch(self, track: int, subject: Subject, now_us: int) -> Finding | None:
        """A track without an intrusion. Frames that cannot tell neither start nor reset the dwell."""
        if not subject.is_seen or subject.point is None or subject.sighting.label not in self._labels:
            return None
        certainty = self._certainty(subject)
        if certainty is None:
            self._inside_since_us.pop(track, None)
            return None
        if now_us - self._inside_since_us.setdefault(track, now_us) < self._dwell_us:
            return None
        del self._inside_since_us[track]
        finding = Finding(Stage.START, 0, certainty, now_us, subject.sighting)
        self._intrusions[track] = _Intrusion(finding, now_us, subject.point, subject.sighting)
        return finding

    def _follow(self, track: int, subject: Subject, now_us: int) -> Finding | None:
        """A track with an intrusion; whatever it is called by now, it is the one that came in."""
        intrusion = self._intrusions[track]
        if not subject.is_seen or subject.point is None:
            return None
        outside_since_us = intrusion.outside_since_us
        if self._has_left(subject):
            outside_since_us = now_us if outside_since_us is None else outside_since_us
        else:
            outside_since_us = None
        self._intrusions[track] = replace(intrusion, sighting=subject.sighting, outside_since_us=outside_since_us)
        if outside_since_us is not None and now_us - outside_since_us >= self._options.leave_s * 1e6:
            return self._end(track)
        certainty = self._certainty(subject) or Certainty.POSSIBLE
        if not self._is_worth_telling(intrusion, subject.point, certainty, now_us):
            return None
        told = Finding(
            Stage.UPDATE, intrusion.told.revision + 1, certainty, intrusion.told.started_at_us, subject.sighting
        )
        self._intrusions[track] = replace(
            self._intrusions[track], told=told, told_at_us=now_us, told_point=subject.point
        )
        return told

    def _is_worth_telling(self, intrusion: _Intrusion, point: PointEnu, certainty: Certainty, now_us: int) -> bool:
        since_s = (now_us - intrusion.told_at_us) / 1e6
        if since_s < self._options.update_s:
            return False
        has_changed = certainty is not intrusion.told.certainty
        has_moved = (
            intrusion.told_point is None
            or point.horizontal_distance_m(intrusion.told_point) >= self._options.update_move_m
        )
        return has_changed or has_moved or since_s >= self._options.update_still_s

    def _end(self, track: int) -> Finding:
        intrusion = self._intrusions.pop(track)
        told = intrusion.told
        return Finding(Stage.END, told.revision + 1, told.certainty, told.started_at_us, intrusion.sighting)

    def _certainty(self, subject: Subject) -> Certainty | None:
        """None: not inside."""
        if subject.point is None or subject.sighting.ground is None:
            return None
        chance = self._ground.probability(subject.point, subject.sighting.ground)
        if chance >= 0.5:
            return Certainty.PROBABLE
        if chance >= self._options.floor_prob and self._ground.holds(subject.point):
            return Certainty.POSSIBLE
        return None

    def _has_left(self, subject: Subject) -> bool:
        if subject.point is None or subject.sighting.ground is None:
            return False
        if self._ground_and_margin.holds(subject.point):
            return False
        return self._ground_and_margin.probability(subject.point, subject.sighting.ground) < 0.5


def open_rule(zone: Zone, frame: LocalFrame, options: Options) -> IntrusionRule:
    return IntrusionRule(zone, frame, options)
