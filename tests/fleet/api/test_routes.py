import uuid
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from fleet.api.openapi import PATH, schema_text
from fleet.errors import StoreError
from fleet.flight.orders import Hold, ReturnHome
from tests.fleet.api.conftest import make_client
from tests.fleet.messages import make_envelope, make_event, make_manifest, make_site, make_status, status_on_bus
from tests.fleet.office import Office, open_office
from tests.fleet.test_response import PATROL_TEXT

ADA = {"by": "Ada Byron"}
NOBODY = uuid.UUID(int=99)


def get(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_committed_openapi_document_is_what_the_routes_say() -> None:
    assert PATH.read_text(encoding="utf-8") == schema_text(), "run: python -m fleet.api.openapi"


def test_everything_of_one_trace_is_found_by_its_id(client: TestClient, office: Office) -> None:
    event = make_event(sequence=1)
    office.hear(event)
    office.pass_time(0.2)
    trace = get(client, f"/traces/{event.trace_id}")
    assert trace["hops_us"]["detect"] == 17000
    assert [message["message_id"] for message in trace["messages"]] == [str(event.message_id)]
    assert [incident["title"] for incident in trace["incidents"]] == ["person in zone north-fence"]
    assert [task["vehicle"] for task in trace["tasks"]] == ["kestrel"]
    assert [row["act"] for row in trace["audit"]] == ["dispatch"]


def test_what_the_nodes_keep_of_an_incident_is_listed_with_it_and_in_its_trace(
    client: TestClient, office: Office
) -> None:
    event = make_event(sequence=1)
    manifest = make_manifest(sequence=2, of=event)
    office.hear(event, manifest)
    (incident,) = get(client, "/incidents")
    detail = get(client, f"/incidents/{incident['incident_id']}")
    where = {"node": "gate-1", "place": "node", "url": None}
    assert detail["evidence"] == [{**manifest.body.model_dump(mode="json"), **where}]
    trace = get(client, f"/traces/{event.trace_id}")
    assert [message["body"]["type"] for message in trace["messages"]] == ["event", "evidence"]


def test_lists_and_details_agree(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1), status_on_bus(make_envelope(make_status())))
    (alarm,) = get(client, "/alarms")
    (incident,) = get(client, "/incidents?kind=intrusion")
    (task,) = get(client, "/tasks")
    detail = get(client, f"/incidents/{incident['incident_id']}")
    assert detail == {"incident": incident, "alarms": [alarm], "tasks": [task], "evidence": []}
    assert get(client, f"/tasks/{task['task_id']}")["changes"][0]["state"] == "created"
    assert [vehicle["id"] for vehicle in get(client, "/vehicles")] == ["kestrel"]
    assert [(node["id"], node["state"]) for node in get(client, "/nodes")] == [("gate-1", "online"), ("gate-2", None)]
    assert [(zone["id"], zone["is_set"]) for zone in get(client, "/zones")] == [("north-fence", True), ("middle", True)]
    assert get(client, "/troubles") == []
    assert get(client, "/site")["id"] == "yard"
    assert get(client, "/whoami") == {"name": None, "role": "pilot"}


def test_an_alarm_is_acknowledged_once_by_a_named_person(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1))
    (alarm,) = get(client, "/alarms")
    path = f"/api/v1/alarms/{alarm['alarm_id']}/acknowledge"
    answer = client.post(path, json=ADA)
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, "Ada Byron")
    assert get(client, "/incidents")[0]["state"] == "acknowledged"
    again = client.post(path, json=ADA)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert "it is acknowledged" in again.json()["detail"]


