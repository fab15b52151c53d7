"""A frame in tiles: which are looked at, at what cost, and one box for one object whatever cuts it."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from contract.events import ModelIdentity
from contract.labels import Label
from detectors.detections import Detections, FloatArray
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from detectors.merging import Pass, merge
from detectors.tiling import NOWHERE, Grid, TiledDetector, Tiling

SIZE_PX = (2000, 1000)
TILING = Tiling(side_px=400, overlap_px=80, tiles_max=4, sweep_min=1)
SIDES = 6 * 3  # tiles of SIZE_PX
NETWORK_PX = 400
SMALLEST_PX = 12  # in the network's picture; a smaller rectangle is not seen
Box = tuple[int, int, int, int]


class Rectangles:
    """Finds rectangles of one grey level each, 255 of class 0 and 200 of class 1, and counts what it was asked."""

    identity = ModelIdentity(name="rectangles", sha256="0" * 64, backend="test")
    labels = (Label.PERSON, Label.ANIMAL)

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.is_broken = False

    def prepare(self, frame: Frame) -> Prepared:
        height_px, width_px = frame.image_bgr.shape[:2]
        grey = frame.image_bgr[None, :, :, 0].astype(np.float32)
        return Prepared(grey, NETWORK_PX / max(width_px, height_px), 0.0, 0.0, width_px, height_px, frame.pts_us)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        self.batches.append(len(batch))
        if self.is_broken:
            raise InferenceError("out of memory")
        return [self._find(prepared) for prepared in batch]

    def _find(self, prepared: Prepared) -> Detections:
        rows = []
        for index, level in enumerate((255, 200)):
            _, _, stats, _ = cv2.connectedComponentsWithStats((prepared.tensor[0] == level).astype(np.uint8))
            rows += [
                (x, y, x + w, y + h, index) for x, y, w, h, _ in stats[1:].tolist() if h * prepared.scale >= SMALLEST_PX
            ]
        found = np.array(rows, np.float32).reshape(-1, 5)
        score = np.full(len(found), 0.9, np.float32)
        return Detections(found[:, :4], score, found[:, 4].astype(np.int32))


def frame_with(*boxes: Box, level: int = 255) -> Frame:
    image = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = level
    return Frame(image, 0, 0, 0, 0)


def look(frame: Frame, *, times: int = SIDES, motion: FloatArray = NOWHERE) -> list[set[tuple[float, ...]]]:
    detector = TiledDetector(Rectangles(), TILING, find_motion=lambda _frame: motion)
    return [set(map(tuple, detector.detect([detector.prepare(frame)])[0].xyxy_px.tolist())) for _ in range(times)]


def test_the_sweep_has_seen_every_corner_after_as_many_frames_as_tiles() -> None:
    grid = Grid(TILING, width_px=SIZE_PX[0], height_px=SIZE_PX[1])
    busy = np.array([[x, 100, x + 10, 120] for x in range(50, 1900, 100)], np.float32)
    seen = np.zeros(SIZE_PX[::-1], np.bool_)
    for _ in range(len(grid.windows)):
        for left, top, right, bottom in grid.choose(tracks=busy, motion=busy).tolist():
            seen[top:bottom, left:right] = True
    assert seen.all()


def test_no_frame_costs_more_than_was_configured() -> None:
    inner = Rectangles()
    busy = np.array([[x, y, x + 10, y + 20] for x in range(0, 1900, 90) for y in range(0, 900, 90)], np.float32)
    detector = TiledDetector(inner, TILING, find_motion=lambda _frame: busy)
    detector.follow(busy)
    for _ in range(10):
        detector.detect([detector.prepare(frame_with())])
    assert inner.batches == [1 + TILING.tiles_max] * 10


def test_what_is_tracked_and_what_moves_is_looked_at_in_every_frame() -> None:
    grid = Grid(TILING, width_px=SIZE_PX[0], height_px=SIZE_PX[1])
    track, motion = np.array([[100.0, 100, 110, 120]], np.float32), np.array([[1800.0, 900, 1810, 920]], np.float32)
    for _ in range(10):
        chosen = grid.choose(tracks=track, motion=motion)
        for box in (track[0], motion[0]):
            assert ((chosen[:, :2] <= box[:2]) & (chosen[:, 2:] >= box[2:])).all(axis=1).any()


def test_motion_everywhere_leaves_tracks_their_tiles() -> None:
    grid = Grid(TILING, width_px=SIZE_PX[0], height_px=SIZE_PX[1])
    motion = np.array([[x, y, x + 10, y + 20] for x in range(0, 1900, 90) for y in range(0, 900, 90)], np.float32)
    track = np.array([[100.0, 100, 110, 120]], np.float32)
    looked = [
        any((window[:2] <= track[0, :2]).all() and (window[2:] >= track[0, 2:]).all() for window in chosen)
        for chosen in (grid.choose(tracks=track, motion=motion) for _ in range(10))
    ]
    assert all(looked)


def test_a_small_object_is_seen_in_a_tile_and_not_in_the_whole() -> None:
    small = (1500, 500, 1510, 520)
    assert look(frame_with(small), motion=np.array([small], np.float32), times=1) == [{small}]
    assert set().union(*look(frame_with(small))) == {small}


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((350, 100, 420, 170), id="over a tile's edge"),
        pytest.param((300, 300, 420, 420), id="over a tile's corner"),
        pytest.param((250, 100, 480, 130), id="wider than the overlap, too flat for the whole frame"),
        pytest.param((200, 100, 1500, 130), id="over four tiles, too flat for the whole frame"),
        pytest.param((100, 100, 1500, 900), id="larger than any tile"),
    ],
)
def test_one_object_is_one_box_whatever_cuts_it(box: Box) -> None:
    """Every tile is looked at in each frame."""
    everything = Tiling(side_px=400, overlap_px=80, tiles_max=SIDES, sweep_min=1)
    detector = TiledDetector(Rectangles(), everything, find_motion=lambda _frame: NOWHERE)
    (found,) = detector.detect([detector.prepare(frame_with(box))])
    assert [tuple(each) for each in found.xyxy_px.tolist()] == [box]


def test_neighbours_stay_apart_and_classes_are_never_mixed() -> None:
    row = [(370 + 14 * n, 300, 380 + 14 * n, 325) for n in range(6)]
    everything = Tiling(side_px=400, overlap_px=80, tiles_max=SIDES, sweep_min=1)
    detector = TiledDetector(Rectangles(), everything, find_motion=lambda _frame: NOWHERE)
    (found,) = detector.detect([detector.prepare(frame_with(*row))])
    assert {tuple(each) for each in found.xyxy_px.tolist()} == set(row)
    assert len(found) == len(row)
    person = detections([(10, 10, 20, 40, 0.9, 0)])
    animal = Pass(np.array([0, 0, 400, 400], np.int32), detections([(10, 10, 20, 40, 0.8, 1)]))
    assert merge(person, [animal], size_px=SIZE_PX).class_index.tolist() == [0, 1]


def detections(rows: list[tuple[float, ...]]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int32))


TILE = np.array([400, 0, 800, 400], np.int32)


@pytest.mark.parametrize(
    ("whole", "tile", "expected"),
    [
        pytest.param((500, 100, 516, 128, 0.9, 0), (102, 101, 112, 125, 0.5, 0), (502, 101, 512, 125), id="finer word"),
        pytest.param((300, 50, 700, 350, 0.6, 0), (2, 60, 290, 340, 0.9, 0), (300, 50, 700, 350), id="a cut part"),
        pytest.param((300, 50, 700, 350, 0.6, 0), (90, 90, 190, 300, 0.9, 0), (300, 50, 700, 350), id="an inner part"),
    ],
)
def test_of_two_looks_the_one_that_holds_the_whole_object_more_finely_counts(
    whole: tuple[float, ...], tile: tuple[float, ...], expected: Box
) -> None:
    merged = merge(detections([whole]), [Pass(TILE, detections([tile]))], size_px=SIZE_PX)
    assert [tuple(each) for each in merged.xyxy_px.tolist()] == [expected]


def test_nothing_is_dropped_because_another_look_did_not_see_it() -> None:
    merged = merge(detections([(500, 100, 520, 150, 0.4, 0)]), [Pass(TILE, detections([]))], size_px=SIZE_PX)
    assert merged.xyxy_px.tolist() == [[500, 100, 520, 150]]


def test_what_only_a_part_is_seen_of_is_kept() -> None:
    merged = merge(detections([]), [Pass(TILE, detections([(0, 100, 30, 160, 0.7, 0)]))], size_px=SIZE_PX)
    assert merged.xyxy_px.tolist() == [[400, 100, 430, 160]]


def test_merged_boxes_are_as_the_seam_promises() -> None:
    tiles = [Pass(TILE, detections([(50, 50, 60, 80, 0.3, 0), (150, 50, 160, 80, 0.8, 0)]))]
    merged = merge(detections([(1500, 10, 1600, 200, 0.5, 1)]), tiles, size_px=SIZE_PX)
    np.testing.assert_allclose(merged.score, [0.8, 0.5, 0.3])
    assert [str(each.dtype) for each in (merged.xyxy_px, merged.score, merged.class_index)] == [
        "float32",
        "float32",
        "int32",
    ]


def test_a_tile_that_fails_is_a_failure_and_no_empty_scene() -> None:
    inner = Rectangles()
    detector = TiledDetector(inner, TILING, find_motion=lambda _frame: NOWHERE)
    inner.is_broken = True
    with pytest.raises(InferenceError, match="out of memory"):
        detector.detect([detector.prepare(frame_with())])
