"""The bench judges by what is asked, and says at once what it cannot measure."""

from dataclasses import replace
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from edge.perception.appearance import AppearanceCounts
from sim.bench import register
from sim.benchmarks.looks import WithLooks
from sim.benchmarks.replay import Throughput
from sim.benchmarks.tracking import TrackCost

GOOD = Throughput(
    frames=795,
    pipeline_fps=46.0,
    bare_fps=50.0,
    ratio=0.92,
    ratio_p50=0.92,
    detect_ms=20.0,
    track=TrackCost(0.3, 0.5, 0.6),
    mota=0.85,
    idf1=0.87,
    switches=17,
    with_looks=None,
    ground_p50_m=0.2,
    ground_p95_m=0.9,
)

app = typer.Typer()
app.callback()(lambda: None)
register(app)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def test_good_figures_miss_nothing() -> None:
    assert GOOD.missed == []


def test_each_figure_below_its_bar_is_named() -> None:
    assert replace(GOOD, ratio=0.8, idf1=0.7, ground_p50_m=0.6).missed == [
        "pipeline over bare inference: expected at least 0.85, got 0.800",
        "IDF1: expected at least 0.8, got 0.700",
        "foot points: expected a median of at most 0.5 m, got 0.60 m",
    ]
    assert replace(GOOD, track=TrackCost(0.6, 0.5, 1.2)).missed == [
        "tracking: expected at most 1 times the peer, got 1.20"
    ]


def test_looks_have_rows_of_their_own_where_there_is_a_model_for_them() -> None:
    looks = WithLooks(mota=0.86, idf1=0.88, switches=12, ms=1.5, counts=AppearanceCounts(asked=99, capped=3))

    without, with_them = (list(each.table().columns[1].cells) for each in (GOOD, replace(GOOD, with_looks=looks)))

    assert [cell for cell in with_them if cell not in without] == ["0.8600, 0.8800, 12", "1.50 (99, 3)"]


def test_an_unknown_section_is_one_line(tmp_path: Path) -> None:
    result = run("nonsense", "--out", tmp_path)

    assert result.exit_code == 2
    assert "got 'nonsense'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_the_recordings_the_missing_file_is_named(tmp_path: Path) -> None:
    result = run("replay", "--shared", tmp_path / "nothing", "--out", tmp_path)

    assert result.exit_code == 2
    assert "yolox_nano_640x640.onnx': no such file" in result.stderr