def test_an_incident_is_closed_with_its_disposition(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1))
    (incident,) = get(client, "/incidents")
    body = {**ADA, "disposition": "authorised", "note": "the gardener"}
    answer = client.post(f"/api/v1/incidents/{incident['incident_id']}/close", json=body)
    assert (answer.json()["state"], answer.json()["note"]) == ("closed", "the gardener")
    acts = [(row["actor"], row["act"]) for row in get(client, "/audit")]
    assert ("Ada Byron", "close") in acts


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(f"/alarms/{NOBODY}/acknowledge", id="alarm"),
        pytest.param(f"/incidents/{NOBODY}/dispatch", id="incident"),
        pytest.param(f"/tasks/{NOBODY}/approve", id="approve"),
        pytest.param(f"/tasks/{NOBODY}/cancel", id="cancel"),
        pytest.param(f"/tasks/{NOBODY}/pause", id="pause"),
        pytest.param(f"/tasks/{NOBODY}/resume", id="resume"),
        pytest.param(f"/tasks/{NOBODY}/skip", id="skip"),
        pytest.param("/zones/nowhere/set", id="zone"),
        pytest.param("/vehicles/nobody/hold", id="hold"),
        pytest.param("/vehicles/nobody/return", id="return"),
        pytest.param("/vehicles/nobody/release", id="release"),
    ],
)
def test_an_unknown_id_is_404_in_one_line(client: TestClient, path: str) -> None:
    answer = client.post(f"/api/v1{path}", json=ADA)
    assert answer.status_code == 404
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize("what", ["incidents", "tasks", "decisions", "traces"])
def test_an_unknown_thing_to_read_is_404(client: TestClient, what: str) -> None:
    key = NOBODY.hex if what == "traces" else NOBODY
    assert client.get(f"/api/v1/{what}/{key}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({}, 409, id="nobody says so"),
        pytest.param({"by": ""}, 422, id="an empty name"),
        pytest.param({"by": "Ada", "and": 1}, 422, id="an unknown key"),
        pytest.param("text", 422, id="not an object"),
    ],
)
def test_every_command_names_its_person(client: TestClient, office: Office, body: object, status: int) -> None:
    answer = client.post("/api/v1/recall-all", json=body)
    assert (answer.status_code, office.kestrel.orders) == (status, [])


def test_hold_return_and_recall_latch_until_a_named_person_releases(client: TestClient, office: Office) -> None:
    client.post("/api/v1/vehicles/kestrel/hold", json=ADA)
    (vehicle,) = get(client, "/vehicles")
    assert vehicle["latched_because"] == "hold ordered by Ada Byron"
    assert client.post("/api/v1/recall-all", json=ADA).json()["vehicles"] == ["kestrel"]
    answer = client.post("/api/v1/vehicles/kestrel/release", json={"by": "Bo Ek"})
    assert answer.json()["what"] == "released: return ordered by Ada Byron"
    assert client.post("/api/v1/vehicles/kestrel/release", json={"by": "Bo Ek"}).status_code == 409
    office.pass_time(1.0)
    acts = [(row["actor"], row["act"]) for row in reversed(get(client, "/audit"))]
    assert {("Ada Byron", "hold"), ("Ada Byron", "return"), ("Bo Ek", "release")} <= set(acts)


def test_coming_home_works_while_the_store_is_broken(client: TestClient, office: Office) -> None:
    office.kestrel.state = replace(office.kestrel.state, armed=True)
    with office.fleet.store.transaction() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO away"))
    assert client.post("/api/v1/vehicles/kestrel/hold", json=ADA).status_code == 200
    assert client.post("/api/v1/recall-all", json=ADA).status_code == 200
    assert office.kestrel.orders == [Hold(), ReturnHome()]
    assert client.post("/api/v1/zones/middle/unset", json=ADA).status_code == 503
    with office.fleet.store.transaction() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO audit"))
    office.pass_time(1.0)
    assert [row["act"] for row in get(client, "/audit")] == ["return", "hold"]


