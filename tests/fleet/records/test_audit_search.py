"""Who did what, found again."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from fleet.flight.journal import JournalEntry
from fleet.records.audit import StoreJournal
from tests.fleet.api.conftest import make_client
from tests.fleet.office import open_office

START_US = 1_767_225_600_000_000


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with open_office() as office:
        journal = StoreJournal(office.fleet.store)
        for minute, (actor, act, subject, note) in enumerate(
            [
                ("Ada", "set zone", "zone north", ""),
                ("Bo", "close", "incident 1", "a fox, 100% sure"),
                ("Ada", "close", "incident 2", "wind"),
                ("Ada", "hold", "vehicle kestrel", ""),
            ]
        ):
            at_us = START_US + minute * 60_000_000
            journal.write(JournalEntry(at_us, actor, act, subject, detail={"note": note}))
        yield make_client(office)


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        pytest.param("who=Ada&act=close", ["incident 2"], id="by whom and what"),
        pytest.param("subject=INCIDENT", ["incident 2", "incident 1"], id="part of the subject"),
        pytest.param("text=100%25", ["incident 1"], id="a sign that the store reads otherwise"),
        pytest.param("text=%25", ["incident 1"], id="only that sign"),
        pytest.param(
            "from=2026-01-01T00:01:00Z&to=2026-01-01T01:03:00%2B01:00", ["incident 2", "incident 1"], id="in a time"
        ),
        pytest.param("text=nothing", [], id="nothing"),
    ],
)
def test_rows_are_found(client: TestClient, query: str, subjects: list[str]) -> None:
    answer = client.get(f"/api/v1/audit?{query}")
    assert [row["subject"] for row in answer.json() if row["at_us"] < START_US + 240_000_000] == subjects


def test_pages_follow_each_other_to_the_end(client: TestClient) -> None:
    subjects, path = [], "/api/v1/audit?limit=1&who=Ada"
    while path:
        answer = client.get(path)
        subjects += [row["subject"] for row in answer.json()]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert subjects == ["vehicle kestrel", "incident 2", "zone north"]


@pytest.mark.parametrize("query", ["from=2026-01-01", "limit=501", "cursor=0", "whom=Ada", "text=%00", "text="])
def test_a_wrong_question_is_one_line(client: TestClient, query: str) -> None:
    answer = client.get(f"/api/v1/audit?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
