"""Webhooks between a coordinator's store and real HTTP servers on loopback."""

import hashlib
import hmac
import json
import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from contract.tasks import TaskState
from fleet.errors import StoreError
from fleet.metrics import Metrics
from fleet.notify.receiver import Receiver, signed
from fleet.notify.webhooks import Pace, Webhooks
from fleet.picture.incidents import Cause, Disposition, Incident, IncidentKind
from fleet.records import writes
from fleet.records.news import NewsEvent, forget_news, news_after
from fleet.records.store import Store, open_store
from tests.conftest import ROOT, ManualClock
from tests.fleet.messages import NOW_US, make_event
from tests.fleet.notify.server import Listener, listening
from tests.fleet.office import Office, open_office
from tests.fleet.test_coordinator import say_all_is_well

ADA = "Ada Byron"
SECRET = b"not-to-be-read-in-any-log-of-ours"
FAST = Pace(look_s=0.01, first_s=0.01, most_s=0.02)
SLOW_S = 30.0  # a machine that is busy


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as opened:
        say_all_is_well(opened)
        yield opened


def receiver_of(listener: Listener, name: str = "desk", *, timeout_s: float = SLOW_S) -> Receiver:
    return Receiver(
        name=name,
        url=listener.url,
        secret=SECRET,
        events=frozenset(NewsEvent),
        keep_us=3_600_000_000,
        timeout_s=timeout_s,
    )


def hooks(store: Store, clock: ManualClock, *receivers: Receiver, metrics: Metrics | None = None) -> Webhooks:
    found = Webhooks(
        receivers,
        site_id="yard",
        store=store,
        clock=clock,
        metrics=metrics or Metrics(),
        draw=lambda: 0.5,
        pace=FAST,
    )
    found.load()
    return found


def run_until(webhooks: Webhooks, *conditions: Callable[[], bool]) -> None:
    """Until each has been so once, in their order."""

    async def scene() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(webhooks.run)
            for condition in conditions:
                with anyio.fail_after(SLOW_S):
                    while not condition():  # noqa: ASYNC110 - what another thread hears has no event
                        await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()

    anyio.run(scene)


def events(listener: Listener) -> list[str]:
    return [json.loads(each.body)["event"] for each in listener.taken()]


def put(store: Store, *incidents: Incident) -> None:
    with store.transaction() as connection:
        writes.put_incidents(connection, incidents)


def incident_of(office: Office) -> Incident:
    found = [each for each in office.fleet.ingest.incidents.values() if each.kind is IncidentKind.INTRUSION]
    return found[-1]


def figure(metrics: Metrics, name: str) -> float:
    lines = metrics.exposition().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{"))


def test_what_happens_to_an_incident_is_told_in_order_and_signed(office: Office) -> None:
    with listening() as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener))
        office.hear(make_event(sequence=1))
        incident = incident_of(office)
        desk = office.fleet.room.incidents
        desk.escalate(incident.incident_id, to="police", why="a ladder", by=ADA)
        desk.note(incident.incident_id, text="escalated to nobody else", by=ADA)
        desk.close(incident.incident_id, disposition=Disposition.NUISANCE, cause=Cause.ANIMAL, note="", by=ADA)
        run_until(webhooks, lambda: "incident_closed" in events(listener))
    about = [each for each in (json.loads(told.body) for told in listener.taken()) if "incident" in each]
    assert [each["event"] for each in about] == ["incident_opened", "incident_escalated", "incident_closed"]
    opened, escalated, closed = (each["incident"] for each in about)
    assert (opened["title"], opened["zones"]) == ("person in zone north-fence", ["north-fence"])
    assert escalated["escalated_to"] == "police"
    assert (closed["disposition"], closed["cause"], closed["closed_by"]) == ("nuisance", "animal", ADA)
    assert {each["incident_id"] for each in (opened, escalated, closed)} == {str(incident.incident_id)}
    assert {each["site"] for each in about} == {"yard"}
    for told in listener.told:
        said = told.headers["Vedette-Signature"]
        whole = told.headers["Vedette-Timestamp"].encode() + b"." + told.body
        assert said == "v1=" + hmac.new(SECRET, whole, hashlib.sha256).hexdigest()
        assert told.headers["Vedette-Timestamp"] == str(office.clock.wall_us() // 1_000_000)
        assert told.headers["Vedette-Delivery"] == json.loads(told.body)["id"]
        assert told.headers["Vedette-Event"] == json.loads(told.body)["event"]


def test_the_states_of_a_task_are_told_once_each(office: Office) -> None:
    with listening() as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener))
        office.hear(make_event(sequence=1))
        (task,) = office.fleet.response.tasks.values()
        for state in (TaskState.SENT, TaskState.RECEIVED, TaskState.REFUSED):
            task = task.moved_to(state, at_us=office.clock.wall_us(), reason="no wind" if state.is_final else "")
            office.fleet.response.on_task_change(task)
        run_until(webhooks, lambda: b'"refused"' in b"".join(each.body for each in listener.taken()))
    about = [json.loads(told.body)["task"] for told in listener.taken() if b'"task_changed"' in told.body]
    assert [each["state"] for each in about] == ["created", "sent", "received", "refused"]
    assert (about[-1]["vehicle"], about[-1]["reason"]) == ("kestrel", "no wind")


