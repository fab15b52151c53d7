"""Signing in, and what a stranger, another page and a dead store make of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from fleet.api.limits import RequestLimits
from fleet.errors import StoreError
from fleet.records import passwords
from fleet.records.audit import AuditSearch
from fleet.records.auth import Role
from fleet.records.people import People
from fleet.records.store import Store
from tests.fleet.api.conftest import LIVE, make_client
from tests.fleet.office import Here, Office

pytestmark = pytest.mark.usefixtures("quick_passwords")
PASSWORD = "correct horse battery"
ORIGIN = {"origin": "http://127.0.0.1:8080"}
HOUR_US = 3_600_000_000


class Dead(Here):
    """A coordinator whose store takes nothing any more."""

    is_dead = False

    async def __call__(self, act):  # type: ignore[no-untyped-def]
        if self.is_dead:
            raise StoreError("store: disk I/O error")
        return act()


@pytest.fixture
def core() -> Dead:
    return Dead()


@pytest.fixture
def client(office: Office, people: People, core: Dead) -> Iterator[TestClient]:
    with make_client(office, people, core=core) as opened:
        yield opened


def invite(people: People, name: str = "Olga Berg", role: Role = Role.OPERATOR, *, is_pilot: bool = False) -> str:
    return people.add(name, role, is_pilot=is_pilot, by="test")


def join(client: TestClient, people: People, name: str = "Olga Berg", role: Role = Role.OPERATOR) -> None:
    answer = client.post("/api/v1/set-up", json={"secret": invite(people, name, role), "password": PASSWORD})
    assert (answer.status_code, answer.json()) == (200, {"name": name})


def sign_in(client: TestClient, name: str = "Olga Berg", password: str = PASSWORD) -> dict[str, str]:
    """The header of this session's commands."""
    answer = client.post("/api/v1/session", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    return {"x-csrf-token": answer.json()["csrf"]}


def hold(client: TestClient, headers: dict[str, str] | None = None) -> int:
    status: int = client.post("/api/v1/vehicles/kestrel/hold", json={}, headers=headers).status_code
    return status


def acts(office: Office) -> list[tuple[str, str]]:
    with office.fleet.store.reading() as connection:
        return [(row["actor"], row["act"]) for row in reversed(AuditSearch().rows(connection, limit=100))]


def test_the_first_administrator_comes_in_by_a_link_that_is_good_once(
    client: TestClient, people: People, office: Office
) -> None:
    void, secret = people.invite_first(), people.invite_first()
    body = {"name": "Ines Karlsson", "password": PASSWORD}
    assert client.post("/api/v1/set-up", json={**body, "secret": void}).status_code == 409
    assert client.post("/api/v1/set-up", json={"secret": secret, "password": PASSWORD}).status_code == 409
    assert client.post("/api/v1/set-up", json={**body, "secret": secret}).json() == {"name": "Ines Karlsson"}
    assert client.post("/api/v1/set-up", json={**body, "secret": secret}).status_code == 409
    assert people.invite_first() is None
    sign_in(client, "ines karlsson")
    assert client.get("/api/v1/whoami").json() == {"name": "Ines Karlsson", "role": "admin"}
    assert acts(office)[-2:] == [("Ines Karlsson", "set password"), ("Ines Karlsson", "sign in")]


def test_a_link_expires(client: TestClient, people: People, office: Office) -> None:
    secret = invite(people)
    office.clock.advance(25 * 3600)
    answer = client.post("/api/v1/set-up", json={"secret": secret, "password": PASSWORD})
    assert (answer.status_code, "used, expired or wrong" in answer.json()["detail"]) == (409, True)


def test_no_secret_stands_in_the_store(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    secret, token = invite(people, "Bo"), people.add_token("Olga Berg", "siem", [Role.VIEWER], lasts_us=1, by="test")
    sign_in(client)
    with office.fleet.store.reading() as connection:
        dump = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    for each in (PASSWORD, secret, token, client.cookies["vedette-session"]):
        assert each not in dump


def test_a_session_is_a_cookie_that_no_script_reads_and_no_other_site_sends(client: TestClient, people: People) -> None:
    join(client, people)
    answer = client.post("/api/v1/session", json={"name": "Olga Berg", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("vedette-session=")
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=strict")
    assert answer.headers["cache-control"] == "no-store"
    assert PASSWORD not in answer.text


def test_over_tls_the_cookie_is_of_this_host_alone(office: Office, people: People) -> None:
    with make_client(office, people, is_secure=True) as client:
        join(client, people)
        answer = client.post("/api/v1/session", json={"name": "Olga Berg", "password": PASSWORD})
        assert answer.headers["set-cookie"].startswith("__Host-vedette=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert "domain" not in answer.headers["set-cookie"].lower()
        assert client.get("/api/v1/site").status_code == 200


def test_a_command_wants_the_word_of_its_own_session(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    first = sign_in(client)
    second = sign_in(client)
    assert (hold(client), hold(client, first), hold(client, {"x-csrf-token": ""})) == (403, 403, 403)
    assert office.kestrel.orders == []
    assert hold(client, second) == 200
    assert client.get("/api/v1/site").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "http://evil.example"}, id="another origin"),
        pytest.param({"origin": "null"}, id="a sandboxed frame"),
        pytest.param({"origin": "https://127.0.0.1:8080"}, id="another scheme"),
        pytest.param({"sec-fetch-site": "cross-site"}, id="another site"),
        pytest.param({"sec-fetch-site": "same-site"}, id="a neighbour of the same site"),
    ],
)
def test_another_page_orders_nothing(client: TestClient, people: People, headers: dict[str, str]) -> None:
    join(client, people)
    mine = sign_in(client)
    assert hold(client, {**mine, **headers}) == 403
    assert client.post("/api/v1/session", json={"name": "a", "password": "b"}, headers=headers).status_code == 403
    assert hold(client, {**mine, **ORIGIN, "sec-fetch-site": "same-origin"}) == 200


def test_signing_in_again_ends_the_session_that_the_browser_had(client: TestClient, people: People) -> None:
    join(client, people)
    client.cookies.set("vedette-session", "planted-by-a-stranger", domain="127.0.0.1")
    sign_in(client)
    before = client.cookies["vedette-session"]
    assert before != "planted-by-a-stranger"
    sign_in(client)
    assert (people.of_session(before), people.of_session("planted-by-a-stranger")) == (None, None)


def test_a_session_ends_idle_and_ends_anyway(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    sign_in(client)
    for _ in range(12):
        assert client.get("/api/v1/site").status_code == 200
        office.clock.advance(3599)
    office.clock.advance(13)
    assert client.get("/api/v1/site").status_code == 401
    sign_in(client)
    office.clock.advance(3600)
    assert client.get("/api/v1/site").status_code == 401


def test_signing_out_ends_it_here_or_everywhere(client: TestClient, people: People) -> None:
    join(client, people)
    mine = sign_in(client)
    token = client.cookies["vedette-session"]
    client.cookies.clear()
    other = sign_in(client)
    elsewhere = client.cookies["vedette-session"]
    assert client.delete("/api/v1/session", headers=other).status_code == 204
    assert people.of_session(elsewhere) is None
    assert people.of_session(token) is not None
    client.cookies.set("vedette-session", token, domain="127.0.0.1")
    assert client.delete("/api/v1/session?everywhere=true", headers=mine).status_code == 204
    assert people.of_session(token) is None


def test_what_the_command_line_changes_is_in_force(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    mine = sign_in(client)
    token = people.add_token("Olga Berg", "siem", [Role.VIEWER, Role.OPERATOR], lasts_us=HOUR_US, by="test")
    elsewhere = People(office.fleet.store, office.clock)
    elsewhere.refresh()
    elsewhere.give_role("OLGA berg", Role.VIEWER, is_pilot=False, by="root")
    people.refresh()
    assert (hold(client, mine), hold(client, {"authorization": f"Bearer {token}"})) == (403, 403)
    elsewhere.disable("Olga Berg", by="root")
    people.refresh()
    assert hold(client, mine) == 401
    answer = client.post("/api/v1/session", json={"name": "Olga Berg", "password": PASSWORD})
    assert (answer.status_code, people.of_token(token)) == (401, None)
    secret = elsewhere.reset("Olga Berg", by="root")
    people.refresh()
    assert client.post("/api/v1/set-up", json={"secret": secret, "password": "another good one"}).status_code == 200
    sign_in(client, password="another good one")
    assert acts(office)[-6:-2] == [
        ("root", "give role"), ("root", "disable person"), ("Olga Berg", "sign-in refused"), ("root", "reset person"),
    ]  # fmt: skip


def test_a_token_expires(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    token = people.add_token("Olga Berg", "siem", [Role.VIEWER], lasts_us=HOUR_US, by="test")
    bearer = {"authorization": f"Bearer {token}"}
    assert client.get("/api/v1/site", headers=bearer).status_code == 200
    office.clock.advance(3600)
    assert client.get("/api/v1/site", headers=bearer).status_code == 401


def test_a_stranger_learns_nothing_and_waits_longer_each_time(
    client: TestClient, people: People, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(client, people)
    hashed: list[str | None] = []
    is_right = passwords.is_right

    def noted(word: str, kept: str | None) -> bool:
        hashed.append(kept)
        return is_right(word, kept)

    monkeypatch.setattr(passwords, "is_right", noted)
    for name in ("Olga Berg", "Nobody Here"):
        answers = [client.post("/api/v1/session", json={"name": name, "password": "wrong"}) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
        assert answers[0].json()["detail"] == "name or password is wrong"
        assert answers[-1].headers["retry-after"] == "1"
    assert (len(hashed), hashed[5:]) == (10, [None] * 5)  # unknown: judged all the same
    right = {"name": "olga  BERG", "password": PASSWORD}
    assert client.post("/api/v1/session", json=right).status_code == 429
    office.clock.advance(1)
    assert client.post("/api/v1/session", json={**right, "password": "wrong"}).status_code == 401
    assert client.post("/api/v1/session", json=right).headers["retry-after"] == "2"
    office.clock.advance(2)
    assert client.post("/api/v1/session", json=right).status_code == 200


def test_a_password_kept_with_older_parameters_is_hashed_anew(
    client: TestClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(client, people)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    sign_in(client)
    user = people.user("Olga Berg")
    assert user is not None
    assert "$m=16,t=2,p=1$" in (user.password or "")
    sign_in(client)


def test_safety_6_who_is_signed_in_recalls_while_the_store_is_dead(
    people: People, core: Dead, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(office, people, core=core, limits=RequestLimits(per_s=0.001, burst=3))
    join(client, people)
    mine = sign_in(client)
    core.is_dead = True
    with store_that_is_dead(monkeypatch):
        statuses = [hold(client, {**mine, "idempotency-key": "one"}) for _ in range(10)]  # no limit either
        assert set(statuses) == {200}
        assert client.post("/api/v1/recall-all", json={}, headers=mine).status_code == 200
        assert client.post("/api/v1/zones/middle/unset", json={}, headers=mine).status_code == 503
        again = client.post("/api/v1/session", json={"name": "Olga Berg", "password": PASSWORD})
        assert again.status_code == 503
        assert client.delete("/api/v1/session", headers=mine).status_code == 503
        assert hold(client, mine) == 401  # signed out here and now all the same
    people.refresh()
    assert hold(client, mine) == 401


@contextmanager
def store_that_is_dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def dead(_: Store) -> None:
        raise StoreError("store: disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "reading", dead)
        patched.setattr(Store, "transaction", dead)
        yield


def test_the_live_feed_takes_a_cookie_from_our_page_alone(client: TestClient, people: People) -> None:
    join(client, people)
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=ORIGIN):
        pass
    sign_in(client)
    cookie = {"cookie": f"vedette-session={client.cookies['vedette-session']}"}
    with client.websocket_connect(LIVE, headers={**cookie, **ORIGIN}) as socket:
        assert socket.receive_json()["type"] == "snapshot"
    for headers in (cookie, {**cookie, "origin": "http://127.0.0.1:9999"}):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=headers):
            pass


def test_the_live_feed_ends_with_the_session(
    client: TestClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.api.guard.LOOK_AGAIN_S", 0.01)
    join(client, people)
    sign_in(client)
    token = client.cookies["vedette-session"]
    with client.websocket_connect(LIVE, headers={"cookie": f"vedette-session={token}", **ORIGIN}) as socket:
        socket.receive_json()
        people.forget_session(token)
        with pytest.raises(WebSocketDisconnect) as caught:
            socket.receive_json()
    assert (caught.value.code, caught.value.reason) == (1008, "signed out")


def test_the_open_demo_has_no_sign_in(office: Office) -> None:
    with make_client(office) as client:
        assert client.get("/api/v1/session").json()["is_open"] is True
        assert client.post("/api/v1/session", json={"name": "a", "password": "b"}).status_code == 409
