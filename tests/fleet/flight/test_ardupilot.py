"""Orders to a vehicle, fact by fact: what goes out, what counts as done, and what is refused."""

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import distance_m
from contract.site import VehicleKind
from fleet.decision.patrol import looked_at_from
from fleet.flight.errors import CommandRefused, FlightError, LinkDown, NoAnswer, NotConfirmed
from fleet.flight.mavlink_codec import FrameParser
from fleet.flight.orders import (
    Disarm,
    Exclusion,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    LookAt,
    MissionItem,
    ReturnHome,
    SafetyPlan,
    UploadSafety,
)
from fleet.flight.vehicle import FlightMode
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.other_station import OtherStation, stop_positions
from tests.fleet.flight.air import Air, ScriptedPeer, ack, heartbeat, place, position, simulated, version

COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER
SET_MODE, ARM, TAKEOFF, REPOSITION, SPEED, ROI = 176, 400, 22, 192, 178, 195


def plan(kind: VehicleKind = COPTER) -> SafetyPlan:
    square = tuple(place(e, n) for e, n in ((-100, -100), (100, -100), (100, 100), (-100, 100)))
    pond = tuple(place(e, n) for e, n in ((-30, -30), (-20, -30), (-25, -20)))
    ceiling_m, return_m = (60.0, 25.0) if kind is COPTER else (None, None)
    return SafetyPlan(square, (Exclusion("pond", pond),), ceiling_m, return_m, place(3.0, 3.0), 245)


def flying(monkeypatch: pytest.MonkeyPatch, kind: VehicleKind = COPTER, **changes: Any) -> tuple[Air, Autopilot]:
    peer = simulated(kind, **changes)
    return Air(monkeypatch, peer, kind=kind), peer


async def up(air: Air, *, height_m: float = 20.0) -> None:
    """Safe and launched."""
    await air.ready()
    await air.do(UploadSafety(plan(air.spec.kind)))
    await air.do(Launch(height_m if air.spec.kind is COPTER else None))


def test_a_copter_is_made_safe_armed_in_guided_and_climbs_to_within_a_metre(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)
    air.play(up)
    state = air.vehicle.state
    assert (state.mode, state.armed, state.not_ready_because) == (FlightMode.GUIDED, True, ())
    assert state.above_home_m is not None
    assert abs(state.above_home_m - 20.0) <= 1.0


def test_a_takeoff_whose_answer_was_lost_is_no_refusal_when_the_copter_climbs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    air, peer = flying(monkeypatch)
    parser, outgoing = FrameParser(), peer.outgoing

    def is_consent(raw: bytes) -> bool:
        message = parser.feed_datagram(raw)[0].message
        return isinstance(message, mavlink.MAVLink_command_ack_message) and (message.command, message.result) == (
            TAKEOFF,
            mavlink.MAV_RESULT_ACCEPTED,
        )

    monkeypatch.setattr(peer, "outgoing", lambda: [raw for raw in outgoing() if not is_consent(raw)])
    air.play(up)
    state = air.vehicle.state
    assert len([m for m in air.sent if m.get_type() == "COMMAND_LONG" and m.command == TAKEOFF]) > 1
    assert (state.mode, state.armed) == (FlightMode.GUIDED, True)
    assert state.above_home_m is not None
    assert abs(state.above_home_m - 20.0) <= 1.0


def test_safety_is_written_by_meaning_and_held_by_the_vehicle(monkeypatch: pytest.MonkeyPatch) -> None:
    for firmware, name, value in (("4.6", "RTL_ALT", 2500.0), ("4.7", "RTL_ALT_M", 25.0)):
        air, peer = flying(monkeypatch, firmware=firmware)

        async def story(air: Air) -> None:
            await air.ready()
            await air.do(UploadSafety(plan()))

        air.play(story)
        read = peer.machine.parameters.read(name)
        assert read is not None
        assert read.value == value
        held = peer.machine.parameters
        assert (held["FENCE_TYPE"], held["FENCE_ENABLE"], held["FENCE_ALT_MAX"]) == (5, 1, 60)
        assert (held["FENCE_ACTION"], held["FS_GCS_ENABLE"], held["BATT_FS_LOW_ACT"]) == (1, 1, 2)
        assert held["SYSID_MYGCS"] == 245
        assert air.vehicle.state.safety_uploaded


