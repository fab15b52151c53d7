import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.fleet.api.conftest import LIVE
from tests.fleet.api.test_routes import ADA, NOBODY, get
from tests.fleet.messages import make_event
from tests.fleet.office import Office

BYPASS = {**ADA, "zone": "north-fence", "reason": "a digger", "minutes": 30}
WALK_TEST = {**ADA, "reason": "acceptance", "minutes": 60}


def post(client: TestClient, path: str, body: dict[str, Any], *, status: int = 200) -> Any:
    answer = client.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def two_incidents(client: TestClient, office: Office) -> tuple[str, str]:
    office.hear(make_event(sequence=1), make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle"))
    first, second = get(client, "/incidents")
    return first["incident_id"], second["incident_id"]


def test_an_incident_is_merged_split_assigned_noted_escalated_and_closed(client: TestClient, office: Office) -> None:
    first, second = two_incidents(client, office)
    one = post(client, f"/incidents/{first}/merge", {**ADA, "other": second})
    assert len(one["alarm_ids"]) == 2
    assert get(client, f"/incidents/{second}")["incident"]["merged_into"] == first
    new = post(client, f"/incidents/{first}/split", {**ADA, "alarms": one["alarm_ids"][:1], "why": "they part"})
    assert [alarm["alarm_id"] for alarm in get(client, f"/incidents/{new['incident_id']}")["alarms"]] == new[
        "alarm_ids"
    ]
    assert post(client, f"/incidents/{first}/assign", {**ADA, "to": "Bo Ek"})["assigned_to"] == "Bo Ek"
    assert post(client, f"/incidents/{first}/note", {**ADA, "text": "two men"})["timeline"][-1]["who"] == "Ada Byron"
    asked = {**ADA, "to": "The police", "why": "a ladder"}
    assert post(client, f"/incidents/{first}/escalate", asked)["escalated_to"] == "The police"
    shut = post(client, f"/incidents/{first}/close", {**ADA, "disposition": "nuisance", "cause": "vegetation"})
    assert (shut["disposition"], shut["cause"], shut["state"]) == ("nuisance", "vegetation", "closed")
    assert "it is closed" in post(client, f"/incidents/{first}/assign", {**ADA, "to": "Bo Ek"}, status=409)["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"disposition": "nuisance"}, 409, id="a nuisance without its cause"),
        pytest.param({"disposition": "confirmed", "cause": "staff"}, 409, id="a cause of what was true"),
        pytest.param({"disposition": "nuisance", "cause": "other"}, 409, id="another cause without a note"),
        pytest.param({"disposition": "recovered"}, 422, id="what only the system says"),
        pytest.param({"disposition": "nuisance", "cause": "ghosts"}, 422, id="an unknown cause"),
    ],
)
def test_a_close_that_makes_no_sense_is_refused(
    client: TestClient, office: Office, body: dict[str, Any], status: int
) -> None:
    first, _ = two_incidents(client, office)
    post(client, f"/incidents/{first}/close", {**ADA, **body}, status=status)
    assert get(client, f"/incidents/{first}")["incident"]["state"] == "open"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(f"/incidents/{NOBODY}/merge", {"other": str(NOBODY)}, id="merge"),
        pytest.param(f"/incidents/{NOBODY}/split", {"alarms": [str(NOBODY)]}, id="split"),
        pytest.param(f"/incidents/{NOBODY}/assign", {"to": "Bo Ek"}, id="assign"),
        pytest.param(f"/incidents/{NOBODY}/note", {"text": "nobody"}, id="note"),
        pytest.param(f"/incidents/{NOBODY}/escalate", {"to": "Bo Ek", "why": "nothing"}, id="escalate"),
        pytest.param(f"/bypasses/{NOBODY}/end", {}, id="end of a bypass"),
        pytest.param(f"/walk-tests/{NOBODY}/end", {}, id="end of a walk test"),
        pytest.param("/bypasses", {"zone": "nowhere", "reason": "none", "minutes": 1}, id="bypass"),
    ],
)
def test_what_there_is_not_is_404_in_one_line(client: TestClient, path: str, body: dict[str, Any]) -> None:
    assert "\n" not in post(client, path, {**ADA, **body}, status=404)["detail"]


def test_a_bypass_is_told_at_once_shown_and_listed_when_it_is_over(client: TestClient, office: Office) -> None:
    with client.websocket_connect(LIVE) as socket:
        assert socket.receive_json()["bypasses"] == []
        begun = post(client, "/bypasses", BYPASS)
        told = [socket.receive_json() for _ in range(3)]
    assert [each["type"] for each in told] == ["incident", "bypass", "zone"]
    assert told[1]["data"] == begun
    assert told[2]["data"]["bypassed_until_us"] == begun["until_us"]
    assert post(client, "/bypasses", BYPASS, status=409)["detail"] == "zone north-fence: it is bypassed already"
    post(client, "/bypasses", {**BYPASS, "minutes": 100_000}, status=422)
    assert [each["bypass_id"] for each in get(client, "/snapshot")["bypasses"]] == [begun["bypass_id"]]
    over = post(client, f"/bypasses/{begun['bypass_id']}/end", {"by": "Bo Ek"})
    assert (over["ended_by"], get(client, "/snapshot")["bypasses"]) == ("Bo Ek", [])
    assert get(client, "/bypasses") == [over]


def test_a_walk_test_has_a_report_that_a_browser_prints(client: TestClient, office: Office) -> None:
    begun = post(client, "/walk-tests", WALK_TEST)
    office.hear(make_event(sequence=1))
    path = f"/walk-tests/{begun['walk_test_id']}"
    assert [check["alarms"] for check in get(client, path)["checks"]] == [1, 0, 0]
    post(client, f"{path}/end", ADA)
    answer = client.get(f"/api/v1{path}/report")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "NOT PASSED: 1 of 2 zones heard, 1 of 3 views of cameras" in answer.text
    assert [each["walk_test_id"] for each in get(client, "/walk-tests")] == [begun["walk_test_id"]]
    assert client.get(f"/api/v1/walk-tests/{uuid.UUID(int=1)}/report").status_code == 404
