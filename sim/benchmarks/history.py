"""What it costs to keep what the map shows, and to answer for it (fleet/history).

An hour in virtual time: vehicles that fly circles and people who walk, both with the noise of their sensors, in the
real coordinator's parts. The same files are then read through the real routes. What the coordinator's loop is held up
by is measured for a large site too.
"""

import gc
import math
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from rich.console import Console
from rich.table import Table

from contract.clock import SystemClock
from contract.envelope import Origin
from contract.geo import PointEnu
from contract.labels import Label
from contract.site import Site, VehicleKind
from fleet.api.guard import Guard
from fleet.api.history import history_routes
from fleet.app import Heart, assembled, recorder_of, seen_of
from fleet.coordinator import Wire
from fleet.flight.orders import Approval, ComingHome, Sent
from fleet.flight.vehicle import FlightMode, Progress, VehicleState
from fleet.history.files import HistoryFiles, HistoryRoom
from fleet.history.reader import HistoryReader
from fleet.history.site_seen import SiteSeen
from fleet.picture.arrival import Arrival
from fleet.picture.observation import Look, Observation
from fleet.records.auth import Role
from fleet.records.store import open_store
from sim.benchmarks.figures import Spread, spread
from sim.clock import VirtualClock
from sim.inputs import read_site

VEHICLES, TRACKS, HOUR_S = 10, 20, 3600
LARGE_VEHICLES, LARGE_TRACKS, LARGE_S = 100, 500, 60
LOOKS_EACH_S = 5
ASKED_S, ANSWERS = 60, 40
LOOP_BAR_MS = 5.0
ANSWER_BAR_MS = 250.0
MINUTE_US = ASKED_S * 1_000_000


@dataclass(frozen=True, slots=True)
class HistoryFigures:
    """look, look_large: the longest that a part of a frame holds up the loop; answer: to 60 s in frames of 1 s."""

    vehicles: int
    tracks: int
    hour_mb: float
    frames: int
    look: Spread
    look_large: Spread
    write: Spread
    answer: Spread
    answer_kb: float

    @property
    def missed(self) -> list[str]:
        words = []
        if self.look.p95_ms > LOOP_BAR_MS:
            words.append(
                f"a part of a frame: expected at most {LOOP_BAR_MS:g} ms of the loop (p95), got {self.look.p95_ms:.1f}"
            )
        if self.answer.p95_ms > ANSWER_BAR_MS:
            words.append(f"60 s: expected at most {ANSWER_BAR_MS:g} ms (p95), got {self.answer.p95_ms:.0f}")
        return words

    def table(self) -> Table:
        table = Table(title=f"History of {self.vehicles} vehicles and {self.tracks} tracks", title_justify="left")
        for column in ("", "value"):
            table.add_column(column)
        table.add_row("an hour on disk", f"{self.hour_mb:.1f} MB, {self.frames} frames")
        for name, times in (
            ("longest part of a frame, on the loop", self.look),
            (f"the same of {LARGE_VEHICLES} and {LARGE_TRACKS}", self.look_large),
            ("a block, on the writer's thread", self.write),
            (f"{ASKED_S} s answered ({self.answer_kb:.0f} kB)", self.answer),
        ):
            table.add_row(name, f"p50 {times.p50_ms:.2f}, p95 {times.p95_ms:.2f}, most {times.max_ms:.2f} ms")
        return table


@dataclass(slots=True)
class _Circling:
    """Does nothing that it is told."""

    state: VehicleState

    async def carry_out(self, approval: Approval, *, on_progress: Progress) -> Sent:
        return Sent(approval.order, (), 0, None)

    def doubt_mission(self) -> None: ...

    def come_home(self, order: ComingHome) -> None: ...


@dataclass(frozen=True, slots=True)
class _Recorded:
    looks_us: list[int]
    writes_us: list[int]
    frames: int


def measure_history(site_file: Path, *, console: Console, length_s: int = HOUR_S) -> HistoryFigures:
    site = read_site(site_file)
    with tempfile.TemporaryDirectory(prefix="vedette-history-") as name:
        folder = Path(name)
        with console.status("history: an hour"):
            small = record_history(site, folder / "small", vehicles=VEHICLES, tracks=TRACKS, length_s=length_s)
        with console.status("history: a large site"):
            large = record_history(
                site, folder / "large", vehicles=LARGE_VEHICLES, tracks=LARGE_TRACKS, length_s=LARGE_S
            )
        size = sum(path.stat().st_size for path in (folder / "small").iterdir())
        with console.status("history: answers"):
            answers_us, letters = _ask(folder / "small")
    look, look_large = spread(small.looks_us), spread(large.looks_us)
    write, answer = spread(small.writes_us), spread(answers_us)
    assert look is not None
    assert look_large is not None
    assert write is not None
    assert answer is not None
    hour_mb = size / 1e6 * HOUR_S / length_s
    return HistoryFigures(VEHICLES, TRACKS, hour_mb, small.frames, look, look_large, write, answer, letters / 1e3)