def test_what_the_vehicle_holds_already_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        await air.do(UploadSafety(plan()))
        air.sent.clear()
        await air.do(UploadSafety(plan()))

    air.play(story)
    assert {m.get_type() for m in air.sent}.isdisjoint({"PARAM_SET", "MISSION_COUNT", "MISSION_ITEM_INT"})


def test_the_fence_of_an_armed_vehicle_is_compared_and_never_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(UploadSafety(plan()))
        await air.do(UploadSafety(replace(plan(), exclusions=())))

    with pytest.raises(CommandRefused, match="armed, so it is only compared: fence: expected 4 items, it holds 7"):
        air.play(story)
    assert len(peer.machine.fence_items) == 7
    assert not air.vehicle.state.safety_uploaded


def test_a_vehicle_without_its_own_safety_is_not_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        await air.do(Launch(20.0))

    with pytest.raises(CommandRefused, match="fence and failsafes are not in the vehicle"):
        air.play(story)
    assert not air.commands(ARM)
    assert not peer.machine.armed


def scripted(monkeypatch: pytest.MonkeyPatch, answer: Any, **telemetry: Any) -> tuple[Air, ScriptedPeer]:
    """A vehicle that identifies itself and then answers as told."""
    peer = ScriptedPeer(answer)
    peer.say(heartbeat(**telemetry))
    peer.say(version())
    peer.say(position(above_m=20.0))
    return Air(monkeypatch, peer, kind=COPTER), peer


async def known(air: Air) -> None:
    await air.until(lambda: air.vehicle.state.autopilot_uid is not None)
    await air.until(lambda: air.vehicle.state.position is not None)


def test_an_unlisted_firmware_version_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = scripted(monkeypatch, lambda _message: [])
    peer.say(version(sw=0x040800FF))

    async def story(air: Air) -> None:
        await air.until(lambda: air.vehicle.state.firmware == "4.8.0")
        await air.do(UploadSafety(plan()))

    with pytest.raises(CommandRefused, match="firmware version 0x040800ff is not in the parameter table"):
        air.play(story)
    assert not air.named("PARAM_SET")


def test_a_mode_is_confirmed_by_the_heartbeat_and_not_by_its_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = scripted(
        monkeypatch,
        lambda m: (
            [ack(m.command), heartbeat(mode=0)] if m.get_type() == "COMMAND_LONG" and m.command == SET_MODE else []
        ),
    )

    async def story(air: Air) -> None:
        await known(air)
        await air.do(Hold())

    with pytest.raises(NotConfirmed, match="mode hold was acknowledged, but the heartbeat says 0"):
        air.play(story)


def test_a_mode_that_the_booting_vehicle_undid_is_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []

    def answer(message: Any) -> Iterable[Any]:
        if message.get_type() != "COMMAND_LONG" or message.command != SET_MODE:
            return []
        times.append(1)
        return [ack(SET_MODE), heartbeat(mode=17 if len(times) > 1 else 0)]

    air, _ = scripted(monkeypatch, answer)

    async def story(air: Air) -> None:
        await known(air)
        await air.do(Hold())

    air.play(story)
    assert len(times) == 2
    assert air.vehicle.state.mode is FlightMode.HOLD


def test_an_acknowledgement_to_another_ground_station_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = scripted(
        monkeypatch, lambda m: [ack(m.command, to=(255, 190))] if m.get_type().startswith("COMMAND") else []
    )

    async def story(air: Air) -> None:
        await known(air)
        await air.do(ReturnHome())

    with pytest.raises(NoAnswer, match="no acknowledgement after 7 tries"):
        air.play(story)
    assert [m.confirmation for m in air.commands(SET_MODE)] == [0, 1, 2, 3, 4, 5, 6]


def test_in_progress_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = scripted(
        monkeypatch, lambda m: [ack(m.command, 5)] if m.get_type() == "COMMAND_LONG" and m.command == SET_MODE else []
    )

    async def story(air: Air) -> None:
        await known(air)
        doing = asyncio.ensure_future(air.do(Hold()))
        await air.passes(6.0)
        peer.say(ack(SET_MODE))
        peer.say(heartbeat(mode=17))
        await doing

    air.play(story)
    assert len(air.commands(SET_MODE)) == 1


