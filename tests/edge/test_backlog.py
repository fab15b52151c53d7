"""What an outage of days leaves: new events pass it by, no step looks at more of it than a few rows, and a coordinator
that is slow, far or often gone gets every row, few of them twice.
"""

import json
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contract.bus import BusMessage
from contract.commands import SequenceRange
from contract.envelope import Envelope
from edge.link.courier import (
    BACKLOG_INTERVAL_US,
    BACKLOG_UNACKNOWLEDGED,
    FRESH_MOST,
    FRESH_UNACKNOWLEDGED,
    Courier,
)
from edge.link.outbox import CLEARED_AT_ONCE, SPARE_PAGES, Outbox
from fleet.picture.sequence import Stream
from tests.conftest import ManualClock
from tests.edge.test_outbox import ack, message, open_at
from tests.edge.yard import OUTBOX_ID

STEP_S = 0.02
OPERATIONS = 10  # of SQLite's machine, as one


def fill(folder: Path, count: int) -> None:
    """As many rows as an outage left, in one transaction: a million would take an hour otherwise."""
    with open_at(folder):
        pass
    with closing(sqlite3.connect(folder / "outbox.sqlite")) as connection, connection:
        text = message().model_dump_json()
        connection.executemany("INSERT INTO rows (envelope) VALUES (?)", ((text,) for _ in range(count)))


class Far:
    """A broker and a coordinator: the broker takes all, the coordinator stores `rate_hz` of it and acknowledges each
    `ack_each_s`. lose: which messages the broker swallows."""

    def __init__(self, clock: ManualClock, *, rate_hz: float = 1e6, ack_each_s: float = STEP_S) -> None:
        self._clock = clock
        self._rate_hz = rate_hz
        self._ack_each_s = ack_each_s
        self._acked_s = 0.0
        self._owed = 0.0
        self.lose: Callable[[int], bool] = lambda _sequence: False
        self.queue: deque[int] = deque()
        self.to_deliver: list[BusMessage] = []
        self.stream = Stream()
        self.stored_at_s: dict[int, float] = {}
        self.sent = 0
        self.longest_queue = 0

    def publish(self, bus_message: BusMessage) -> bool:
        sequence = Envelope.model_validate_json(bus_message.payload).sequence
        assert sequence is not None
        self.sent += 1
        self.to_deliver.append(bus_message)
        if not self.lose(sequence):
            self.queue.append(sequence)
        self.longest_queue = max(self.longest_queue, len(self.queue))
        return True

    def live(self, courier: Courier, *, seconds: float) -> None:
        until_s = self._now_s() + seconds
        while self._now_s() < until_s:
            courier.step()
            for each in self.to_deliver:
                courier.delivered(each)
            self.to_deliver.clear()
            self._owed = min(self._owed + self._rate_hz * STEP_S, len(self.queue))
            while self._owed >= 1:
                self._owed -= 1
                sequence = self.queue.popleft()
                self.stream = self.stream.with_stored(sequence)
                self.stored_at_s.setdefault(sequence, self._now_s())
            if self._now_s() - self._acked_s >= self._ack_each_s:
                self._acked_s = self._now_s()
                courier.acknowledged(self.stream.ack(OUTBOX_ID))
            self._clock.advance(STEP_S)

    def _now_s(self) -> float:
        return self._clock.monotonic_us() / 1e6


def _courier(outbox: Outbox, far: Far, clock: ManualClock) -> Courier:
    courier = Courier(outbox, far.publish, clock=clock, now_us=clock.wall_us)
    courier.session_opened()
    return courier


