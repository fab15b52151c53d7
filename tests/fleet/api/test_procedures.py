"""Procedures through the API: what they are, where an incident's is, and who may answer."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.fleet.api.conftest import LIVE, ROLES, make_client, make_people
from tests.fleet.api.test_incident_routes import post
from tests.fleet.api.test_routes import ADA, get
from tests.fleet.decision.procedures import INTRUDER, book_of
from tests.fleet.messages import make_event
from tests.fleet.office import Office, open_office

SECOND = {"node": "gate-2", "camera": "cam-south", "zone": "middle", "track": 2}


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office(book=book_of(INTRUDER)) as opened:
        yield opened


@pytest.fixture
def client(office: Office) -> TestClient:
    return make_client(office)


def asking(office: Office) -> str:
    """An incident whose procedure asks whether to send somebody."""
    office.hear(make_event(sequence=1))
    office.pass_time(10.0)
    (run,) = [run for run in office.fleet.room.procedures.views() if run.procedure == "intruder"]
    return str(run.incident_id)


def test_the_procedures_are_told_as_they_are_written(client: TestClient) -> None:
    (procedure,) = get(client, "/procedures")
    assert [step["id"] for step in procedure["steps"]] == ["verify", "send", "look", "seen", "done", "call"]


def test_where_an_incident_is_in_its_procedure_and_what_it_asks(client: TestClient, office: Office) -> None:
    incident = asking(office)
    run = get(client, f"/incidents/{incident}/procedure")
    assert (run["step"], run["phase"], run["missing"], run["needs_pilot"]) == ("send", "asking", 1, True)
    assert run["steps"][1] == {
        "id": "send",
        "do": "dispatch",
        "autonomy": "approval",
        "then": "look",
        "otherwise": "call",
    }
    with client.websocket_connect(LIVE) as socket:
        assert socket.receive_json()["procedures"] == [run]
        post(client, f"/incidents/{incident}/procedure/approve", {**ADA, "visit": run["visit"]})
        while (told := socket.receive_json())["type"] != "procedure":
            pass
        assert (told["data"]["step"], told["data"]["phase"]) == ("send", "doing")


def test_an_approval_sends_a_vehicle_in_that_name(client: TestClient, office: Office) -> None:
    incident = asking(office)
    visit = get(client, f"/incidents/{incident}/procedure")["visit"]
    run = post(client, f"/incidents/{incident}/procedure/approve", {**ADA, "visit": visit})
    assert (run["phase"], run["approved_by"]) == ("doing", ["Ada Byron"])
    office.pass_time(1.0)
    (task,) = get(client, f"/incidents/{incident}")["tasks"]
    assert task["approved_by"] == "Ada Byron"


def test_a_veto_and_a_stop_end_it_as_written(client: TestClient, office: Office) -> None:
    incident = asking(office)
    visit = get(client, f"/incidents/{incident}/procedure")["visit"]
    run = post(client, f"/incidents/{incident}/procedure/veto", {**ADA, "visit": visit, "why": "the postman"})
    assert (run["phase"], run["ended_because"]) == ("over", "finished")
    said = get(client, f"/incidents/{incident}")["incident"]
    assert said["escalated_to"] == "duty manager"
    assert "send: vetoed by Ada Byron: the postman" in [line["what"] for line in said["timeline"]]
    post(client, f"/incidents/{incident}/procedure/stop", {**ADA, "why": "mine"}, status=409)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("approve", {"visit": 1}, 409, id="an answer to an earlier question"),
        pytest.param("approve", {}, 422, id="an answer to no question"),
        pytest.param("approve", {"visit": 0}, 422, id="a visit that never was"),
        pytest.param("veto", {"visit": 2, "why": "x" * 3000}, 422, id="a novel"),
        pytest.param("stop", {}, 422, id="a stop without a reason"),
        pytest.param("stop", {"why": "   "}, 422, id="a reason of blanks"),
    ],
)
def test_what_makes_no_sense_is_refused(
    client: TestClient, office: Office, path: str, body: dict[str, Any], status: int
) -> None:
    post(client, f"/incidents/{asking(office)}/procedure/{path}", {**ADA, **body}, status=status)


def test_an_incident_without_a_procedure_has_none(client: TestClient, office: Office) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    assert client.get(f"/api/v1/incidents/{nobody}/procedure").status_code == 404
    with open_office() as other:
        assert get(make_client(other), "/procedures") == []


@pytest.mark.parametrize(("role", "status"), [("operator", 403), ("supervisor", 403), ("pilot", 200)])
def test_safety_4_a_step_that_sends_a_vehicle_is_let_go_by_a_pilot_only(office: Office, role: str, status: int) -> None:
    incident = asking(office)
    with make_client(office, make_people(office)) as signed_in:
        headers = {"Authorization": f"Bearer {ROLES[role]}"}
        visit = signed_in.get(f"/api/v1/incidents/{incident}/procedure", headers=headers).json()["visit"]
        answer = signed_in.post(
            f"/api/v1/incidents/{incident}/procedure/approve", headers=headers, json={"visit": visit}
        )
        assert answer.status_code == status, answer.text
        veto = f"/api/v1/incidents/{incident}/procedure/veto"
        assert signed_in.post(veto, headers=headers, json={"visit": visit, "why": "   "}).status_code == 422
        no = signed_in.post(veto, headers=headers, json={"visit": visit, "why": "the postman"})
        assert no.status_code == (409 if status == 200 else 200)
