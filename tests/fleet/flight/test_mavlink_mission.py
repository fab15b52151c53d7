"""Transfers over links that lose, repeat and refuse: what the vehicle ends up holding is what was sent, or nothing."""

import math
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint
from contract.site import VehicleKind
from fleet.flight.errors import CommandRefused, NoAnswer, NotConfirmed
from fleet.flight.mavlink_mission import (
    Item,
    MissionKind,
    difference,
    download,
    fence_of,
    first_seqs,
    item_of_seq,
    means_the_same,
    mission_of,
    rally_of,
    upload_verified,
)
from fleet.flight.mavlink_port import Act
from fleet.flight.orders import Exclusion, FlyMission, Hold, MissionItem, SafetyPlan
from tests.fleet.flight.air import HOME, US, Air, ScriptedPeer, heartbeat, place, simulated

COPTER = VehicleKind.ARDUPILOT_COPTER
WAYPOINT = 16


def patrol(points: int = 3, *, dwell_s: float = 2.5) -> FlyMission:
    items = tuple(MissionItem(place(10.0 * i, 5.0 * i), 20.0, dwell_s) for i in range(1, points + 1))
    return FlyMission(items, from_index=0, speed_m_s=4.0)


def items_of(points: int = 3) -> tuple[Item, ...]:
    return mission_of(patrol(points), home=HOME)


def act_of(air: Air) -> Act:
    """An order that may send: which one does not matter here."""
    act = Act(
        air.vehicle._port,
        air.approve(Hold()),
        telemetry=lambda: air.vehicle.telemetry,
        on_progress=air.progress.append,
    )
    air.vehicle._port.begin(act)
    return act


async def heard(air: Air) -> Act:
    await air.until(lambda: air.vehicle.state.heard_at_us is not None)
    return act_of(air)


async def upload(air: Air, items: tuple[Item, ...]) -> tuple[Item, ...]:
    act = await heard(air)
    await upload_verified(act, MissionKind.MISSION, items, said="mission")
    return await download(act, MissionKind.MISSION)


class Keeper:
    """A vehicle that keeps whatever it is sent; each quirk of a real one is a switch."""

    def __init__(
        self, *, ask_old: bool = False, refuse_at: int = -1, refusal: int = 3, forget_last: bool = False
    ) -> None:
        self.items: dict[int, Any] = {}
        self.count = 0
        self.ask_old, self.refuse_at, self.refusal, self.forget_last = ask_old, refuse_at, refusal, forget_last
        self.peer = ScriptedPeer(self.answer)
        self.peer.say(heartbeat())

    def answer(self, message: Any) -> Iterable[Any]:
        name = message.get_type()
        if name == "MISSION_COUNT":
            self.items, self.count = {}, message.count
            return [self.request(0)]
        if name == "MISSION_ITEM_INT":
            return self.take(message)
        if name == "MISSION_CLEAR_ALL":
            self.items, self.count = {}, 0
            return [mavlink.MAVLink_mission_ack_message(*US, 0, message.mission_type)]
        if name == "MISSION_REQUEST_LIST":
            return [mavlink.MAVLink_mission_count_message(*US, self.count - self.forget_last, message.mission_type)]
        if name == "MISSION_REQUEST_INT":
            return [self.items[message.seq]]
        return []

    def take(self, message: Any) -> list[Any]:
        if message.seq == self.refuse_at:
            return [mavlink.MAVLink_mission_ack_message(*US, self.refusal, 0)]
        if message.seq not in self.items:
            message.target_system, message.target_component = US
            self.items[message.seq] = message
        if len(self.items) == self.count:
            return [mavlink.MAVLink_mission_ack_message(*US, 0, 0)]
        return [self.request(message.seq + 1)]

    def request(self, seq: int) -> Any:
        kind = mavlink.MAVLink_mission_request_message if self.ask_old else mavlink.MAVLink_mission_request_int_message
        return kind(*US, seq, 0)


