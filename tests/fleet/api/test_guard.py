"""Who may do what, for every route that the API describes."""

import json
import re
import uuid
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.websockets import WebSocketDisconnect

from fleet.api.guard import Guard
from fleet.api.limits import RequestLimits
from fleet.api.openapi import PATH as OPENAPI
from fleet.records.auth import DUTIES, Role, digest_of
from fleet.records.node_credentials import NodeCredentials
from fleet.records.people import People
from tests.fleet.api.conftest import LIVE, ROLES, make_client, make_people
from tests.fleet.office import Office, open_office

THING = uuid.UUID(int=5)
STANDS_FOR = {
    "node": "gate-1", "camera": "north-cam", "zone_id": "middle", "dock_id": "pad", "verb": "open",
    "vehicle_id": "kestrel", "sha256": "0" * 64, "trace_id": "0" * 32, "number": "1", "patrol_id": "round",
}  # fmt: skip
ANYBODYS = {("get", "/api/v1/session"), ("post", "/api/v1/session"), ("post", "/api/v1/set-up")}
Operation = tuple[str, str, str | None]  # method, path, rule; None: open to all


def described() -> list[Operation]:
    """Every operation with its rule. A route that says no rule stops here."""
    paths = json.loads(OPENAPI.read_text())["paths"]
    found: list[Operation] = []
    for path, operations in paths.items():
        for method, operation in operations.items():
            assert "security" in operation, f"{method} {path}: a route needs a rule: guard.requires(Role...) or ANYBODY"
            assert len(operation["security"]) <= 1, f"{method} {path}: two rules would be read as either of them"
            found.append((method, path, next(iter(operation["security"][0])) if operation["security"] else None))
    return found


OPERATIONS = described()
OF_PEOPLE = [each for each in OPERATIONS if each[2] not in (None, "node")]
EACH = pytest.mark.parametrize("operation", OF_PEOPLE, ids=[f"{method} {path}" for method, path, _ in OF_PEOPLE])


def ask(client: TestClient, operation: Operation, headers: dict[str, str] | None = None) -> int:
    method, path, _ = operation
    named = re.sub(r"{(\w+)}", lambda match: STANDS_FOR.get(match[1], str(THING)), path)
    body: dict[str, str] | None = None if method == "get" else {}
    status: int = client.request(method, named, headers=headers, json=body).status_code
    assert status < 500 or status == 503, named
    return status


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with open_office() as opened:
        yield opened


@pytest.fixture(scope="module")
def people(office: Office) -> People:
    return make_people(office)


@pytest.fixture(scope="module")
def guarded(office: Office, people: People) -> TestClient:
    return make_client(office, people, limits=RequestLimits(per_s=1e6, burst=1e6))


def bearer(role: str) -> dict[str, str]:
    return {"authorization": f"Bearer {ROLES[role]}"}


def is_let_in(status: int) -> bool:
    return status not in (401, 403)


def test_open_to_all_is_signing_in_and_nothing_else() -> None:
    assert {(method, path) for method, path, rule in OPERATIONS if rule is None} == ANYBODYS
    assert {rule for *_, rule in OPERATIONS} == {None, "node", *(role.value for role in Role)}


@EACH
def test_each_route_opens_to_whom_its_rule_says(guarded: TestClient, operation: Operation, office: Office) -> None:
    rule = Role(operation[2] or "")
    ordered = len(office.kestrel.orders)
    assert (ask(guarded, operation), ask(guarded, operation, {"authorization": "Bearer wrong"})) == (401, 401)
    assert ask(guarded, operation, {"cookie": "vedette-session=wrong"}) == 401
    assert len(office.kestrel.orders) == ordered
    let_in = {role for role in Role if is_let_in(ask(guarded, operation, bearer(role.value)))}
    assert let_in == {role for role in Role if rule in DUTIES[role]}


def test_a_token_opens_what_its_scopes_say_and_no_more(guarded: TestClient, people: People) -> None:
    lasts_us = 10**9
    tokens = {
        role: people.add_token(f"{holder.title()} Smith", f"only {role.value}", [role], lasts_us=lasts_us, by="test")
        for role in Role
        for holder in ["pilot" if role is Role.PILOT else "admin"]
    }
    for operation in OF_PEOPLE:
        statuses = {role: ask(guarded, operation, {"authorization": f"Bearer {tokens[role]}"}) for role in Role}
        assert {role for role, status in statuses.items() if is_let_in(status)} == {Role(operation[2] or "")}, operation


def test_measurements_are_for_people_and_probes_for_all(guarded: TestClient) -> None:
    assert guarded.get("/metrics").status_code == 401
    assert guarded.get("/metrics", headers=bearer("viewer")).status_code == 200
    assert guarded.get("/healthz").status_code == 200


def test_the_person_is_the_tokens_and_nobody_signs_for_another(guarded: TestClient, office: Office) -> None:
    guarded.post("/api/v1/vehicles/kestrel/hold", json={}, headers=bearer("operator"))
    assert office.fleet.monitor.is_latched("kestrel") == "hold ordered by Operator Smith"
    answer = guarded.post("/api/v1/recall-all", json={"by": "Ada Byron"}, headers=bearer("operator"))
    assert (answer.status_code, "signed in is Operator Smith" in answer.json()["detail"]) == (409, True)


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
@pytest.mark.usefixtures("credentials")
def test_a_node_does_nothing_that_a_person_does(office: Office, *, is_demo: bool) -> None:
    client = make_client(office, None if is_demo else make_people(office))
    ordered = len(office.kestrel.orders)
    assert not [each for each in OF_PEOPLE if is_let_in(ask(client, each, NODE))]
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
def test_the_guard_names_the_node_of_a_request(
    office: Office, credentials: NodeCredentials, header: str, node: str | None
) -> None:
    request = Request({"type": "http", "headers": [(b"authorization", header.encode())]})
    guard = Guard(make_people(office), nodes=credentials.node_of, clock=office.clock, is_secure=False)
    assert guard.node_of(request) == node
