"""How well the site tracks show who is there: counted and matched on the ground, not in any camera's picture.

Only persons that a camera had in its sightings count: what no camera finds, fusion cannot show. A site track goes on as
it was last told for at most 0.6 s; one that coasts shows nobody.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from contract.labels import Label
from sim.score.mot import Boxes, Floats, score_mot
from sim.score.overlap import WhoIsSeen
from sim.score.run_folder import Run, SiteTrackLine, standing_at
from sim.score.sections import ScoreParameters, SiteTracks, Spread, rounded, spread

FRAME_US = 200_000
HELD_FRAMES = 3
SEEN_WITHIN_US = 1_000_000
SHOWN = frozenset({"confirmed", "tentative"})
Point = tuple[float, float]
Row = tuple[int, str, Point]  # frame, who, where in its middle


def site_tracks(run: Run, who: WhoIsSeen, parameters: ScoreParameters) -> SiteTracks:
    lines = [line for line in run.site_tracks if line.label == Label.PERSON.value and line.explained_by is None]
    confirmed = {line.site_track_id for line in lines if line.state == "confirmed"}
    return judged_on_ground(
        _persons(run, who), _shown(run, lines), within_m=parameters.ground_match_m, ids=len(confirmed)
    )


def judged_on_ground(truth: Sequence[Row], shown: Sequence[Row], *, within_m: float, ids: int) -> SiteTracks:
    there, told = Counter(row[0] for row in truth), Counter(row[0] for row in shown)
    frames = there.keys() | told.keys()
    right = sum(there[frame] == told[frame] for frame in frames)
    score = None
    if truth:
        score = score_mot(_points(truth), _points(shown), distance_of=lambda a, b: distances_m(a, b) / within_m)
    return SiteTracks(
        ids=ids,
        most=max(told.values(), default=0),
        right_frac=rounded(right / len(frames)) if frames else None,
        mota=None if score is None else rounded(score.mota),
        idf1=None if score is None else rounded(score.idf1),
        switches=0 if score is None else score.switches,
        error_m=_errors_m(truth, shown, within_m=within_m),
    )


def distances_m(a_xywh: Floats, b_xywh: Floats) -> Floats:
    """(n, 4) and (m, 4) boxes without extent, points of the ground, to (n, m)."""
    beside = a_xywh[:, None, :2] - b_xywh[None, :, :2]
    distances: Floats = np.hypot(beside[..., 0], beside[..., 1])
    return distances


def _errors_m(truth: Iterable[Row], shown: Iterable[Row], *, within_m: float) -> Spread:
    """Of each person to the nearest that is shown, where one is near enough."""
    points: dict[int, list[Point]] = {}
    for frame, _, point in shown:
        points.setdefault(frame, []).append(point)
    nearest = [
        min(float(np.hypot(point[0] - east, point[1] - north)) for east, north in points[frame])
        for frame, _, point in truth
        if frame in points
    ]
    return spread([error for error in nearest if error <= within_m])


def _middle_us(frame: int) -> int:
    return frame * FRAME_US + FRAME_US // 2


def _shown(run: Run, lines: Sequence[SiteTrackLine]) -> list[Row]:
    """Each site track in each frame from one word of it to the next."""
    local = run.site.local_frame()
    rows: dict[tuple[int, str], Point] = {}
    for name, mine in groupby(sorted(lines, key=lambda line: line.site_track_id), key=lambda line: line.site_track_id):
        for line in mine:
            point, first = local.to_enu(line.ground.point), line.at_us // FRAME_US
            for frame in range(first, first + HELD_FRAMES):
                rows.pop((frame, name), None)
                if line.state in SHOWN:
                    after_s = (_middle_us(frame) - line.at_us) / 1e6
                    place = (
                        point.east_m + after_s * line.velocity_east_m_s,
                        point.north_m + after_s * line.velocity_north_m_s,
                    )
                    rows[(frame, name)] = place
    return [(frame, name, place) for (frame, name), place in sorted(rows.items())]


def _persons(run: Run, who: WhoIsSeen) -> list[Row]:
    """Where each person truly was while a camera had him in its sightings, with a place, in the last second."""
    seen_us: dict[str, set[int]] = {}
    for line in run.sightings:
        for track in line.tracks:
            seen = None
            if track.east_m is not None:
                seen = who.of(track.xyxy_px, camera=line.camera, captured_at_us=line.captured_at_us)
            if seen is not None and seen.label == Label.PERSON.value:
                seen_us.setdefault(seen.actor, set()).add(line.captured_at_us)
    walks = run.walks()
    rows: list[Row] = []
    for actor, moments in sorted(seen_us.items()):
        times_us = sorted(moments)
        for frame in range(times_us[0] // FRAME_US, times_us[-1] // FRAME_US + 1):
            last = bisect_right(times_us, _middle_us(frame))
            place = standing_at(walks[actor], run.seconds(_middle_us(frame)))
            if place is not None and last and _middle_us(frame) - times_us[last - 1] <= SEEN_WITHIN_US:
                rows.append((frame, actor, (place.east_m, place.north_m)))
    return rows


def _points(rows: Sequence[Row]) -> Boxes:
    names = {name: number for number, name in enumerate(sorted({row[1] for row in rows}), 1)}
    ordered = sorted(rows, key=lambda row: (row[0], names[row[1]]))
    xywh = np.zeros((len(ordered), 4))
    xywh[:, :2] = np.array([row[2] for row in ordered], np.float64).reshape(-1, 2)
    return Boxes(
        frame=np.array([row[0] for row in ordered], np.int64),
        identity=np.array([names[row[1]] for row in ordered], np.int64),
        xywh_px=xywh,
        class_index=np.full(len(ordered), -1, np.int64),
    )
