"""The composition root: builds every part of the coordinator, connects them, and takes them down in order.

Stopping commands no vehicle: each keeps what it was told and its own failsafes, and after a restart it is adopted
without a command (SAFETY 12). The heartbeat stops with us, which is what lets those failsafes work (SAFETY 9).
"""

import asyncio
import fcntl
import importlib.metadata
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio

from contract.clock import Clock
from contract.site import Site
from fleet.api.app import create_api
from fleet.api.core import Core
from fleet.api.evidence_desk import EvidenceDesk
from fleet.api.guard import Guard
from fleet.api.parts import Parts
from fleet.api.server import bound, prepared, serving, url_of
from fleet.broker_process import BrokerProcess
from fleet.broker_settings import is_loopback
from fleet.case_files import CaseFiles
from fleet.control_room import ControlRoom
from fleet.coordinator import MAX_BATCH, Coordinator, Wire
from fleet.decision.roaming import Roaming
from fleet.decision.sop_document import ProcedureBook
from fleet.dispatch_desk import DispatchDesk
from fleet.dock_watch import DockWatch
from fleet.errors import SetUpError
from fleet.exempt_desk import ExemptDesk
from fleet.flight.airspace import Airspace
from fleet.flight.deferred import DeferredJournal
from fleet.flight.dock import DockDriver
from fleet.flight.dock_links import Docks
from fleet.flight.fleet_links import Flight
from fleet.flight.gate import GateParameters
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.separation import courses_of
from fleet.flight.tasking import Tasking
from fleet.flight.traffic import Aircraft
from fleet.flight.vehicle import Vehicle
from fleet.flight.watch import Route
from fleet.flight.world import PeopleSeen, WorldView
from fleet.foreign import ForeignTopic
from fleet.history.files import HistoryFiles
from fleet.history.reader import HistoryReader
from fleet.history.recorder import Recorder
from fleet.history.site_seen import SiteSeen
from fleet.hops import Hops
from fleet.live import LiveFeed
from fleet.live_view import LiveViews
from fleet.metrics import Metrics
from fleet.notify.webhooks import Webhooks
from fleet.picture.coverage import Coverage
from fleet.picture.ingest import Ingest
from fleet.picture.people import PERSON_MEMORY_S
from fleet.procedures import Procedures
from fleet.records.archive import Archive
from fleet.records.audit import StoreJournal
from fleet.records.auth import drawn_token
from fleet.records.command_keys import CommandKeys
from fleet.records.node_credentials import NodeCredentials
from fleet.records.people import People
from fleet.records.store import Store, open_store
from fleet.relief import ReliefDesk
from fleet.response import Response
from fleet.sending_desk import SendingDesk
from fleet.sensor_desk import SensorDesk
from fleet.settings import (
    FleetSettings,
    history_room_of,
    limits_of,
    load_dock_tokens,
    load_procedures,
    load_signing_keys,
    load_site,
    load_store,
    load_webhooks,
    refuse_unfit,
    room_of,
)
from fleet.site_picture import SitePicture
from fleet.site_versions import SiteVersions
from fleet.surroundings import ConsoleSettings

CONSOLE_DIR = Path(__file__).parent / "console" / "dist"
ALIVE_WITHIN_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """Every part of one coordinator, connected and not yet started."""

    site: Site
    store: Store
    vehicles: Mapping[str, Vehicle]
    ingest: Ingest
    coverage: Coverage
    response: Response
    tasking: Tasking
    monitor: SafetyMonitor
    coordinator: Coordinator
    room: ControlRoom
    live: LiveFeed
    views: LiveViews
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Running:
    """A coordinator at work. Everything but `fleet.monitor`, `fleet.live` and `fleet.views` belongs to the loop it was
    started on. first_secret: of the link with which the first administrator comes in, while there is nobody."""

    url: str
    fleet: Fleet
    first_secret: str | None = None


class Worker(Protocol):
    """Who orders vehicles about: tasking, or the one desk of a sortie."""

    @property
    def completed_cycle_at_us(self) -> int | None: ...

    def routes(self) -> Mapping[str, Route]: ...


