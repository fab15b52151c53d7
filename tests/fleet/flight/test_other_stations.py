"""Another ground station on the same vehicle: its answers are not ours, and what it does is noticed."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.site import VehicleKind
from contract.tasks import TaskKind, TaskState
from fleet.flight.errors import CommandRefused, NotConfirmed
from fleet.flight.mavlink_codec import Encoder
from fleet.flight.mavlink_mission import MissionKind, clear
from fleet.flight.mavlink_port import Act, Port
from fleet.flight.orders import GoTo, Hold, Launch, LookAt, ReturnHome, UploadSafety
from fleet.flight.other_stations import OtherStations, may_move
from fleet.flight.vehicle import FlightMode
from sim.autopilot.autopilot import Autopilot
from tests.fleet.flight.air import Air, ScriptedPeer, ack, heartbeat, place, position, simulated, version
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.tasks import make_task
from tests.fleet.flight.test_ardupilot import plan

COPTER = VehicleKind.ARDUPILOT_COPTER
OTHER = (255, 190)
LOOK = make_task(TaskKind.INVESTIGATE)


class Station:
    """QGroundControl, say: on the same radio, so that we hear what it is answered."""

    def __init__(self, autopilot: Autopilot) -> None:
        self._autopilot = autopilot
        self._encoder = Encoder(254, 190)

    def says(self, message: Any) -> None:
        self._autopilot.receive(self._encoder.encode(message))


def told_of(
    monkeypatch: pytest.MonkeyPatch, story: Callable[[Air, Station], Awaitable[None]], *, flies: bool = True
) -> None:
    """With its safety in it, and up in the air if it flies."""
    autopilot = simulated(COPTER)
    air = Air(monkeypatch, autopilot, kind=COPTER)

    async def told(air: Air) -> None:
        await air.ready()
        await air.do(UploadSafety(plan()))
        if flies:
            await air.do(Launch(3.0))
        assert air.vehicle.state.others_did == ""
        await story(air, Station(autopilot))

    air.play(told)


def long_command(command: int, *params: float) -> Any:
    return mavlink.MAVLink_command_long_message(1, 1, command, 0, *(*params, *(0.0,) * (7 - len(params))))


async def noticed(air: Air) -> str:
    await air.until(lambda: air.vehicle.state.others_did_at_us is not None)
    return air.vehicle.state.others_did


def test_an_accepted_command_of_another_station_is_noticed_with_who_and_what(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(air: Air, other: Station) -> None:
        await air.do(GoTo(place(40, 0), 10.0, 5.0))
        other.says(long_command(mavlink.MAV_CMD_DO_CHANGE_SPEED, 1.0, 12.0, -1.0))
        assert await noticed(air) == "ground station 254 commanded DO_CHANGE_SPEED"

    told_of(monkeypatch, story)


def test_a_target_that_another_station_moved_without_any_answer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(air: Air, other: Station) -> None:
        await air.do(GoTo(place(40, 0), 10.0, 5.0))
        await air.passes(3.0)
        assert air.vehicle.state.others_did == ""
        elsewhere = place(40, 60)
        other.says(
            mavlink.MAVLink_set_position_target_global_int_message(
                0,
                1,
                1,
                6,
                0b110111111000,
                *(round(elsewhere.lat_deg * 1e7), round(elsewhere.lon_deg * 1e7), 20.0),
                *(0.0,) * 8,
            )
        )
        assert await noticed(air) == "its target was moved by 60 m"

    told_of(monkeypatch, story)


def test_what_we_order_ourselves_is_nobody_elses_act(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(air: Air, _other: Station) -> None:
        for order in (
            GoTo(place(40, 0), 10.0, 5.0),
            LookAt(place(60, 0)),
            GoTo(place(40, 40), 10.0, 5.0),
            Hold(),
            GoTo(place(0, 40), 10.0, 5.0),
        ):
            await air.do(order)
            await air.passes(2.0)
        air.vehicle.come_home(ReturnHome())  # as the monitor does, between two heartbeats
        await air.passes(6.0)
        assert air.vehicle.state.mode is FlightMode.RETURN
        assert air.vehicle.state.others_did == ""

    told_of(monkeypatch, story)


@pytest.mark.parametrize(
    ("message", "what"),
    [
        pytest.param(
            mavlink.MAVLink_param_set_message(1, 1, b"RTL_ALT", 500.0, 9),
            "RTL_ALT was changed from 2500 to 500",
            id="parameter",
        ),
        pytest.param(
            mavlink.MAVLink_mission_clear_all_message(1, 1, 1), "ground station 254 changed its fence", id="fence"
        ),
        pytest.param(long_command(207, 0.0), "ground station 254 commanded DO_FENCE_ENABLE", id="fence switched off"),
    ],
)
def test_safety_that_another_station_touched_is_no_longer_confirmed(
    monkeypatch: pytest.MonkeyPatch, message: Any, what: str
) -> None:
    async def story(air: Air, other: Station) -> None:
        assert air.vehicle.state.safety_uploaded
        other.says(message)
        assert await noticed(air) == what
        assert not air.vehicle.state.safety_uploaded

    told_of(monkeypatch, story, flies=False)


def test_a_safety_that_is_changed_while_we_upload_it_is_not_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    autopilot = simulated(COPTER)
    air = Air(monkeypatch, autopilot, kind=COPTER)
    other = Station(autopilot)
    done: list[str] = []

    def interferes(message: Any) -> bool:
        if message.get_type() == "PARAM_REQUEST_READ" and not done:  # fence and rally point are up by then
            done.append("fence")
            other.says(mavlink.MAVLink_mission_clear_all_message(1, 1, 1))
        return False

    async def story(air: Air) -> None:
        await air.ready()
        air.drop = interferes
        with pytest.raises(NotConfirmed, match="meanwhile ground station 254 changed its fence"):
            await air.do(UploadSafety(plan()))

    air.play(story)
    assert not air.vehicle.state.safety_uploaded


def test_what_reads_films_or_is_the_vehicles_own_is_no_interference() -> None:
    others = OtherStations((245, 190), 1)
    for message in (
        ack(mavlink.MAV_CMD_REQUEST_MESSAGE, to=OTHER),
        ack(mavlink.MAV_CMD_IMAGE_START_CAPTURE, to=OTHER),
        ack(mavlink.MAV_CMD_DO_REPOSITION),
        ack(mavlink.MAV_CMD_DO_REPOSITION, to=(0, 0)),
        ack(mavlink.MAV_CMD_DO_CHANGE_SPEED, to=(1, 191)),
        ack(mavlink.MAV_CMD_DO_REPOSITION, mavlink.MAV_RESULT_DENIED, to=OTHER),
        mavlink.MAVLink_mission_ack_message(*OTHER, mavlink.MAV_MISSION_DENIED, 1),
        mavlink.MAVLink_param_value_message(b"RTL_ALT", math.nan, 9, 1, 0),
    ):
        assert others.hear(message, None, 0) is None  # type: ignore[arg-type]


def test_a_value_from_before_our_own_write_that_comes_late_is_no_change() -> None:
    others = OtherStations((245, 190), 1)
    others.expect_parameters({"RTL_ALT": 2500.0})

    def told(value: float, at_s: float) -> Any:
        message = mavlink.MAVLink_param_value_message(b"RTL_ALT", value, 9, 1, 0)
        return others.hear(message, None, round(at_s * 1e6))  # type: ignore[arg-type]

    assert told(1500.0, 10.0) is None
    assert others.doubted(11_900_000) == ()
    assert others.doubted(12_000_000) == ("RTL_ALT",)
    assert told(2500.0, 12.1) is None
    assert others.doubted(20_000_000) == ()
    assert told(1500.0, 30.0) is None
    assert told(1500.0, 32.0).what == "RTL_ALT was changed from 2500 to 1500"


@pytest.mark.parametrize("command", [20, 21, 22, 176, 192, 193, 195, 300, 400, 31_999])
def test_whatever_may_move_it_counts(command: int) -> None:
    assert may_move(command)


def scripted(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Any], list[Any]]) -> Air:
    peer = ScriptedPeer(answer)
    for message in (heartbeat(mode=4, armed=True), version(), position(above_m=20.0)):
        peer.say(message)
    return Air(monkeypatch, peer, kind=COPTER)


def test_an_ack_to_another_stations_command_is_never_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other's reposition is accepted, ours is not: the order fails."""

    def answer(message: Any) -> list[Any]:
        if message.get_type() == "COMMAND_INT":
            return [ack(192, to=OTHER), ack(192, to=(245, 1)), ack(192, to=(0, 0)), ack(192, 2)]
        return [ack(message.command)] if message.get_type() == "COMMAND_LONG" else []

    air = scripted(monkeypatch, answer)

    async def story(air: Air) -> None:
        await air.until(lambda: air.vehicle.state.autopilot_uid is not None)
        with pytest.raises(CommandRefused, match="denied"):
            await air.do(GoTo(place(10, 0), 10.0, 5.0))

    air.play(story)


