"""One thing on the ground while it is followed: the source tracks that are it, and what they make of it together."""

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from contract.envelope import Origin
from contract.labels import Label
from fleet.picture.motion import Motion, apart, intersected
from fleet.picture.site_track import Seen, SiteTrackState
from fleet.picture.source_track import Key, SourceTrack, density_m2_s3, winner

REACH_M = 8.0  # however unsure two places are, further apart they are not taken for one
TOGETHER_US = 1_500_000  # sights so far apart are still of one moment
COASTS_AFTER_US = 1_000_000  # since it was heard
FORGET_US = 5_000_000  # a walker may be anywhere within 10 m by then
CONFIRM_SEEN = 3
MAX_EVIDENCE = 64


@dataclass(frozen=True, slots=True)
class Fused:
    """A thing as the picture shows it. votes: share of each label; merged_into: when it ended as another's."""

    id: uuid.UUID
    state: SiteTrackState
    origin: Origin
    motion: Motion
    label: Label
    votes: Mapping[Label, float]
    evidence: tuple[Seen, ...]
    first_seen_us: int
    explained_by: str | None
    merged_into: uuid.UUID | None


@dataclass(slots=True)
class Bound:
    """A source track as part of a thing. since: number of the binding, who came first; strain: how far it was of late
    from what the others say, squared; strained: looks in a row that this was too far."""

    track: SourceTrack
    since: int
    strain: float | None = None
    strained: int = 0


@dataclass(slots=True)
class Thing:
    """number: in the order in which they began; evidence: when each track last saw it, by the sensor's time."""

    id: uuid.UUID
    number: int
    origin: Origin
    first_seen_us: int
    motion: Motion
    heard_us: int
    bound: dict[Key, Bound] = field(default_factory=dict)
    evidence: OrderedDict[Key, int] = field(default_factory=OrderedDict)
    past_votes: dict[Label, float] = field(default_factory=dict)
    is_confirmed: bool = False
    is_over: bool = False
    merged_into: uuid.UUID | None = None

    @property
    def votes(self) -> dict[Label, float]:
        votes = dict(self.past_votes)
        for each in self.bound.values():
            for label, vote in each.track.votes.items():
                votes[label] = votes.get(label, 0.0) + vote
        return votes

    @property
    def label(self) -> Label:
        return winner(self.votes)

    @property
    def sources(self) -> frozenset[str]:
        """Who sees it now."""
        return frozenset(key[0] for key, each in self.bound.items() if each.track.is_present)

    def note(self, track: SourceTrack, *, at_us: int, now_us: int) -> None:
        """As it is after a sight of one of its own. at_us: the sensor's time; now_us: ours."""
        self.heard_us = max(self.heard_us, now_us)
        self.evidence[track.key] = max(self.evidence.get(track.key, 0), at_us)
        self.evidence.move_to_end(track.key)
        while len(self.evidence) > MAX_EVIDENCE:
            self.evidence.popitem(last=False)
        self.is_confirmed = self.is_confirmed or track.count >= CONFIRM_SEEN or len(self.evidence) > 1
        now = self.now(max(self.motion.at_us, at_us))
        if now is not None:
            self.motion = now

    def now(self, at_us: int) -> Motion | None:
        """What all who see it about then make of it; None: nobody does."""
        told = [
            each.track.at(at_us)
            for _, each in sorted(self.bound.items())
            if each.track.is_present and abs(at_us - each.track.placed_us) <= TOGETHER_US
        ]
        motions = [motion for motion in told if motion is not None]
        return intersected(motions) if motions else None

    def others(self, source: str, at_us: int) -> list[tuple[Bound, Motion]]:
        """What other sources knew of it at that moment."""
        told = [
            (each, each.track.at(at_us))
            for key, each in sorted(self.bound.items())
            if key[0] != source and each.track.is_present and at_us - each.track.placed_us <= TOGETHER_US
        ]
        return [(each, motion) for each, motion in told if motion is not None]

    def then(self, source: str, at_us: int) -> Motion | None:
        """The same as one; or, where nobody sees it any more, where it should be."""
        others = self.others(source, at_us)
        if others:
            return intersected([motion for _, motion in others])
        if 0 <= at_us - self.motion.at_us <= FORGET_US:
            return self.motion.predicted(at_us, density_m2_s3=density_m2_s3(self.label))
        return None

    def is_near(self, motion: Motion, within_m: float) -> bool:
        beside = self.motion.mean[:2] - motion.mean[:2]
        return max(abs(float(beside[0])), abs(float(beside[1]))) <= within_m

    def may_be(self, track: SourceTrack) -> bool:
        """Not when a track of its own source that it met is part of it, and never when it is another kind of thing."""
        return (
            self.origin is track.origin
            and not any(source == track.source and name in track.met for source, name in self.evidence)
            and are_alike(self.label, track.label)
        )

    def apart_from(self, other: "Thing", at_us: int) -> float | None:
        """Squared distance of the two. None where they cannot be one: a source sees both or did, they are of another
        kind, or nobody sees one of them."""
        if (
            self.origin is not other.origin
            or self.sources & other.sources
            or self._has_met(other)
            or other._has_met(self)
            or not are_alike(self.label, other.label)
        ):
            return None
        mine, theirs = self.now(at_us), other.now(at_us)
        return None if mine is None or theirs is None else apart(mine, theirs)

    def _has_met(self, other: "Thing") -> bool:
        mine = [each.track for each in self.bound.values()]
        return any(source == one.source and name in one.met for one in mine for source, name in other.evidence)

    def fused(self, *, now_us: int, explained_by: str | None) -> Fused:
        votes = self.votes
        total = sum(votes.values()) or 1.0
        return Fused(
            id=self.id,
            state=self._state(now_us),
            origin=self.origin,
            motion=self.motion,
            label=winner(votes),
            votes={label: vote / total for label, vote in sorted(votes.items(), key=lambda item: item[0].value)},
            evidence=tuple(Seen(source=key[0], track=key[1], at_us=at) for key, at in sorted(self.evidence.items())),
            first_seen_us=self.first_seen_us,
            explained_by=explained_by,
            merged_into=self.merged_into,
        )

    def _state(self, now_us: int) -> SiteTrackState:
        if self.is_over:
            return SiteTrackState.ENDED
        if now_us - self.heard_us > COASTS_AFTER_US or not self.sources:
            return SiteTrackState.COASTING
        return SiteTrackState.CONFIRMED if self.is_confirmed else SiteTrackState.TENTATIVE


def are_alike(a: Label, b: Label) -> bool:
    """A person never becomes part of a car beside him."""
    return a is b or Label.OTHER in (a, b)
