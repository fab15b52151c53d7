"""Composition root of `vedette-fleet fly`: one vehicle on one link, the gate, the safety monitor and a script.

No broker, no store: what is decided stands in DIR/journal.jsonl before it happens, what is said in DIR/flight.tlog.
"""

import json
import os
import signal
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

import anyio
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from contract.envelope import Origin
from contract.site import Site, VehicleKind
from contract.site import Vehicle as VehicleSpec
from contract.tasks import Task, TaskKind, TaskState
from fleet.app import Heart, code_version
from fleet.errors import SetUpError, StoreError
from fleet.flight.airspace import Airspace
from fleet.flight.deferred import DeferredJournal
from fleet.flight.desk import Desk, Interrupted, Job, Tools
from fleet.flight.errors import FlightError
from fleet.flight.fleet_links import Flight
from fleet.flight.gate import GateParameters
from fleet.flight.journal import JournalEntry
from fleet.flight.mavlink_codec import AUTOPILOT_COMPONENT_ID, OUR_SYSTEM_ID, Encoder, FrameParser
from fleet.flight.mavlink_transport import make_transport, parse_connection
from fleet.flight.monitor import SafetyMonitor
from fleet.flight.slots import SlotBook
from fleet.flight.sortie import STILL_M_S, Done, Sortie
from fleet.flight.sortie_script import SortieScript
from fleet.flight.vehicle import VehicleState
from fleet.flight.watch import Route
from fleet.flight.world import Consent, Evidence, WorldView

HEARD_WITHIN_S = 60.0
HOME_WITHIN_S = 300.0
STANDS_S = 10.0
WATCH_S = 0.1
_HELLO_S = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sortie. approved_by: who answers for it. is_simulated: no person and no aircraft is near what it moves."""

    connect: str
    kind: VehicleKind
    site: Site
    script: SortieScript
    folder: Path
    approved_by: str
    is_simulated: bool
    vehicle: str | None = None
    system_id: int | None = None


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who is at the other end, before anything is asked of it."""

    vehicle: str
    state: VehicleState
    from_site_m: float  # to the fence; negative inside


class NotDone(Exception):
    """Some step was not proven; the text says which and why."""


class FileJournal:
    """One JSON object a line, on the disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> "FileJournal":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as err:
            raise SetUpError(f"{self._path}: expected a file to write to, got: {err.strerror}") from err
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, *entries: JournalEntry) -> None:
        assert self._file is not None
        try:
            self._file.write("".join(json.dumps(asdict(entry), default=str) + "\n" for entry in entries))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as err:
            raise StoreError(f"{self._path}: {err.strerror}") from err


@dataclass(frozen=True, slots=True)
class _OneDesk:
    """What heart and monitor ask of tasking, of the one desk there is."""

    desk: Desk

    @property
    def completed_cycle_at_us(self) -> int | None:
        return self.desk.ticked_at_us

    def routes(self) -> dict[str, Route]:
        return {} if self.desk.route is None else {self.desk.spec.id: self.desk.route}


async def fly(
    wanted: Wanted,
    *,
    clock: Clock,
    new_id: Callable[[], uuid.UUID],
    agrees: Callable[[Meeting], bool],
    tell: Callable[[Done], None],
    say: Callable[[str], None],
) -> None:
    """The whole sortie. `agrees` is asked before the first command. Raises NotDone, after the vehicle was told to come
    home, and SetUpError for what can never work."""
    system_id = wanted.system_id or await _first_heard(wanted.connect, say)
    spec = spec_of(wanted, system_id)
    site = wanted.site.model_copy(update={"vehicles": (spec,)})
    deferred, heart = DeferredJournal(), Heart(clock)
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(FileJournal(wanted.folder / "journal.jsonl"))
        stack.callback(deferred.flush, journal)
        flight = Flight(site=site, clock=clock, is_alive=heart.is_alive, tlog_path=wanted.folder / "flight.tlog")
        vehicle = flight.vehicles[spec.id]
        view = WorldView(
            site,
            airspace=Airspace(site),
            vehicles=(vehicle,),
            people=lambda: (),
            clock=clock,
            traffic=flight.traffic.now,
        )
        monitor = SafetyMonitor(view=view, vehicles=(vehicle,), routes=heart.routes, clock=clock, journal=deferred)
        parameters = GateParameters(code_version=code_version(), ground_station_system_id=OUR_SYSTEM_ID)

        def on_change(task: Task) -> None:
            if task.progress:
                say(task.progress)

        tools = Tools(
            view,
            clock,
            journal,
            deferred,
            parameters,
            monitor.is_latched,
            on_change,
            lambda *_: None,
            anyio.sleep,
            SlotBook(site),
        )
        desk = Desk(vehicle, spec, tools)
        heart.monitor, heart.tasking = monitor, _OneDesk(desk)
        await stack.enter_async_context(flight)
        stack.enter_context(monitor)
        await _met(desk, say)
        position = desk.state.position
        assert position is not None  # met
        meeting = Meeting(spec.id, desk.state, -view.airspace.inside_by_m(view.airspace.enu(position)))
        if not agrees(meeting):
            raise NotDone("nobody agreed; nothing was sent that could move it")
        sortie = Sortie(desk, _job(wanted, spec, clock, new_id()), tell, say)
        await _with_way_home(lambda: sortie.fly(wanted.script), desk, monitor, wanted, say)


async def _with_way_home(
    work: Callable[[], Awaitable[None]], desk: Desk, monitor: SafetyMonitor, wanted: Wanted, say: Callable[[str], None]
) -> None:
    """`work`, or its way home: on Ctrl-C and whatever else ends it. A second Ctrl-C leaves it to its own failsafe."""
    reason, cause = "", None
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as group:

            async def stop_on_signal() -> None:
                nonlocal reason
                async for _ in signals:
                    reason = "stopped by hand"
                    group.cancel_scope.cancel()

            group.start_soon(stop_on_signal, name="signals")
            try:
                await work()
            except Exception as err:  # noqa: BLE001 - even a fault of ours must not leave it up there
                expected = isinstance(err, FlightError | Interrupted | StoreError)
                reason, cause = str(err) if expected else f"{type(err).__name__}: {err}", err
            group.cancel_scope.cancel()
        if not reason:
            return
        if desk.taken is not None:
            raise NotDone(f"{reason}; it is left to whoever has it") from cause
        if desk.state.armed is not False:
            say(f"{reason}: it is told to come home; Ctrl-C leaves it to its own failsafe")
            async with anyio.create_task_group() as group:

                async def leave_on_signal() -> None:
                    async for _ in signals:
                        group.cancel_scope.cancel()

                group.start_soon(leave_on_signal, name="signals")
                await _come_home(desk, monitor, wanted.approved_by)
                group.cancel_scope.cancel()
    raise NotDone(reason) from cause


async def _come_home(desk: Desk, monitor: SafetyMonitor, by: str) -> None:
    """Until its motors are off; a ground vehicle keeps them on, and has come home when it stands again."""
    monitor.return_home(desk.spec.id, by)
    stood = 0
    with anyio.move_on_after(HOME_WITHIN_S):
        while desk.state.armed is not False and stood < STANDS_S / WATCH_S:
            desk.ticked_at_us = desk.now_us
            state = desk.state
            speed_m_s = abs(state.velocity_east_m_s or 0.0) + abs(state.velocity_north_m_s or 0.0)
            stood = stood + 1 if speed_m_s < STILL_M_S and not desk.spec.kind.flies else 0
            await anyio.sleep(WATCH_S)


async def _met(desk: Desk, say: Callable[[str], None]) -> None:
    """Who it is and where it stands are known. Raises NotDone."""
    said = ""
    with anyio.move_on_after(HEARD_WITHIN_S):
        while True:
            desk.ticked_at_us = desk.now_us
            state = desk.state
            missing = [
                name
                for name, value in (
                    ("a heartbeat", state.heard_at_us),
                    ("its identity", state.autopilot_uid),
                    ("its firmware", state.firmware),
                    ("its position", state.position),
                )
                if value is None
            ]
            if not missing:
                return
            if missing[0] != said:
                said = missing[0]
                say(f"waits for {said}")
            await anyio.sleep(WATCH_S)
    raise NotDone(f"expected {said} within {HEARD_WITHIN_S:.0f} s")


def spec_of(wanted: Wanted, system_id: int) -> VehicleSpec:
    """The site's words about the vehicle that is flown, on this link. Raises SetUpError."""
    ours = [spec for spec in wanted.site.vehicles if spec.kind is wanted.kind]
    if wanted.vehicle is not None:
        ours = [spec for spec in ours if spec.id == wanted.vehicle]
    if not ours:
        named = f" '{wanted.vehicle}'" if wanted.vehicle else ""
        raise SetUpError(f"site '{wanted.site.id}': expected a vehicle{named} of kind {wanted.kind.value}, found none")
    changes = {"connection": wanted.connect, "system_id": system_id, "simulated": wanted.is_simulated}
    return ours[0].model_copy(update=changes)


