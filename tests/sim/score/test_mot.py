"""CLEAR MOT and IDF1 by hand-counted scenes, and against py-motmetrics where there is an interpreter that has it."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sim.score.errors import ScoreError
from sim.score.mot import Boxes, read_mot, score_mot
from tests.conftest import need

# motmetrics 1.4 needs numpy 1, which the project's own environment cannot have.
MOTMETRICS = """
import sys
import motmetrics
import numpy as np

accumulator = motmetrics.MOTAccumulator(auto_id=True)
truth, tracks = (np.loadtxt(path, delimiter=",", ndmin=2) for path in sys.argv[1:3])
for frame in sorted(set(truth[:, 0]) | set(tracks[:, 0])):
    a, b = truth[truth[:, 0] == frame], tracks[tracks[:, 0] == frame]
    distances = motmetrics.distances.iou_matrix(a[:, 2:6], b[:, 2:6], max_iou=0.5)
    accumulator.update(a[:, 1].astype(int), b[:, 1].astype(int), distances)
names = ["mota", "idf1", "num_objects", "num_misses", "num_false_positives", "num_switches"]
names += ["num_fragmentations"]
print(*motmetrics.metrics.create().compute(accumulator, metrics=names).iloc[0])
"""

Row = tuple[int, int, float]  # frame, identity, left edge of a box of 10 x 20


def boxes(*rows: Row) -> Boxes:
    table = np.array(sorted(rows), np.float64).reshape(-1, 3)
    n = len(table)
    xywh = np.column_stack((table[:, 2], np.zeros(n), np.full(n, 10.0), np.full(n, 20.0)))
    return Boxes(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), xywh, np.zeros(n, np.int64))


def test_a_perfect_copy_scores_one() -> None:
    truth = boxes((1, 1, 0), (2, 1, 5), (2, 2, 50))

    score = score_mot(truth, truth)

    assert (score.mota, score.idf1, score.objects) == (1.0, 1.0, 3)


def test_a_miss_a_false_alarm_and_a_switch_each_cost_one() -> None:
    truth = boxes(*((frame, 1, 0.0) for frame in range(1, 11)))
    tracks = boxes(*((f, 7, 0.0) for f in range(1, 5)), *((f, 8, 0.0) for f in range(6, 11)), (3, 9, 300.0))

    score = score_mot(truth, tracks)

    assert (score.misses, score.false_positives, score.switches) == (1, 1, 1)
    assert score.mota == pytest.approx(0.7)
    assert score.idf1 == pytest.approx(2 * 5 / (10 + 10))


def test_who_is_missed_and_found_again_is_one_fragmentation_however_long_it_took() -> None:
    truth = boxes(*((frame, 1, 0.0) for frame in (*range(1, 9), *range(20, 25))))
    tracks = boxes(*((frame, 7, 0.0) for frame in (2, 3, 6, 20, 22)))  # 9 to 19: nobody was there

    score = score_mot(truth, tracks)

    assert (score.fragmentations, score.switches) == (3, 0)


def test_what_was_matched_before_stays_matched_while_it_overlaps() -> None:
    truth = boxes((1, 1, 0), (2, 1, 0))
    tracks = boxes((1, 5, 0), (2, 5, 3), (2, 6, 0))  # 6 fits better, but 5 still overlaps enough

    score = score_mot(truth, tracks)

    assert (score.switches, score.false_positives) == (0, 1)


def test_half_an_overlap_is_a_match_and_less_is_none() -> None:
    truth = boxes((1, 1, 0))

    assert score_mot(truth, boxes((1, 1, 3.3))).misses == 0  # IoU 0.504
    assert score_mot(truth, boxes((1, 1, 3.4))).misses == 1  # IoU 0.493


def test_tracks_without_any_box_miss_everything() -> None:
    score = score_mot(boxes((1, 1, 0), (2, 1, 0)), boxes())

    assert (score.mota, score.idf1, score.misses) == (0.0, 0.0, 2)


def test_nothing_to_score_against_is_an_error() -> None:
    with pytest.raises(ScoreError, match="expected ground truth with at least one box, got none"):
        score_mot(boxes(), boxes((1, 1, 0)))


def test_a_file_is_read_in_any_order_with_or_without_a_class(tmp_path: Path) -> None:
    path = tmp_path / "mot.txt"
    path.write_text("2,1,10,20,30,40,1,2,-1,-1\n\n1,3,1.5,2,3,4\n")

    read = read_mot(path)

    assert read.frame.tolist() == [1, 2]
    assert read.identity.tolist() == [3, 1]
    assert read.class_index.tolist() == [-1, 2]
    assert read.xywh_px.tolist() == [[1.5, 2, 3, 4], [10, 20, 30, 40]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("1,2,three\n", ":1: expected numbers with commas between, got '1,2,three'", id="words"),
        pytest.param("1,1,0,0,5,5\n1,2,3\n", ":2: expected frame,id,x,y,width,height,..., got '1,2,3'", id="short"),
        pytest.param("0,1,0,0,5,5\n", ":1: expected frames from 1 and a box with an area", id="frame 0"),
        pytest.param("1,1,0,0,5,0\n", ":1: expected frames from 1 and a box with an area", id="flat box"),
        pytest.param("1,1,0,0,5,nan\n", ":1: expected frame,id,x,y,width,height", id="not a number"),
        pytest.param(
            "1,1,0,0,5,5\n1,1,9,9,5,5\n",
            "expected one box of an identity in a frame, got two of 1 in frame 1",
            id="twice",
        ),
    ],
)
def test_a_damaged_file_is_one_line_that_names_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mot.txt"
    path.write_text(text)

    with pytest.raises(ScoreError) as raised:
        read_mot(path)

    assert str(path) in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("path", [Path("no-such.txt"), Path(__file__).parent], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_one_line(path: Path) -> None:
    with pytest.raises(ScoreError, match=path.name):
        read_mot(path)


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_are_those_of_py_motmetrics(tmp_path: Path, seed: int) -> None:
    python = os.environ.get("VEDETTE_MOTMETRICS_PYTHON")
    need(python, "VEDETTE_MOTMETRICS_PYTHON: an interpreter with motmetrics 1.4 and numpy below 2")
    assert python is not None
    truth, tracks = _scene(np.random.default_rng(seed))
    for name, rows in (("truth", truth), ("tracks", tracks)):
        np.savetxt(tmp_path / f"{name}.txt", rows, delimiter=",", fmt="%.3f")

    output = subprocess.run(
        [python, "-W", "ignore", "-c", MOTMETRICS, str(tmp_path / "truth.txt"), str(tmp_path / "tracks.txt")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    mota, idf1, *counts = (float(word) for word in output.split())
    ours = score_mot(read_mot(tmp_path / "truth.txt"), read_mot(tmp_path / "tracks.txt"))

    assert ours.mota == pytest.approx(mota, abs=5e-4)
    assert ours.idf1 == pytest.approx(idf1, abs=5e-4)
    assert [ours.objects, ours.misses, ours.false_positives, ours.switches, ours.fragmentations] == counts


def _scene(random: np.random.Generator) -> tuple[list[list[float]], list[list[float]]]:
    """Twelve walkers who cross, seen by a tracker that jitters, misses, swaps numbers and sees ghosts."""
    truth, tracks = [], []
    start, speed = random.uniform(0, 300, (12, 2)), random.uniform(-4, 4, (12, 2))
    number = np.arange(12)
    for frame in range(1, 81):
        if random.random() < 0.2:
            a, b = random.choice(12, 2, replace=False)
            number[a], number[b] = number[b], number[a]
        for walker in range(12):
            x, y = start[walker] + frame * speed[walker]
            truth.append([frame, walker + 1, x, y, 30, 70])
            if random.random() < 0.85:
                dx, dy = random.normal(0, 5, 2)
                tracks.append([frame, number[walker] + 1, x + dx, y + dy, 30, 70])
        if random.random() < 0.3:
            tracks.append([frame, 100 + frame // 10, *random.uniform(0, 300, 2), 30, 70])
    return truth, tracks