def test_a_patrol_is_paused_sent_on_and_resumed_by_named_persons() -> None:
    with open_office(site=make_site(PATROL_TEXT)) as office:
        client = make_client(office)
        office.pass_time(1.0)
        (task,) = get(client, "/tasks")
        path = f"/api/v1/tasks/{task['task_id']}"
        assert client.post(f"{path}/resume", json=ADA).status_code == 409
        assert client.post(f"{path}/pause", json=ADA).json()["paused_by"] == "Ada Byron"
        assert get(client, "/snapshot")["tasks"][0]["paused_by"] == "Ada Byron"
        assert client.post(f"{path}/skip", json={"by": "Bo Ek"}).status_code == 200
        last = client.post(f"{path}/skip", json={"by": "Bo Ek"})
        assert (last.status_code, "last waypoint" in last.json()["detail"]) == (409, True)
        assert client.post(f"{path}/resume", json={"by": "Bo Ek"}).json()["paused_by"] is None
        office.pass_time(1.0)
        acts = {(row["actor"], row["act"], row["subject"]) for row in get(client, "/audit")}
        ours = {("Ada Byron", "pause"), ("Bo Ek", "skip"), ("Bo Ek", "resume")}
        assert {(who, act, "kestrel") for who, act in ours} <= acts


def test_a_patrol_that_waits_for_a_pilot_is_neither_paused_nor_sent_on() -> None:
    with open_office(site=make_site(PATROL_TEXT), simulated=False) as office:
        client = make_client(office)
        office.pass_time(1.0)
        (task,) = get(client, "/tasks")
        for act in ("pause", "resume", "skip"):
            answer = client.post(f"/api/v1/tasks/{task['task_id']}/{act}", json=ADA)
            assert (answer.status_code, "waits for approval" in answer.json()["detail"]) == (409, True)


def test_a_zone_is_unset_and_set_again(client: TestClient) -> None:
    assert client.post("/api/v1/zones/middle/unset", json=ADA).json()["is_set"] is False
    assert [zone["is_set"] for zone in get(client, "/zones")] == [True, False]
    assert client.post("/api/v1/zones/middle/set", json=ADA).json()["is_set"] is True


def test_a_body_that_is_too_long_is_turned_away(client: TestClient) -> None:
    assert client.post("/api/v1/recall-all", content=b"x" * 70_000).status_code == 413

    def pieces() -> Any:
        for _ in range(70):
            yield b"x" * 1000

    assert client.post("/api/v1/recall-all", content=pieces()).status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"host": "evil.example"}, 403, id="a name that was rebound to us"),
        pytest.param({"host": "localhost:8080"}, 200, id="localhost"),
        pytest.param({"host": "[::1]:8080"}, 200, id="IPv6"),
        pytest.param({"origin": "http://127.0.0.1:8080"}, 200, id="our own page"),
        pytest.param({"origin": "http://evil.example"}, 403, id="another page"),
        pytest.param({"origin": "http://127.0.0.1:9999"}, 403, id="another server of this machine"),
        pytest.param({"origin": "null"}, 403, id="a sandboxed page"),
    ],
)
def test_only_our_own_pages_may_command(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/api/v1/recall-all", json=ADA, headers=headers).status_code == status


def test_the_page_says_how_to_build_it_or_is_there(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "Vedette" in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_health_readiness_and_metrics(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1))
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 200
    assert "vedette_event_effects_total 1.0" in client.get("/metrics").text


def test_the_coordinator_says_how_it_is_and_how_long_each_step_took(client: TestClient, office: Office) -> None:
    assert get(client, "/coordinator")["hops"] == []
    office.hear(make_event(sequence=1))
    told = get(client, "/coordinator")
    assert (told["store_problem"], told["link"]["broker_connected"]) == ("", True)
    detect = next(each for each in told["hops"] if each["hop"] == "detect")
    assert detect == {"hop": "detect", "camera": "cam-north", "count": 1, "p50_ms": 17.0, "p95_ms": 17.0}


def test_a_store_that_does_not_answer_is_said_and_not_an_error(
    client: TestClient, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise StoreError("store: the disk is gone")

    monkeypatch.setattr(office.fleet.store, "reading", broken)
    assert get(client, "/coordinator")["store_problem"] == "store: the disk is gone"