def test_a_trouble_is_told_when_it_comes_and_when_it_goes(office: Office) -> None:
    with listening() as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener))
        for _ in range(12):
            office.pass_time(1.0)
        say_all_is_well(office)
        office.pass_time(1.0)
        run_until(webhooks, lambda: events(listener).count("trouble_closed") == 2)
    assert events(listener) == ["trouble_opened"] * 2 + ["trouble_closed"] * 2
    troubles = [json.loads(told.body)["incident"] for told in listener.taken()]
    assert troubles[0]["uncovered_zones"]
    assert {each["disposition"] for each in troubles[2:]} == {"recovered"}


def test_a_receiver_that_fails_is_told_again_and_the_order_stays(office: Office) -> None:
    metrics = Metrics()
    with listening([500, 503, 429]) as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener), metrics=metrics)
        office.hear(make_event(sequence=1))
        office.fleet.room.incidents.escalate(incident_of(office).incident_id, to="police", why="now", by=ADA)
        news = len(news_of(office.fleet.store))
        run_until(webhooks, lambda: figure(metrics, "vedette_webhook_told_total") == news)
    deliveries = [told.headers["Vedette-Delivery"] for told in listener.told]
    assert len(set(deliveries[:4])) == 1, "the same message under the same id until it is taken"
    assert len({told.body for told in listener.told[:4]}) == 1
    assert [told.status for told in listener.told[:4]] == [500, 503, 429, 204]
    assert (events(listener)[0], "incident_escalated" in events(listener)) == ("incident_opened", True)
    assert figure(metrics, "vedette_webhook_failures_total") == 3
    assert len(listener.taken()) == news


def test_a_receiver_that_is_not_there_yet_hears_it_later(office: Office) -> None:
    metrics = Metrics()
    with socket.socket() as held:  # bound and not listening: whoever connects is refused
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        receiver = replace(receiver_of(Listener([])), url=f"http://127.0.0.1:{port}/")
        webhooks = hooks(office.fleet.store, office.clock, receiver, metrics=metrics)
        office.hear(make_event(sequence=1))
        run_until(webhooks, lambda: figure(metrics, "vedette_webhook_failures_total") >= 2)
    with listening(port=port) as listener:
        again = hooks(office.fleet.store, office.clock, receiver)
        run_until(again, lambda: "incident_opened" in events(listener))
    assert events(listener)[0] == "incident_opened"


def test_after_a_restart_it_goes_on_where_it_was(tmp_path: Path, office: Office, clock: ManualClock) -> None:
    office.hear(make_event(sequence=1))
    first = incident_of(office).model_copy(update={"opened_at_us": clock.wall_us()})
    second = first.model_copy(update={"incident_id": uuid.UUID(int=2), "title": "the second"})
    with listening() as listener:
        receiver = receiver_of(listener)
        with open_store(tmp_path / "fleet.db") as store:
            metrics = Metrics()
            webhooks = hooks(store, clock, receiver, metrics=metrics)
            put(store, first)
            run_until(webhooks, lambda: figure(metrics, "vedette_webhook_told_total") == 1)
            put(store, second)  # and the coordinator is gone before it tells
        with open_store(tmp_path / "fleet.db") as store:
            run_until(hooks(store, clock, receiver), lambda: len(listener.taken()) == 2)
    assert [json.loads(told.body)["incident"]["title"] for told in listener.told] == [first.title, "the second"]


