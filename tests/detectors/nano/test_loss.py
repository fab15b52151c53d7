"""Overlaps, which cell answers for what, and how wrong that is, against figures worked out by hand. Needs `train`."""

import numpy as np
import numpy.typing as npt
import pytest

from detectors.nano.loss import assign, boxes_px, cells, loss, overlaps

SIDE_PX, CELLS = 64, 84  # 8 x 8 of 8 px, 4 x 4 of 16 px, 2 x 2 of 32 px
SURE, NO = 8.0, -8.0  # before a sigmoid
PERSON, IGNORED, NOTHING = 0, -1, -2
BOX = (16.0, 16.0, 48.0, 48.0)

Array = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def _extra() -> None:
    pytest.importorskip("tensorflow", reason="the extra 'train' is not installed")


def silent() -> Array:
    """(1, cells, 8): every cell says that nothing is there, in a box of its own size about its corner."""
    rows = np.zeros((1, CELLS, 8), np.float32)
    rows[..., 4:] = NO
    return rows


def saying(rows: Array, cell: int, box: tuple[float, float, float, float], kind: int = PERSON) -> Array:
    """The same rows, with one cell that is sure of this box."""
    middles, strides = (each.numpy() for each in cells(SIDE_PX))
    changed: Array = rows.copy()
    stride = strides[cell]
    low, high = np.array(box[:2]), np.array(box[2:])
    changed[0, cell, :2] = ((low + high) / 2 - middles[cell] + stride / 2) / stride
    changed[0, cell, 2:4] = np.log((high - low) / stride)
    changed[0, cell, 4] = changed[0, cell, 5 + kind] = SURE
    return changed


def of(*boxes: tuple[float, float, float, float]) -> Array:
    return np.array([boxes], np.float32)


def kinds(*numbers: int) -> npt.NDArray[np.int32]:
    return np.array([numbers], np.int32)


def answering(rows: Array, truth: Array, of_kind: npt.NDArray[np.int32]) -> tuple[list[int], list[int]]:
    """The cells that answer, and the objects that they answer for."""
    grid = cells(SIDE_PX)
    answers, objects, _ = assign(boxes_px(rows, *grid), rows, truth, of_kind, grid=grid)
    here = np.flatnonzero(answers.numpy()[0])
    return here.tolist(), objects.numpy()[0][here].tolist()


@pytest.mark.parametrize(
    ("other", "iou", "giou"),
    [
        pytest.param((0, 0, 10, 10), 1.0, 1.0, id="the same"),
        pytest.param((5, 0, 15, 10), 1 / 3, 1 / 3, id="half over, the hull is filled"),
        pytest.param((20, 0, 30, 10), 0.0, -1 / 3, id="apart: the third of the hull between them counts"),
        pytest.param((5, 5, 15, 15), 25 / 175, 25 / 175 - 50 / 225, id="a corner over"),
    ],
)
def test_overlaps_are_those_of_the_formula(other: tuple[int, int, int, int], iou: float, giou: float) -> None:
    first, second = np.array([0, 0, 10, 10], np.float32), np.array(other, np.float32)

    assert [float(each) for each in overlaps(first, second)] == pytest.approx([iou, giou])


def test_cells_are_numbered_row_by_row_from_the_finest() -> None:
    middles, strides = (each.numpy() for each in cells(SIDE_PX))

    assert middles.shape == (CELLS, 2)
    assert middles[[0, 1, 8, 64, 80, 83]].tolist() == [[4, 4], [12, 4], [4, 12], [8, 8], [16, 16], [48, 48]]
    assert strides[[0, 63, 64, 80], 0].tolist() == [8, 8, 16, 32]


def test_the_cell_that_sees_an_object_best_answers_for_it() -> None:
    best = 64 + 5  # of 16 px, at 24, 24

    here, objects = answering(saying(silent(), best, BOX), of(BOX), kinds(PERSON))

    assert best in here
    assert set(objects) == {0}


def test_no_cell_outside_an_object_and_far_from_its_middle_answers() -> None:
    box = (0.0, 0.0, 16.0, 16.0)
    far = 83  # of 32 px, at 48, 48: it says just this box, but its middle is 40 px away

    here, _ = answering(saying(saying(silent(), far, box), 0, box), of(box), kinds(PERSON))

    assert 0 in here
    assert not any(80 <= cell < 84 for cell in here if cell != 80)


def test_of_two_objects_each_has_a_cell_and_none_answers_twice() -> None:
    left, right = (0.0, 16.0, 30.0, 48.0), (34.0, 16.0, 64.0, 48.0)
    rows = saying(saying(silent(), 64 + 4, left), 64 + 6, right)

    here, objects = answering(rows, of(left, right), kinds(PERSON, PERSON))

    assert dict(zip(here, objects, strict=True))[64 + 4] == 0
    assert dict(zip(here, objects, strict=True))[64 + 6] == 1
    assert len(here) == len(set(here))


@pytest.mark.parametrize("kind", [IGNORED, NOTHING])
def test_what_is_ignored_or_not_there_has_no_cell(kind: int) -> None:
    assert answering(saying(silent(), 69, BOX), of(BOX), kinds(kind)) == ([], [])


def wrong(rows: Array, kind: int) -> tuple[float, float, float]:
    said = loss(rows, of(BOX), kinds(kind), side_px=SIDE_PX)
    return float(said.box), float(said.objectness), float(said.kind)


def test_a_network_that_is_right_is_hardly_wrong() -> None:
    rows = silent()
    for cell in range(CELLS):
        rows = saying(rows, cell, BOX)
    rows[0, :, 4:] = NO + np.linspace(0.0, 0.1, CELLS)[:, None]  # no two cost the same
    here, _ = answering(rows, of(BOX), kinds(PERSON))
    rows[0, here, 4] = rows[0, here, 5 + PERSON] = SURE

    box, objectness, kind = wrong(rows, PERSON)

    assert len(here) == 10
    assert box == pytest.approx(0.0, abs=1e-4)
    assert objectness < 0.05
    assert kind < 0.05


def test_the_wrong_class_and_the_silent_cell_cost() -> None:
    right, other = wrong(saying(silent(), 69, BOX), PERSON), wrong(saying(silent(), 69, BOX, kind=2), PERSON)

    assert other[2] > right[2] + 1.0
    assert wrong(silent(), PERSON)[1] > right[1] + 0.5


def test_a_sure_cell_where_nothing_is_costs_but_not_within_an_ignored_box() -> None:
    """69 lies in the box; its objectness is a logit of 8 that should be nought: a cost of 8.0003."""
    quiet = wrong(silent(), NOTHING)[1]

    assert wrong(saying(silent(), 69, BOX), NOTHING)[1] - quiet == pytest.approx(8.0, abs=1e-3)
    assert wrong(saying(silent(), 69, BOX), IGNORED)[1] == pytest.approx(wrong(silent(), IGNORED)[1], abs=1e-6)
