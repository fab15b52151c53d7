import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect

from fleet.api.guard import Guard
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from tests.fleet.api.conftest import LIVE, ROLES, make_client, make_tokens
from tests.fleet.office import Office, open_office

THING = uuid.UUID(int=5)
OPERATOR = [
    f"/alarms/{THING}/acknowledge",
    f"/incidents/{THING}/close",
    f"/tasks/{THING}/cancel",
    "/zones/middle/set",
    "/zones/middle/unset",
    "/vehicles/kestrel/hold",
    "/vehicles/kestrel/return",
    "/recall-all",
    "/nodes/gate-1/commands",
]
PILOT = [f"/incidents/{THING}/dispatch", f"/tasks/{THING}/approve", "/vehicles/kestrel/release"]
READING = [
    "/whoami", "/site", "/snapshot", "/vehicles", "/tracks", "/nodes", "/zones", "/alarms", "/incidents", "/troubles",
    f"/incidents/{THING}", "/tasks", f"/tasks/{THING}", f"/decisions/{THING}", f"/traces/{'0' * 32}", "/audit",
    "/quarantine", "/nodes/gate-1/configuration", f"/evidence/{'0' * 64}",
]  # fmt: skip


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened


@pytest.fixture(scope="module")
def guarded(office: Office) -> TestClient:
    return make_client(office, make_tokens())


def bearer(role: str) -> dict[str, str]:
    return {"authorization": f"Bearer {ROLES[role]}"}


def is_let_in(status: int) -> bool:
    assert status != 500
    return status not in (401, 403)


def test_the_lists_above_are_all_routes_there_are(guarded: TestClient) -> None:
    document = guarded.get("/openapi.json").json()["paths"]
    said = {
        f"/api/v1{path}".replace(str(THING), "*").replace("0" * 64, "*").replace("0" * 32, "*")
        for path in [*OPERATOR, *PILOT, *READING]
    }
    said = {path.replace("/middle/", "/*/").replace("/kestrel/", "/*/").replace("/gate-1/", "/*/") for path in said}
    there = {"/".join("*" if part.startswith("{") else part for part in path.split("/")) for path in document}
    assert said == there


@pytest.mark.parametrize("path", [*OPERATOR, *PILOT])
def test_no_command_without_a_token(guarded: TestClient, path: str, office: Office) -> None:
    answer = guarded.post(f"/api/v1{path}", json={"by": "Ada Byron"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    wrong = guarded.post(f"/api/v1{path}", json={}, headers={"authorization": "Bearer wrong"})
    assert (wrong.status_code, office.kestrel.orders) == (401, [])


@pytest.mark.parametrize("path", READING)
def test_nothing_is_read_without_a_token(guarded: TestClient, path: str) -> None:
    assert guarded.get(f"/api/v1{path}").status_code == 401
    assert is_let_in(guarded.get(f"/api/v1{path}", headers=bearer("viewer")).status_code)


@pytest.mark.parametrize("path", OPERATOR)
def test_an_operator_commands_what_a_viewer_may_not(guarded: TestClient, path: str) -> None:
    body = {"disposition": "test"} if path.endswith("close") else {}
    statuses = {role: guarded.post(f"/api/v1{path}", json=body, headers=bearer(role)).status_code for role in ROLES}
    assert {role: is_let_in(status) for role, status in statuses.items()} == {
        "viewer": False,
        "operator": True,
        "pilot": True,
        "admin": True,
    }


@pytest.mark.parametrize("path", PILOT)
def test_only_a_pilot_lets_a_vehicle_go(guarded: TestClient, path: str) -> None:
    statuses = {role: guarded.post(f"/api/v1{path}", json={}, headers=bearer(role)).status_code for role in ROLES}
    assert {role: is_let_in(status) for role, status in statuses.items()} == {
        "viewer": False,
        "operator": False,
        "pilot": True,
        "admin": False,
    }


def test_the_person_is_the_tokens_and_nobody_signs_for_another(guarded: TestClient, office: Office) -> None:
    guarded.post("/api/v1/vehicles/kestrel/hold", json={}, headers=bearer("operator"))
    assert office.fleet.monitor.is_latched("kestrel") == "hold ordered by Operator Smith"
    answer = guarded.post("/api/v1/recall-all", json={"by": "Ada Byron"}, headers=bearer("operator"))
    assert (answer.status_code, "the token says Operator Smith" in answer.json()["detail"]) == (409, True)


def test_the_live_feed_takes_its_token_as_a_subprotocol(guarded: TestClient) -> None:
    with guarded.websocket_connect(LIVE, subprotocols=["vedette", "bearer.v-token"]) as socket:
        assert socket.accepted_subprotocol == "vedette"
        assert socket.receive_json()["type"] == "snapshot"
    for subprotocols in ([], ["vedette"], ["vedette", "bearer.wrong"]):
        with pytest.raises(WebSocketDisconnect), guarded.websocket_connect(LIVE, subprotocols=subprotocols):
            pass


def test_a_token_in_the_url_is_no_token(guarded: TestClient) -> None:
    assert guarded.get("/api/v1/site?token=p-token&access_token=p-token").status_code == 401


NODE = {"authorization": "Bearer token-of-gate-1"}


@pytest.fixture(scope="module")
def credentials(office: Office) -> NodeCredentials:
    found = NodeCredentials(office.fleet.store)
    found.add("gate-1", digest_of("token-of-gate-1"), by="Ada", at_us=1)
    return found


@pytest.mark.parametrize("is_demo", [True, False])
def test_a_node_does_nothing_that_a_person_does(office: Office, credentials: NodeCredentials, *, is_demo: bool) -> None:
    client = make_client(office, None if is_demo else make_tokens())
    ordered = len(office.kestrel.orders)
    for path in [*OPERATOR, *PILOT]:
        assert not is_let_in(client.post(f"/api/v1{path}", json={"by": "Ada Byron"}, headers=NODE).status_code)
    for path in READING:
        assert not is_let_in(client.get(f"/api/v1{path}", headers=NODE).status_code)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=NODE):
        pass
    assert len(office.kestrel.orders) == ordered


@pytest.mark.parametrize(
    ("header", "node"),
    [
        pytest.param("Bearer token-of-gate-1", "gate-1", id="its token"),
        pytest.param("bearer token-of-gate-1", "gate-1", id="scheme in small letters"),
        pytest.param("Bearer p-token", None, id="a person's token"),
        pytest.param("Bearer ", None, id="empty"),
        pytest.param("Basic token-of-gate-1", None, id="another scheme"),
        pytest.param("Bearer gate-1", None, id="its name"),
    ],
)
def test_the_guard_names_the_node_of_a_request(credentials: NodeCredentials, header: str, node: str | None) -> None:
    request = Request({"type": "http", "headers": [(b"authorization", header.encode())]})
    assert Guard(make_tokens(), nodes=credentials.node_of).node_of(request) == node