class Heart:
    """May the heartbeat go out? Only while gate and monitor complete their cycles (SAFETY 9)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.monitor: SafetyMonitor | None = None
        self.tasking: Worker | None = None

    def is_alive(self) -> bool:
        if self.monitor is None or self.tasking is None:
            return False
        cycles = (self.monitor.completed_cycle_at_us, self.tasking.completed_cycle_at_us)
        now_us = self._clock.monotonic_us()
        return all(cycle is not None and now_us - cycle <= ALIVE_WITHIN_US for cycle in cycles)

    def routes(self) -> dict[str, Route]:
        return {} if self.tasking is None else dict(self.tasking.routes())


def assembled(
    *,
    site: Site,
    clock: Clock,
    store: Store,
    vehicles: Mapping[str, Vehicle],
    wire: Wire,
    heart: Heart,
    system_id: int = OUR_SYSTEM_ID,
    live: LiveFeed | None = None,
    traffic: Callable[[], tuple[Aircraft, ...]] = lambda: (),
    docks: Mapping[str, DockDriver] | None = None,
    patrol_secret: str = "",
    book: ProcedureBook | None = None,
    foreign: Sequence[ForeignTopic] = (),
) -> Fleet:
    """All parts over a given store, bus and vehicles: the same for a site, a test and a replay. `patrol_secret`: what
    the order of roaming patrols is drawn from; a replay draws the same again. `book`: the site's procedures.
    `foreign`: topics of devices that do not speak our contract."""
    deferred, live, metrics, docks = DeferredJournal(), live or LiveFeed(), Metrics(), docks or {}
    for vehicle in vehicles.values():
        metrics.watch(vehicle, clock)
    hops = Hops(clock=clock, metrics=metrics, store=store)
    parameters = GateParameters(code_version=code_version(), ground_station_system_id=system_id)
    people = PeopleSeen(forget_s=PERSON_MEMORY_S)
    airspace = Airspace(site)
    view = WorldView(
        site,
        airspace=airspace,
        vehicles=vehicles.values(),
        people=lambda: people.snapshot,
        clock=clock,
        traffic=traffic,
        courses=lambda states: courses_of(states, heart.routes(), site=site, airspace=airspace),
        docks=docks.values(),
    )
    dock_watch = DockWatch(view, docks, metrics=metrics, started_at_us=clock.monotonic_us())
    monitor = SafetyMonitor(view=view, vehicles=vehicles.values(), routes=heart.routes, clock=clock, journal=deferred)
    picture = SitePicture(site, clock=clock, vehicles=vehicles.values(), live=live, metrics=metrics)
    ingest = Ingest(site, store, site_track_of=picture.fusion.site_track_of)
    zones = {each.id: each.initially_set for each in site.watched}
    coverage = Coverage(site, started_at_us=clock.monotonic_us())
    response = Response(
        site=site,
        clock=clock,
        store=store,
        ingest=ingest,
        vehicles=vehicles,
        view=view,
        parameters=parameters,
        zones=zones,
        live=live,
        metrics=metrics,
        hops=hops,
        roaming=Roaming(site, secret=patrol_secret),
    )
    tasking = Tasking(
        site=site,
        vehicles=vehicles.values(),
        view=view,
        clock=clock,
        journal=StoreJournal(store),
        deferred=deferred,
        parameters=parameters,
        latch_of=monitor.is_latched,
        on_change=response.on_task_change,
        on_hop=response.on_hop,
        docks=docks,
    )
    response.use(tasking)
    files = CaseFiles(clock=clock, store=store, ingest=ingest, live=live)
    dispatching = DispatchDesk(
        files,
        response=response,
        tasking=tasking,
        vehicles=vehicles,
        view=view,
        parameters=parameters,
        clock=clock,
    )
    exempt = ExemptDesk(files, site=site, zones=zones)
    procedures = None
    if book is not None:
        procedures = Procedures(files, response, site=site, book=book, sources_of=picture.sources_of)
    sensors = SensorDesk(
        files,
        site=site,
        response=response,
        picture=picture,
        people=people,
        zones=zones,
        metrics=metrics,
        consider=None if procedures is None else procedures.consider,
        foreign=foreign,
    )
    heart.monitor, heart.tasking = monitor, tasking
    coordinator = Coordinator(
        site=site,
        clock=clock,
        store=store,
        ingest=ingest,
        coverage=coverage,
        people=people,
        response=response,
        zones=zones,
        wire=wire,
        deferred=deferred,
        live=live,
        metrics=metrics,
        hops=hops,
        docks=dock_watch,
        exempt=exempt,
        picture=picture,
        procedures=procedures,
        sensors=sensors,
        relief=ReliefDesk(
            site=site,
            clock=clock,
            ingest=ingest,
            view=view,
            response=response,
            tasking=tasking,
            dispatching=dispatching,
        ),
    )
    sending = SendingDesk(site=site, response=response, dispatching=dispatching, vehicles=vehicles, clock=clock)
    room = ControlRoom(
        site=site,
        clock=clock,
        store=store,
        ingest=ingest,
        coverage=coverage,
        coordinator=coordinator,
        response=response,
        tasking=tasking,
        monitor=monitor,
        vehicles=vehicles,
        live=live,
        is_connected=wire.is_connected,
        is_alive=heart.is_alive,
        hops=hops,
        version=parameters.code_version,
        docks=docks,
        dock_watch=dock_watch,
        files=files,
        exempt=exempt,
        procedures=procedures,
        sensors=sensors,
        dispatching=dispatching,
        sending=sending,
    )
    return Fleet(
        site,
        store,
        vehicles,
        ingest,
        coverage,
        response,
        tasking,
        monitor,
        coordinator,
        room,
        live,
        LiveViews(site, clock=clock, metrics=metrics),
        metrics,
    )


@asynccontextmanager
async def running(settings: FleetSettings, clock: Clock) -> AsyncIterator[Running]:
    """The whole coordinator, until the block ends. Raises SetUpError with one line."""
    site = load_site(settings)
    async with AsyncExitStack() as stack:
        stack.enter_context(_data_dir(settings.data_dir))
        listening = stack.enter_context(bound(settings.http))
        store = stack.enter_context(open_store(load_store(settings), alone=True))
        bus = BrokerProcess(settings.broker, site_id=site.id, also=[each.topic for each in settings.sensors])
        heart = Heart(clock)
        flight = Flight(
            site=site,
            clock=clock,
            is_alive=heart.is_alive,
            system_id=settings.system_id,
            tlog_path=settings.data_dir / "flight.tlog",
            signing_keys=load_signing_keys(settings),
            forward=settings.forward,
        )
        docks = Docks(site=site, clock=clock, tokens=load_dock_tokens(settings))
        fleet = assembled(
            site=site,
            clock=clock,
            store=store,
            vehicles=flight.vehicles,
            wire=Wire(lambda: bus.receive(at_most=MAX_BATCH), bus.publish, lambda: bus.is_connected),
            heart=heart,
            system_id=settings.system_id,
            traffic=flight.traffic.now,
            docks=docks.drivers,
            patrol_secret=drawn_token(),
            book=load_procedures(settings, site),
            foreign=settings.sensors,
        )
        core = Core(asyncio.get_running_loop())
        archive = Archive(settings.evidence_folder, room_of(settings.evidence), store=store, wall_us=clock.wall_us)
        archive.open()
        people, first = _people(settings, store, clock)
        judge = partial(refuse_unfit, settings=settings)
        versions = SiteVersions(store, clock, site_file=settings.site_file, judge=judge)
        versions.begin()
        parts = api_parts(
            fleet,
            core,
            people=people,
            archive=archive,
            history=HistoryReader(settings.history_folder),
            clock=clock,
            is_loopback_only=is_loopback(settings.http.host),
            is_secure=settings.http.tls_cert is not None,
            versions=versions,
            console=settings.console,
        )
        webhooks = Webhooks(
            load_webhooks(settings),
            site_id=site.id,
            store=store,
            clock=clock,
            metrics=fleet.metrics,
            draw=random.Random(drawn_token()).random,  # noqa: S311 - when to try again is no secret
        )
        webhooks.load()
        files = HistoryFiles(settings.history_folder, history_room_of(settings.history))
        history = recorder_of(fleet, files, clock)
        server = prepared(create_api(parts), settings.http)
        fleet.coordinator.load()
        stack.callback(fleet.coordinator.write_out)  # after all that may still write, before the store closes
        stack.callback(history.write_out)
        await stack.enter_async_context(flight)
        await stack.enter_async_context(docks)
        stack.enter_context(fleet.monitor)
        await stack.enter_async_context(bus.opened())
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        tasks.start_soon(fleet.tasking.run, name="tasking")
        tasks.start_soon(fleet.coordinator.run, name="coordinator")
        tasks.start_soon(fleet.room.run, name="control room")
        tasks.start_soon(archive.run, name="archive")
        tasks.start_soon(history.run, anyio.to_thread.run_sync, name="history")
        tasks.start_soon(webhooks.run, name="webhooks")
        if people is not None:
            tasks.start_soon(people.run, name="people")
        stack.enter_context(serving(server, listening))
        yield Running(url_of(settings.http, listening), fleet, first)


def _people(settings: FleetSettings, store: Store, clock: Clock) -> tuple[People | None, str | None]:
    """None: everybody is let in. And the secret of the first administrator's link, where there is nobody yet."""
    if not settings.http.sign_in:
        return None, None
    people = People(store, clock, limits=limits_of(settings.http))
    people.refresh()
    return people, people.invite_first()


