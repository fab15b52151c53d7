"""What breaks and when: the scenario's faults as acts on the running parts, each begun and ended at its moment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch

import anyio

from contract.clock import Clock
from contract.envelope import COORDINATOR
from sim.autopilot.autopilot import Autopilot
from sim.clock import ShiftedClock
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
    Fault,
    GnssJump,
    GnssLost,
    LinkLost,
    NodeKill,
)


@dataclass(frozen=True, slots=True)
class Levers:
    """Everything that can break. Links, clocks and lives by the name of vehicle, node or `coordinator`; `full_disks`
    holds the nodes whose disk takes nothing."""

    broker_down: Callable[[], object]
    broker_up: Callable[[], object]
    links: Mapping[str, Impairment]
    clocks: Mapping[str, ShiftedClock]
    autopilots: Mapping[str, Autopilot]
    rigs: Mapping[str, Rig]
    full_disks: set[str]
    lives: Mapping[str, Life]


async def break_things(faults: tuple[Fault, ...], levers: Levers, *, clock: Clock, log: RunLog) -> None:
    """Each fault at its time; what begins and ends at one moment, ends first."""
    acts: list[tuple[float, int, Fault]] = []
    for fault in faults:
        acts.append((fault.at_s, 1, fault))
        if fault.for_s is not None:
            acts.append((fault.ends_at_s, 0, fault))
    for at_s, phase, fault in sorted(acts, key=lambda act: act[:2]):
        await anyio.sleep(max(0.0, at_s - clock.monotonic_us() / 1e6))
        log.add(type="fault", kind=fault.kind, of=fault.subject, phase="begins" if phase else "ends")
        begin, end = acts_of(fault, levers)
        (begin if phase else end)()


Acts = tuple[Callable[[], object], Callable[[], object]]


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


def _switch(part: object, name: str) -> Acts:
    return lambda: setattr(part, name, True), lambda: setattr(part, name, False)