def test_arming_is_tried_once_a_second_and_tells_the_reason_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        await air.do(UploadSafety(plan()))
        peer.gnss_lose()
        doing = asyncio.ensure_future(air.do(Launch(20.0), for_s=10.0))
        await air.passes(2.5)
        peer.gnss_recover()
        await doing

    air.play(story)
    assert 3 <= len(air.commands(ARM)) <= 6
    assert any("Need Position Estimate" in line for line in air.progress)
    assert peer.machine.armed


def test_arming_stops_when_the_approval_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        await air.do(UploadSafety(plan()))
        peer.gnss_lose()
        await air.do(Launch(20.0), for_s=3.0)

    with pytest.raises(CommandRefused, match="arm: failed: Arm: Need Position Estimate"):
        air.play(story)
    assert len(air.commands(ARM)) <= 4
    assert not peer.machine.armed


def test_going_somewhere_is_a_command_int_that_switches_to_guided(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)
    target = place(40.0, 30.0)

    async def story(air: Air) -> Any:
        await up(air)
        await air.do(Hold())
        return await air.do(GoTo(target, 22.0, 4.0, look_at=place(60.0, 60.0)))

    sent = air.play(story)
    (going,) = air.commands(REPOSITION)
    assert going.get_type() == "COMMAND_INT"
    assert (going.frame, going.param1, going.param2, going.z) == (3, -1.0, 1.0, 22.0)
    assert math.isnan(going.param4)
    assert (going.x, going.y) == (round(target.lat_deg * 1e7), round(target.lon_deg * 1e7))
    assert air.vehicle.state.mode is FlightMode.GUIDED
    assert peer.machine.speed_override_m_s == 4.0
    assert peer.machine.roi is not None
    assert sent.messages[0].startswith("DO_REPOSITION")
    assert sent.acknowledged_at_us is not None
    assert 0 <= sent.acknowledged_at_us - sent.first_sent_at_us < 200_000


def test_the_nose_turns_to_what_is_to_be_looked_at_on_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)
    target, suspect = place(40.0, 0.0), place(40.0, 50.0)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(GoTo(target, 20.0, 8.0, look_at=suspect))
        await air.passes(25.0)

    air.play(story)
    state = air.vehicle.state
    assert state.position is not None
    assert distance_m(state.position, target) < 2.0
    assert state.heading_deg is not None
    assert min(state.heading_deg, 360 - state.heading_deg) < 5.0


def test_a_target_outside_the_fence_is_refused_with_the_vehicles_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(GoTo(place(400.0, 0.0), 20.0, 4.0))

    with pytest.raises(CommandRefused, match=r"DO_REPOSITION .* failed"):
        air.play(story)