def test_a_mission_ack_to_another_station_is_never_taken_for_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(message: Any) -> list[Any]:
        if message.get_type() != "MISSION_CLEAR_ALL":
            return []
        return [mavlink.MAVLink_mission_ack_message(*to, 0, 0) for to in (OTHER, (245, 1), (0, 0))]

    air = scripted(monkeypatch, answer)

    async def story(air: Air) -> None:
        await air.until(lambda: air.vehicle.state.autopilot_uid is not None)
        port = Port(air.link, 1, clock=air.clock)
        monkeypatch.setattr(air.vehicle, "_port", port)
        act = Act(port, air.approve(Hold()), telemetry=lambda: air.vehicle.telemetry, on_progress=air.progress.append)
        port.begin(act)
        with pytest.raises(Exception, match="clearing mission: not accepted after 5 tries"):
            await clear(act, MissionKind.MISSION)

    air.play(story)


def test_safety_12_another_stations_command_suspends_until_a_person_takes_it_back() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.submit(LOOK)
            await flown.until(lambda: flown.last(LOOK).state is TaskState.EXECUTING)
            orders = len(flown.vehicle.orders)
            flown.vehicle.set(
                others_did="ground station 255 commanded DO_REPOSITION", others_did_at_us=flown.clock.monotonic_us()
            )
            await flown.until(lambda: flown.last(LOOK).state is TaskState.SUSPENDED)
            assert flown.last(LOOK).reason == "ground station 255 commanded DO_REPOSITION"
            began_us = flown.clock.monotonic_us()
            await flown.until(lambda: flown.clock.monotonic_us() > began_us + 10_000_000)
            assert len(flown.vehicle.orders) == orders, "nothing is ordered while it is another's"
            assert flown.tasking.unavailable() == {"drone": "ground station 255 commanded DO_REPOSITION"}
            flown.tasking.take_back("drone", "Ada Byron")
            done = await flown.until_final(LOOK)
            assert done.state is TaskState.DONE

    fly(scene)


def test_what_another_station_did_before_the_launch_is_past() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.vehicle.set(others_did="RTL_ALT was changed", others_did_at_us=flown.clock.monotonic_us())
            await flown.until(lambda: flown.tasking.completed_cycle_at_us is not None)
            flown.submit(LOOK)
            done = await flown.until_final(LOOK)
            assert done.state is TaskState.DONE

    fly(scene)
