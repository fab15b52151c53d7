"""The HTTP door of other sensors: each with a token of its own, for itself alone."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from contract.envelope import Origin
from fleet.api.limits import RequestLimits
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from tests.fleet.api.conftest import ROLES, make_client, make_people
from tests.fleet.api.test_routes import get
from tests.fleet.office import Office, open_office
from tests.fleet.test_sensors import sensor_site

TOKENS = {"fence-7": "t-fence", "radar-1": "t-radar", "gate-1": "t-gate"}
START = {"stage": "start", "text": "cable 3"}


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office(site=sensor_site()) as opened:
        credentials = NodeCredentials(opened.fleet.store)
        for name, token in TOKENS.items():
            credentials.add(name, digest_of(token), by="ada", at_us=0)
        yield opened


@pytest.fixture
def client(office: Office) -> TestClient:
    return make_client(office)


def tell(client: TestClient, path: str, body: object, *, by: str | None = "fence-7") -> tuple[int, object]:
    headers = {} if by is None else {"Authorization": f"Bearer {TOKENS.get(by, by)}"}
    answer = client.post(f"/api/v1/sensors/{path}", json=body, headers=headers)
    return answer.status_code, answer.json()


def test_an_alarm_is_answered_when_it_is_durable_and_the_same_again_is_the_same(
    client: TestClient, office: Office
) -> None:
    at_us = office.clock.wall_us()
    status, told = tell(client, "fence-7/alarms", {**START, "at_us": at_us})
    assert status == 200
    assert tell(client, "fence-7/alarms", {**START, "at_us": at_us}) == (200, told)
    (alarm,) = get(client, "/alarms")
    assert told == {"alarm": alarm}
    assert (alarm["sensor"], alarm["zone"], alarm["origin"]) == ("fence-7", "north-fence", Origin.SIMULATED.value)
    status, over = tell(client, "fence-7/alarms", {"stage": "end"})
    assert status == 200
    assert isinstance(over, dict)
    assert over["alarm"]["ended_at_us"] == at_us


def test_what_is_there_and_when_it_was_heard(client: TestClient, office: Office) -> None:
    assert tell(client, "radar-1/tracks", {}, by="radar-1") == (200, {"alarm": None})
    office.clock.advance(3.0)
    assert {each["id"]: each["heard_age_s"] for each in get(client, "/sensors")} == {
        "fence-7": None,
        "door-1": None,
        "radar-1": 3.0,
    }


@pytest.mark.parametrize(
    ("path", "by", "status"),
    [
        pytest.param("fence-7/alarms", None, 401, id="nobody"),
        pytest.param("fence-7/alarms", "wrong", 401, id="a wrong token"),
        pytest.param("fence-7/alarms", "radar-1", 403, id="another sensor"),
        pytest.param("fence-7/alarms", "gate-1", 403, id="an edge node"),
        pytest.param("gate-1/alarms", "gate-1", 404, id="what is no sensor"),
        pytest.param("fence-7/alarms", ROLES["admin"], 401, id="a person"),
    ],
)
def test_a_sensor_speaks_for_itself_alone(office: Office, path: str, by: str | None, status: int) -> None:
    client = make_client(office, make_people(office))
    assert tell(client, path, START, by=by)[0] == status
    assert office.fleet.ingest.alarms == {}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("fence-7/alarms", {}, 422, id="no stage"),
        pytest.param("fence-7/alarms", {**START, "zone": "middle"}, 409, id="a zone it does not guard"),
        pytest.param("fence-7/alarms", {**START, "score": 2}, 422, id="more than certain"),
        pytest.param("fence-7/alarms", {**START, "text": "x" * 201}, 422, id="a novel"),
        pytest.param("fence-7/alarms", {**START, "alarm": "a b"}, 422, id="a name with blanks"),
        pytest.param("fence-7/tracks", {"targets": [{"track": "1"}]}, 422, id="a target nowhere"),
        pytest.param("fence-7/alarms", {**START, "at_us": -1}, 422, id="before all time"),
    ],
)
def test_nonsense_is_refused(client: TestClient, path: str, body: object, status: int) -> None:
    assert tell(client, path, body)[0] == status


def test_a_sensor_that_asks_too_often_is_told_to_wait(office: Office) -> None:
    client = make_client(office, limits=RequestLimits(per_s=1.0, burst=2.0))
    answers = [tell(client, "fence-7/tracks", {})[0] for _ in range(4)]
    assert answers == [200, 200, 429, 429]
