"""A run is a function of its scenario and seed, byte for byte, whatever the machine; no part of it reads a clock."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.run import clock_of, play
from sim.scenario_file import load_scenario
from tests.conftest import ROOT
from tests.sim.a_run import INTRUDER, Json, lines, run, scenario, write_scenario

FILES = ("events.jsonl", "sightings.jsonl", "truth.jsonl", "vehicles.jsonl")
BUSY: Json = {  # much at once: two nodes, a vehicle under way, chance on every link and in every eye
    **scenario(length_s=18.0),
    "feeds": [
        {"camera": "fence-cam", "eye": {"sees": "modelled", "sure_px": 60.0}},
        {"camera": "drone-1-cam", "rate_hz": 3.0, "eye": {"sees": "modelled"}},
    ],
    "vehicles": [{"id": "drone-1"}, {"id": "rover-1"}],
    "actors": [INTRUDER, {"id": "dog", "kind": "animal", "route": [{"east_m": 9.0, "north_m": 1.0}]}],
    "faults": [
        {"kind": "bad_link", "of": "edge-1", "at_s": 2.0, "loss_frac": 0.2, "reorder_frac": 0.3, "delay_s": 0.1},
        {"kind": "bad_link", "of": "drone-1", "at_s": 8.0, "loss_frac": 0.1, "duplicate_frac": 0.2},
        {"kind": "node_kill", "node": "edge-1", "at_s": 12.0, "for_s": 2.0},
    ],
    "operator": [{"do": "recall_all", "at_s": 15.0, "by": "Ada Byron"}],
}
SCRIPT = """
import sys
from pathlib import Path
from sim.run import clock_of, play
from sim.scenario_file import load_scenario
loaded = load_scenario(Path(sys.argv[1]))
play(loaded, Path(sys.argv[2]), clock=clock_of(loaded), seed=1)
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("first"), BUSY)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_there_is_something_to_compare(first: Path) -> None:
    assert all(len(content) > 1_000 for content in bytes_of(first).values())
    kinds = {row["type"] for row in lines(first)}
    assert kinds == {"alarm", "decision", "event", "fault", "hop", "incident", "node", "operator", "task", "track"} | {
        "vehicle"
    }


def test_one_seed_gives_the_same_bytes_again(first: Path, tmp_path: Path) -> None:
    assert bytes_of(run(tmp_path, BUSY)) == bytes_of(first)


def test_one_seed_gives_the_same_bytes_in_another_process(first: Path, tmp_path: Path) -> None:
    """Whose hashes, hence whose sets, are in another order, in another folder, time zone and language."""
    path = write_scenario(tmp_path, BUSY)
    surroundings = {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONPATH": str(ROOT)}

    subprocess.run(
        [sys.executable, "-c", SCRIPT, path, tmp_path / "out"],
        env={**os.environ, **surroundings},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=120,
    )

    assert bytes_of(tmp_path / "out") == bytes_of(first)


def test_another_seed_gives_other_bytes(first: Path, tmp_path: Path) -> None:
    other = bytes_of(run(tmp_path, BUSY, seed=2))

    assert other["events.jsonl"] != bytes_of(first)["events.jsonl"]
    assert other["sightings.jsonl"] != bytes_of(first)["sightings.jsonl"]


def test_lines_are_in_the_order_in_which_things_happened(first: Path) -> None:
    """An event stands where the outbox took it, which is after it was captured."""
    rows = [row for row in lines(first) if row["type"] != "event"]
    dated = [row["at_us"] if "at_us" in row else row["captured_at_us"] for row in rows]

    assert dated == sorted(dated)


def test_what_the_coordinator_had_not_stored_yet_is_told_at_the_end(tmp_path: Path) -> None:
    """An alarm half a second before the end, between two ticks of the store."""
    folder = run(tmp_path, scenario(length_s=3.9, actors=[INTRUDER], vehicles=[{"id": "rover-1"}]))

    assert len(lines(folder, type="alarm")) == 1
    assert {"broker", "ingest", "gate"} <= {row["hop"] for row in lines(folder, type="hop")}


def test_a_run_folder_holds_what_was_run(first: Path) -> None:
    about = json.loads((first / "run.json").read_text())

    assert (about["scenario"], about["seed"], about["length_s"]) == ("small", 1, 18.0)
    assert about["feeds"] == {"fence-cam": "modelled", "drone-1-cam": "modelled"}
    assert (first / "site.yaml").read_bytes() == (ROOT / "deploy" / "sites" / "sterile.yaml").read_bytes()


def test_a_run_hears_how_far_it_is(tmp_path: Path) -> None:
    loaded = load_scenario(write_scenario(tmp_path, scenario(length_s=2.5)))
    heard: list[float] = []

    play(loaded, tmp_path / "out", clock=clock_of(loaded), seed=1, on_second=heard.append)

    assert heard == [0.0, 1.0, 2.0]


def test_a_run_leaves_nothing_but_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()

    run(tmp_path, scenario(length_s=1.0))

    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_scenario_with_nothing_in_it_runs_to_its_end(tmp_path: Path) -> None:
    folder = run(tmp_path, scenario(length_s=5.0, feeds=[]))

    assert {row["type"] for row in lines(folder)} == {"vehicle"}
    assert lines(folder, "truth") == []


def test_a_hundredth_of_a_second_is_a_scenario(tmp_path: Path) -> None:
    loaded = load_scenario(write_scenario(tmp_path, scenario(length_s=0.01)))
    clock = clock_of(loaded)

    play(loaded, tmp_path / "out", clock=clock, seed=1)

    assert clock.monotonic_us() == 10_000