def test_new_events_are_stored_at_once_while_a_backlog_drains_in_its_lane(tmp_path: Path, clock: ManualClock) -> None:
    fill(tmp_path, 300)
    with open_at(tmp_path) as outbox:
        far = Far(clock)
        courier = _courier(outbox, far, clock)
        posted_s = {}
        for _ in range(4):
            sequence = courier.post(message()).sequence
            assert sequence is not None
            posted_s[sequence] = clock.monotonic_us() / 1e6
            far.live(courier, seconds=1)

        assert all(far.stored_at_s[sequence] - at_s < 2 * STEP_S for sequence, at_s in posted_s.items())
        assert sum(sequence <= 300 for sequence in far.stored_at_s) <= 4e6 / BACKLOG_INTERVAL_US + 1
        far.live(courier, seconds=4)
        assert far.stream == Stream(contiguous=304)
        assert len(outbox) == 0
        assert far.sent == 304


def test_a_slow_coordinator_gets_nothing_twice_but_a_probe_and_no_queue_that_new_ones_wait_in(
    tmp_path: Path, clock: ManualClock
) -> None:
    fill(tmp_path, 400)
    with open_at(tmp_path) as outbox:
        far = Far(clock, rate_hz=10, ack_each_s=7)
        courier = _courier(outbox, far, clock)
        far.live(courier, seconds=60)

        assert far.longest_queue <= BACKLOG_UNACKNOWLEDGED
        assert far.sent - len(far.stored_at_s) - len(far.queue) <= 60 / 7  # a probe in each silence


def test_a_coordinator_that_is_gone_holds_the_backlog_back_and_then_the_new(tmp_path: Path, clock: ManualClock) -> None:
    fill(tmp_path, 2000)
    with open_at(tmp_path) as outbox:
        far = Far(clock, rate_hz=0, ack_each_s=1e9)
        courier = _courier(outbox, far, clock)
        far.live(courier, seconds=8)
        assert far.sent == BACKLOG_UNACKNOWLEDGED
        courier.post(message())
        far.live(courier, seconds=0.1)
        assert far.queue[-1] == 2001


def test_an_outage_of_any_length_leaves_the_new_in_memory_and_no_more(tmp_path: Path, clock: ManualClock) -> None:
    with open_at(tmp_path) as outbox:
        connection = outbox._connection
        assert connection is not None
        connection.execute("PRAGMA synchronous=OFF")
        courier = Courier(outbox, lambda _message: False, clock=clock, now_us=clock.wall_us)
        for _ in range(FRESH_MOST + 200):
            courier.post(message())
        assert len(courier._recent) == len(courier._fresh) == FRESH_MOST
        clock.advance(20)
        courier.step()
        assert len(courier._recent) == len(courier._fresh) == 0

        far = Far(clock)
        again = _courier(outbox, far, clock)
        far.live(again, seconds=FRESH_MOST * BACKLOG_INTERVAL_US / 1e6 + 6)
        assert far.stream.contiguous == FRESH_MOST + 200


