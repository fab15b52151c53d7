"""What days without a coordinator leave, and how a node gets rid of it: a million rows, drained as fast as they are
acknowledged, while new events come.

The node's own outbox and courier on their threads, a real disk, the coordinator's own numbering; no network between
them. In the field a backlog takes its time (50 rows a second): what is measured is that nothing else does.
"""

import json
import queue
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contract.bus import BusMessage
from contract.clock import Clock
from contract.envelope import Envelope, Origin
from contract.events import Certainty, Event, ModelIdentity, Sighting, Stage, derive_message_id
from contract.geo import BoxPx, GeoPoint, GroundFix
from contract.kinds import EventKind, Severity
from contract.labels import Label
from edge.errors import OutboxError
from edge.link.courier import BACKLOG_INTERVAL_US, Courier
from edge.link.outbox import Outbox
from edge.sender import Sender
from fleet.picture.sequence import Stream
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.run import resident_mb

ROWS = 1_000_000
OUTBOX_ID = uuid.UUID(int=1)
FIRST_US = 1_767_225_600_000_000
NEW_EACH_S = 0.1
ACKED_AT_ONCE = 200  # messages: a batch of the coordinator's
WITHIN_S = 3_600.0
ACKNOWLEDGED_WITHIN_S = 60.0
OPEN_BAR_S, GROWTH_BAR_MB, NEW_BAR_MS = 1.0, 50.0, 250.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """`new`: from handing in an event to its acknowledgement, while the backlog drains. growth_mb: of resident memory
    at its highest over that before the outbox was opened. stored: rows that the coordinator has in the end."""

    rows: int
    file_mb: float
    open_s: float
    session_s: float
    rows_s: float
    growth_mb: float
    new: Spread | None
    stored: int
    expected: int
    file_after_mb: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        missed = []
        if self.stored != self.expected:
            missed.append(f"rows stored: expected {self.expected}, got {self.stored}")
        for what, took_s in (("opening the outbox", self.open_s), ("a new session", self.session_s)):
            if took_s > OPEN_BAR_S:
                missed.append(f"{what}: expected at most {OPEN_BAR_S:g} s, got {took_s:.2f} s")
        if self.growth_mb > GROWTH_BAR_MB:
            missed.append(
                f"memory: expected to grow by at most {GROWTH_BAR_MB:.0f} MB, grew by {self.growth_mb:.0f} MB"
            )
        if self.new is None or self.new.p99_ms > NEW_BAR_MS:
            got = "none" if self.new is None else f"{self.new.p99_ms:.0f} ms"
            missed.append(f"a new event to its acknowledgement: expected p99 of at most {NEW_BAR_MS:.0f} ms, got {got}")
        return missed

    def table(self) -> Table:
        table = Table(f"a backlog of {self.rows} rows", "measured", "at most")
        table.columns[1].justify = table.columns[2].justify = "right"
        table.add_row("outbox on the disk, MB", f"{self.file_mb:.0f}", "")
        table.add_row("the same when all is acknowledged, MB", f"{self.file_after_mb:.0f}", "")
        table.add_row("opening, s", f"{self.open_s:.3f}", f"{OPEN_BAR_S:g}")
        table.add_row("a new session, s", f"{self.session_s:.3f}", f"{OPEN_BAR_S:g}")
        table.add_row("drained, rows/s where nothing holds it back", f"{self.rows_s:.0f}", "")
        table.add_row("drained, rows/s in the field", f"{1e6 / BACKLOG_INTERVAL_US:.0f}", "")
        table.add_row("memory grows by, MB", f"{self.growth_mb:.1f}", f"{GROWTH_BAR_MB:.0f}")
        if self.new is not None:
            table.add_row(f"a new event acknowledged, ms, p50 of {self.new.count}", f"{self.new.p50_ms:.1f}", "")
            table.add_row("the same, p99", f"{self.new.p99_ms:.1f}", f"{NEW_BAR_MS:.0f}")
            table.add_row("the same, longest", f"{self.new.max_ms:.1f}", "")
        return table


