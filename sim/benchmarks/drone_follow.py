"""A filmed flight through the edge's own pipeline, and how it compares with the truth: who is who, and where.

Poses are what the instruments say, ten a second and taken at each frame's moment, so one film is played under many
seeds of their errors. Boxes are a detector's, or those of the truth with noise.
"""

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.envelope import Origin
from contract.events import EVENT_NAMESPACE, ModelIdentity
from contract.labels import Label
from contract.site import CameraPose, Site
from detectors.detections import Detections
from detectors.frame import Frame
from edge.perception.locate import Locator
from edge.perception.tracking import Tracker
from edge.pipeline import Pipeline
from edge.pose import between
from edge.rule import Subject
from edge.sender import Sender
from edge.timeline import Timeline
from sim.benchmarks.drone_scene import CAMERA, FRAME_US, LENS, Shot, Take
from sim.flight import Flight, told_poses
from sim.score.mot import MIN_IOU, Boxes, MotScore, iou, score_mot
from sim.sight import Seen

VISIBLE_FRAC = 0.5  # who is seen less, or cut by the edge of the picture, is nobody's fault to miss or to find
ELLIPSE_95 = 5.991  # chi squared, two degrees of freedom
EDGE_SIGMA_FRAC, EDGE_SIGMA_LEAST_PX = 0.03, 1.0  # of a made-up box's edges
MISSED_FRAC, MODELLED_SCORE = 0.08, 0.75
NO_PICTURE = np.zeros((1, 1, 3), np.uint8)  # poses are known throughout, so nobody asks for pixels
NOBODY = ModelIdentity(name="truth", sha256="0" * 64, backend="modelled")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """A sighting that is somebody. located_m, stood_m: east, north; is_claimed: the truth is in its 95 % ellipse."""

    pts_us: int
    track: int
    actor: str
    located_m: tuple[float, float]
    stood_m: tuple[float, float]
    is_claimed: bool

    @property
    def off_m(self) -> float:
        return float(np.hypot(*np.subtract(self.located_m, self.stood_m)))


@dataclass(frozen=True, slots=True)
class Followed:
    places: list[Place]
    score: MotScore


class ToldPoses:
    """Poses of a flight as its instruments told them, at the moment of a frame."""

    def __init__(self, flight: Flight, *, length_s: float, seed: int) -> None:
        self._poses = Timeline(between, held_us=FRAME_US, widest_gap_us=10 * FRAME_US)
        for told_us, pose in told_poses(flight, length_s=length_s, seed=seed):
            self._poses.add(told_us, pose)

    def at(self, frame: Frame) -> CameraPose | None:
        found = self._poses.at(frame.captured_at_us)
        return None if found is None else found[0]


def pipeline_of(site: Site, poses: ToldPoses, labels: tuple[Label, ...]) -> Pipeline:
    frame = site.local_frame()
    return Pipeline(
        CAMERA,
        sender=Sender(site=site.id, node="drone", outbox_id=uuid.uuid5(EVENT_NAMESPACE, "bench drone"), boot=1),
        origin=Origin.SIMULATED,
        model=NOBODY,
        labels=labels,
        tracker=Tracker(labels=labels, frame_size_px=(LENS.width_px, LENS.height_px)),
        poses=poses,
        locator=Locator(lens=LENS, frame=frame),
        frame=frame,
        watches=(),
    )


def follow(
    shots: Sequence[Shot], boxes: Sequence[Detections], *, pipeline: Pipeline, labels: tuple[Label, ...]
) -> Followed:
    """The film with these boxes, one a shot."""
    places: list[Place] = []
    truth: list[tuple[int, int, list[float]]] = []
    tracks: list[tuple[int, int, list[float]]] = []
    names = sorted({name for shot in shots for name in shot.stood})
    for index, (shot, found) in enumerate(zip(shots, boxes, strict=True)):
        frame = Frame(NO_PICTURE, shot.pts_us, shot.pts_us, index, 0)
        result = pipeline.step(frame, _persons(found, labels))
        plain = [each for each in shot.seen if counts(each)]
        truth += [(index + 1, names.index(each.actor) + 1, _xywh(each.xyxy_px)) for each in plain]
        for subject in result.subjects:
            box = subject.sighting.box
            who = _who([box.x_px, box.y_px, box.width_px, box.height_px], shot.seen)
            if not subject.is_seen or (who is not None and not counts(who)):
                continue
            tracks.append((index + 1, subject.sighting.track, [box.x_px, box.y_px, box.width_px, box.height_px]))
            if who is not None and subject.point is not None:
                places.append(_place(shot, subject, who))
    return Followed(places, score_mot(_boxes(truth), _boxes(tracks)))


