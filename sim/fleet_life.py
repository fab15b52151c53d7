"""The coordinator in virtual time: every real part but sockets, threads and the HTTP door; its store survives it.

The safety monitor, which has a thread of its own in a process, is a task here that no other task can hold up.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
from pydantic import BaseModel
from sqlalchemy import Connection

from contract.clock import Clock
from contract.docks import Dock
from contract.site import Site
from contract.topics import TOPICS, Direction
from fleet.app import Fleet, Heart, assembled
from fleet.coordinator import MAX_BATCH, Wire
from fleet.decision.sop_document import ProcedureBook
from fleet.errors import StoreError
from fleet.flight.dock_links import Docks
from fleet.flight.docks.http_json import Exchange
from fleet.flight.fleet_links import Flight
from fleet.flight.mavlink_transport import Connection as Address
from fleet.flight.mavlink_transport import Transport
from fleet.flight.monitor import CYCLE_S
from fleet.history.recorder import Recorder
from fleet.live import LiveFeed
from fleet.picture.arrival import Arrival
from fleet.picture.incidents import Alarm, Incident
from fleet.records.store import Store
from sim.impairment import Impairment
from sim.life import Life
from sim.memory_bus import Inbox, MemoryBroker, MemoryClient
from sim.run_history import recorder_in
from sim.run_log import RunLog

INBOX = 11_000  # as much as a process's queues hold


class _MortalStore(Store):
    """The store as one life sees it: once that is over, nothing more is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_dead = False

    def die(self) -> None:
        self._is_dead = True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if self._is_dead:
            raise StoreError("store: the coordinator was killed")
        with self._store.transaction() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._store.reading() as connection:
            yield connection


WRITTEN: dict[str, type[Alarm | Incident]] = {"alarm": Alarm, "incident": Incident}


class ToldFeed(LiveFeed):
    """Writes down what a console would show."""

    def __init__(self, log: RunLog) -> None:
        super().__init__()
        self._log = log

    def publish(self, kind: str, data: BaseModel) -> None:
        self._log.published(kind, data)

    def publish_written(self, changes: Sequence[tuple[str, str]]) -> None:
        for kind, document in changes:
            self.publish(kind, WRITTEN[kind].model_validate_json(document))


class FleetLife:
    """`fleet` is the one at work, None while it is dead."""

    def __init__(
        self,
        *,
        site: Site,
        store: Store,
        broker: MemoryBroker,
        link: Impairment,
        transport_of: Callable[[Address], Transport],
        clock: Clock,
        log: RunLog,
        exchange_of: Callable[[Dock], Exchange],
        folder: Path,
        book: ProcedureBook | None = None,
    ) -> None:
        self._folder = folder
        self._exchange_of, self._book = exchange_of, book
        self._site, self._store, self._broker, self._link = site, store, broker, link
        self._transport_of, self._clock, self._log = transport_of, clock, log
        self.fleet: Fleet | None = None
        self._recorder: Recorder | None = None
        self._cuts: list[Callable[[], None]] = []  # whatever it could still reach the world by
        self.life = Life(self._live, on_kill=self._die)

    def write_out(self) -> None:
        """At the end of the run: what the map showed of late."""
        if self._recorder is not None:
            self._recorder.write_out()

    def _die(self) -> None:
        self.fleet = self._recorder = None
        for cut in self._cuts:
            cut()

    async def _live(self) -> None:
        site, clock = self._site, self._clock
        store = _MortalStore(self._store)
        client = MemoryClient(self._broker, f"vedette-coordinator-{site.id}", link=self._link, is_clean=False)
        inbox = Inbox[Arrival](INBOX)
        for topic in TOPICS:
            if topic.direction is Direction.NODE_TO_COORDINATOR:
                client.subscribe(
                    topic.filter(site=site.id),
                    lambda message: inbox.put(Arrival(message, clock.wall_us(), clock.monotonic_us())),
                )

        async def receive() -> Sequence[Arrival]:
            return await inbox.take(MAX_BATCH)

        heart = Heart(clock)
        flight = Flight(site=site, clock=clock, is_alive=heart.is_alive, transport_of=self._transport_of)
        docks = Docks(site=site, clock=clock, exchange_of=self._exchange_of)
        self._cuts = [store.die, client.die, *(link.close for link in flight.links.values())]
        fleet = self.fleet = assembled(
            site=site,
            clock=clock,
            store=store,
            vehicles=flight.vehicles,
            wire=Wire(receive=receive, publish=client.publish, is_connected=lambda: client.is_connected),
            heart=heart,
            live=ToldFeed(self._log),
            traffic=flight.traffic.now,
            docks=docks.drivers,
            book=self._book,
        )
        recorder = self._recorder = recorder_in(self._folder, fleet, clock)
        fleet.coordinator.load()
        async with flight, docks, anyio.create_task_group() as tasks:
            tasks.start_soon(client.run, name="coordinator link")
            tasks.start_soon(_watch_over, fleet, recorder, name="safety monitor")
            tasks.start_soon(fleet.tasking.run, name="tasking")
            tasks.start_soon(fleet.coordinator.run, name="coordinator")


async def _watch_over(fleet: Fleet, recorder: Recorder) -> None:
    """And what the map shows is kept, as often: without a task of its own that would change the order of others."""
    while True:
        fleet.monitor.cycle()
        recorder.look()
        recorder.write()
        await anyio.sleep(CYCLE_S)
