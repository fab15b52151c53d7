"""How well the cameras' trackers saw: MOTA and IDF1, error on the ground, and how long an intruder went unseen.

Only confirmed tracks count: a coasting one says where somebody should be, not where anybody was seen.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from contract.geo import PointEnu
from contract.labels import Label
from sim.score.mot import MIN_IOU, Boxes, score_mot
from sim.score.overlap import WhoIsSeen, iou
from sim.score.run_folder import ActorSeen, Box, Run, TrackSeen, standing_at
from sim.score.sections import (
    Attack,
    Geolocation,
    ScoreParameters,
    Tracked,
    Tracking,
    rounded,
    spread,
)

CONFIRMED = "confirmed"
UNTRACKED = Tracked(mota=None, idf1=None, objects=0, misses=0, false_positives=0, switches=0)
Row = tuple[int, str, Box]  # frame, identity, box


def tracking(run: Run, parameters: ScoreParameters) -> Tracking:
    """Of every camera with a feed. Raises nothing: a camera that nobody passed has no figures."""
    truths: list[Row] = []
    tracks: list[Row] = []
    cameras = {}
    frame = 0
    for feed in run.scenario.feeds:
        truth, found, frame = _rows(run, feed.camera, parameters, first_frame=frame + 1)
        cameras[feed.camera] = _tracked(truth, found)
        truths += truth
        tracks += found
    return Tracking(all=_tracked(truths, tracks), cameras=cameras)


def _rows(run: Run, camera: str, parameters: ScoreParameters, *, first_frame: int) -> tuple[list[Row], list[Row], int]:
    """Persons in sight, persons tracked, and the last frame; frames count on over all cameras."""
    views = {view.captured_at_us: view.actors for view in run.views if view.camera == camera}
    seen = {line.captured_at_us: line.tracks for line in run.sightings if line.camera == camera}
    truth: list[Row] = []
    tracks: list[Row] = []
    frame = first_frame - 1
    for frame, at_us in enumerate(sorted(views.keys() | seen.keys()), first_frame):
        people = [actor for actor in views.get(at_us, ()) if actor.label == Label.PERSON.value and _area(actor.xyxy_px)]
        plain = [actor for actor in people if actor.visible_frac >= parameters.visible_frac]
        hidden = [actor for actor in people if actor.visible_frac < parameters.visible_frac]
        truth += [(frame, f"{camera}/{actor.actor}", actor.xyxy_px) for actor in plain]
        tracks += [
            (frame, f"{camera}/{track.track}", track.xyxy_px)
            for track in seen.get(at_us, ())
            if track.state == CONFIRMED and track.label == Label.PERSON.value and _area(track.xyxy_px)
            if not _shows_hidden(track, plain, hidden)
        ]
    return truth, tracks, frame


def _shows_hidden(track: TrackSeen, plain: Sequence[ActorSeen], hidden: Sequence[ActorSeen]) -> bool:
    """Right about somebody who does not count: neither right nor wrong."""

    def fits(actors: Iterable[ActorSeen]) -> bool:
        return any(iou(track.xyxy_px, actor.xyxy_px) >= MIN_IOU for actor in actors)

    return fits(hidden) and not fits(plain)


def _tracked(truth: Sequence[Row], tracks: Sequence[Row]) -> Tracked:
    if not truth:
        return UNTRACKED.model_copy(update={"false_positives": len(tracks)})
    score = score_mot(_boxes(truth), _boxes(tracks))
    return Tracked(
        mota=rounded(score.mota),
        idf1=rounded(score.idf1),
        objects=score.objects,
        misses=score.misses,
        false_positives=score.false_positives,
        switches=score.switches,
    )


def _boxes(rows: Sequence[Row]) -> Boxes:
    numbers = {name: number for number, name in enumerate(sorted({row[1] for row in rows}), 1)}
    xyxy_px = np.array([row[2] for row in rows], np.float64).reshape(-1, 4)
    return Boxes(
        frame=np.array([row[0] for row in rows], np.int64),
        identity=np.array([numbers[row[1]] for row in rows], np.int64),
        xywh_px=np.hstack((xyxy_px[:, :2], xyxy_px[:, 2:] - xyxy_px[:, :2])),
        class_index=np.full(len(rows), -1, np.int64),
    )


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def fixes(run: Run, who: WhoIsSeen) -> list[tuple[str, int, PointEnu, PointEnu]]:
    """Camera, moment, where the sighting was located and where its actor truly stood."""
    walks = run.walks()
    found = []
    for line in run.sightings:
        for track in line.tracks:
            if track.state != CONFIRMED or track.east_m is None or track.north_m is None:
                continue
            seen = who.of(track.xyxy_px, camera=line.camera, captured_at_us=line.captured_at_us)
            stood = None if seen is None else standing_at(walks[seen.actor], run.seconds(line.captured_at_us))
            if stood is not None:
                found.append((line.camera, line.captured_at_us, PointEnu(track.east_m, track.north_m), stood))
    return found


def geolocation(run: Run, who: WhoIsSeen) -> Geolocation:
    errors_m: dict[str, list[float]] = {feed.camera: [] for feed in run.scenario.feeds}
    for camera, _, located, stood in fixes(run, who):
        errors_m.setdefault(camera, []).append(located.horizontal_distance_m(stood))
    return Geolocation(
        all=spread([error for each in errors_m.values() for error in each]),
        cameras={camera: spread(each) for camera, each in errors_m.items()},
    )


def longest_unseen_s(run: Run, who: WhoIsSeen, attacks: Sequence[Attack]) -> tuple[float | None, float | None]:
    """Longest time an intruder was in no camera's sightings: during an attack, and in its part after its alarm."""
    seen_us: dict[str, list[int]] = {}
    for line in run.sightings:
        for track in line.tracks:
            if track.state == CONFIRMED:
                seen = who.of(track.xyxy_px, camera=line.camera, captured_at_us=line.captured_at_us)
                if seen is not None:
                    seen_us.setdefault(seen.actor, []).append(line.captured_at_us)
    whole_s, after_s = [], []
    for attack in attacks:
        times_us = sorted(seen_us.get(attack.actor, []))
        whole_s.append(_longest_gap_s(times_us, attack.starts_at_us, attack.left_at_us))
        if attack.alarmed_at_us is not None and attack.alarmed_at_us < attack.left_at_us:
            after_s.append(_longest_gap_s(times_us, attack.alarmed_at_us, attack.left_at_us))
    return rounded(max(whole_s, default=None)), rounded(max(after_s, default=None))


def _longest_gap_s(times_us: Sequence[int], first_us: int, last_us: int) -> float:
    marks = [first_us, *(at_us for at_us in times_us if first_us < at_us < last_us), last_us]
    return max(b - a for a, b in pairwise(marks)) / 1e6
