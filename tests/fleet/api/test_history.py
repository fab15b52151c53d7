from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fleet.api.history_views import HistoryPage
from fleet.app import recorder_of
from fleet.history.files import HistoryFiles, HistoryRoom
from fleet.history.recorder import Recorder
from tests.fleet.api.conftest import make_client
from tests.fleet.messages import make_event
from tests.fleet.office import Office

S = 1_000_000


@pytest.fixture
def client(office: Office, tmp_path: Path) -> TestClient:
    return make_client(office, history=tmp_path)


@pytest.fixture
def recorder(office: Office, tmp_path: Path) -> Recorder:
    room = HistoryRoom(keep_us=10**15, max_bytes=10**9)
    return recorder_of(office.fleet, HistoryFiles(tmp_path, room, free_bytes=lambda: 10**12), office.clock)


def record(office: Office, recorder: Recorder, seconds: int) -> None:
    for _ in range(seconds):
        recorder.look()
        recorder.write()
        office.pass_time(1.0)
    recorder.write_out()


def get(client: TestClient, path: str, **asked: int) -> Any:
    answer = client.get(f"/api/v1/history{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_the_map_showed_is_told_frame_by_frame(client: TestClient, office: Office, recorder: Recorder) -> None:
    began_us = office.clock.wall_us()
    office.hear(make_event(sequence=1))
    record(office, recorder, 5)
    page = HistoryPage.model_validate(get(client, "", from_us=began_us, to_us=began_us + 60 * S))
    assert [frame.at_us - began_us for frame in page.frames] == [n * S for n in range(5)]
    first = page.frames[0]
    assert [(each.id, each.battery_frac, each.armed) for each in first.vehicles] == [("kestrel", 0.95, False)]
    position, really = first.vehicles[0].position, office.kestrel.state.position
    assert position is not None
    assert really is not None
    assert position.lat_deg == pytest.approx(really.lat_deg, abs=1e-7)
    assert {zone.id: (zone.is_set, zone.is_alarmed) for zone in first.zones}["north-fence"] == (True, True)
    assert [(task.vehicle, task.kind.value) for task in first.tasks] == [("kestrel", "investigate")]
    assert [task.task_id for task in first.tasks] == [first.vehicles[0].task_id]
    assert page.next_us is None


def test_a_step_thins_the_frames_out_and_begins_with_the_one_that_held(
    client: TestClient, office: Office, recorder: Recorder
) -> None:
    began_us = office.clock.wall_us()
    record(office, recorder, 30)
    asked = {"from_us": began_us + 2 * S + 500_000, "to_us": began_us + 20 * S, "step_ms": 5000}
    seconds = [(frame["at_us"] - began_us) / S for frame in get(client, "", **asked)["frames"]]
    assert seconds == [2, 8, 13, 18]


def test_pages_put_together_are_everything_and_nothing_twice(
    client: TestClient, office: Office, recorder: Recorder
) -> None:
    began_us = office.clock.wall_us()
    record(office, recorder, 1300)
    found, pages, asked_us = set[int](), 0, began_us
    while True:
        page = get(client, "", from_us=asked_us, to_us=began_us + 3600 * S)
        found |= {frame["at_us"] for frame in page["frames"]}
        pages += 1
        assert len(page["frames"]) <= 601
        if page["next_us"] is None:
            break
        asked_us = page["next_us"]
    assert found == {began_us + n * S for n in range(1300)}
    assert pages == 3


def test_the_extent_leaves_out_what_was_not_recorded(client: TestClient, office: Office, recorder: Recorder) -> None:
    began_us = office.clock.wall_us()
    record(office, recorder, 20)
    office.clock.advance(100)
    record(office, recorder, 10)
    extent = get(client, "/extent")
    assert [((each["from_us"] - began_us) / S, (each["to_us"] - began_us) / S) for each in extent["spans"]] == [
        (0, 19),
        (120, 129),
    ]
    assert get(client, "", from_us=began_us + 40 * S, to_us=began_us + 80 * S)["frames"] == []


def test_alarms_of_a_stretch_are_told_with_their_times(client: TestClient, office: Office) -> None:
    began_us = office.clock.wall_us()
    office.clock.advance(10)
    office.hear(make_event(sequence=1))
    told = get(client, "/happened", from_us=began_us, to_us=began_us + 60 * S)
    assert [(each["title"], each["at_us"] - began_us) for each in told["alarms"]] == [
        ("person in zone north-fence", 10 * S)
    ]
    assert (told["is_cut"], told["evidence"]) == (False, [])
    assert get(client, "/happened", from_us=began_us, to_us=began_us + 10 * S)["alarms"] == []


def test_where_nothing_was_ever_recorded_there_is_nothing(office: Office) -> None:
    client = make_client(office)
    assert get(client, "/extent") == {"spans": []}
    assert get(client, "", from_us=0, to_us=S) == {"frames": [], "gap_us": 3 * S, "next_us": None}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("from_us=5&to_us=5", id="no stretch"),
        pytest.param("from_us=9&to_us=5", id="backwards"),
        pytest.param("from_us=-1&to_us=5", id="before time"),
        pytest.param(f"from_us=0&to_us={49 * 3600 * S}", id="too long"),
        pytest.param("from_us=0&to_us=5&step_ms=10", id="too fine"),
        pytest.param("from_us=0&to_us=5&step_ms=soon", id="no number"),
        pytest.param("to_us=5", id="no beginning"),
        pytest.param("from_us=0&to_us=5&speed=2", id="unknown"),
    ],
)
def test_nonsense_is_a_problem_in_one_line(client: TestClient, asked: str) -> None:
    answer = client.get(f"/api/v1/history?{asked}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "\n" not in answer.json()["detail"]


def test_a_disk_that_takes_nothing_is_a_trouble_and_its_end_closes_it(office: Office, tmp_path: Path) -> None:
    free = [0]
    room = HistoryRoom(keep_us=10**15, max_bytes=10**9, free_bytes=10**9)
    recorder = recorder_of(office.fleet, HistoryFiles(tmp_path, room, free_bytes=lambda: free[0]), office.clock)
    subject = "device:coordinator:history"
    record(office, recorder, 2)
    office.pass_time(1.0)
    assert [each.title for each in office.fleet.ingest.incidents.values() if each.subject == subject] == [
        "what the map shows is not recorded: the disk has 0.0 GB left and 1.0 are for all else"
    ]
    free[0] = 10**12
    record(office, recorder, 2)
    office.pass_time(1.0)
    assert not [each for each in office.fleet.ingest.incidents.values() if each.subject == subject]
