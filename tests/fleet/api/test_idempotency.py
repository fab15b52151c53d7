"""A command sent twice with one key is done once."""

import pytest
from fastapi.testclient import TestClient

from fleet.errors import Refused
from fleet.records.auth import Role
from fleet.records.command_keys import CommandKeys
from tests.fleet.api.conftest import ROLES, make_client, make_people
from tests.fleet.office import Office

UNSET = "/api/v1/zones/middle/unset"
SET = "/api/v1/zones/middle/set"
BY = {"by": "Ada Byron"}
KEY = {"idempotency-key": '"8e03978e-40d5"'}


def acts(client: TestClient) -> list[str]:
    return [row["act"] for row in client.get("/api/v1/audit").json()]


def test_the_second_is_answered_with_what_came_of_the_first(office: Office, client: TestClient) -> None:
    first = client.post(UNSET, json=BY, headers=KEY)
    done = acts(client)
    after_restart = make_client(office)
    for asked in (client, after_restart):
        again = asked.post(UNSET, json=BY, headers={"idempotency-key": "8e03978e-40d5"})
        assert (again.status_code, again.text) == (first.status_code, first.text)
        assert again.headers["idempotency-replayed"] == "true"
    assert acts(client) == done
    assert client.post(UNSET, json=BY).status_code == 200
    assert len(acts(client)) == len(done) + 1


def test_one_key_is_of_one_command(client: TestClient) -> None:
    client.post(UNSET, json=BY, headers=KEY)
    for path, body in ((UNSET, {"by": "Bo Berg"}), (SET, BY)):
        answer = client.post(path, json=body, headers=KEY)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_what_was_refused_may_be_tried_again(client: TestClient) -> None:
    assert client.post(UNSET, json={}, headers=KEY).status_code == 409
    again = client.post(UNSET, json={}, headers=KEY)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (409, False)
    assert "expected the name" in again.json()["detail"]


def test_a_key_is_its_persons_own_and_ends_with_the_role(office: Office) -> None:
    people = make_people(office)
    client = make_client(office, people)
    mine, theirs = ({"authorization": f"Bearer {ROLES[role]}", **KEY} for role in ("operator", "supervisor"))
    assert client.post(UNSET, json={}, headers=mine).status_code == 200
    assert "idempotency-replayed" not in client.post(UNSET, json={}, headers=theirs).headers
    people.give_role("Operator Smith", Role.VIEWER, is_pilot=False, by="test")
    assert client.post(UNSET, json={}, headers=mine).status_code == 403
    assert client.post(UNSET, json={}, headers=KEY).status_code == 401


def test_a_command_under_way_or_of_unknown_end_is_not_begun_again(office: Office, client: TestClient) -> None:
    keys = CommandKeys(office.fleet.store, office.clock)
    assert keys.begin("ada", "one", "digest") is None
    refusals = []
    for asked in (keys, CommandKeys(office.fleet.store, office.clock)):
        with pytest.raises(Refused) as caught:
            asked.begin("ada", "one", "digest")
        refusals.append(str(caught.value).partition(": ")[2])
    assert refusals == [
        "this command is under way",
        "this command was begun and nobody knows its end; look before you order it anew",
    ]
    office.clock.advance(25 * 3600)
    assert keys.begin("ada", "one", "another") is None


def test_a_key_that_is_none(client: TestClient) -> None:
    for key in ("", "two words", "x" * 256, '"open', 'a"b'):
        assert client.post(UNSET, json=BY, headers={"idempotency-key": key}).status_code == 400
    twice = [("idempotency-key", "a"), ("idempotency-key", "b")]
    assert client.post(UNSET, json=BY, headers=twice).status_code == 400


def test_a_body_that_is_too_large_is_turned_away_with_a_key_too(client: TestClient) -> None:
    body = iter([b"x" * 70_000])
    answer = client.post(UNSET, content=body, headers=KEY)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
