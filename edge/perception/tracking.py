"""Boxes of one frame to objects that keep their number: ByteTrack's two passes (Zhang et al. 2022, arXiv 2110.06864)
on filters in real time, and a third pass that finds again who was hidden. Where that is asked for, what somebody looks
like is a witness between the answers that these allow (edge/perception/appearance.py).

Time comes from the frames' stamps, never from counting them: a feed that drops frames or a slow node changes nothing
but the length of a step.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from contract.labels import Label
from detectors.detections import Detections
from detectors.frame import ImageBgr
from edge.perception.appearance import CLEAR_IOU_MAX, HIDDEN_MIN_S, Appearance, Pair, Witness
from edge.perception.ground_motion import Ground, GroundMotion
from edge.perception.kalman import Floats, Motion
from edge.perception.locate import Fixes
from edge.perception.track import Track, TrackState

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

FORBIDDEN = 1e3  # far above the cost of any allowed pair
TIE_BREAK = 1e-12  # below the rounding of costs for a hundred tracks


@dataclass(frozen=True, slots=True)
class TrackerOptions:
    """Scores are 0 to 1; distances are in box heights.

    strong_score_min, weak_score_min: ByteTrack's own 0.6 and 0.1. start_score_min: what begins a track; a person far
    off, in the dark or from above may never score more, so unsure boxes begin one too.
    strong_iou_min, weak_iou_min: overlap with the prediction that makes a pair possible in the two passes.
    tentative_iou_min: the same for tracks not yet believed.
    believe_score_sum, sure_score_min, travel_min: a track is believed once its scores add up to three good boxes and
    one of them was sure (ByteTrack's own 0.7), or it moved: a lamp post that looks a little like somebody stays where
    it is, and somebody who is there must have come.
    run_reach_per_s: how far from where it was a thing of unknown speed may turn up: a sprinter makes 10 m a second.
    same_iou_min: a box that overlaps a seen object this much is that object again, not a new one.
    found_reach, found_reach_per_s: how far from its prediction a hidden object may turn up, and how that grows: people
    walk at about one height a second. found_height_ratio_max: and how much taller or shorter it may look then.
    weak_noise: how much a box of score 0 is less exact than one of score 1 (after NSA Kalman, arXiv 2202.11983).
    forget_s: how long a believed object may stay hidden or out of the picture.
    ground_gap_max: squared Mahalanobis distance on the ground within which a hidden object may be found again: 95 % of
    chi squared with two degrees of freedom.
    """

    strong_score_min: float = 0.6
    weak_score_min: float = 0.1
    start_score_min: float = 0.4
    strong_iou_min: float = 0.1
    weak_iou_min: float = 0.5
    tentative_iou_min: float = 0.3
    believe_score_sum: float = 2.1
    sure_score_min: float = 0.7
    travel_min: float = 0.5
    run_reach_per_s: float = 6.0
    same_iou_min: float = 0.7
    found_reach: float = 0.5
    found_reach_per_s: float = 1.0
    found_height_ratio_max: float = 1.4
    weak_noise: float = 2.0
    forget_s: float = 3.0
    ground_gap_max: float = 5.99


@dataclass(slots=True)
class _Objects:
    """n followed objects, oldest first. kind: classes that may continue one another share one; start_px: (n, 2) centre
    of the first box; is_away: out of the picture, so that only the ground tells when it may be back."""

    motion: Motion
    ground: GroundMotion
    identity: Ints
    kind: Ints
    class_index: Ints
    score: Floats
    score_sum: Floats
    best_score: Floats
    is_believed: Mask
    is_away: Mask
    start_px: Floats
    first_us: Ints
    last_us: Ints

    @classmethod
    def none(cls) -> "_Objects":
        nothing = np.zeros(0, np.int64)
        none = np.zeros(0)
        mask, points = np.zeros(0, np.bool_), np.zeros((0, 2))
        return cls(
            Motion.none(),
            GroundMotion.unknown(0),
            *(nothing, nothing, nothing, none, none, none, mask, mask, points, nothing, nothing),
        )

    def where(self, keep: Mask | Rows) -> "_Objects":
        columns = (column[keep] for column in self._columns)
        return _Objects(self.motion.where(keep), self.ground.where(keep), *columns)

    def joined(self, other: "_Objects") -> "_Objects":
        pairs = zip(self._columns, other._columns, strict=True)
        columns = (np.concatenate(pair) for pair in pairs)
        return _Objects(self.motion.joined(other.motion), self.ground.joined(other.ground), *columns)

    @property
    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        return (
            self.identity,
            self.kind,
            self.class_index,
            self.score,
            self.score_sum,
            self.best_score,
            self.is_believed,
            self.is_away,
            self.start_px,
            self.first_us,
            self.last_us,
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """m boxes of one frame, best first."""

    xyxy_px: Floats
    score: Floats
    class_index: Ints
    kind: Ints

    def where(self, rows: Rows) -> "_Seen":
        return _Seen(self.xyxy_px[rows], self.score[rows], self.class_index[rows], self.kind[rows])


class Tracker:
    """One camera's objects; ids count from `first_id` and are never given twice.

    labels: what each class index means; classes of one label (car, truck) may continue one another, others never do.
    frame_size_px: width and height; who is predicted to have left the picture is lost at once.
    appearance: of this camera's persons; None: what somebody looks like is not used.
    """

    def __init__(
        self,
        options: TrackerOptions | None = None,
        *,
        labels: Sequence[Label] = (),
        frame_size_px: tuple[int, int] | None = None,
        first_id: int = 1,
        appearance: Appearance | None = None,
    ) -> None:
        self._options = options or TrackerOptions()
        self._kind_of = np.array([_kind(labels, index) for index in range(len(labels))], np.int64)
        self._person_kind = labels.index(Label.PERSON) if Label.PERSON in labels else None
        self.appearance = appearance
        self._size_px = np.array(frame_size_px or (np.inf, np.inf))
        self._objects = _Objects.none()
        self.next_id = first_id  # of whoever comes next
        self._last_us: int | None = None
        self._moved_us = 0  # when the camera moved last
        self._ground: Ground | None = None  # as it was seen in the last frame

    def update(
        self,
        detections: Detections,
        *,
        captured_at_us: int,
        moved: Callable[[Floats], Floats] | None = None,
        ground: Ground | None = None,
        image_bgr: ImageBgr | None = None,
    ) -> list[Track]:
        """What is followed after this frame, oldest first; then, once, what was given up in it.

        Frames come in order of capture. `moved`: (n, 4) boxes of the last frame to where they are in this one, had
        nothing moved but the camera; NaN for those it no longer sees. None: it stands still. `ground`: as this frame
        shows it; None: nobody knows where the camera is. `image_bgr`: for its appearance; not kept.
        """
        seen, objects = self._seen(detections), self._objects
        dt_s = 0.0 if self._last_us is None else (captured_at_us - self._last_us) / 1e6
        self._last_us = captured_at_us
        if not len(objects.identity) and not len(seen.score):
            return []  # as nearly always, and the rest is a hundred calls of numpy
        self._ground, left = ground, objects.motion
        if moved is not None:
            self._moved_us = captured_at_us
            _move(objects, moved)
        objects.motion = objects.motion.predicted(dt_s)
        if objects.is_away.any():
            self._bring_back(objects, left.boxes(), captured_at_us)
        boxes = objects.motion.boxes()
        witness = self._witness(objects, seen, image_bgr, captured_at_us)
        match = self._match(objects, boxes, seen, captured_at_us, witness)
        rows, found = np.array(sorted(match), np.intp), np.array([match[row] for row in sorted(match)], np.intp)
        if match:
            self._take(objects, rows, seen.where(found), captured_at_us)
            boxes[rows] = seen.xyxy_px[found]
        lost: list[Track] = []
        if len(match) < len(boxes):
            is_lost = self._is_given_up(objects, boxes, captured_at_us, rows)
            lost = _tracks(objects.where(is_lost), boxes[is_lost], [TrackState.LOST] * int(is_lost.sum()))
            objects, boxes = objects.where(~is_lost), boxes[~is_lost]
        new = self._new(seen, found)
        if len(new):
            objects = objects.joined(self._started(seen, new, captured_at_us))
            boxes = np.concatenate([boxes, seen.xyxy_px[new]])
        self._objects = objects
        if witness is not None:
            self._keep_looks(objects, boxes, witness, captured_at_us)
        return _tracks(objects, boxes, self._states(captured_at_us)) + lost

    def located(self, tracks: Sequence[Track], fixes: Fixes) -> None:
        """Where those of the last frame's tracks that were seen in it stand on the ground; as many fixes."""
        is_seen = [row for row, track in enumerate(tracks) if track.state is TrackState.CONFIRMED]
        if self._ground is None or self._last_us is None or not is_seen:
            return
        objects = self._objects
        rows = np.searchsorted(objects.identity, [tracks[row].track_id for row in is_seen])
        objects.ground = objects.ground.corrected(
            rows,
            fixes.where(np.array(is_seen, np.intp)),
            boxes_xyxy_px=np.array([tracks[row].xyxy_px for row in is_seen]),
            ground=self._ground,
            at_us=self._last_us,
            has_moved=self._moved_us == self._last_us,
        )

    def _seen(self, detections: Detections) -> _Seen:
        is_kept = detections.score >= self._options.weak_score_min
        kept = detections if np.count_nonzero(is_kept) == len(is_kept) else detections.where(is_kept)
        classes = kept.class_index.astype(np.int64)
        kinds = self._kind_of[classes] if len(self._kind_of) else classes
        return _Seen(kept.xyxy_px.astype(np.float64), kept.score.astype(np.float64), classes, kinds)

    def _take(self, objects: _Objects, rows: Rows, seen: _Seen, now_us: int) -> None:
        """Objects `rows` are where `seen`, as many, says."""
        objects.class_index[rows], objects.score[rows], objects.last_us[rows] = seen.class_index, seen.score, now_us
        objects.score_sum[rows] += seen.score
        objects.best_score[rows] = np.maximum(objects.best_score[rows], seen.score)
        is_back = objects.is_away[rows]
        if is_back.any():  # where it left the picture tells nothing of how it moves
            boxes = objects.motion.boxes()
            boxes[rows[is_back]] = seen.xyxy_px[is_back]
            objects.motion = objects.motion.shifted(boxes)
            objects.is_away[rows] = False
        if not objects.is_believed[rows].all():
            objects.is_believed[rows] |= self._deserves_belief(
                objects.score_sum[rows], objects.best_score[rows], objects.start_px[rows], seen.xyxy_px
            )
        noise = 1.0 + self._options.weak_noise * (1.0 - seen.score)
        objects.motion = objects.motion.corrected(rows, seen.xyxy_px, noise)

    def _match(
        self, objects: _Objects, boxes: Floats, seen: _Seen, now_us: int, witness: Witness | None
    ) -> dict[int, int]:
        """Objects, by row, to the boxes they are in."""
        options, match = self._options, dict[int, int]()
        if not len(boxes) or not len(seen.score):
            return match
        kind, seen_kind = objects.kind.tolist(), seen.kind.tolist()
        hidden_s = [(now_us - last_us) / 1e6 for last_us in objects.last_us.tolist()]
        is_alive = [hidden <= options.forget_s for hidden in hidden_s]
        is_believed, is_away = objects.is_believed.tolist(), objects.is_away.tolist()
        is_strong = [score >= options.strong_score_min for score in seen.score.tolist()]
        may_start = [score >= options.start_score_min for score in seen.score.tolist()]
        taken: set[int] = set()

        def assign(pairs: Iterable[Pair], *, span: float = 1.0) -> None:
            free = [pair for pair in pairs if pair[0] not in match and pair[1] not in taken]
            for i, j in _cheapest(free if witness is None else witness.weighed(free, span=span)):
                match[i] = j
                taken.add(j)

        def possible(allowed: Mask, cost: Floats) -> list[Pair]:
            pairs = _pairs(allowed, cost)
            return [p for p in pairs if kind[p[0]] == seen_kind[p[1]] and is_alive[p[0]] and not is_away[p[0]]]

        iou = _iou(boxes, seen.xyxy_px)
        overlap = possible(iou > 0.0, -iou)
        believed = [pair for pair in overlap if is_believed[pair[0]]]
        assign(pair for pair in believed if is_strong[pair[1]] and -pair[2] > options.strong_iou_min)
        assign(pair for pair in believed if not is_strong[pair[1]] and -pair[2] > options.weak_iou_min)
        if len(match) == len(boxes) or len(taken) == len(may_start):
            return match
        if self._ground is not None:
            hidden = [i for i in range(len(boxes)) if i not in match and is_alive[i] and is_believed[i]]
            free = [j for j in range(len(may_start)) if j not in taken and may_start[j]]
            assign(self._on_ground(objects, hidden, seen, free, now_us), span=options.ground_gap_max)
        distance, height_ratio = _distance(boxes, seen.xyxy_px)
        near = [p for p in possible(height_ratio < options.found_height_ratio_max, distance) if may_start[p[1]]]
        found_reach = [options.found_reach + options.found_reach_per_s * hidden for hidden in hidden_s]
        assign(p for p in near if is_believed[p[0]] and is_strong[p[1]] and p[2] < found_reach[p[0]])
        tentative = [p for p in overlap if not is_believed[p[0]] and may_start[p[1]]]
        assign(p for p in tentative if -p[2] > options.tentative_iou_min)
        assign(p for p in near if not is_believed[p[0]] and p[2] < options.run_reach_per_s * hidden_s[p[0]])
        return match

    def _witness(self, objects: _Objects, seen: _Seen, image_bgr: ImageBgr | None, now_us: int) -> Witness | None:
        if self.appearance is None or image_bgr is None:
            return None
        self.appearance.begin(image_bgr, captured_at_us=now_us)
        is_back = objects.is_believed & (objects.kind == self._person_kind)
        is_back &= now_us - objects.last_us >= HIDDEN_MIN_S * 1e6
        overlap = _iou(seen.xyxy_px, seen.xyxy_px)
        np.fill_diagonal(overlap, 0.0)
        is_clear = (seen.score >= self._options.strong_score_min) & (seen.kind == self._person_kind)
        is_clear &= overlap.max(axis=1, initial=0.0) <= CLEAR_IOU_MAX
        identity = objects.identity.tolist()
        return Witness(self.appearance, identity, is_back.tolist(), seen.xyxy_px.tolist(), is_clear.tolist())

    def _keep_looks(self, objects: _Objects, boxes: Floats, witness: Witness, now_us: int) -> None:
        """Of the persons that were seen well in this frame, for when they come back."""
        clear = {tuple(box) for box, is_clear in zip(witness.xyxy_px, witness.is_clear, strict=True) if is_clear}
        is_seen = objects.is_believed & (objects.last_us == now_us)
        here = zip(objects.identity.tolist(), map(tuple, boxes.tolist()), is_seen.tolist(), strict=True)
        kept = [(identity, box) for identity, box, is_seen_now in here if is_seen_now and box in clear]
        witness.appearance.keep(kept, followed=objects.identity.tolist())

    def _on_ground(
        self, objects: _Objects, hidden: Sequence[int], seen: _Seen, free: Sequence[int], now_us: int
    ) -> list[Pair]:
        """Which of the `free` boxes stand where `hidden` objects could have walked by now."""
        ground = self._ground
        if ground is None or not hidden or not free:
            return []
        rows, columns = np.array(hidden, np.intp), np.array(free, np.intp)
        has_moved = self._moved_us > int(objects.last_us[rows].min())
        fixes = ground.fixes(seen.xyxy_px[columns])
        gaps = objects.ground.where(rows).gaps(fixes, at_us=now_us, has_moved=has_moved)
        is_near = (objects.kind[rows][:, None] == seen.kind[columns]) & (gaps < self._options.ground_gap_max)
        return [(hidden[i], free[j], gap) for i, j, gap in _pairs(is_near, gaps)]

    def _bring_back(self, objects: _Objects, left: Floats, now_us: int) -> None:
        """Who is away stays where it left the picture (`left`: boxes of the last frame), until it should be back."""
        away = np.flatnonzero(objects.is_away)
        boxes = objects.motion.boxes()
        boxes[away] = left[away]
        if self._ground is not None:
            expected = objects.ground.where(away).boxes(self._ground, at_us=now_us)
            is_back = ~self._is_out(expected)
            boxes[away[is_back]] = expected[is_back]
            objects.is_away[away[is_back]] = False
        objects.motion = objects.motion.shifted(boxes)

    def _is_out(self, boxes: Floats) -> Mask:
        centre = _centre(boxes)
        return np.asarray(~((centre >= 0) & (centre <= self._size_px)).all(axis=1))

    def _deserves_belief(self, score_sum: Floats, best_score: Floats, start_px: Floats, boxes: Floats) -> Mask:
        options = self._options
        travelled = np.linalg.norm(_centre(boxes) - start_px, axis=1) / (boxes[:, 3] - boxes[:, 1])
        is_sure = best_score >= options.sure_score_min
        is_much = score_sum >= options.believe_score_sum
        return np.asarray(is_much & (is_sure | (travelled >= options.travel_min)))

    def _is_given_up(self, objects: _Objects, boxes: Floats, now_us: int, seen: Rows) -> Mask:
        """Of those not seen: never believed, hidden too long, or out of the picture for good: nobody knows where."""
        is_out = self._is_out(boxes)
        is_old = now_us - objects.last_us > self._options.forget_s * 1e6
        if self._moved_us == now_us and self._ground is not None:
            may_return = is_out & objects.ground.is_known  # it may be the camera that turned away
            may_return[seen] = False
            objects.is_away |= may_return
        is_lost = np.asarray((is_out & ~objects.is_away) | is_old | ~objects.is_believed)
        is_lost[seen] = False
        return is_lost

    def _new(self, seen: _Seen, found: Rows) -> Rows:
        """The sure boxes that are nobody's; a second box on an object that is seen is not a second object."""
        is_new = seen.score >= self._options.start_score_min
        is_new[found] = False
        if is_new.any() and len(found):
            same = seen.kind[:, None] == seen.kind[found]
            overlap = np.where(same, _iou(seen.xyxy_px, seen.xyxy_px[found]), 0.0)
            is_new &= overlap.max(axis=1) < self._options.same_iou_min
        return np.flatnonzero(is_new)

    def _started(self, seen: _Seen, new: Rows, now_us: int) -> _Objects:
        identity = np.arange(self.next_id, self.next_id + len(new))
        self.next_id += len(new)
        started = _Objects(
            motion=Motion.started_at(seen.xyxy_px[new]),
            ground=GroundMotion.unknown(len(new)),
            identity=identity,
            kind=seen.kind[new],
            class_index=seen.class_index[new],
            score=seen.score[new],
            score_sum=seen.score[new],
            best_score=seen.score[new],
            is_believed=np.zeros(len(new), np.bool_),
            is_away=np.zeros(len(new), np.bool_),
            start_px=_centre(seen.xyxy_px[new]),
            first_us=np.full(len(new), now_us),
            last_us=np.full(len(new), now_us),
        )
        scores = seen.score[new]
        believed = self._deserves_belief(scores, scores, started.start_px, seen.xyxy_px[new])
        return replace(started, is_believed=believed)

    def _states(self, now_us: int) -> list[TrackState]:
        objects = self._objects
        return [
            TrackState.TENTATIVE
            if not is_believed
            else (TrackState.CONFIRMED if last_us == now_us else TrackState.COASTING)
            for is_believed, last_us in zip(objects.is_believed.tolist(), objects.last_us.tolist(), strict=True)
        ]


def _move(objects: _Objects, moved: Callable[[Floats], Floats]) -> None:
    """A camera that moves makes nobody walk: where something began moves along with it."""
    before = objects.motion.boxes()
    after = moved(before)
    is_in_view = np.asarray(np.isfinite(after).all(axis=1))
    objects.is_away |= ~is_in_view & objects.ground.is_known
    after = np.where(is_in_view[:, None], after, before)
    objects.start_px = objects.start_px + _centre(after) - _centre(before)
    objects.motion = objects.motion.shifted(after)


def _kind(labels: Sequence[Label], index: int) -> int:
    """The first class of the same label; `other` is no kind of thing, so each of its classes stays apart."""
    label = labels[index]
    return index if label is Label.OTHER else labels.index(label)


def _pairs(allowed: Mask, cost: Floats) -> list[Pair]:
    """The allowed entries of an (n, m) matrix."""
    rows, columns = allowed.nonzero()
    return list(zip(rows.tolist(), columns.tolist(), cost[rows, columns].tolist(), strict=True))


def _cheapest(pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    """As many of the pairs as go together, at the least cost; ties go to the older object and the better box, on every
    machine alike."""
    rows, columns = sorted({i for i, _, _ in pairs}), sorted({j for _, j, _ in pairs})
    if len(rows) == len(columns) == len(pairs):
        return [(i, j) for i, j, _ in pairs]  # nobody has a choice
    cost = np.full((len(rows), len(columns)), FORBIDDEN)
    for i, j, each in pairs:
        cost[rows.index(i), columns.index(j)] = round(each, 6)
    order = np.arange(len(rows))[:, None] * np.arange(len(columns))
    best = zip(*linear_sum_assignment(cost - TIE_BREAK * order), strict=True)
    return [(rows[i], columns[j]) for i, j in best if cost[i, j] < FORBIDDEN]


def _iou(a: Floats, b: Floats) -> Floats:
    """(n, m) intersection over union of corner boxes, each with an area."""
    inner = np.minimum(a[:, None, 2:], b[:, 2:]) - np.maximum(a[:, None, :2], b[:, :2])
    np.maximum(inner, 0.0, out=inner)
    shared = inner[..., 0] * inner[..., 1]
    return np.asarray(shared / (_area(a)[:, None] + _area(b) - shared))


def _centre(xyxy: Floats) -> Floats:
    return np.asarray((xyxy[:, :2] + xyxy[:, 2:]) / 2.0)


def _area(xyxy: Floats) -> Floats:
    return np.asarray((xyxy[:, 2] - xyxy[:, 0]) * (xyxy[:, 3] - xyxy[:, 1]))


def _distance(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """(n, m) distance of centres in heights of `a`, and how many times taller the one is than the other."""
    height_a, height_b = (a[:, 3] - a[:, 1])[:, None], b[:, 3] - b[:, 1]
    apart = _centre(a)[:, None] - _centre(b)
    ratio = height_a / height_b
    return np.hypot(apart[..., 0], apart[..., 1]) / height_a, np.maximum(ratio, 1.0 / ratio)


def _tracks(objects: _Objects, boxes: Floats, states: Sequence[TrackState]) -> list[Track]:
    columns = (objects.identity, objects.class_index, objects.score, boxes, objects.first_us, objects.last_us)
    rows = zip(*(column.tolist() for column in columns), states, objects.is_away.tolist(), strict=True)
    return [
        Track(identity, class_index, score, tuple(box), state, first_us, last_us, is_away)
        for identity, class_index, score, box, first_us, last_us, state, is_away in rows
    ]