def test_item_0_is_home_and_the_first_real_item_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    items = items_of(2)
    assert (items[0].x, items[0].y) == (520_000_000, 130_000_000)
    held = Air(monkeypatch, simulated(COPTER), kind=COPTER).play(lambda air: upload(air, items))
    assert len(held) == 4
    assert [(item.command, item.x) for item in held[2:]] == [(WAYPOINT, items[2].x), (WAYPOINT, items[3].x)]


def test_a_dwell_is_the_hold_time_of_its_waypoint_in_whole_seconds() -> None:
    assert [item.params[0] for item in items_of(2)[2:]] == [3.0, 3.0]


def test_sequence_numbers_and_indices_of_an_order_name_the_same_item() -> None:
    items, beginnings = items_of(3), first_seqs(patrol(3))
    assert [items[seq].command for seq in beginnings] == [mavlink.MAV_CMD_DO_CHANGE_SPEED, WAYPOINT, WAYPOINT]
    assert [item_of_seq(seq, beginnings) for seq in range(5)] == [0, 0, 0, 1, 2]
    assert [item_of_seq(seq, ()) for seq in range(5)] == [0, 0, 0, 1, 2], "of a mission that we did not upload"


def test_looks_are_stays_in_turn_each_behind_its_point_and_the_nose_is_free_again_afterwards() -> None:
    order = patrol(3)
    looks = (GeoPoint(lat_deg=52.1, lon_deg=13.1), GeoPoint(lat_deg=52.2, lon_deg=13.2))
    middle = replace(order.items[1], dwell_s=9.0, look_at=looks)
    order = replace(order, items=(order.items[0], middle, order.items[2]))
    items, beginnings = mission_of(order, home=HOME), first_seqs(order)
    roi, free = mavlink.MAV_CMD_DO_SET_ROI_LOCATION, mavlink.MAV_CMD_DO_SET_ROI_NONE

    leg = items[beginnings[1] : beginnings[2]]

    assert [item.command for item in leg] == [WAYPOINT, roi, WAYPOINT, roi, WAYPOINT, free]
    assert [item.x for item in leg if item.command == roi] == [521_000_000, 522_000_000]
    places = [item for item in leg if item.command == WAYPOINT]
    assert [item.params[0] for item in places] == [0.0, 5.0, 5.0]  # a half of nine, in whole seconds
    assert {(item.x, item.y, item.z) for item in places} == {(items[3].x, items[3].y, items[3].z)}
    assert [item_of_seq(seq, beginnings) for seq in range(len(items))] == [0, 0, 0, *[1] * 6, 2]


@pytest.mark.parametrize("ask_old", [False, True], ids=["MISSION_REQUEST_INT", "MISSION_REQUEST"])
def test_both_kinds_of_request_are_answered_with_mission_item_int(
    monkeypatch: pytest.MonkeyPatch, ask_old: bool
) -> None:
    keeper = Keeper(ask_old=ask_old)
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    assert len(air.play(lambda air: upload(air, items_of(2)))) == 4
    assert [m.seq for m in air.named("MISSION_ITEM_INT")] == [0, 1, 2, 3]


def test_a_repeated_request_is_answered_again_and_restarts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    honest = keeper.request
    monkeypatch.setattr(keeper, "take", lambda message: [*Keeper.take(keeper, message), honest(message.seq)][::-1])
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    assert len(air.play(lambda air: upload(air, items_of(2)))) == 4
    assert len(air.named("MISSION_COUNT")) == 1


def test_an_echo_of_ack_13_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    wrong_seq = mavlink.MAVLink_mission_ack_message(*US, 13, 0)
    monkeypatch.setattr(keeper, "take", lambda message: [wrong_seq, *Keeper.take(keeper, message)])
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    assert len(air.play(lambda air: upload(air, items_of(3)))) == 5
    assert [m.seq for m in air.named("MISSION_ITEM_INT")] == [0, 1, 2, 3, 4]


