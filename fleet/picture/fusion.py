"""Tracks of many sources made one picture: a site track for each thing on the ground, whoever sees it.

Each source's track has a filter of its own (`source_track`); a site track is those of them that are the same thing,
and their covariance intersection. So what comes late, or in another order, is taken at its own moment, and errors that
sources share make nobody too sure. Two tracks that one source ever told of at one time are two things, for ever.

Pure: messages and times in, the picture out. Source tracks are bound once and let go only after they disagreed for a
while, so that two who cross keep their numbers.
"""

import uuid
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from fleet.picture.explaining import Explaining
from fleet.picture.motion import apart, intersected
from fleet.picture.observation import Known, Look, Observation
from fleet.picture.source_track import HISTORY_US, Key, SourceTrack
from fleet.picture.thing import FORGET_US, REACH_M, TOGETHER_US, Bound, Fused, Thing

GATE = 13.28  # chi-square, 4 degrees of freedom, 99 %: of a mean over a second or so, so it lets few go that belong
DECIDE_SEEN = 3  # sights of a new source track before it is bound to what others follow
DECIDE_AFTER_US = 2_000_000  # at the latest, where two things are as likely
AS_LIKELY = 4.0  # of the squared distance between the best and the second
LET_GO = 30.0  # above GATE, so that nobody is let go and taken back in turns
STRAIN_US = 1_000_000  # time constant of the distance that lets go
MERGE_AFTER_US = 2_000_000  # two site tracks within GATE for so long, seen by different sources, are one
FORGET_SOURCE_US = 10_000_000  # longer than a tracker finds its own again
MAX_SITE_TRACKS, MAX_SOURCE_TRACKS, MAX_PAST = 1_000, 4_000, 20_000
MAX_MET = 1_000
NAMESPACE = uuid.UUID("b8a5c3c2-6a0d-5d53-9a54-0c1f4f1d7a6e")


@dataclass(slots=True)
class _Undecided:
    """A source track that may be one of several: mean squared distance to each, and how often it was measured."""

    track: SourceTrack
    since_us: int
    means: dict[uuid.UUID, tuple[float, int]] = field(default_factory=dict)
    seen: int = 0


@dataclass(slots=True)
class _Alike:
    since_us: int
    mean: float


