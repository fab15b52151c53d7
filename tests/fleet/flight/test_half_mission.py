"""Half of a mission does not stay in a vehicle, however long its link was away."""

import asyncio

import pytest

from contract.site import VehicleKind
from fleet.flight.errors import CommandRefused, FlightError
from fleet.flight.orders import FlyMission, MissionItem, ReturnHome
from fleet.flight.vehicle import FlightMode
from tests.fleet.flight.air import Air, place, simulated
from tests.fleet.flight.test_ardupilot import flying, up

POINTS = 10


def mission(points: int = POINTS) -> FlyMission:
    items = tuple(MissionItem(place(5.0 * i, 10.0), 20.0) for i in range(1, points + 1))
    return FlyMission(items, from_index=0, speed_m_s=5.0)


async def half_upload(air: Air) -> "asyncio.Task[object]":
    """An upload in the middle of which some items have arrived."""
    air.sent.clear()
    doing = asyncio.ensure_future(air.do(mission(), for_s=60.0))
    await air.until(lambda: len(air.named("MISSION_ITEM_INT")) >= 4)
    return doing


async def lose_link(air: Air, seconds: float) -> None:
    air.loss = 1.0
    await air.passes(seconds)
    air.loss = 0.0


def test_a_link_that_was_away_for_longer_than_any_try_finds_the_vehicle_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> int:
        await up(air)
        doing = await half_upload(air)
        await lose_link(air, 60.0)
        with pytest.raises(FlightError, match="silence at item"):
            await doing
        held = len(peer.machine.mission.items)
        await air.passes(5.0)
        return held

    held = air.play(story)
    assert held > 0
    assert len(peer.machine.mission.items) == 0
    cleared = len(air.named("MISSION_CLEAR_ALL"))
    air.play(lambda air: air.passes(5.0))
    assert len(air.named("MISSION_CLEAR_ALL")) == cleared, "what was acknowledged is not asked for again"


def test_who_is_flown_home_in_the_middle_of_an_upload_is_cleared_on_his_way(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        doing = await half_upload(air)
        air.vehicle.come_home(ReturnHome())
        with pytest.raises(CommandRefused, match="overtaken by ReturnHome"):
            await doing
        await air.passes(5.0)

    air.play(story)
    assert len(peer.machine.mission.items) == 0
    assert air.vehicle.state.mode is FlightMode.RETURN


def test_what_somebody_flies_is_not_cleared_under_him(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> int:
        await up(air)
        await air.do(mission())
        air.vehicle.doubt_mission()  # as after a restart in the middle of it
        await air.passes(5.0)
        flown = len(peer.machine.mission.items)
        air.vehicle.come_home(ReturnHome())
        await air.passes(5.0)
        return flown

    assert air.play(story) == POINTS + 2
    assert len(peer.machine.mission.items) == 0


def test_the_next_upload_takes_the_place_of_what_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    air, peer = flying(monkeypatch)

    async def story(air: Air) -> None:
        await up(air)
        air.drop = lambda message: message.get_type() == "MISSION_CLEAR_ALL"
        air.vehicle.doubt_mission()
        await air.passes(3.0)
        await air.do(mission(3))
        air.drop = lambda _: False
        air.sent.clear()
        await air.passes(5.0)

    air.play(story)
    assert not air.named("MISSION_CLEAR_ALL")
    assert len(peer.machine.mission.items) == 3 + 2
    assert air.vehicle.state.mode is FlightMode.AUTO


def test_a_vehicle_that_nobody_doubts_is_cleared_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    air = Air(monkeypatch, simulated(VehicleKind.ARDUPILOT_ROVER), kind=VehicleKind.ARDUPILOT_ROVER)
    air.play(lambda air: air.passes(10.0))
    assert not air.named("MISSION_CLEAR_ALL")