def test_a_speed_that_is_not_taken_up_holds_the_vehicle(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        air.drop = lambda m: m.get_type() == "COMMAND_LONG" and m.command == SPEED
        await air.do(GoTo(place(40.0, 0.0), 20.0, 2.0))

    with pytest.raises(NoAnswer, match=r"DO_CHANGE_SPEED 2.0 m/s"):
        air.play(story)
    assert air.vehicle.state.mode is FlightMode.HOLD


def mission(points: int = 3, *, from_index: int = 0, height_m: float | None = 20.0) -> FlyMission:
    items = tuple(MissionItem(place(20.0 * i, 20.0), height_m, 1.0) for i in range(1, points + 1))
    return FlyMission(items, from_index=from_index, speed_m_s=5.0)


def test_a_mission_is_flown_to_its_end_and_its_items_are_counted_as_in_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    air, _ = flying(monkeypatch)
    seen: list[int | None] = []

    async def story(air: Air) -> None:
        await up(air)
        await air.do(mission())
        while air.vehicle.state.mission_state != 5:
            if not seen or seen[-1] != air.vehicle.state.mission_seq:
                seen.append(air.vehicle.state.mission_seq)
            await asyncio.sleep(0)

    air.play(story)
    assert seen == [0, 1, 2]
    assert air.vehicle.state.mode is FlightMode.AUTO


def test_a_mission_resumes_at_the_item_where_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(mission())
        await air.do(GoTo(place(0.0, -40.0), 20.0, 8.0))
        await air.do(mission(from_index=2))

    air.play(story)
    assert air.vehicle.state.mission_seq == 2
    assert peer.machine.speed_override_m_s == 5.0


def test_a_mission_looks_where_it_should_at_each_stop_and_ahead_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)
    first, middle, last = mission().items
    looks = looked_at_from(middle.point, (0.0, 90.0, 180.0))
    order = replace(mission(), items=(first, replace(middle, dwell_s=24.0, look_at=looks), last))
    at_middle, on_the_way = set[int](), set[bool]()

    async def story(air: Air) -> None:
        await up(air)
        await air.do(order)
        while air.vehicle.state.mission_state != 5:
            truth = peer.truth()
            if peer.machine.roi is not None:
                at_middle.add(round(truth.heading_deg / 30.0) * 30 % 360)
                assert air.vehicle.state.mission_seq == 1, "one stop of the order, however many looks"
            elif air.vehicle.state.mission_seq == 2:
                on_the_way.add(abs(math.remainder(truth.heading_deg - 90.0, 360.0)) < 10.0)  # eastwards
            await asyncio.sleep(0)

    air.play(story)
    assert at_middle >= {0, 90, 180}
    assert True in on_the_way, "the nose is its own again"
    assert peer.machine.roi is None


def test_a_mission_looks_ahead_again_after_something_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(GoTo(place(20.0, 0.0), 20.0, 8.0, look_at=place(20.0, 50.0)))
        await air.do(mission())

    air.play(story)
    assert peer.machine.roi is None


def test_a_mission_is_never_overwritten_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(mission())
        air.sent.clear()
        await air.do(mission(2))

    air.play(story)
    names = [(m.get_type(), getattr(m, "command", None)) for m in air.sent]
    assert names.index(("COMMAND_LONG", SET_MODE)) < names.index(("MISSION_COUNT", None))


def test_a_copter_on_the_ground_is_not_put_into_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        await air.do(mission())

    with pytest.raises(CommandRefused, match="starts in the air"):
        air.play(story)
    assert not air.named("MISSION_COUNT")


@pytest.mark.parametrize("order", [GoTo(place(9, 9), None, 3.0), mission(height_m=None), Launch(None)])
def test_a_copter_is_never_sent_anywhere_without_a_height(monkeypatch: pytest.MonkeyPatch, order: Any) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        await air.do(UploadSafety(plan()))
        await air.do(order)

    with pytest.raises(CommandRefused, match="expected a height above home"):
        air.play(story)


@pytest.mark.parametrize(
    ("kind", "order", "mode", "number"),
    [
        (COPTER, Hold(), FlightMode.HOLD, 17),
        (COPTER, ReturnHome(), FlightMode.RETURN, 6),
        (COPTER, Land(), FlightMode.LAND, 9),
        (ROVER, Hold(), FlightMode.HOLD, 4),
        (ROVER, ReturnHome(), FlightMode.RETURN, 11),
        (ROVER, Land(), FlightMode.HOLD, 4),
    ],
)
def test_coming_home_is_one_mode_by_either_way_in(
    monkeypatch: pytest.MonkeyPatch, kind: VehicleKind, order: Any, mode: FlightMode, number: int
) -> None:
    for by_monitor in (False, True):
        air, _ = flying(monkeypatch, kind)

        async def story(air: Air, by_monitor: bool = by_monitor) -> None:
            await up(air)
            if by_monitor:
                thread = threading.Thread(target=air.vehicle.come_home, args=(order,))
                thread.start()
                thread.join()
                await air.until(lambda: air.vehicle.state.mode is mode)
            else:
                await air.do(order)

        air.play(story)
        assert (air.vehicle.state.mode, air.vehicle.state.custom_mode) == (mode, number)