def test_ack_13_to_a_repeated_item_says_that_it_had_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request for item 2 never comes: what comes for the repeat of item 1 is 13."""
    keeper = Keeper()

    def take(message: Any) -> list[Any]:
        if message.seq == 1:
            repeated = 1 in keeper.items
            Keeper.take(keeper, message)
            return [mavlink.MAVLink_mission_ack_message(*US, 13, 0)] if repeated else []
        return Keeper.take(keeper, message)

    monkeypatch.setattr(keeper, "take", take)
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    assert len(air.play(lambda air: upload(air, items_of(2)), within_s=3.0)) == 4
    assert [m.seq for m in air.named("MISSION_ITEM_INT")] == [0, 1, 1, 2, 3]


def test_answers_to_another_ground_station_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    foreign = mavlink.MAVLink_mission_ack_message(255, 190, 4, 0)
    monkeypatch.setattr(keeper, "take", lambda message: [foreign, *Keeper.take(keeper, message)])
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    assert len(air.play(lambda air: upload(air, items_of(2)))) == 4


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (2, "unsupported frame"),
        (3, "unsupported command"),
        (12, "invalid height"),
        (14, "busy with another ground station"),
    ],
)
def test_a_refused_upload_says_why_and_leaves_no_mixture(
    monkeypatch: pytest.MonkeyPatch, result: int, words: str
) -> None:
    keeper = Keeper(refuse_at=2, refusal=result)
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    with pytest.raises(CommandRefused, match=f"refused at item 2: {words}"):
        air.play(lambda air: upload(air, items_of(3)))
    assert (keeper.items, keeper.count) == ({}, 0)


def test_a_vehicle_that_falls_silent_is_given_up_after_a_second_try_and_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keeper = Keeper()
    monkeypatch.setattr(keeper, "take", lambda message: [])
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    started_us = air.clock.monotonic_us()
    with pytest.raises(NoAnswer, match="silence at item 0 of 5"):
        air.play(lambda air: upload(air, items_of(3)))
    assert 15.0 < (air.clock.monotonic_us() - started_us) / 1e6 < 18.0
    assert air.named("MISSION_CLEAR_ALL")


def test_what_reads_back_different_is_not_confirmed_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(forget_last=True)
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    with pytest.raises(NotConfirmed, match="expected 4 items, it holds 3"):
        air.play(lambda air: upload(air, items_of(2)))
    assert keeper.count == 0


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="before 3.11 asyncio cannot tell a cancellation from a time-out at the same moment; anyio's scopes can",
)
def test_a_cancelled_upload_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper()
    monkeypatch.setattr(keeper, "take", lambda message: [])
    air = Air(monkeypatch, keeper.peer, kind=COPTER)
    with pytest.raises(AssertionError, match="not done within"):
        air.play(lambda air: upload(air, items_of(3)), within_s=2.0)
    assert air.named("MISSION_CLEAR_ALL")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ask_old", [False, True], ids=["int", "old"])
def test_twenty_items_arrive_over_a_link_that_loses_a_fifth_each_way(
    monkeypatch: pytest.MonkeyPatch, seed: int, ask_old: bool
) -> None:
    peer = simulated(COPTER, asks_with_mission_request=ask_old)
    air = Air(monkeypatch, peer, kind=COPTER, loss=0.2, seed=seed)
    items = items_of(20)
    held = air.play(lambda air: upload(air, items), within_s=60.0)
    assert difference(items, held, MissionKind.MISSION) is None
    assert air.clock.monotonic_us() / 1e6 < 40.0


FOUR = (4.0, 0.0, 0.0, 0.0)


def item(command: int = WAYPOINT, *, frame: int = 3, params: Any = (0.0, 0.0, 0.0, 0.0), z: float = 20.0) -> Item:
    return Item(command, frame, params, 520_000_000, 130_000_000, z)


@pytest.mark.parametrize(
    ("sent", "read", "same"),
    [
        pytest.param(item(frame=6), item(frame=3), True, id="frame 6 is 3"),
        pytest.param(item(frame=5), item(frame=0), True, id="frame 5 is 0"),
        pytest.param(item(frame=11), item(frame=10), True, id="frame 11 is 10"),
        pytest.param(item(frame=3), item(frame=0), False, id="above home is not AMSL"),
        pytest.param(item(params=(0.0, 0.0, 0.0, math.nan)), item(), True, id="NaN yaw is 0"),
        pytest.param(item(19, params=(5.0, 0.0, 0.0, 0.0)), item(19, params=(5.0, 0.0, 1.0, 0.0)), True, id="loiter"),
        pytest.param(item(21), item(21, params=(0.0, 0.0, 0.0, 1.0)), True, id="land"),
        pytest.param(item(5001, params=FOUR), item(5001, frame=0, params=FOUR, z=0.0), True, id="fence frame"),
        pytest.param(item(5001, params=FOUR), item(5001, params=(5.0, 0.0, 0.0, 0.0)), False, id="vertex count"),
        pytest.param(item(z=20.0), item(z=21.0), False, id="height"),
        pytest.param(item(z=20.0), item(z=math.nan), False, id="no height"),
        pytest.param(item(params=(3.0, 0.0, 0.0, 0.0)), item(), False, id="dwell lost"),
        pytest.param(item(16), item(17), False, id="command"),
    ],
)  # fmt: skip
def test_items_are_compared_by_meaning(sent: Item, read: Item, same: bool) -> None:
    assert means_the_same(sent, read) is same


def plan() -> SafetyPlan:
    square = tuple(place(e, n) for e, n in ((-50, -50), (50, -50), (50, 50), (-50, 50)))
    triangle = tuple(place(e, n) for e, n in ((10, 10), (20, 10), (15, 20)))
    return SafetyPlan(square, (Exclusion("pond", triangle),), 60.0, 25.4, place(3, 3), 245)


def test_every_vertex_says_how_many_its_polygon_has_and_the_first_is_not_repeated() -> None:
    items = fence_of(plan())
    assert [(item.command, item.params[0]) for item in items] == [(5001, 4.0)] * 4 + [(5002, 3.0)] * 3
    assert len({(item.x, item.y) for item in items}) == 7


def test_the_rally_point_has_its_own_height_in_whole_metres_above_home() -> None:
    assert [(item.command, item.frame, item.z) for item in rally_of(plan())] == [(5100, 3, 25.0)]


def test_a_fence_is_read_back_only_after_it_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(air: Air) -> None:
        act = await heard(air)
        await upload_verified(act, MissionKind.FENCE, fence_of(plan()), said="fence")

    peer = simulated(COPTER)
    Air(monkeypatch, peer, kind=COPTER).play(story)
    assert [kept.command for kept in peer.machine.fence_items] == [5001] * 4 + [5002] * 3


def test_a_bad_fence_is_refused_with_the_reason_that_only_the_text_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(air: Air) -> None:
        act = await heard(air)
        await upload_verified(act, MissionKind.FENCE, fence_of(plan())[:-1], said="fence")

    air = Air(monkeypatch, simulated(COPTER), kind=COPTER)
    with pytest.raises(CommandRefused, match=r"fence: refused at item 5: \w+"):
        air.play(story)


def test_nothing_to_hold_clears_that_type_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(air: Air) -> None:
        act = await heard(air)
        await upload_verified(act, MissionKind.RALLY, rally_of(plan()), said="rally")
        await upload_verified(act, MissionKind.RALLY, (), said="rally")

    peer = simulated(COPTER)
    air = Air(monkeypatch, peer, kind=COPTER)
    air.play(story)
    assert peer.machine.rally_items == []
    assert {m.mission_type for m in air.named("MISSION_CLEAR_ALL")} == {2}
