"""What rules about tracks share: one event a track, told when it starts, updated while that is worth it, ended once.

A rule says when an event of a track begins and whether it goes on; everything that is told of it is decided here.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from contract.events import Certainty, Crossed, Sighting, Stage
from contract.frozen import Frozen
from contract.labels import Label
from edge.plane import Plane, Spot
from edge.rule import Finding, Subject


class TellingOptions(Frozen):
    """How often an event that goes on is told."""

    update_s: Annotated[float, Field(gt=0, le=60, description="seconds between two updates, at least")] = 1.0
    update_move_m: Annotated[float, Field(gt=0, le=50, description="metres moved that are worth an update")] = 0.5
    update_still_s: Annotated[float, Field(gt=0, le=600, description="seconds between updates of one who stays")] = 10.0


@dataclass(frozen=True, slots=True)
class _Open:
    """An event that has not ended: what was last told of it and where, and the newest sighting."""

    told: Finding
    told_at_us: int
    told_spot: Spot
    sighting: Sighting


class TrackRule(ABC):
    """One zone or line through one camera. Frames in which a track is not seen, or which tell no place of it in the
    plane of the drawing, tell a rule nothing."""

    def __init__(self, labels: Collection[Label], plane: Plane, options: TellingOptions) -> None:
        self._plane = plane
        self._labels = frozenset(labels)
        self._telling = options
        self._open: dict[int, _Open] = {}

    def judge(self, subjects: Sequence[Subject], *, captured_at_us: int) -> list[Finding]:
        present = {subject.sighting.track: subject for subject in subjects}
        findings = [self._end(track) for track in sorted(self._open.keys() - present.keys())]
        self._keep(present, captured_at_us)
        for track, subject in sorted(present.items()):
            spot = self._plane.spot(subject.sighting, subject.point) if subject.is_seen else None
            if spot is not None:
                judge_one = self._follow if track in self._open else self._watch
                finding = judge_one(subject.sighting, spot, captured_at_us)
                if finding is not None:
                    findings.append(finding)
        return findings

    @abstractmethod
    def _keep(self, present: Collection[int], now_us: int) -> None:
        """Forget whatever is known of tracks that are not among those present."""

    @abstractmethod
    def _begins(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        """Does an event of a track without one begin here? None: no. Only for what the rule is watched for."""

    @abstractmethod
    def _goes_on(self, sighting: Sighting, spot: Spot, now_us: int) -> Certainty | None:
        """How sure an open event is now; None: it is over. Whatever its track is called by now."""

    def _went(self, track: int) -> Crossed | None:
        """In which the line was crossed, by which an event of this track begins."""
        return None

    def _watch(self, sighting: Sighting, spot: Spot, now_us: int) -> Finding | None:
        if sighting.label not in self._labels:
            return None
        certainty = self._begins(sighting, spot, now_us)
        if certainty is None:
            return None
        finding = Finding(Stage.START, 0, certainty, now_us, sighting, self._went(sighting.track))
        self._open[sighting.track] = _Open(finding, now_us, spot, sighting)
        return finding

    def _follow(self, sighting: Sighting, spot: Spot, now_us: int) -> Finding | None:
        track = sighting.track
        certainty = self._goes_on(sighting, spot, now_us)
        event = self._open[track] = replace(self._open[track], sighting=sighting)
        if certainty is None:
            return self._end(track)
        if not self._is_worth_telling(event, spot, certainty, now_us):
            return None
        told = replace(
            event.told, stage=Stage.UPDATE, revision=event.told.revision + 1, certainty=certainty, sighting=sighting
        )
        self._open[track] = _Open(told, now_us, spot, sighting)
        return told

    def _is_worth_telling(self, event: _Open, spot: Spot, certainty: Certainty, now_us: int) -> bool:
        since_s = (now_us - event.told_at_us) / 1e6
        if since_s < self._telling.update_s:
            return False
        has_changed = certainty is not event.told.certainty
        has_moved = spot.distance_m(event.told_spot) >= self._telling.update_move_m
        return has_changed or has_moved or since_s >= self._telling.update_still_s

    def _end(self, track: int) -> Finding:
        event = self._open.pop(track)
        return replace(event.told, stage=Stage.END, revision=event.told.revision + 1, sighting=event.sighting)
