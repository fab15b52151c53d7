"""Puts a safety plan into a vehicle (SAFETY 10): fence, rally point and failsafes, read back and compared by meaning.

What the vehicle holds already is left alone, so doing it again is cheap. An armed vehicle is only compared: its fence
is never rewritten under it.
"""

from collections.abc import Sequence

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.site import VehicleKind
from fleet.flight.ardupilot_parameters import Parameters, is_same, wanted
from fleet.flight.errors import CommandRefused
from fleet.flight.mavlink_mission import Item, MissionKind, difference, download, fence_of, rally_of, upload_verified
from fleet.flight.mavlink_port import Act
from fleet.flight.orders import SafetyPlan


async def upload_safety(act: Act, plan: SafetyPlan, *, kind: VehicleKind) -> dict[str, float]:
    """Returns when the vehicle was seen to hold all of it: its parameters by the names it knows them by.

    Raises CommandRefused (unlisted firmware, armed and different, refused), NoAnswer, NotConfirmed, LinkDown.
    """
    state = act.telemetry()
    if state.state.armed is None or state.firmware_version is None:
        raise CommandRefused(f"{act.name}: not known yet whether it is armed and what firmware it has")
    parameters = Parameters(act, version=state.firmware_version)
    await _hold_items(act, MissionKind.FENCE, fence_of(plan), said="fence")
    await _hold_items(act, MissionKind.RALLY, rally_of(plan), said="rally point")
    holds: dict[str, float] = {}
    for meaning, value in wanted(plan, kind).items():
        name, held = await parameters.read(meaning)
        holds[name.name] = value * name.units
        if is_same(held, value):
            continue
        _refuse_if_armed(act, f"{meaning.value} is {held:g}, expected {value:g}")
        act.progress(f"{meaning.value}: {held:g} becomes {value:g}")
        await parameters.write(meaning, name, value)
    await act.command(mavlink.MAV_CMD_DO_FENCE_ENABLE, 1.0, said="DO_FENCE_ENABLE")  # an upload does not enable it
    return holds


async def _hold_items(act: Act, kind: MissionKind, items: Sequence[Item], *, said: str) -> None:
    wrong = difference(items, await download(act, kind), kind)
    if wrong is None:
        return
    _refuse_if_armed(act, f"{said}: {wrong}")
    act.progress(f"{said}: uploading {len(items)} items")
    await upload_verified(act, kind, items, said=said)


def _refuse_if_armed(act: Act, difference_found: str) -> None:
    if act.telemetry().state.armed:
        raise CommandRefused(f"{act.name}: armed, so it is only compared: {difference_found}")
