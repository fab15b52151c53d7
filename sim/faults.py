"""What breaks and when: the scenario's faults as acts on the running parts, each begun and ended at its moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch

import anyio

from contract.clock import Clock
from contract.envelope import COORDINATOR
from contract.geo import LocalFrame, PointEnu
from sim.autopilot import other_station
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.traffic import PassingAircraft
from sim.clock import ShiftedClock
from sim.dock import SimulatedDock
from sim.impairment import Impairment
from sim.life import Life
from sim.rig import Rig
from sim.run_log import RunLog
from sim.scenario import (
    BadLink,
    BatterySag,
    BrokerDown,
    CameraBlackout,
    CameraBlur,
    CameraFreeze,
    CameraLost,
    CameraTurned,
    ClockStep,
    CoordinatorKill,
    DiskFull,
    DockFails,
    Fault,
    GnssJump,
    GnssLost,
    LinkLost,
    MannedTraffic,
    NodeKill,
    OtherStation,
    PilotTakes,
    SameId,
    StationAct,
    Weather,
    WindBlows,
)

Acts = tuple[Callable[[], object], Callable[[], object]]  # how something begins and ends


@dataclass(frozen=True, slots=True)
class Levers:
    """Everything that can break. Links, clocks and lives by the name of vehicle, node or `coordinator`; `full_disks`
    holds the nodes whose disk takes nothing; `strangers` switches vehicles on and off that are not the site's, by their
    names; `frame` is the site's, `weather` the scenario's own."""

    broker_down: Callable[[], object]
    broker_up: Callable[[], object]
    links: Mapping[str, Impairment]
    clocks: Mapping[str, ShiftedClock]
    autopilots: Mapping[str, Autopilot]
    rigs: Mapping[str, Rig]
    full_disks: set[str]
    lives: Mapping[str, Life]
    frame: LocalFrame
    weather: Weather
    strangers: Mapping[str, Acts]
    docks: Mapping[str, SimulatedDock]


async def break_things(faults: tuple[Fault, ...], levers: Levers, *, clock: Clock, log: RunLog) -> None:
    """Each fault at its time; what begins and ends at one moment, ends first."""
    acts: list[tuple[float, int, Fault, Callable[[], object]]] = []
    for fault in faults:
        begin, end = acts_of(fault, levers)
        acts.append((fault.at_s, 1, fault, begin))
        if fault.for_s is not None:
            acts.append((fault.ends_at_s, 0, fault, end))
    for at_s, phase, fault, do in sorted(acts, key=lambda act: act[:2]):
        await anyio.sleep(max(0.0, at_s - clock.monotonic_us() / 1e6))
        log.add(type="fault", kind=fault.kind, of=fault.subject, phase="begins" if phase else "ends")
        do()


@singledispatch
def acts_of(fault: object, _levers: Levers) -> Acts:
    """How a fault begins and ends."""
    raise TypeError(f"no act for a fault of type {type(fault).__name__}")


@acts_of.register
def _(_fault: BrokerDown, levers: Levers) -> Acts:
    return levers.broker_down, levers.broker_up


@acts_of.register
def _(fault: BadLink, levers: Levers) -> Acts:
    link = levers.links[fault.of]
    return lambda: link.faults.append(fault), lambda: link.faults.remove(fault)


@acts_of.register
def _(fault: LinkLost, levers: Levers) -> Acts:
    return _switch(levers.links[fault.of], "is_lost")


@acts_of.register
def _(fault: GnssJump, levers: Levers) -> Acts:
    autopilot = levers.autopilots[fault.vehicle]
    return lambda: autopilot.gnss_jump(fault.east_m, fault.north_m), lambda: autopilot.gnss_jump(0.0, 0.0)


@acts_of.register
def _(fault: GnssLost, levers: Levers) -> Acts:
    autopilot = levers.autopilots[fault.vehicle]
    return autopilot.gnss_lose, autopilot.gnss_recover


@acts_of.register
def _(fault: BatterySag, levers: Levers) -> Acts:
    autopilot = levers.autopilots[fault.vehicle]
    return lambda: autopilot.battery_sag(fault.to_frac), lambda: None


@acts_of.register
def _(fault: WindBlows, levers: Levers) -> Acts:
    def blow(wind_m_s: float, from_deg: float) -> None:
        for autopilot in levers.autopilots.values():
            autopilot.blow(wind_m_s, from_deg)

    before = levers.weather
    return lambda: blow(fault.wind_m_s, fault.wind_from_deg), lambda: blow(before.wind_m_s, before.wind_from_deg)


@acts_of.register
def _(fault: PilotTakes, levers: Levers) -> Acts:
    autopilot = levers.autopilots[fault.vehicle]
    return lambda: autopilot.pilot_takes(fault.mode), lambda: autopilot.pilot_leaves(fault.leaves_in)


@acts_of.register
def _(fault: OtherStation, levers: Levers) -> Acts:
    autopilot = levers.autopilots[fault.vehicle]
    acts = [(act.after_s, _message(act, autopilot, levers.frame)) for act in fault.acts]
    station = other_station.OtherStation(acts)
    return lambda: autopilot.stations.append(station), lambda: autopilot.stations.remove(station)


def _message(act: StationAct, autopilot: Autopilot, frame: LocalFrame) -> other_station.Message:
    system_id = autopilot.spec.system_id
    if act.do == "go_to":
        place, _ = frame.to_geo(PointEnu(act.east_m, act.north_m))
        return other_station.go_to(system_id, place, act.above_home_m)
    if act.mode is not None:
        return other_station.set_mode(system_id, autopilot.machine.mode_type[act.mode])
    return other_station.stop_positions(system_id)


@acts_of.register
def _(fault: SameId, levers: Levers) -> Acts:
    return levers.strangers[fault.named]


@acts_of.register
def _(fault: CameraFreeze, levers: Levers) -> Acts:
    return _switch(levers.rigs[fault.camera], "is_frozen")


@acts_of.register
def _(fault: CameraBlackout, levers: Levers) -> Acts:
    return _switch(levers.rigs[fault.camera], "is_black")


@acts_of.register
def _(fault: CameraBlur, levers: Levers) -> Acts:
    rig = levers.rigs[fault.camera]
    return lambda: setattr(rig, "blur_sigma_px", fault.sigma_px), lambda: setattr(rig, "blur_sigma_px", 0.0)


@acts_of.register
def _(fault: CameraTurned, levers: Levers) -> Acts:
    rig = levers.rigs[fault.camera]
    return lambda: setattr(rig, "turned_deg", fault.by_deg), lambda: setattr(rig, "turned_deg", 0.0)


@acts_of.register
def _(fault: CameraLost, levers: Levers) -> Acts:
    return _switch(levers.rigs[fault.camera], "is_lost")


@acts_of.register
def _(fault: DiskFull, levers: Levers) -> Acts:
    return lambda: levers.full_disks.add(fault.node), lambda: levers.full_disks.discard(fault.node)


@acts_of.register
def _(fault: DockFails, levers: Levers) -> Acts:
    dock = levers.docks[fault.dock]
    if fault.how == "shuts":
        return dock.shut, lambda: None
    return _switch(dock, "jams" if fault.how == "jams" else "is_silent")


@acts_of.register
def _(fault: NodeKill, levers: Levers) -> Acts:
    life = levers.lives[fault.node]
    return life.kill, life.start


@acts_of.register
def _(_fault: CoordinatorKill, levers: Levers) -> Acts:
    life = levers.lives[COORDINATOR]
    return life.kill, life.start


@acts_of.register
def _(fault: ClockStep, levers: Levers) -> Acts:
    clock, step_us = levers.clocks[fault.of], round(fault.by_s * 1e6)

    def step(by_us: int) -> None:
        clock.shift_us += by_us

    return lambda: step(step_us), lambda: step(-step_us)


@acts_of.register
def _(fault: MannedTraffic, levers: Levers) -> Acts:
    start, ground_amsl_m = levers.frame.to_geo(PointEnu(fault.east_m, fault.north_m))
    amsl_m = None if fault.above_ground_m is None else ground_amsl_m + fault.above_ground_m
    icao = int(fault.icao, 16)
    aircraft = PassingAircraft(icao, fault.callsign, start, amsl_m, fault.track_deg, fault.speed_m_s)

    def begin() -> None:
        for autopilot in levers.autopilots.values():
            autopilot.traffic_begins(aircraft)

    def end() -> None:
        for autopilot in levers.autopilots.values():
            autopilot.traffic_ends(icao)

    return begin, end


def _switch(part: object, name: str) -> Acts:
    return lambda: setattr(part, name, True), lambda: setattr(part, name, False)
