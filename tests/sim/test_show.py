"""A run, opened on the console's Replay page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet.api.history_views import HistoryPage
from fleet.errors import SetUpError
from sim.show import shown
from tests.sim.a_run import INTRUDER, lines, run, scenario

S = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = scenario(length_s=18.0, actors=[INTRUDER], vehicles=[{"id": "rover-1"}])
    return run(tmp_path_factory.mktemp("shown"), document)


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    with shown(folder, port=0) as address:
        yield address


def get(url: str, path: str, **asked: int) -> Any:
    answer = httpx.get(f"{url}/api/v1{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def span(url: str) -> dict[str, int]:
    (found,) = get(url, "/history/extent")["spans"]
    return dict(found)


def test_the_whole_run_is_there_second_by_second(url: str) -> None:
    recorded = span(url)
    page = get(url, "/history", from_us=recorded["from_us"], to_us=recorded["to_us"] + 1)
    frames = HistoryPage.model_validate(page).frames
    assert len(frames) == 18
    assert {vehicle.id for vehicle in frames[-1].vehicles} == {"drone-1", "rover-1"}
    assert any(frame.site_tracks for frame in frames)


def test_its_alarms_are_told_as_the_run_told_them(url: str, folder: Path) -> None:
    recorded = span(url)
    told = get(url, "/history/happened", from_us=recorded["from_us"], to_us=recorded["to_us"])
    assert [each["alarm_id"] for each in told["alarms"] if each["kind"] == "intrusion"] == [
        row["alarm"] for row in lines(folder, type="alarm")
    ]


def test_the_page_knows_that_it_is_a_recording_and_nobody_may_order_anything(url: str, folder: Path) -> None:
    session = get(url, "/session")
    assert (session["recording"], session["may"], session["is_open"]) == (folder.name, ["viewer"], False)
    assert httpx.post(f"{url}/api/v1/recall-all", json={"by": "Ada Byron"}).status_code in (404, 405)


def test_showing_a_run_changes_nothing_of_it(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with shown(folder, port=0) as url:
        span(url)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_second_run_into_the_same_folder_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    first = run(tmp_path, scenario(length_s=15.0, feeds=[]))
    run(tmp_path, scenario(length_s=3.0, feeds=[]))
    with shown(first, port=0) as url:
        recorded = span(url)
    assert recorded["to_us"] - recorded["from_us"] <= 3 * S
    assert json.loads((first / "run.json").read_text())["length_s"] == 3.0


def test_two_runs_of_one_seed_keep_the_same_history(tmp_path: Path) -> None:
    document = scenario(length_s=12.0, actors=[INTRUDER], vehicles=[{"id": "drone-1"}])
    one, two = run(tmp_path / "one", document), run(tmp_path / "two", document)
    (first,), (second,) = (one / "history").iterdir(), (two / "history").iterdir()
    assert first.read_bytes() == second.read_bytes()


def test_what_is_no_run_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="expected the folder of a run"), shown(tmp_path, port=0):
        pass
