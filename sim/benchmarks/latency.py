"""How long it takes from a frame to an incident in the store, from there to a vehicle that has acknowledged, and from a
rule that fired to the coordinator's word that it is stored.

The real processes in real time: mosquitto, coordinator, edge node with its clips and pictures; only the detector plays
a script and the copters are simulated. This process answers each incident as an operator would, so that its vehicle is
free again.
"""

import asyncio
import socket
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from contract.clock import Clock
from fleet.hops import NODE_HOPS, OUR_HOPS
from sim.autopilot.udp import SimulatedFleet
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.records import evidence_kept, receipts_us, sendings, sights
from sim.benchmarks.stage import Stage, build_stage
from sim.children import Child
from sim.coordinator_client import Coordinator
from sim.demo import autopilot_specs
from sim.demo_report import WORDS
from sim.demo_setup import LOOPBACK, DemoError, RunFolder
from sim.embedded_broker import EmbeddedBroker, free_port
from sim.mosquitto import Mosquitto, find_mosquitto

PEOPLE = 330  # some 315 get a vehicle: in the first seconds all are taking off
LEAST_SAMPLES = 300
TO_STORE_BAR_MS, TO_VEHICLE_BAR_MS, TO_RECEIPT_BAR_MS = 100.0, 500.0, 80.0
READY_WITHIN_S = 60.0
SETTLE_S = 4.0
LOOK_EACH_S = 0.1
MOSQUITTO = "mosquitto"
LISTENER, HEARD = "sim.benchmarks.listener", "heard.txt"
CLOSE = {"by": "bench", "disposition": "test"}
TO_CLOSE = """
SELECT DISTINCT i.incident_id FROM incidents i JOIN tasks t USING (incident_id)
WHERE i.state != 'closed' AND (t.state = 'executing' OR t.is_final)
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """What was measured. `hops`: each step's own spread, over the same alarms; `broker`: over which one.

    to_receipt: from a rule that fired to the coordinator's acknowledgement, with `evidence` written meanwhile: files of
    each kind.
    """

    to_store: Spread | None
    to_vehicle: Spread | None
    to_receipt: Spread | None
    evidence: Mapping[str, int]
    broker: str
    had_to_wait: int  # incidents for which no vehicle was ready; not in `to_vehicle`
    unanswered: int  # tasks that no vehicle acknowledged
    hops: Mapping[str, Spread]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        bars = (
            ("frame to incident", self.to_store, TO_STORE_BAR_MS),
            ("incident to vehicle", self.to_vehicle, TO_VEHICLE_BAR_MS),
            ("rule to acknowledgement", self.to_receipt, TO_RECEIPT_BAR_MS),
        )
        missed = []
        for what, measured, bar_ms in bars:
            count = 0 if measured is None else measured.count
            if measured is None or count < LEAST_SAMPLES:
                missed.append(f"{what}: expected at least {LEAST_SAMPLES} samples, got {count}")
            elif measured.p99_ms > bar_ms:
                missed.append(f"{what}: expected p99 of at most {bar_ms:.0f} ms, got {measured.p99_ms:.1f} ms")
        if self.broker != MOSQUITTO:
            missed.append(
                f"rule to acknowledgement: expected {MOSQUITTO} (apt-get install mosquitto), got {self.broker}"
            )
        if self.unanswered:
            missed.append(f"incident to vehicle: {self.unanswered} tasks were not acknowledged")
        return missed

    def table(self) -> Table:
        written = ", ".join(f"{kind} {count}" for kind, count in self.evidence.items()) or "nothing"
        title = f"over {self.broker}; kept meanwhile: {written}"
        table = Table("latency, ms", "samples", "p50", "p95", "p99", "max", "p99 at most", title=title)
        for column in table.columns[1:]:
            column.justify = "right"
        for name, measured, bar_ms in (
            ("frame to incident in the store, but inference", self.to_store, TO_STORE_BAR_MS),
            ("incident to vehicle acknowledged", self.to_vehicle, TO_VEHICLE_BAR_MS),
            ("rule fired to the coordinator's acknowledgement", self.to_receipt, TO_RECEIPT_BAR_MS),
        ):
            table.add_row(name, *_cells(measured), f"{bar_ms:.0f}", style="bold")
        table.add_section()
        for hop, measured in self.hops.items():
            table.add_row(WORDS.get(hop, hop), *_cells(measured), "")
        return table


def _cells(measured: Spread | None) -> list[str]:
    if measured is None:
        return ["0", "–", "–", "–", "–"]
    times = (measured.p50_ms, measured.p95_ms, measured.p99_ms, measured.max_ms)
    return [str(measured.count), *(f"{time_ms:.1f}" for time_ms in times)]


def judged(folder: Path, stage: Stage, *, broker: str) -> Latency:
    """The figures of a run that has ended."""
    store, tlog = folder / "fleet" / "fleet.db", folder / "fleet" / "flight.tlog"
    seen = sights(store)
    system_ids = {vehicle.id: vehicle.system_id for vehicle in stage.cast.site.vehicles}
    sent = sendings(store, tlog, system_ids=system_ids)
    ready = [each.acknowledged_us for each in sent if not each.had_to_wait]
    hops = {hop: _spread_of(hop, (sight.hops_us for sight in seen)) for hop in (*NODE_HOPS, *OUR_HOPS)}
    return Latency(
        to_store=spread(sight.us for sight in seen),
        to_vehicle=spread(us for us in ready if us is not None),
        to_receipt=spread(receipts_us(folder / HEARD)),
        evidence=evidence_kept(store),
        broker=broker,
        had_to_wait=len(sent) - len(ready),
        unanswered=ready.count(None),
        hops={hop: measured for hop, measured in hops.items() if measured is not None},
    )


def _spread_of(hop: str, traces: Iterable[Mapping[str, int]]) -> Spread | None:
    return spread(hops_us[hop] for hops_us in traces if hop in hops_us)


async def measure_latency(folder: Path, *, clock: Clock, console: Console, people: int = PEOPLE) -> Latency:
    """Play the whole script once; about `people` seconds. Raises DemoError when a part ends by itself."""
    stage = build_stage(folder, people=people)
    run = RunFolder(folder)
    mosquitto = find_mosquitto()
    broker = EmbeddedBroker(folder=folder) if mosquitto is None else Mosquitto(mosquitto, folder=folder, clock=clock)
    http_port, mavlink_port = free_port(), free_port(socket.SOCK_DGRAM)
    fleet = run.fleet(stage.cast, broker_port=broker.port, http_port=http_port, mavlink_port=mavlink_port)
    edge = run.edge(stage.cast, stage.cast.feed, broker_port=broker.port, http_port=http_port)
    url = f"http://{LOOPBACK}:{http_port}"
    async with AsyncExitStack() as stack:
        stack.enter_context(broker)
        specs = autopilot_specs(stage.cast.site, udp_port=mavlink_port)
        await stack.enter_async_context(SimulatedFleet(specs))
        stack.enter_context(fleet)
        listening = [LISTENER, str(broker.port), stage.cast.site.id, stage.cast.feed.camera.node, str(folder / HEARD)]
        listener = stack.enter_context(Child("listener", listening, log_path=folder / "listener.log"))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=2.0))
        await _until_ready(Coordinator(http, url), fleet, clock=clock)
        stack.enter_context(edge)
        store = stack.enter_context(closing(sqlite3.connect(f"file:{folder / 'fleet' / 'fleet.db'}?mode=ro", uri=True)))
        bar = stack.enter_context(Progress(console=console, transient=True))
        task = bar.add_task("latency", total=stage.length_s + SETTLE_S)
        began_us = clock.monotonic_us()
        while (elapsed_s := (clock.monotonic_us() - began_us) / 1e6) < stage.length_s + SETTLE_S:
            _check(fleet, edge, listener)
            for (incident_id,) in store.execute(TO_CLOSE).fetchall():
                await http.post(f"/api/v1/incidents/{incident_id}/close", json=CLOSE)
            bar.update(task, completed=elapsed_s)
            await asyncio.sleep(LOOK_EACH_S)
    return judged(folder, stage, broker="the embedded broker" if mosquitto is None else MOSQUITTO)


async def _until_ready(coordinator: Coordinator, fleet: Child, *, clock: Clock) -> None:
    deadline_us = clock.monotonic_us() + int(READY_WITHIN_S * 1e6)
    while clock.monotonic_us() < deadline_us:
        _check(fleet)
        known = await coordinator.snapshot()
        if known is not None and all(
            vehicle.safety_uploaded and not vehicle.not_ready_because for vehicle in known.vehicles
        ):
            return
        await asyncio.sleep(0.5)
    raise DemoError(f"the vehicles are not ready after {READY_WITHIN_S:.0f} s: {fleet.last_words()}")


def _check(*children: Child) -> None:
    for child in children:
        if child.exit_code is not None:
            raise DemoError(f"{child.name} ended by itself with exit code {child.exit_code}: {child.last_words()}")