def api_parts(
    fleet: Fleet,
    core: Core,
    *,
    people: People | None,
    archive: Archive,
    clock: Clock,
    history: HistoryReader | None = None,
    is_loopback_only: bool = True,
    is_secure: bool = False,
    versions: SiteVersions | None = None,
    console: ConsoleSettings | None = None,
) -> Parts:
    """people None: the open demo. versions None: of a site that came from no file."""
    return Parts(
        clock=clock,
        core=core,
        room=fleet.room,
        monitor=fleet.monitor,
        store=fleet.store,
        evidence=EvidenceDesk(archive, core),
        history=history or HistoryReader(None),
        guard=Guard(people, nodes=NodeCredentials(fleet.store).node_of, clock=clock, is_secure=is_secure),
        command_keys=CommandKeys(fleet.store, clock),
        live=fleet.live,
        views=fleet.views,
        metrics=fleet.metrics,
        versions=versions or SiteVersions(fleet.store, clock),
        console=console or ConsoleSettings(),
        console_dir=CONSOLE_DIR,
        is_loopback_only=is_loopback_only,
    )


def seen_of(fleet: Fleet, clock: Clock) -> SiteSeen:
    """What this coordinator's map shows."""
    return SiteSeen(
        room=fleet.room,
        coordinator=fleet.coordinator,
        vehicles=fleet.vehicles,
        ingest=fleet.ingest,
        coverage=fleet.coverage,
        response=fleet.response,
        clock=clock,
    )


def recorder_of(fleet: Fleet, files: HistoryFiles, clock: Clock) -> Recorder:
    """Of what this coordinator's map shows; its troubles are among the coordinator's."""
    recorder = Recorder(files, seen_of(fleet, clock), clock)
    fleet.coordinator.recorded = recorder.troubles
    return recorder


def code_version() -> str:
    try:
        return importlib.metadata.version("vedette")
    except importlib.metadata.PackageNotFoundError:
        return "source"


@contextmanager
def _data_dir(path: Path) -> Iterator[None]:
    """Ours alone: two coordinators on one store would command the same vehicles. Raises SetUpError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with (path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as err:
                raise SetUpError(f"data_dir {path}: another coordinator runs on it") from err
            yield
    except OSError as err:
        raise SetUpError(f"data_dir {path}: {err.strerror}") from err