def _job(wanted: Wanted, spec: VehicleSpec, clock: Clock, task_id: uuid.UUID) -> Job:
    """A person's own order: as fresh as it is, and approved by whoever gave it."""
    origin = Origin.SIMULATED if wanted.is_simulated else Origin.LIVE
    now_us = clock.wall_us()
    task = Task(
        task_id=task_id,
        kind=TaskKind.PATROL,
        vehicle=spec.id,
        state=TaskState.CREATED,
        reason=f"sortie {wanted.script.id}",
        origin=origin,
        trace_id=task_id.hex,
        created_at_us=now_us,
        changed_at_us=now_us,
        approved_by=wanted.approved_by,
    )
    return Job(task, Evidence(origin, clock.monotonic_us(), 0.0), Consent(wanted.approved_by), None)


async def _first_heard(connect: str, say: Callable[[str], None]) -> int:
    """System id of the first autopilot on a connection. What is sent there meanwhile only asks for the time."""
    transport, parser, encoder = make_transport(parse_connection(connect)), FrameParser(), Encoder()
    heard: list[int] = []
    was_heard = anyio.Event()

    def hear(data: bytes, _address: object) -> None:
        for frame in parser.feed_datagram(data) if transport.keeps_datagrams else parser.feed_stream(data):
            if frame.name == "HEARTBEAT" and frame.component_id == AUTOPILOT_COMPONENT_ID:
                heard.append(frame.system_id)
                was_heard.set()

    say(f"waits for an autopilot on {connect}")
    with ExitStack() as stack:
        await transport.open(hear)
        stack.callback(transport.close)
        async with anyio.create_task_group() as group:
            group.start_soon(transport.run, name="transport")
            for _ in range(round(HEARD_WITHIN_S / _HELLO_S)):
                if transport.dialled is not None:
                    transport.send(encoder.encode(mavlink.MAVLink_timesync_message(0, 1)), transport.dialled)
                with anyio.move_on_after(_HELLO_S):
                    await was_heard.wait()
                    break
            group.cancel_scope.cancel()
    if not heard:
        raise NotDone(f"{connect}: expected an autopilot's heartbeat within {HEARD_WITHIN_S:.0f} s")
    return heard[0]
