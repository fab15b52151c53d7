"""What an administrator does about people and tokens from the console, and what nobody does."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from fleet.records.audit import AuditSearch
from fleet.records.auth import Role
from fleet.records.people import People
from tests.fleet.api.conftest import make_client
from tests.fleet.api.test_signing_in import PASSWORD, join, sign_in
from tests.fleet.office import Office

pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def client(office: Office, people: People) -> Iterator[TestClient]:
    with make_client(office, people) as opened:
        yield opened


@pytest.fixture
def admin(client: TestClient, people: People) -> dict[str, str]:
    """The header of Ada's commands, who is the one administrator."""
    join(client, people, "Ada Byron", Role.ADMIN)
    return sign_in(client, "Ada Byron")


def act(client: TestClient, path: str, headers: dict[str, str], **body: object) -> tuple[int, dict[str, object]]:
    answer = client.post(f"/api/v1{path}", json=body, headers=headers)
    return answer.status_code, answer.json() if answer.content else {}


def acts(office: Office) -> list[tuple[str, str, str]]:
    with office.fleet.store.reading() as connection:
        rows = AuditSearch(who="Ada Byron").rows(connection, limit=3)
    return [(row["actor"], row["act"], row["subject"]) for row in rows]


def test_somebody_new_chooses_a_password_behind_the_link_and_is_seen_to_sign_in(
    client: TestClient, admin: dict[str, str], office: Office
) -> None:
    status, invited = act(client, "/people", admin, name="Olga Berg", role="operator", is_pilot=True)
    assert (status, invited["name"], invited["lasts_h"]) == (200, "Olga Berg", 24)
    assert acts(office)[0] == ("Ada Byron", "add person", "person Olga Berg")
    (olga,) = [each for each in client.get("/api/v1/people").json() if each["name"] == "Olga Berg"]
    assert (olga["has_password"], olga["signed_in_at_us"], olga["sessions"]) == (False, None, 0)
    assert client.post("/api/v1/set-up", json={"secret": invited["secret"], "password": PASSWORD}).status_code == 200
    sign_in(client, "Olga Berg")
    sign_in(client, "Ada Byron")
    (olga,) = [each for each in client.get("/api/v1/people").json() if each["name"] == "Olga Berg"]
    assert (olga["role"], olga["is_pilot"], olga["has_password"]) == ("operator", True, True)
    assert olga["signed_in_at_us"] == office.clock.wall_us()


def test_the_last_administrator_can_be_neither_disabled_nor_changed_nor_reset(
    client: TestClient, admin: dict[str, str], people: People
) -> None:
    refused = "'Ada Byron' is the last administrator: make another one first"
    for path, body in (("disable", {}), ("role", {"role": "viewer"}), ("reset", {})):
        status, answer = act(client, f"/people/{path}", admin, name="Ada Byron", **body)
        assert (status, answer["detail"]) == (409, refused), path
    assert client.get("/api/v1/people").json()[0]["role"] == "admin"
    people.add("Bob Hall", Role.ADMIN, is_pilot=False, by="test")  # has no password: cannot let anybody in yet
    assert act(client, "/people/disable", admin, name="Ada Byron")[0] == 409


def test_another_administrator_may_go(client: TestClient, people: People) -> None:
    join(client, people, "Bob Hall", Role.ADMIN)
    join(client, people, "Ada Byron", Role.ADMIN)
    status, bob = act(client, "/people/disable", sign_in(client, "Ada Byron"), name="Bob Hall")
    assert (status, bob["is_disabled"], bob["sessions"]) == (200, True, 0)


def test_ended_sessions_open_nothing_and_the_password_stays(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    with make_client(office, people) as elsewhere:
        sign_in(elsewhere)
        assert elsewhere.get("/api/v1/site").status_code == 200
        join(client, people, "Ada Byron", Role.ADMIN)
        status, olga = act(client, "/people/end-sessions", sign_in(client, "Ada Byron"), name="Olga Berg")
        assert (status, olga["sessions"], olga["has_password"]) == (200, 0, True)
        assert acts(office)[0] == ("Ada Byron", "end sessions", "person Olga Berg")
        assert elsewhere.get("/api/v1/site").status_code == 401
        sign_in(elsewhere)


def test_a_token_is_shown_once_and_opens_nothing_once_revoked(
    client: TestClient, admin: dict[str, str], office: Office
) -> None:
    asked = {"person": "Ada Byron", "name": "wallboard"}
    status, made = act(client, "/tokens", admin, **asked, scopes=["viewer"], days=30)
    assert status == 200
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert client.get("/api/v1/site", headers=bearer).status_code == 200
    (listed,) = client.get("/api/v1/tokens").json()
    until_us = office.clock.wall_us() + 30 * 86_400_000_000
    assert listed == {**asked, "scopes": ["viewer"], "expires_at_us": until_us}
    assert act(client, "/tokens/revoke", admin, **asked)[0] == 204
    assert client.get("/api/v1/site", headers=bearer).status_code == 401
    assert [each[1] for each in acts(office)[:2]] == ["revoke token", "add token"]


def test_a_token_gets_no_scope_that_its_person_has_not(client: TestClient, admin: dict[str, str]) -> None:
    status, answer = act(client, "/tokens", admin, person="Ada Byron", name="drone", scopes=["pilot"])
    assert (status, answer["detail"]) == (409, "token 'drone': expected scopes that Ada Byron has, got pilot")


def test_a_token_lets_nobody_in(client: TestClient, admin: dict[str, str]) -> None:
    _, made = act(client, "/tokens", admin, person="Ada Byron", name="script", scopes=["admin"])
    client.cookies.clear()
    bearer = {"authorization": f"Bearer {made['token']}"}
    status, answer = act(client, "/people", bearer, name="Mallory Fox", role="admin")
    assert (status, answer["detail"]) == (409, "a token lets nobody in: sign in as an administrator")


def test_the_answer_with_a_secret_is_kept_nowhere(client: TestClient, admin: dict[str, str]) -> None:
    once = {**admin, "idempotency-key": '"the-same"'}
    assert act(client, "/people", once, name="Olga Berg", role="viewer")[0] == 200
    status, answer = act(client, "/people", once, name="Olga Berg", role="viewer")
    assert (status, answer["detail"]) == (409, "'Olga Berg': there is a person of this name")


def test_who_is_not_there_is_not_found(client: TestClient, admin: dict[str, str]) -> None:
    status, answer = act(client, "/people/end-sessions", admin, name="Nobody Here")
    assert (status, answer["detail"]) == (404, "person 'Nobody Here': there is none")


def test_in_the_open_demo_there_is_nobody_to_let_in(office: Office) -> None:
    answer = make_client(office).get("/api/v1/people")
    assert (answer.status_code, answer.json()["detail"]) == (409, "nobody signs in here: this is the open demo")


def test_a_session_says_when_it_ends(client: TestClient, people: People, office: Office) -> None:
    join(client, people)
    sign_in(client)
    office.clock.advance(3600.0)
    assert client.get("/api/v1/session").json()["name"] is None  # idle that long without a page open
    sign_in(client)
    office.clock.advance(600.0)
    assert client.get("/api/v1/session").json()["ends_in_s"] == 12 * 3600.0 - 600.0