def test_a_store_that_is_away_for_a_while_loses_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    store, reading, failures = office.fleet.store, office.fleet.store.reading, [0]

    @contextmanager
    def failing() -> Iterator[Connection]:
        failures[0] += 1
        if failures[0] <= 3:
            raise StoreError("store: gone")
        with reading() as connection:
            yield connection

    with listening() as listener, capture_logs() as logs:
        webhooks = hooks(store, office.clock, receiver_of(listener))
        office.hear(make_event(sequence=1))
        monkeypatch.setattr(store, "reading", failing)
        run_until(webhooks, lambda: "incident_opened" in events(listener))
    assert [each["event"] for each in logs if "news" in each["event"]] == [
        "news cannot be read; tried again",
        "news can be read again",
    ]


def test_a_new_receiver_hears_nothing_of_before(office: Office) -> None:
    office.hear(make_event(sequence=1))
    with listening() as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener))
        office.clock.advance(1.0)
        office.fleet.room.incidents.escalate(incident_of(office).incident_id, to="police", why="now", by=ADA)
        run_until(webhooks, lambda: len(listener.taken()) >= 1)
    assert events(listener) == ["incident_escalated"]


def test_one_that_does_not_answer_holds_no_other_up(office: Office) -> None:
    with listening([None]) as hung, listening() as quick:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(hung, "hung"), receiver_of(quick, "quick"))
        office.hear(make_event(sequence=1))
        run_until(webhooks, lambda: len(hung.told) == 1, lambda: "incident_opened" in events(quick))
        assert hung.taken() == []


def test_an_answer_that_does_not_come_is_asked_for_again(office: Office) -> None:
    with listening([None]) as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener, timeout_s=0.2))
        office.hear(make_event(sequence=1))
        run_until(webhooks, lambda: len(listener.taken()) >= 1)
    assert [told.status for told in listener.told[:2]] == [None, 204]
    assert listener.told[0].headers["Vedette-Delivery"] == listener.told[1].headers["Vedette-Delivery"]


def test_what_is_too_old_is_given_up_counted_and_said(office: Office) -> None:
    metrics = Metrics()
    with listening(after=500) as listener, capture_logs() as logs:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener), metrics=metrics)
        office.hear(make_event(sequence=1))
        waiting = len(news_of(office.fleet.store))
        office.clock.advance(3601.0)
        run_until(webhooks, lambda: figure(metrics, "vedette_webhook_given_up_total") == waiting)
    assert listener.told == []
    given_up = [each for each in logs if each["event"] == "webhook given up"]
    assert (given_up[0]["what"], given_up[0]["reason"], given_up[0]["receiver"]) == (
        "incident_opened",
        "too old",
        "desk",
    )


def test_what_a_receiver_says_it_never_takes_does_not_stop_the_rest(office: Office) -> None:
    metrics = Metrics()
    with listening([422]) as listener:
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener), metrics=metrics)
        office.hear(make_event(sequence=1))
        office.fleet.room.incidents.escalate(incident_of(office).incident_id, to="police", why="now", by=ADA)
        run_until(webhooks, lambda: "incident_escalated" in events(listener))
    assert "incident_opened" not in events(listener)
    assert figure(metrics, "vedette_webhook_given_up_total") == 1


def test_a_redirect_is_not_followed(office: Office) -> None:
    with listening() as elsewhere, listening([307]) as listener:
        listener.location = elsewhere.url
        webhooks = hooks(office.fleet.store, office.clock, receiver_of(listener))
        office.hear(make_event(sequence=1))
        run_until(webhooks, lambda: len(listener.taken()) >= 1)
    assert elsewhere.told == []
    assert listener.told[0].status == 307


def test_only_what_it_wants_is_told(office: Office) -> None:
    with listening() as listener:
        receiver = replace(receiver_of(listener), events=frozenset({NewsEvent.INCIDENT_CLOSED}))
        webhooks = hooks(office.fleet.store, office.clock, receiver)
        office.hear(make_event(sequence=1))
        office.fleet.room.incidents.close(
            incident_of(office).incident_id, disposition=Disposition.CONFIRMED, note="", by=ADA
        )
        run_until(webhooks, lambda: len(listener.taken()) >= 1)
    assert [json.loads(told.body)["event"] for told in listener.told] == ["incident_closed"]