class Fusion:
    """The picture of one site. `refused` counts what was not used, by why."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._sites: dict[uuid.UUID, Thing] = {}
        self._tracks: dict[Key, SourceTrack] = {}
        self._site_of: dict[Key, Thing] = {}
        self._undecided: dict[Key, _Undecided] = {}
        self._past: OrderedDict[Key, uuid.UUID] = OrderedDict()  # of source tracks that are over
        self._merged: OrderedDict[uuid.UUID, uuid.UUID] = OrderedDict()
        self._alike: dict[tuple[uuid.UUID, uuid.UUID], _Alike] = {}  # elder, younger
        self._newest: dict[str, tuple[int, int]] = {}  # source -> boot, moment of its newest look
        self._explaining = Explaining()
        self._bindings = self._numbers = 0

    # What comes in

    def take(self, looks: Iterable[Look], *, now_us: int) -> list[Fused]:
        """What came together, in any order. `now_us`: our monotonic clock. Returns what changed, and what ended."""
        touched: dict[uuid.UUID, None] = {}
        ended: list[Thing] = []
        for look in sorted(looks, key=lambda each: (each.at_us, each.source, each.boot)):
            self._take_one(look, now_us, touched)
        self._merge(touched, ended)
        changed = [self._sites[each] for each in touched if each in self._sites]
        return [*(self._fused(each, now_us) for each in changed), *(self._fused(each, now_us) for each in ended)]

    def explain(self, known: Sequence[Known]) -> None:
        """Which site tracks are our own vehicles or staff, one to one; everybody who is known now is named."""
        seen = {site.id: (site.motion, site.votes, site.sources) for site in self._sites.values()}
        self._explaining.look(known, seen)

    def forget(self, *, now_us: int) -> list[Fused]:
        """What nobody has seen for long; each is told once more, as ended."""
        for key, track in tuple(self._tracks.items()):
            if now_us - track.heard_us > FORGET_SOURCE_US:
                self._drop(key)
        over = [site for site in self._sites.values() if now_us - site.heard_us > FORGET_US]
        for site in over:
            self._end(site)
        return [self._fused(site, now_us) for site in over]

    # What is asked

    def tracks(self, *, now_us: int) -> list[Fused]:
        return [self._fused(site, now_us) for site in self._sites.values()]

    def track(self, site_track_id: uuid.UUID, *, now_us: int) -> Fused | None:
        """None: it is followed no more."""
        site = self._sites.get(site_track_id)
        return None if site is None else self._fused(site, now_us)

    def present(self) -> tuple[uuid.UUID, ...]:
        """Ids of all that is followed now."""
        return tuple(self._sites)

    def site_track_of(self, camera: str, track: int | str) -> uuid.UUID | None:
        """Whose sight a track of a source is, also some time after; None: not decided, never located or long ago."""
        key = (camera, str(track))
        site = self._site_of.get(key)
        found = self._past.get(key) if site is None else site.id
        while found is not None and found in self._merged:
            found = self._merged[found]
        return found

    def explained_by(self, camera: str, track: int | str) -> str | None:
        """Our own vehicle or one of the staff, where that is what this track of a source is."""
        site = self._site_of.get((camera, str(track)))
        return None if site is None else self._explaining.of(site.id)

    # One look

    def _take_one(self, look: Look, now_us: int, touched: dict[uuid.UUID, None]) -> None:
        if look.is_whole and self._newest.get(look.source) == (look.boot, look.at_us):
            self.refused["told before"] += 1
            return
        boot, newest_us = self._newest.get(look.source, (look.boot, look.at_us))
        is_late = look.at_us < newest_us
        if look.boot != boot and is_late:
            self.refused["of a life before the last"] += 1
            return
        if look.boot != boot or newest_us - look.at_us > FORGET_SOURCE_US:  # or its clock was set back
            for key in [key for key in self._tracks if key[0] == look.source]:
                self._drop(key, remember=False)  # its numbers begin anew and mean somebody else
            is_late = False
        if not is_late:
            self._newest[look.source] = (look.boot, look.at_us)
        if look.unplaced:
            self.refused["no place on the ground"] += len(look.unplaced)
        placed = [self._place(each, look, now_us, is_late=is_late) for each in _once_each(look)]
        tracks = [track for track in placed if track is not None]
        names = {*(each.track for each in look.observations), *look.unplaced}
        for name in sorted(look.unplaced):
            there = self._tracks.get((look.source, name))
            if there is not None:
                there.heard_us, there.seen_us, there.is_present = now_us, max(there.seen_us, look.at_us), True
        self._meet(look, names, is_late=is_late)
        if is_late:
            return
        for track in tracks:
            site = self._site_of.get(track.key)
            if site is not None:
                self._hold(site, track, now_us, touched)
        self._decide([track for track in tracks if track.key not in self._site_of], now_us, touched)

    def _place(self, seen: Observation, look: Look, now_us: int, *, is_late: bool) -> SourceTrack | None:
        key = (look.source, seen.track)
        track = self._tracks.get(key)
        if track is None:
            if is_late or len(self._tracks) >= MAX_SOURCE_TRACKS:
                self.refused["late and not known" if is_late else "too many tracks at once"] += 1
                return None
            track = self._tracks[key] = SourceTrack(key, look.origin, look.at_us, now_us, look.at_us)
            self._past.pop(key, None)
        if is_late and look.at_us < track.placed_us - HISTORY_US:
            self.refused["too late"] += 1  # what it says of now is nothing
            return None
        track.heard_us, track.seen_us = max(track.heard_us, now_us), max(track.seen_us, look.at_us)
        track.is_present = track.is_present or not is_late
        if not track.take(seen, look.at_us) and key in self._site_of:
            self._let_go(self._site_of[key], key)
        return track

    def _meet(self, look: Look, names: set[str], *, is_late: bool) -> None:
        """Who is there at one time with whom; who is gone."""
        mine = [track for key, track in self._tracks.items() if key[0] == look.source]
        if look.is_whole:
            there = [track for track in mine if track.key[1] in names]
            if not is_late:
                for track in mine:
                    track.is_present = track.key[1] in names
        else:
            there = [track for track in mine if abs(look.at_us - track.seen_us) <= TOGETHER_US]
        for one in there:
            for other in there:
                if other is not one:
                    one.met[other.key[1]] = None
            while len(one.met) > MAX_MET:
                del one.met[next(iter(one.met))]
        for one in there:
            site = self._site_of.get(one.key)
            if site is not None:
                self._separate(site, one)

    def _separate(self, site: Thing, track: SourceTrack) -> None:
        """Two of one source were taken for one, and were seen at one time: the one that was there first stays."""
        for key in tuple(site.evidence):
            if key in site.evidence and key != track.key and key[0] == track.source and key[1] in track.met:
                mine, other = site.bound.get(track.key), site.bound.get(key)
                if other is None:
                    del site.evidence[key]
                elif mine is not None:
                    self._let_go(site, key if other.since > mine.since else track.key)

    # Bound ones

    def _hold(self, site: Thing, track: SourceTrack, now_us: int, touched: dict[uuid.UUID, None]) -> None:
        """Still the same, as far as the others can tell?"""
        at_us, bound = track.placed_us, site.bound[track.key]
        rest = site.others(track.source, at_us)
        mine = track.at(at_us)
        if rest and mine is not None:
            far = apart(mine, intersected([motion for _, motion in rest]))
            part = min((at_us - site.evidence.get(track.key, at_us)) / STRAIN_US, 1.0)
            bound.strain = far if bound.strain is None else bound.strain + part * (far - bound.strain)
            bound.strained = bound.strained + 1 if bound.strain > LET_GO else 0
            if bound.strained >= DECIDE_SEEN:
                newest = max(rest, key=lambda each: each[0].since)[0]
                leaves = track.key if len(rest) > 1 or bound.since > newest.since else newest.track.key
                self._let_go(site, leaves)
                if leaves == track.key:
                    return
        site.note(track, at_us=track.placed_us, now_us=now_us)
        touched[site.id] = None

    def _let_go(self, site: Thing, key: Key) -> None:
        bound = site.bound.pop(key)
        site.evidence.pop(key, None)
        del self._site_of[key]
        self._undecided[key] = _Undecided(bound.track, bound.track.seen_us)

    # New ones

    def _decide(self, tracks: Sequence[SourceTrack], now_us: int, touched: dict[uuid.UUID, None]) -> None:
        """Which of one source's new tracks are what others follow already, all of them at once."""
        waiting = []
        for track in sorted(tracks, key=lambda each: each.key):
            one = self._undecided.setdefault(track.key, _Undecided(track, track.placed_us))
            self._measure(one)
            if one.means:
                waiting.append(one)
            else:
                self._begin(track, now_us, touched)
        if not waiting:
            return
        columns = sorted({site for one in waiting for site in one.means}, key=lambda each: each.hex)
        cost = np.full((len(waiting), len(columns)), GATE * 10.0)
        for row, one in enumerate(waiting):
            for site, (mean, _) in one.means.items():
                cost[row, columns.index(site)] = round(mean, 6)
        chosen = dict(zip(*(each.tolist() for each in linear_sum_assignment(cost)), strict=True))
        for row, one in enumerate(waiting):
            column = chosen.get(row)
            is_late = one.track.placed_us - one.since_us >= DECIDE_AFTER_US
            if one.seen < DECIDE_SEEN or (column is not None and not is_late and _is_open(cost[row], column)):
                continue
            if column is not None and cost[row, column] <= GATE:
                self._bind(self._sites[columns[column]], one.track, now_us, touched)
            else:
                self._begin(one.track, now_us, touched)

    def _measure(self, one: _Undecided) -> None:
        """One more distance to each site track that it may be; who is out of reach is out."""
        track = one.track
        at_us = track.placed_us
        mine = track.at(at_us)
        one.seen += 1
        means: dict[uuid.UUID, tuple[float, int]] = {}
        for site in self._sites.values():
            if mine is None or not site.is_near(mine, 3 * REACH_M) or not site.may_be(track):
                continue
            theirs = site.then(track.source, at_us)
            if theirs is None or theirs.distance_m(mine) > REACH_M:
                continue
            mean, count = one.means.get(site.id, (0.0, 0))
            mean += (apart(mine, theirs) - mean) / (count + 1)
            if mean <= LET_GO:
                means[site.id] = (mean, count + 1)
        one.means = means if any(mean <= GATE for mean, _ in means.values()) else {}

    def _bind(self, site: Thing, track: SourceTrack, now_us: int, touched: dict[uuid.UUID, None]) -> None:
        self._undecided.pop(track.key, None)
        self._bindings += 1
        site.bound[track.key] = Bound(track, self._bindings)
        self._site_of[track.key] = site
        site.note(track, at_us=track.placed_us, now_us=now_us)
        touched[site.id] = None

    def _begin(self, track: SourceTrack, now_us: int, touched: dict[uuid.UUID, None]) -> None:
        at_us = track.placed_us
        motion = track.at(at_us)
        if motion is None or len(self._sites) >= MAX_SITE_TRACKS:
            self.refused["too many site tracks"] += 1
            return
        self._numbers += 1
        site_id = uuid.uuid5(NAMESPACE, f"{track.source}/{track.key[1]}/{at_us}")
        site = Thing(site_id, self._numbers, track.origin, at_us, motion, now_us)
        self._sites[site_id] = site
        self._bind(site, track, now_us, touched)

    # Two that are one

    def _merge(self, touched: dict[uuid.UUID, None], ended: list[Thing]) -> None:
        """Those near each other that nobody sees as two, of whom one was seen just now."""
        near = self._near()
        self._alike = {pair: alike for pair, alike in self._alike.items() if pair in near}
        for pair in near:
            if not (pair[0] in touched or pair[1] in touched) or not all(each in self._sites for each in pair):
                continue
            elder, younger = (self._sites[each] for each in pair)
            at_us = max(elder.motion.at_us, younger.motion.at_us)
            far = elder.apart_from(younger, at_us)
            if far is None or far > LET_GO:
                self._alike.pop(pair, None)
                continue
            alike = self._alike.setdefault(pair, _Alike(at_us, far))
            alike.mean += 0.2 * (far - alike.mean)
            if alike.mean <= GATE and at_us - alike.since_us >= MERGE_AFTER_US and not self._is_rivalled(pair):
                self._join(elder, younger)
                touched.pop(younger.id, None)
                touched[elder.id] = None
                ended.append(younger)

    def _near(self) -> dict[tuple[uuid.UUID, uuid.UUID], None]:
        """Pairs of site tracks within reach of each other, the elder first."""
        sites = sorted(self._sites.values(), key=lambda site: site.number)
        if len(sites) < 2:
            return {}
        pairs = cKDTree(np.array([site.motion.mean[:2] for site in sites])).query_pairs(REACH_M)
        return {(sites[elder].id, sites[younger].id): None for elder, younger in sorted(pairs)}

    def _is_rivalled(self, pair: tuple[uuid.UUID, uuid.UUID]) -> bool:
        """Is another as likely to be one with either of them?"""
        mean = self._alike[pair].mean
        return any(
            other != pair and set(other) & set(pair) and alike.mean < mean + AS_LIKELY
            for other, alike in self._alike.items()
        )

    def _join(self, elder: Thing, younger: Thing) -> None:
        for key, bound in younger.bound.items():
            self._bindings += 1
            elder.bound[key] = Bound(bound.track, self._bindings)
            self._site_of[key] = elder
        for key, at_us in younger.evidence.items():
            elder.evidence[key] = max(elder.evidence.get(key, 0), at_us)
        for label, vote in younger.past_votes.items():
            elder.past_votes[label] = elder.past_votes.get(label, 0.0) + vote
        elder.first_seen_us = min(elder.first_seen_us, younger.first_seen_us)
        elder.heard_us = max(elder.heard_us, younger.heard_us)
        younger.merged_into = elder.id
        younger.bound = {}
        self._merged[younger.id] = elder.id
        if len(self._merged) > MAX_PAST:
            self._merged.popitem(last=False)
        self._end(younger)

    # What is over

    def _drop(self, key: Key, *, remember: bool = True) -> None:
        """A source's track is over; its number may come again for somebody else."""
        track = self._tracks.pop(key)
        self._undecided.pop(key, None)
        site = self._site_of.pop(key, None)
        if site is None:
            return
        site.bound.pop(key)
        for label, vote in track.votes.items():
            site.past_votes[label] = site.past_votes.get(label, 0.0) + vote
        if not remember:
            site.evidence.pop(key, None)
            return
        self._past[key] = site.id
        if len(self._past) > MAX_PAST:
            self._past.popitem(last=False)

    def _end(self, site: Thing) -> None:
        del self._sites[site.id]
        site.is_over = True
        self._explaining.forget(site.id)
        self._alike = {pair: alike for pair, alike in self._alike.items() if site.id not in pair}
        for key, bound in site.bound.items():
            del self._site_of[key]
            self._undecided[key] = _Undecided(bound.track, bound.track.seen_us)
            self._past[key] = site.id

    def _fused(self, site: Thing, now_us: int) -> Fused:
        return site.fused(now_us=now_us, explained_by=self._explaining.of(site.id))


def _once_each(look: Look) -> list[Observation]:
    """In the order of their names; of one that is told twice the first."""
    by_track: dict[str, Observation] = {}
    for each in sorted(look.observations, key=lambda seen: (seen.track, seen.east_m, seen.north_m)):
        by_track.setdefault(each.track, each)
    return list(by_track.values())


def _is_open(costs: npt.NDArray[np.float64], column: int) -> bool:
    """Is another as likely as the chosen one?"""
    others = np.delete(costs, column)
    return bool(len(others)) and bool(others.min() < costs[column] + AS_LIKELY)