def test_new_events_too_are_held_back_where_nobody_acknowledges(tmp_path: Path, clock: ManualClock) -> None:
    with open_at(tmp_path) as outbox:
        connection = outbox._connection
        assert connection is not None
        connection.execute("PRAGMA synchronous=OFF")
        far = Far(clock, rate_hz=0, ack_each_s=1e9)
        courier = _courier(outbox, far, clock)
        for _ in range(2 * FRESH_UNACKNOWLEDGED // 16):
            for _ in range(16):
                courier.post(message())
            far.live(courier, seconds=STEP_S)
        assert far.sent == FRESH_UNACKNOWLEDGED
        assert len(courier._with_broker) + len(courier._in_flight) == FRESH_UNACKNOWLEDGED


def test_sessions_that_break_each_minute_end_with_every_row_stored(tmp_path: Path, clock: ManualClock) -> None:
    chance = random.Random(7)
    fill(tmp_path, 600)
    with open_at(tmp_path) as outbox:
        far = Far(clock, ack_each_s=1)
        far.lose = lambda _sequence: chance.random() < 0.1
        courier = _courier(outbox, far, clock)
        for _ in range(4):
            courier.post(message())
            far.live(courier, seconds=5)
            far.queue.clear()
            courier.session_opened()
        far.lose = lambda _sequence: False
        far.live(courier, seconds=20)
        assert far.stream == Stream(contiguous=604)
        assert len(outbox) == 0
        assert far.sent < 2 * 604


def _operations(folder: Path, clock: ManualClock, *, rows: int) -> list[int]:
    """What SQLite's machine does in each of what a node does all the time, with so many rows before it."""
    folder.mkdir()
    fill(folder, rows)
    counts: list[int] = []
    with open_at(folder) as outbox:
        connection = outbox._connection
        assert connection is not None

        def tick() -> int:
            counts[-1] += 1
            return 0

        connection.set_progress_handler(tick, OPERATIONS)
        far = Far(clock)
        courier = Courier(outbox, far.publish, clock=clock, now_us=clock.wall_us)
        beyond = (SequenceRange(first=rows + 1, last=rows + 1),)
        for act in (
            courier.session_opened,
            lambda: courier.post(message()),
            courier.step,
            lambda: courier.acknowledged(
                ack(0, stored_beyond=beyond, missing=(SequenceRange(first=1, last=rows),)),
            ),
            courier.step,
            lambda: len(outbox),
            outbox.status,
            outbox.clear,
        ):
            counts.append(0)
            act()
            clock.advance(1)
        connection.set_progress_handler(None, 0)
    return counts


def test_no_step_costs_more_with_a_long_backlog_than_with_a_short_one(tmp_path: Path, clock: ManualClock) -> None:
    short, long = (_operations(tmp_path / str(rows), clock, rows=rows) for rows in (100, 20_000))
    assert sum(short) > 0
    assert [after <= before + 2 for before, after in zip(short, long, strict=True)] == [True] * len(short)


@pytest.mark.parametrize(
    ("text", "is_sent"),
    [
        pytest.param(message().model_dump_json().replace('"schema_version":1', '"schema_version":2'), True, id="newer"),
        pytest.param(message().model_dump_json()[:100], False, id="cut off"),
        pytest.param('{"body":[]}', False, id="something else"),
    ],
)
def test_a_row_that_this_version_cannot_read_holds_nothing_up(
    text: str, *, is_sent: bool, tmp_path: Path, clock: ManualClock
) -> None:
    """As after an update that was rolled back."""
    fill(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as connection, connection:
        connection.execute("UPDATE rows SET envelope = ? WHERE sequence = 1", (text,))
    sent: list[BusMessage] = []

    def publish(each: BusMessage) -> bool:
        sent.append(each)
        return True

    with open_at(tmp_path) as outbox:
        courier = Courier(outbox, publish, clock=clock, now_us=clock.wall_us)
        courier.session_opened()
        with capture_logs() as logs:
            for _ in range(3):
                courier.step()
                clock.advance(1)

    told = [json.loads(each.payload) for each in sent]
    assert [each["sequence"] for each in told] == ([1, 2] if is_sent else [2])
    assert [line["event"] for line in logs] == ["message cannot be read"]
    if is_sent:
        assert (sent[0].topic, told[0]["schema_version"]) == ("vedette/v1/yard/edge-1/events", 2)


def test_an_ack_for_a_whole_backlog_is_cleared_in_parts_and_the_disk_gets_its_room_back(tmp_path: Path) -> None:
    rows = 4 * SPARE_PAGES
    fill(tmp_path, 3 * rows)
    with open_at(tmp_path) as outbox:
        outbox.acknowledge(ack(3 * rows))
        assert len(outbox) == 0
        connection = outbox._connection
        assert connection is not None
        held = [3 * rows]
        while outbox.clear():
            held.append(connection.execute("SELECT count(*) FROM rows").fetchone()[0])
        assert max(before - after for before, after in pairwise(held)) == CLEARED_AT_ONCE
        assert held[-1] == 0
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] <= SPARE_PAGES
        assert outbox.append(message()).sequence == 3 * rows + 1