def record_history(site: Site, folder: Path, *, vehicles: int, tracks: int, length_s: int) -> _Recorded:
    clock, real, frame = VirtualClock(1_767_225_600_000_000), SystemClock(), site.local_frame()
    chance = random.Random(1)  # noqa: S311 - the same noise at every run
    things = [chance.uniform(0.0, 1e4) for _ in range(vehicles + tracks)]
    flying = {f"drone-{n}": _Circling(_state(f"drone-{n}", n)) for n in range(vehicles)}
    first = site.vehicles[0]
    specs = [first.model_copy(update={"id": name, "system_id": n + 1}) for n, name in enumerate(flying)]
    site = site.model_copy(update={"vehicles": tuple(specs)})
    looks_us: list[int] = []
    writes_us: list[int] = []
    with open_store(None) as store:
        fleet = assembled(
            site=site,
            clock=clock,
            store=store,
            vehicles=flying,
            wire=Wire(receive=_nothing, publish=lambda _: True, is_connected=lambda: True),
            heart=Heart(clock),
        )
        files = HistoryFiles(folder, HistoryRoom(keep_us=2**62, max_bytes=2**62), free_bytes=lambda: 2**62)
        recorder, seen, picture = recorder_of(fleet, files, clock), seen_of(fleet, clock), fleet.coordinator.picture
        gc.collect()
        gc.freeze()  # as the coordinator does when it stands
        for number in range(length_s * LOOKS_EACH_S):
            at_s, now_us = number / LOOKS_EACH_S, clock.monotonic_us()
            for n, each in enumerate(flying.values()):
                turn = things[n] + at_s * 0.2
                east_m, north_m = 20.0 * n % 60 + 25.0 * math.cos(turn), 25.0 * math.sin(turn)
                place, _ = frame.to_geo(PointEnu(east_m + chance.gauss(0, 0.2), north_m + chance.gauss(0, 0.2)))
                each.state = replace(
                    each.state,
                    heard_at_us=now_us,
                    position_at_us=now_us,
                    position=place,
                    heading_deg=math.degrees(-turn) % 360.0,
                    above_home_m=22.0 + chance.gauss(0, 0.3),
                    velocity_east_m_s=5.0 + chance.gauss(0, 0.2),
                    velocity_north_m_s=0.0,
                    battery_frac=max(0.2, 0.95 - at_s / 8000),
                )
            if number % LOOKS_EACH_S == 0:
                walkers = tuple(_walker(n, things[vehicles + n], at_s, chance) for n in range(tracks))
                camera = site.cameras[0].id
                picture.take(Look(source=camera, at_us=clock.wall_us(), origin=Origin.SIMULATED, observations=walkers))
                picture.fuse()
                picture.forget()
            if number % LOOKS_EACH_S == 0:
                looks_us.append(max(_each_part_us(seen, real)))
            recorder.look()
            if recorder.has_waiting:
                began_us = real.monotonic_us()
                recorder.write()
                writes_us.append(real.monotonic_us() - began_us)
            clock.advance(1_000_000 // LOOKS_EACH_S)
        recorder.write_out()
        gc.unfreeze()
    return _Recorded(looks_us, writes_us, recorder.frames_kept)


def _each_part_us(seen: SiteSeen, real: SystemClock) -> Iterator[int]:
    parts, is_more = seen.parts(), True
    while is_more:
        began_us = real.monotonic_us()
        is_more = next(parts, None) is not None
        yield real.monotonic_us() - began_us


def _ask(folder: Path) -> tuple[list[int], int]:
    """Times of 60 s each, spread over what there is, and the letters of an answer."""
    clock = SystemClock()
    history = HistoryReader(folder)
    began_us, ended_us = history.spans()[0]
    with open_store(None) as store:
        app = FastAPI()
        rule = Guard(None, nodes=lambda _: None, clock=clock, is_secure=False).requires(Role.VIEWER)
        app.include_router(history_routes(history, store, rule))
        client = TestClient(app)
        times_us, letters = [], 0
        for n in range(ANSWERS):
            from_us = began_us + (ended_us - began_us - MINUTE_US) * n // ANSWERS
            began = clock.monotonic_us()
            answer = client.get(f"/history?from_us={from_us}&to_us={from_us + MINUTE_US}&step_ms=1000")
            times_us.append(clock.monotonic_us() - began)
            letters = len(answer.text)
    return times_us, letters


def _walker(n: int, phase: float, at_s: float, chance: random.Random) -> Observation:
    """Apart from the others, to and fro."""
    east_m, north_m = 12.0 * (n % 25) + 4.0 * math.sin(phase + at_s * 0.2), 12.0 * (n // 25)
    noise = (chance.gauss(0, 0.3), chance.gauss(0, 0.3))
    return Observation(str(n), east_m + noise[0], north_m + noise[1], 0.09, 0.01, 0.09, Label.PERSON, 0.8)


def _state(vehicle_id: str, number: int) -> VehicleState:
    return VehicleState(
        vehicle_id=vehicle_id,
        kind=VehicleKind.ARDUPILOT_COPTER,
        system_id=number + 1,
        simulated=True,
        mode=FlightMode.AUTO,
        armed=True,
        gnss_fix=3,
        link_loss_frac=0.0,
        not_ready_because=(),
    )


async def _nothing() -> tuple[Arrival, ...]:
    return ()