class _Far:
    """A broker that takes all, and a coordinator that acknowledges in batches, on a thread of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wire: queue.SimpleQueue[BusMessage | None] = queue.SimpleQueue()
        self._stored_us: dict[int, int] = {}
        self._news = threading.Condition()
        self.stream = Stream()

    def publish(self, message: BusMessage) -> bool:
        self._wire.put(message)
        return True

    def stop(self) -> None:
        self._wire.put(None)

    def run(self, courier: Courier, *, rows: int) -> None:
        while True:
            batch = [self._wire.get()]
            while len(batch) < ACKED_AT_ONCE and not self._wire.empty():
                batch.append(self._wire.get())
            for message in batch:
                if message is None:
                    return
                courier.delivered(message)
                sequence = int(json.loads(message.payload)["sequence"])
                self.stream = self.stream.with_stored(sequence)
                if sequence > rows:
                    self._stored_us.setdefault(sequence, 0)
            courier.acknowledged(self.stream.ack(OUTBOX_ID))
            with self._news:
                now_us = self._clock.monotonic_us()
                self._stored_us.update({each: now_us for each, at_us in self._stored_us.items() if not at_us})
                self._news.notify_all()

    def acknowledged_us(self, sequence: int) -> int | None:
        """When; waits for it."""
        with self._news:
            self._news.wait_for(lambda: self._stored_us.get(sequence), ACKNOWLEDGED_WITHIN_S)
            return self._stored_us.pop(sequence, None)


def measure_backlog(folder: Path, *, clock: Clock, console: Console, rows: int = ROWS) -> Backlog:
    """Fill an outbox, open it, and drain it. Raises OutboxError."""
    path = folder / "outbox.sqlite"
    with console.status(f"{rows} rows are written"):
        _fill(path, rows)
    file_mb, before_mb = path.stat().st_size / 1e6, resident_mb()
    began_us = clock.monotonic_us()
    with Outbox(path, new_id=lambda: OUTBOX_ID) as outbox:
        opened_us = clock.monotonic_us()
        far = _Far(clock)
        courier = Courier(outbox, far.publish, clock=clock, now_us=clock.wall_us, backlog_interval_us=0)
        courier.session_opened()
        session_us = clock.monotonic_us()
        times_us, most_mb, drained_us = _drain(outbox, courier, far, rows=rows, clock=clock, console=console)
        while outbox.clear():
            pass
    took_s = (drained_us - session_us) / 1e6
    return Backlog(
        rows=rows,
        file_mb=file_mb,
        open_s=(opened_us - began_us) / 1e6,
        session_s=(session_us - opened_us) / 1e6,
        rows_s=rows / took_s,
        growth_mb=most_mb - before_mb,
        new=spread(times_us),
        stored=far.stream.contiguous,
        expected=rows + len(times_us),
        file_after_mb=path.stat().st_size / 1e6,
    )


def _drain(
    outbox: Outbox, courier: Courier, far: _Far, *, rows: int, clock: Clock, console: Console
) -> tuple[list[int], float, int]:
    """Times of the new events, the most memory, and when the backlog was gone."""
    stop = threading.Event()

    def deliver() -> None:
        while not stop.is_set():
            courier.rest(courier.step())

    threads = (
        threading.Thread(name="courier", target=deliver),
        threading.Thread(name="far", target=far.run, args=(courier,), kwargs={"rows": rows}),
    )
    for thread in threads:
        thread.start()
    times_us: list[int] = []
    most_mb = resident_mb()
    until_us = clock.monotonic_us() + round(WITHIN_S * 1e6)
    try:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("backlog", total=rows)
            while far.stream.contiguous < rows and clock.monotonic_us() < until_us:
                posted_us = clock.monotonic_us()
                sequence = courier.post(_event(rows + len(times_us))).sequence
                acknowledged_us = None if sequence is None else far.acknowledged_us(sequence)
                if acknowledged_us is None:
                    raise OutboxError(f"backlog: a new event was not acknowledged within {ACKNOWLEDGED_WITHIN_S:g} s")
                times_us.append(acknowledged_us - posted_us)
                most_mb = max(most_mb, resident_mb())
                bar.update(task, completed=far.stream.contiguous)
                stop.wait(NEW_EACH_S)
        drained_us = clock.monotonic_us()
        while len(outbox) and clock.monotonic_us() < until_us:
            stop.wait(NEW_EACH_S)
        return times_us, most_mb, drained_us
    finally:
        stop.set()
        courier.wake()
        threads[0].join()
        far.stop()
        threads[1].join()


def _fill(path: Path, rows: int) -> None:
    """As an outage leaves it, in one transaction: a million would take an hour otherwise."""
    with Outbox(path, new_id=lambda: OUTBOX_ID):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executemany("INSERT INTO rows (envelope) VALUES (?)", _texts(rows))


def _texts(rows: int) -> Iterator[tuple[str]]:
    """One event with other names: a million of them are not validated."""
    one = _event(0)
    text = one.model_dump_json()
    for number in range(rows):
        yield (text.replace(str(one.message_id), str(uuid.UUID(int=number + 1))),)


def _event(number: int) -> Envelope:
    captured_at_us = FIRST_US + number
    sender = Sender(site="yard", node="edge-1", outbox_id=OUTBOX_ID, boot=1)
    event = Event(
        event_id=uuid.UUID(int=2**64 + number),
        kind=EventKind.INTRUSION,
        stage=Stage.START,
        revision=0,
        zone="zone-1",
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        started_at_us=captured_at_us,
        sighting=Sighting(
            camera="cam-1",
            track=number,
            label=Label.PERSON,
            score=0.8125,
            box=BoxPx(x_px=310.5, y_px=122.0, width_px=41.0, height_px=118.0),
            ground=GroundFix(
                point=GeoPoint(lat_deg=52.0001234, lon_deg=13.0005678),
                var_east_m2=0.04,
                cov_east_north_m2=0.01,
                var_north_m2=0.09,
            ),
        ),
        model=ModelIdentity(name="yolox-nano", sha256="c7" * 32, backend="onnxruntime"),
    )
    return sender.envelope(
        event,
        message_id=derive_message_id(event),
        captured_at_us=captured_at_us,
        origin=Origin.SIMULATED,
        trace_id=event.event_id.hex,
        hops_us={"decode": 4_000, "queue": 900, "detect": 21_000, "track": 700, "locate": 200, "rule": 300},
    )