def test_no_order_ever_uses_a_mode_that_reads_a_throttle_stick(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, sinking in ((COPTER, {0, 1, 2, 5, 16}), (ROVER, {0, 1, 3, 5})):
        air_modes = set(Air(monkeypatch, simulated(kind), kind=kind).vehicle.numbers.values())
        assert air_modes.isdisjoint(sinking)


def test_what_the_monitor_orders_overtakes_the_order_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        air.drop = lambda m: m.get_type() == "COMMAND_INT"
        doing = asyncio.ensure_future(air.do(GoTo(place(40, 0), 20.0, 4.0)))
        await air.passes(0.5)
        air.vehicle.come_home(ReturnHome())
        with pytest.raises(CommandRefused, match="GoTo: overtaken by ReturnHome"):
            await doing
        air.drop = lambda _m: False
        before = len(air.commands(REPOSITION))
        await air.passes(5.0)
        assert len(air.commands(REPOSITION)) == before

    air.play(story)
    assert air.vehicle.state.mode is FlightMode.RETURN
    assert peer.machine.mode == 6


def test_an_expired_approval_and_one_for_another_vehicle_move_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        air.sent.clear()
        for approval, complaint in (
            (air.approve(Hold(), for_s=-0.5), "the approval expired 0.5 s ago"),
            (replace(air.approve(Hold()), vehicle_id="other"), "the approval is for vehicle 'other'"),
        ):
            with pytest.raises(CommandRefused, match=complaint):
                await air.vehicle.carry_out(approval, on_progress=air.progress.append)

    air.play(story)
    assert not air.commands(SET_MODE)


def test_another_autopilot_than_the_bound_one_is_not_commanded_but_may_come_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        peer.broadcast(version(uid=99))
        await air.until(lambda: air.vehicle.state.not_ready_because != ())
        with pytest.raises(CommandRefused, match=r"expected autopilot UID .*, got 0000000000000063"):
            await air.do(GoTo(place(9, 9), 20.0, 3.0))
        await air.do(ReturnHome())

    air.play(story)
    assert air.vehicle.state.mode is FlightMode.RETURN


def test_disarming_is_never_forced_and_refused_in_the_air(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(Disarm())

    with pytest.raises(CommandRefused, match="in the air"):
        air.play(story)
    assert peer.machine.armed
    assert air.vehicle.state.is_landed is False
    assert all(m.param2 == 0.0 for m in air.commands(ARM))


def test_a_rover_stays_armed_until_it_is_disarmed_in_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch, ROVER)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(GoTo(place(10, 0), None, 1.0))
        await air.do(ReturnHome())
        await air.passes(60.0)
        assert air.vehicle.state.armed
        await air.do(Disarm())

    air.play(story)
    assert not peer.machine.armed
    assert air.vehicle.state.mode is FlightMode.HOLD


def test_a_rover_holds_when_nobody_listens_and_its_fence_is_polygons_only(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch, ROVER)
    air.play(up)
    held = peer.machine.parameters
    assert (held["FENCE_TYPE"], held["FENCE_ACTION"], held["FS_GCS_ENABLE"], held["FS_ACTION"]) == (4, 2, 1, 2)


def test_looking_is_one_command_to_a_place_on_the_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(LookAt(place(5, 50)))

    air.play(story)
    (looking,) = air.commands(ROI)
    assert (looking.get_type(), looking.frame, looking.z) == ("COMMAND_INT", 3, 0.0)


def test_telemetry_is_asked_for_and_asked_again_after_a_reboot(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        asked = len(air.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL))
        await air.passes(20.0)
        again = [int(command.param1) for command in air.commands(mavlink.MAV_CMD_SET_MESSAGE_INTERVAL)][asked:]
        nothing_to_say = {87: 2, 162: 2, 246: 2}  # no target, no fence, no aircraft near: asked seldom
        assert Counter(again) <= Counter(nothing_to_say)
        peer.wants_reboot = True
        await air.passes(20.0)
        assert air.clock.monotonic_us() - air.vehicle.telemetry.heard["ATTITUDE"] < 1_000_000
        assert not air.vehicle.state.safety_uploaded

    air.play(story)


def test_a_position_that_another_station_stopped_comes_again_before_the_monitor_misses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        peer.stations.append(OtherStation([(0.0, stop_positions(peer.spec.system_id))]))
        await air.passes(1.5)
        assert air.clock.monotonic_us() - air.vehicle.telemetry.heard["GLOBAL_POSITION_INT"] > 1_000_000
        await air.passes(1.5)
        assert air.clock.monotonic_us() - air.vehicle.telemetry.heard["GLOBAL_POSITION_INT"] < 500_000

    air.play(story)


def test_a_vehicle_whose_reboot_falls_into_an_order_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        air.drop = lambda m: m.get_type() == "COMMAND_LONG" and m.command == SET_MODE
        doing = asyncio.ensure_future(air.do(GoTo(place(40, 0), 20.0, 4.0)))
        await air.passes(0.3)
        peer.wants_reboot = True
        await doing

    with pytest.raises(FlightError):
        air.play(story)


def test_every_wait_ends_in_the_vehicles_time_if_that_runs_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vehicle whose seconds pass ten times as fast: the climb is given up in its time."""
    air, peer = scripted(
        monkeypatch, lambda m: [ack(m.command), heartbeat(mode=4, armed=True)] if m.get_type() == "COMMAND_LONG" else []
    )
    peer.say(position(above_m=0.0))
    waited_s: list[float] = []

    async def story(air: Air) -> None:
        await known(air)
        air.vehicle._set_safety_uploaded(True)
        started_us = air.clock.monotonic_us()
        doing = asyncio.ensure_future(air.do(Launch(10.0)))
        for second in range(100):
            if doing.done():
                break
            peer.say(position(above_m=0.1, boot_ms=60_000 + second * 10_000))
            await air.passes(1.0)
        waited_s.append((air.clock.monotonic_us() - started_us) / 1e6)
        await doing

    with pytest.raises(NotConfirmed, match=r"expected 10.0 m above home within 35 s"):
        air.play(story)
    assert waited_s[0] < 10.0


def test_a_simulator_that_runs_ahead_hears_heartbeats_in_its_own_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)
    air.pace = 10.0

    async def story(air: Air) -> None:
        await air.passes(3.0)
        await up(air)
        await air.do(GoTo(place(40, 0), 20.0, 4.0))
        await air.passes(5.0)

    air.play(story)
    assert peer.machine.parameters["FS_GCS_ENABLE"] == 1
    assert air.vehicle.state.mode is FlightMode.GUIDED, air.vehicle.state.last_text
    assert 9.0 < air.vehicle.telemetry.pace < 11.0


def test_a_vehicle_whose_ground_station_falls_silent_comes_home_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    air, _ = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        air.alive = False
        await air.passes(4.0)
        assert air.vehicle.state.mode is FlightMode.GUIDED
        await air.passes(4.0)
        air.alive = True
        await air.passes(5.0)

    air.play(story)
    assert air.vehicle.state.mode is FlightMode.RETURN, "it stays in RTL when we are back"


def test_a_vehicle_that_was_never_heard_is_link_down_for_the_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    air = Air(monkeypatch, ScriptedPeer(lambda _m: []), kind=COPTER)
    with pytest.raises(LinkDown, match="never heard"):
        air.vehicle.come_home(ReturnHome())


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_sortie_survives_a_link_that_loses_a_fifth_each_way(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    air = Air(monkeypatch, simulated(COPTER), kind=COPTER, loss=0.2, seed=seed)

    async def story(air: Air) -> None:
        await up(air)
        await air.do(mission(5))
        await air.do(GoTo(place(-40, 0), 20.0, 5.0, look_at=place(-60, 0)))
        await air.do(ReturnHome())
        await air.until(lambda: air.vehicle.state.armed is False)

    air.play(story)
    loss = air.vehicle.state.link_loss_frac
    assert loss is not None
    assert 0.1 < loss < 0.3


def test_the_state_is_the_same_object_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await air.ready()
        first = air.vehicle.state
        assert air.vehicle.state is first
        air.drop = lambda _message: True
        monkeypatch.setattr(peer, "outgoing", lambda _link_id=0: [])
        air.clock.advance(3.4)
        assert air.vehicle.state.not_ready_because == ("no heartbeat for 3 s",)
        air.clock.advance(1.0)
        assert air.vehicle.state.not_ready_because == ("no heartbeat for 4 s",)

    air.play(story)
