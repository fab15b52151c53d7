"""The committed recordings show what the demo tells: one person, where the truth says, at the time the story needs.

Nothing is drawn or detected here: videos, truth, poses and recorded detections must agree with each other.
"""

import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from shapely import Point, Polygon

from contract.clock import SystemClock
from contract.geo import PointEnu
from contract.labels import Label
from contract.site import CameraPose, parse_site
from detectors.frame import Frame
from detectors.record import read_recording
from edge.decode import opened_video
from edge.perception.locate import Locator
from edge.poses.recorded import RecordedPoses
from sim.drawn_on_ground import places_of

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "sim" / "recordings"
SITE = parse_site((ROOT / "deploy" / "sites" / "demo.yaml").read_text(encoding="utf-8"), source="demo.yaml")
FRAME_OF_SITE = SITE.local_frame()
ZONE = Polygon([(p.east_m, p.north_m) for p in places_of(SITE.zones[0], SITE)])
CAMERAS = ["fence-cam", "drone-1-cam"]
FRAME_US = 100_000
SCORE_MIN, IOU_MIN = 0.4, 0.5
EACH = 5  # of the frames, where locating all of them takes seconds
WIDTH_PX, HEIGHT_PX = 1280, 720

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One frame: truth (None: nobody in the picture), pose of the camera, persons the detector was sure of."""

    pts_us: int
    at: PointEnu | None
    box: FloatArray | None
    pose: CameraPose
    found: FloatArray  # (n, 4)

    @property
    def is_whole(self) -> bool:
        if self.box is None:
            return False
        x1, y1, x2, y2 = self.box
        return bool(x1 > 0 and y1 > 0 and x2 < WIDTH_PX and y2 < HEIGHT_PX)

    @property
    def hit(self) -> FloatArray | None:
        """The detection of the person."""
        if self.box is None or not len(self.found):
            return None
        shares = [iou(self.box, found) for found in self.found]
        best = int(np.argmax(shares))
        return self.found[best] if shares[best] >= IOU_MIN else None


def iou(a: FloatArray, b: FloatArray) -> float:
    sides = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0.0, None)
    shared = float(sides.prod())
    return shared / (float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - shared)


@cache
def rows_of(camera_id: str) -> list[Row]:
    fixed = SITE.camera(camera_id).pose
    recorded = None if fixed else RecordedPoses(FOLDER / f"{camera_id}.poses.jsonl")
    truth = [json.loads(line) for line in (FOLDER / f"{camera_id}.truth.jsonl").read_text("utf-8").splitlines()]
    detections = read_recording(FOLDER / f"{camera_id}.detections.jsonl")
    assert [row["pts_us"] for row in truth] == detections.pts_us.tolist()
    person = detections.header.labels.index(Label.PERSON)
    rows = []
    for row, found in zip(truth, detections.detections, strict=True):
        frame = Frame(np.zeros((1, 1, 3), np.uint8), row["pts_us"], row["pts_us"], 0, 0)
        pose = fixed or (recorded.at(frame) if recorded else None)
        assert pose is not None
        one = next(iter(row["persons"]), None)
        sure = (found.class_index == person) & (found.score >= SCORE_MIN)
        rows.append(
            Row(
                pts_us=row["pts_us"],
                at=PointEnu(one["east_m"], one["north_m"]) if one else None,
                box=np.array(one["box_xyxy_px"], np.float64) if one else None,
                pose=pose,
                found=found.xyxy_px[sure].astype(np.float64),
            )
        )
    return rows


@pytest.fixture(scope="module", params=CAMERAS)
def camera(request: pytest.FixtureRequest) -> tuple[str, list[Row]]:
    return request.param, rows_of(request.param)


@cache
def locator_of(camera_id: str) -> Locator:
    return Locator(lens=SITE.camera(camera_id).lens, frame=FRAME_OF_SITE)


def located(camera_id: str, row: Row, box: FloatArray) -> PointEnu:
    (fix,) = locator_of(camera_id).locate(box[None], row.pose)
    assert fix is not None
    return FRAME_OF_SITE.to_enu(fix.point)


def test_all_recordings_together_stay_below_5_mb() -> None:
    sizes = [path.stat().st_size for path in FOLDER.iterdir() if path.suffix in {".mp4", ".jsonl"}]

    assert len(sizes) >= 7
    assert sum(sizes) < 5_000_000


@pytest.mark.parametrize("camera_id", CAMERAS)
def test_a_recording_decodes_at_the_size_of_the_site_s_lens_ten_times_a_second(camera_id: str) -> None:
    pictures = []
    with opened_video(str(FOLDER / f"{camera_id}.mp4"), monotonic_us=SystemClock().monotonic_us) as video:
        for packet in itertools.islice(video.packets(), 5):
            pictures += video.decode(packet)
        length_us = video.length_us

    lens = SITE.camera(camera_id).lens
    assert {picture.image_bgr.shape for picture in pictures} == {(lens.height_px, lens.width_px, 3)}
    assert [picture.pts_us for picture in pictures] == [i * FRAME_US for i in range(len(pictures))]
    assert len(pictures) >= 4
    assert length_us == len(rows_of(camera_id)) * FRAME_US


def test_the_detector_sees_the_person_in_nine_of_ten_frames(camera: tuple[str, list[Row]]) -> None:
    visible = [row for row in camera[1] if row.is_whole]
    hits = [row.hit is not None for row in visible]
    gaps = [len(list(run)) for is_hit, run in itertools.groupby(hits) if not is_hit]

    assert len(visible) >= 150
    assert sum(hits) >= 0.9 * len(hits)
    assert max(gaps, default=0) <= 10  # one second


def test_hardly_anything_else_is_taken_for_a_person(camera: tuple[str, list[Row]]) -> None:
    _, rows = camera
    false_boxes = sum(len(row.found) - (row.hit is not None) for row in rows)

    assert false_boxes <= 0.02 * len(rows)


def test_truth_on_the_ground_and_in_the_picture_are_the_same_camera_s(camera: tuple[str, list[Row]]) -> None:
    """His soles reach 0.15 m around the point he stands on, so the box's lower edge lies a little nearer to us, and his
    arms and stride move its middle by centimetres."""
    camera_id, rows = camera
    locator = locator_of(camera_id)
    away_px, away_m = [], []
    for row in rows[::EACH]:
        if not row.is_whole or row.at is None or row.box is None:
            continue
        (pixel,) = locator.project(np.array([[row.at.east_m, row.at.north_m, 0.0]]), row.pose)
        away_px.append(pixel[0] - (row.box[0] + row.box[2]) / 2.0)
        away_m.append(located(camera_id, row, row.box).horizontal_distance_m(row.at))

    assert float(np.median(np.abs(away_px))) < 8.0  # 0.1 m
    assert float(np.median(away_m)) < 0.2


def test_detected_feet_are_located_within_0_3_m(camera: tuple[str, list[Row]]) -> None:
    camera_id, rows = camera
    errors_m = [
        located(camera_id, row, row.hit).horizontal_distance_m(row.at)
        for row in rows[::EACH]
        if row.is_whole and row.hit is not None and row.at is not None
    ]

    assert float(np.median(errors_m)) < 0.3


def test_he_walks_in_crosses_the_fence_line_and_stays_inside() -> None:
    rows = rows_of("fence-cam")
    seen = [row for row in rows if row.at is not None]
    inside = [row for row in seen if row.at is not None and ZONE.contains(Point(row.at.east_m, row.at.north_m))]

    assert seen[0].pts_us >= 3_000_000  # the yard is empty first
    assert seen[0] is not inside[0]
    assert 8_000_000 <= inside[0].pts_us <= 9_500_000
    assert inside == rows[-len(inside) :]


def test_nobody_is_located_inside_before_he_is() -> None:
    rows = rows_of("fence-cam")
    entered_us = next(r.pts_us for r in rows if r.at is not None and ZONE.contains(Point(r.at.east_m, r.at.north_m)))
    early = [row for row in rows if row.pts_us <= entered_us + 500_000]
    spots = [(row.pts_us, located("fence-cam", row, box)) for row in early for box in row.found]
    located_us = [pts_us for pts_us, spot in spots if ZONE.contains(Point(spot.east_m, spot.north_m))]

    assert abs(located_us[0] - entered_us) <= 300_000


def test_the_drone_looks_from_the_stand_off_at_where_the_other_recording_leaves_him() -> None:
    last = rows_of("fence-cam")[-1]
    rows = rows_of("drone-1-cam")
    spots = [(row, row.at) for row in rows if row.at is not None]

    assert last.at is not None
    assert spots[0][1].horizontal_distance_m(last.at) < 3.0
    distances_m = [PointEnu(r.pose.east_m, r.pose.north_m).horizontal_distance_m(spot) for r, spot in spots]
    assert min(distances_m) >= 23.0
    assert max(distances_m) <= 32.0