def claimed_frac(take: Take, shots: Sequence[Shot], site: Site, *, seeds: int) -> float:
    """Of exact boxes of who is seen well, once a second under each seed of the poses: how many truths lie in the 95 %
    ellipse. Many seeds, because the errors of one flight hardly change."""
    locator = Locator(lens=LENS, frame=site.local_frame())
    is_claimed: list[bool] = []
    for seed in range(seeds):
        poses = ToldPoses(take.flight, length_s=take.length_s, seed=seed)
        for shot in shots[:: round(1e6 / take.frame_us)]:
            plain = [each for each in shot.seen if counts(each)]
            pose = poses.at(Frame(NO_PICTURE, shot.pts_us, shot.pts_us, 0, 0))
            if plain and pose is not None:
                fixes = locator.fixes(np.array([each.xyxy_px for each in plain]), pose)
                off = fixes.points_m - np.array([shot.stood[each.actor] for each in plain])
                is_claimed += _is_claimed(off, fixes.covariance_m2)
    return float(np.mean(is_claimed)) if is_claimed else math.nan


def found_frac(shots: Sequence[Shot], labels: Sequence[Label]) -> float:
    """Of the persons that are seen well, those that the detector finds as persons."""
    real = [
        (n, k, _xywh(each.xyxy_px)) for n, shot in enumerate(shots) for k, each in enumerate(shot.seen) if counts(each)
    ]
    found = [
        (n, k, _xywh(box))
        for n, shot in enumerate(shots)
        for k, box in enumerate(_persons(shot.found, labels).xyxy_px.tolist())
    ]
    return 1.0 - score_mot(_boxes(real), _boxes(found)).misses / len(real)


def noisy_truth(shots: Sequence[Shot], *, labels: Sequence[Label], seed: int) -> list[Detections]:
    """Boxes of all who are seen by a third, with edges that jitter and some missing."""
    chance = np.random.default_rng(seed)
    found = []
    for shot in shots:
        seen = [each.xyxy_px for each in shot.seen if each.visible_frac >= 1 / 3 and chance.random() >= MISSED_FRAC]
        edges = np.array(seen, np.float64).reshape(-1, 4)
        sigma_px = np.maximum(EDGE_SIGMA_FRAC * (edges[:, 3] - edges[:, 1]), EDGE_SIGMA_LEAST_PX)
        edges += chance.normal(0.0, 1.0, edges.shape) * sigma_px[:, None]
        edges = edges[(edges[:, 2:] - edges[:, :2] > 1.0).all(axis=1)]
        count = len(edges)
        found.append(
            Detections(
                edges.astype(np.float32),
                np.full(count, MODELLED_SCORE, np.float32),
                np.full(count, labels.index(Label.PERSON), np.int32),
            )
        )
    return found


def _persons(found: Detections, labels: Sequence[Label]) -> Detections:
    return found.where(np.array([labels[each] is Label.PERSON for each in found.class_index], np.bool_))


def _place(shot: Shot, subject: Subject, who: Seen) -> Place:
    point, fix = subject.point, subject.sighting.ground
    assert point is not None
    assert fix is not None
    stood = shot.stood[who.actor]
    off = np.array([[point.east_m - stood[0], point.north_m - stood[1]]])
    covariance = np.array([[[fix.var_east_m2, fix.cov_east_north_m2], [fix.cov_east_north_m2, fix.var_north_m2]]])
    (is_claimed,) = _is_claimed(off, covariance)
    located = (point.east_m, point.north_m)
    return Place(shot.pts_us, subject.sighting.track, who.actor, located, stood, is_claimed)


def _is_claimed(off_m: Floats, covariance_m2: Floats) -> list[bool]:
    """(n, 2) and (n, 2, 2)."""
    squared = np.einsum("ni,ni->n", off_m, np.linalg.solve(covariance_m2, off_m[..., None])[..., 0])
    return [bool(each <= ELLIPSE_95) for each in squared]


def counts(seen: Seen) -> bool:
    """He is seen well enough to be asked for."""
    left, top, right, bottom = seen.xyxy_px
    is_whole = left > 0 and top > 0 and right < LENS.width_px and bottom < LENS.height_px
    return is_whole and seen.visible_frac >= VISIBLE_FRAC


def _who(xywh_px: Sequence[float], seen: Sequence[Seen]) -> Seen | None:
    """Whom a box shows best, if it shows somebody by half."""
    if not seen:
        return None
    overlap = iou(np.array([xywh_px]), np.array([_xywh(each.xyxy_px) for each in seen]))[0]
    best = int(overlap.argmax())
    return seen[best] if overlap[best] >= MIN_IOU else None


def _xywh(xyxy_px: Sequence[float]) -> list[float]:
    left, top, right, bottom = xyxy_px
    return [left, top, right - left, bottom - top]


def _boxes(rows: Sequence[tuple[int, int, list[float]]]) -> Boxes:
    return Boxes(
        frame=np.array([row[0] for row in rows], np.int64),
        identity=np.array([row[1] for row in rows], np.int64),
        xywh_px=np.array([row[2] for row in rows], np.float64).reshape(-1, 4),
        class_index=np.zeros(len(rows), np.int64),
    )
