"""Turning to a point: which command goes out, and that camera or nose must be seen to point there."""

import math
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import LocalFrame
from contract.site import VehicleKind
from fleet.flight.errors import CommandRefused, NotConfirmed
from fleet.flight.orders import Launch, LookAt, Orbit, UploadSafety
from fleet.flight.vehicle import FlightMode
from sim.autopilot import commands
from sim.autopilot.autopilot import Autopilot
from tests.fleet.flight.air import Air, place, simulated
from tests.fleet.flight.test_ardupilot import plan

COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER
ROI, GIMBAL, YAW = 195, 1000, 115
SUSPECT = place(50.0, -50.0)  # to the south-east


def flying(monkeypatch: pytest.MonkeyPatch, kind: VehicleKind = COPTER, **spec: Any) -> tuple[Air, Autopilot]:
    peer = simulated(kind, **spec)
    return Air(monkeypatch, peer, kind=kind), peer


async def look(air: Air) -> None:
    await air.ready()
    await air.do(UploadSafety(plan(air.spec.kind)))
    await air.do(Launch(20.0 if air.spec.kind is COPTER else None))
    await air.do(LookAt(SUSPECT))


def off_deg(direction_deg: float) -> float:
    return abs(math.remainder(direction_deg - 135.0, 360.0))


def without(monkeypatch: pytest.MonkeyPatch, *command_ids: int) -> None:
    """A firmware that was built without these commands."""
    for command in command_ids:
        monkeypatch.delitem(commands.HANDLERS, command)


def test_a_gimbal_that_answers_is_seen_to_look_there_and_the_nose_need_not(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch, ROVER)
    air.play(look)
    assert off_deg(peer.truth().camera_heading_deg) < 2.0
    assert off_deg(peer.truth().heading_deg) > 90.0
    assert len(air.commands(ROI)) == 1
    assert not air.commands(YAW)


def test_a_copter_without_a_gimbal_turns_its_nose_and_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch, has_gimbal=False)
    air.play(look)
    assert off_deg(peer.truth().heading_deg) <= 10.5
    assert len(air.commands(ROI)) == 1
    assert not air.commands(GIMBAL)
    assert not air.commands(YAW)


def test_a_gimbal_is_turned_by_its_own_command_where_regions_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, ROI)
    air, peer = flying(monkeypatch)
    air.play(look)
    (turning,) = air.commands(GIMBAL)
    assert (round(turning.param1), turning.param2) == (-15, pytest.approx(135.0, abs=2.0))  # 19 m up, 71 m away
    assert off_deg(peer.truth().camera_heading_deg) < 2.0


def test_a_nose_is_turned_where_neither_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, ROI, GIMBAL)
    air, peer = flying(monkeypatch, has_gimbal=False)
    air.play(look)
    (turning,) = air.commands(YAW)
    assert (turning.param1, turning.param4) == (pytest.approx(135.0, abs=2.0), 0.0)
    assert off_deg(peer.truth().heading_deg) <= 10.5


def test_an_acknowledgement_is_not_yet_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rover acknowledges the point, and has nothing to turn."""
    air, _ = flying(monkeypatch, ROVER, has_gimbal=False)
    with pytest.raises(NotConfirmed, match=r"neither camera nor nose points there: 135 degrees beside it"):
        air.play(look)


def test_one_that_can_turn_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, ROI)
    air, _ = flying(monkeypatch, ROVER, has_gimbal=False)
    with pytest.raises(CommandRefused, match=r"DO_SET_ROI_LOCATION .*: unsupported"):
        air.play(look)


def test_an_orbit_is_a_mission_round_the_point_with_the_nose_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch, has_gimbal=False)
    frame = LocalFrame(place(20.0, 20.0), ground_amsl_m=0.0)
    away_m, beside_deg, swept = [], [], 0.0

    async def story(air: Air) -> None:
        nonlocal swept
        await air.ready()
        await air.do(UploadSafety(plan()))
        await air.do(Launch(20.0))
        await air.do(Orbit(place(20.0, 20.0), 15.0, 20.0, 5.0, from_deg=225.0))
        assert air.vehicle.state.mode is FlightMode.AUTO
        await air.until(lambda: (air.vehicle.state.mission_seq or 0) >= 1)
        last: float | None = None
        while air.vehicle.state.mission_state != 5:
            state = air.vehicle.state
            assert state.position is not None
            assert state.heading_deg is not None
            here = frame.to_enu(state.position)
            bearing = math.degrees(math.atan2(here.east_m, here.north_m))
            swept += 0.0 if last is None else math.remainder(bearing - last, 360.0)
            last = bearing
            away_m.append(math.hypot(here.east_m, here.north_m))
            beside_deg.append(abs(math.remainder(state.heading_deg - bearing - 180.0, 360.0)))
            await air.passes(0.2)

    air.play(story)
    assert 320.0 < swept < 380.0, "clockwise, all round"
    assert all(12.5 < each < 17.0 for each in away_m)
    assert max(beside_deg[10:]) < 25.0
    (looking,) = [m for m in air.sent if m.get_type() == "COMMAND_INT" and m.command == ROI]
    assert looking.frame == mavlink.MAV_FRAME_GLOBAL_RELATIVE_ALT