def test_neither_secret_nor_address_is_in_a_log(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    with listening([500, 302, 422]) as listener, capture_logs() as logs:
        receiver = receiver_of(listener)
        webhooks = hooks(office.fleet.store, office.clock, receiver)
        office.hear(make_event(sequence=1))
        run_until(webhooks, lambda: len(listener.taken()) >= 1)
    said = repr(logs) + repr([record.getMessage() for record in caplog.records if record.levelname != "DEBUG"])
    assert "webhook failed" in said
    assert SECRET.decode() not in said + repr(receiver)
    assert "as-good-as-a-password" not in repr(logs) + repr(receiver)


def test_news_are_written_with_what_they_are_about_or_not_at_all(store: Store, office: Office) -> None:
    office.hear(make_event(sequence=1))

    def put_and_fail() -> None:
        with store.transaction() as connection:
            writes.put_incident(connection, incident_of(office))
            raise RuntimeError("power")

    with pytest.raises(RuntimeError, match="power"):
        put_and_fail()
    assert news_of(store) == []
    put(store, incident_of(office))
    put(store, incident_of(office))
    assert news_of(store) == [NewsEvent.INCIDENT_OPENED]


def test_how_far_a_task_is_is_no_news(store: Store, office: Office) -> None:
    office.hear(make_event(sequence=1))
    (task,) = office.fleet.response.tasks.values()
    with store.transaction() as connection:
        for progress in ("half", "nearly there"):
            writes.put_task(connection, task.model_copy(update={"progress": progress}))
    assert news_of(store) == [NewsEvent.TASK_CHANGED]


def test_old_news_go_and_the_newest_keeps_its_number(store: Store, office: Office) -> None:
    office.hear(make_event(sequence=1))
    for number in range(3):
        put(store, incident_of(office).model_copy(update={"incident_id": uuid.UUID(int=number)}))
    with store.transaction() as connection:
        newest = news_after(connection, 0, limit=9)[-1].number
        forget_news(connection, before_us=NOW_US + 10**12)
        assert [each.number for each in news_after(connection, 0, limit=9)] == [newest]


@pytest.mark.parametrize(
    ("failures", "chance", "wait_s"),
    [
        pytest.param(1, 0.0, 0.5, id="half of the first at least"),
        pytest.param(1, 0.999, 0.9995, id="all of it at most"),
        pytest.param(4, 0.0, 4.0, id="doubled each time"),
        pytest.param(1000, 0.0, 150.0, id="and bounded"),
    ],
)
def test_each_wait_is_longer_and_no_two_receivers_come_back_at_once(
    failures: int, chance: float, wait_s: float
) -> None:
    assert Pace().wait_s(failures, chance) == pytest.approx(wait_s)


def test_the_signature_is_of_time_and_body() -> None:
    headers = signed(b"k" * 32, b'{"a":1}', at_s=1_767_225_600)
    digest = hmac.new(b"k" * 32, b'1767225600.{"a":1}', hashlib.sha256).hexdigest()
    assert headers == {"Vedette-Timestamp": "1767225600", "Vedette-Signature": f"v1={digest}"}
    assert signed(b"k" * 32, b'{"a":1}', at_s=1_767_225_601) != headers


def test_the_receiver_in_the_documents_believes_us_and_nobody_else() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    code = text.split("```python\nimport hashlib, hmac\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec("import hashlib, hmac\n" + code, names)
    is_genuine, body, at_s = names["is_genuine"], b'{"a":1}', 1_767_225_600
    headers = signed(SECRET, body, at_s=at_s)
    assert is_genuine(SECRET, headers, body, at_s + 299)
    assert not is_genuine(SECRET, headers, body, at_s + 301)
    assert not is_genuine(SECRET, headers, body + b" ", at_s)
    assert not is_genuine(b"another secret", headers, body, at_s)
    assert not is_genuine(SECRET, {**headers, "Vedette-Timestamp": str(at_s + 1)}, body, at_s)
    assert not is_genuine(SECRET, {}, body, at_s)


def news_of(store: Store) -> Sequence[NewsEvent]:
    with store.reading() as connection:
        return [each.event for each in news_after(connection, 0, limit=100)]
