"""May a vehicle leave its dock, come back into it, and may the dock move? Pure; each answer lists the reasons why not.

No reason in here ever stops a vehicle from holding, returning or landing (SAFETY 6): what cannot go into its dock goes
to the dock's alternate. Unknown refuses (SAFETY 5).
"""

import uuid
from collections.abc import Iterable, Sequence

from contract.docks import Dock as DockSpec
from fleet.flight.dock import Cover, DockDriver, DockState, DockVerb, Pad
from fleet.flight.journal import JournalEntry
from fleet.flight.vehicle import VehicleState

DOCK_AGE_LIMIT_S = 5.0  # ten reports


def state_of(dock: DockSpec, docks: Iterable[DockState]) -> DockState:
    """What is known about `dock`; nothing, of one that nobody speaks to."""
    return next((state for state in docks if state.dock_id == dock.id), DockState(dock.id))


def _silence(state: DockState, now_us: int) -> list[str]:
    name = f"dock '{state.dock_id}'"
    if state.heard_at_us is None:
        return [f"{name}: not heard yet"]
    age_s = (now_us - state.heard_at_us) / 1e6
    if age_s <= DOCK_AGE_LIMIT_S:
        return []
    return [f"{name} not heard for {age_s:.1f} s, expected at most {DOCK_AGE_LIMIT_S:.1f} s"]


def _faults(state: DockState) -> list[str]:
    name = f"dock '{state.dock_id}'"
    if state.fault is None:
        return [f"{name}: whether it has a fault is not known"]
    return [f"{name}: {what}" for what in (state.fault, state.failed) if what]


def _weather(dock: DockSpec, state: DockState) -> list[str]:
    reasons = []
    for what, value, limit, unit in (
        ("wind", state.wind_m_s, dock.max_wind_m_s, "m/s"),
        ("rain", state.rain_mm_h, dock.max_rain_mm_h, "mm/h"),
    ):
        if value is None:
            reasons.append(f"dock '{dock.id}': {what} is not known")
        elif value > limit:
            reasons.append(f"dock '{dock.id}': {what} {value:.1f} {unit}, expected at most {limit:.1f} {unit}")
    return reasons


def dock_refusals(dock: DockSpec, docks: Iterable[DockState], vehicle: VehicleState, now_us: int) -> list[str]:
    """What forbids its vehicle new work, wherever to. On the ground: silence, a fault, the weather; a closed dock can
    still be opened. Under way, only what is known to have gone wrong: a dock that is merely silent may be well again by
    the time the vehicle comes home."""
    state = state_of(dock, docks)
    if vehicle.armed is True:
        return lost_while_out(state)
    reasons = [*_silence(state, now_us), *_faults(state)]
    return reasons + _weather(dock, state) if vehicle.kind.flies else reasons


def launch_refusals(dock: DockSpec, docks: Iterable[DockState], vehicle: VehicleState) -> list[str]:
    """Beyond those: what forbids leaving it at this moment."""
    state = state_of(dock, docks)
    reasons = _not_open(state)
    if state.pad is None:
        reasons.append(f"dock '{dock.id}': whether its pad is clear is not known")
    elif state.pad is Pad.BLOCKED:
        reasons.append(f"dock '{dock.id}': something is on its pad")
    if not vehicle.simulated and state.simulated is not False:
        reasons.append(f"dock '{dock.id}': a real vehicle's dock is a real one, and this one is simulated or unknown")
    return reasons


def _not_open(state: DockState) -> list[str]:
    if state.cover is Cover.OPEN:
        return [f"dock '{state.dock_id}' was told to close"] if state.doing is DockVerb.CLOSE else []
    return [f"dock '{state.dock_id}' is {'in an unknown position' if state.cover is None else state.cover.value}"]


def landing_refusals(dock: DockSpec, docks: Iterable[DockState], vehicle: VehicleState, now_us: int) -> list[str]:
    """Why its vehicle must not come down in it. The weather is the same at the alternate."""
    state = state_of(dock, docks)
    reasons = [*_silence(state, now_us), *_faults(state), *_not_open(state)]
    if state.pad is not Pad.EMPTY:
        reasons.append(f"dock '{dock.id}': its pad is not known to be empty")
    if not vehicle.simulated and state.simulated is not False:
        reasons.append(f"dock '{dock.id}': a real vehicle's dock is a real one, and this one is simulated or unknown")
    return reasons


def lost_while_out(state: DockState) -> list[str]:
    """Has a dock whose vehicle is out shut itself, or broken down?"""
    name = f"dock '{state.dock_id}'"
    reasons = [f"{name}: {what}" for what in (state.fault, state.failed) if what]
    if state.cover not in (None, Cover.OPEN):
        reasons.append(f"{name} is {state.cover.value} while its vehicle is out")
    return reasons


def command_refusals(verb: DockVerb, state: DockState, vehicle: VehicleState | None, now_us: int) -> list[str]:
    """Why a dock must not be told this; `vehicle`: the one that it is for. Opening is refused by silence alone."""
    reasons, name = _silence(state, now_us), f"dock '{state.dock_id}'"
    if verb is DockVerb.OPEN:
        return reasons
    if vehicle is not None and vehicle.armed is True:
        reasons.append(f"{name}: '{vehicle.vehicle_id}' has its motors armed")
    if verb is DockVerb.CHARGE and state.pad is not Pad.VEHICLE:
        reasons.append(f"{name}: no vehicle is known to be on its pad")
    if verb is DockVerb.CLOSE:
        if state.pad not in (Pad.EMPTY, Pad.VEHICLE):
            reasons.append(f"{name}: whether its pad is clear is not known, or it is not")
        if vehicle is not None and vehicle.armed is None and state.pad is not Pad.VEHICLE:
            reasons.append(f"{name}: whether '{vehicle.vehicle_id}' is on its way is not known")
    return reasons


def dock_entry(
    dock: DockDriver,
    verb: DockVerb,
    *,
    command_id: uuid.UUID,
    refusals: Sequence[str],
    by: str,
    at_us: int,
    trace_id: str | None = None,
) -> JournalEntry:
    """Who told a dock what, what was known of it, and why not."""
    state = dock.state
    return JournalEntry(
        at_us=at_us,
        actor=by,
        act=f"{'refused dock' if refusals else 'dock'} {verb.value}",
        subject=f"dock {dock.spec.id}",
        trace_id=trace_id,
        detail={
            "command": str(command_id),
            "cover": None if state.cover is None else state.cover.value,
            "pad": None if state.pad is None else state.pad.value,
            "fault": state.fault,
            "reasons": list(refusals),
        },
    )
