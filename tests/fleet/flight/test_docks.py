"""A vehicle and its dock: no launch unless open and clear, and a way home that never needs it."""

from dataclasses import replace
from typing import Any

import pytest

from contract.site import Site, VehicleKind
from contract.tasks import TaskKind, TaskState
from fleet.flight.ardupilot_parameters import Meaning, wanted
from fleet.flight.decision_record import judge_again, record_of
from fleet.flight.dock import Cover, DockDriver, DockState, DockVerb, Pad
from fleet.flight.docking import command_refusals, lost_while_out
from fleet.flight.docks.http_json import Driver
from fleet.flight.gate import Approved, Decision, RefusedOrder, own_dock
from fleet.flight.orders import GoTo, Hold, Land, Launch, Order, ReturnHome, ToDock
from fleet.flight.rally import rally_points
from fleet.flight.safety_plan import safety_plan
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.watch import Route, Snapshot, hazard_of
from sim.dock import SimulatedDock
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import GO, NOW_US, ask, drone, drone_on_pad, geo, make_site, place, rover, world
from tests.fleet.flight.tasks import make_task

LOOK = make_task(TaskKind.INVESTIGATE)
ALTERNATE = (90.0, 40.0)
LAUNCH = Launch(25.0)


def docked_site(**changes: Any) -> Site:
    pad = {
        "id": "pad",
        "position": place(40, 40),
        "kind": "http_json",
        "connection": "http://127.0.0.1:8090",
        "alternate": "meadow",
    }
    return make_site(
        docks=[pad, {"id": "shed", "position": place(60, 40)}],
        rally_points=[{"id": "meadow", "position": place(*ALTERNATE)}, {"id": "far", "position": place(250, 250)}],
        **changes,
    )


SITE = docked_site()
READY = DockState(
    "pad",
    heard_at_us=NOW_US - 300_000,
    simulated=True,
    cover=Cover.OPEN,
    pad=Pad.VEHICLE,
    charging=False,
    charge_frac=None,
    wind_m_s=2.0,
    rain_mm_h=0.0,
    fault="",
)
TO_DOCK = ToDock(geo(40, 40), 30.0, 8.0)


def judged(order: Order, vehicle: VehicleState, dock: DockState) -> Decision:
    return ask(order, vehicle, within=world(vehicle, site=SITE, docks=(dock,)))


def reasons(order: Order, vehicle: VehicleState, **dock: Any) -> tuple[str, ...]:
    decision = judged(order, vehicle, replace(READY, **dock))
    return decision.reasons if isinstance(decision, RefusedOrder) else ()


class TestLaunch:
    def test_a_vehicle_leaves_a_dock_that_is_open_and_clear(self) -> None:
        assert reasons(LAUNCH, drone_on_pad()) == ()

    def test_a_dock_that_nobody_speaks_to_lets_nothing_leave(self) -> None:
        decision = ask(LAUNCH, drone_on_pad(), within=world(site=SITE))
        assert isinstance(decision, RefusedOrder)
        assert "dock 'pad': not heard yet" in decision.reasons

    def test_a_vehicle_of_open_ground_is_asked_nothing(self) -> None:
        assert not any("dock" in reason for reason in reasons(Launch(None), rover(armed=False), cover=Cover.CLOSED))

    @pytest.mark.parametrize(("order", "vehicle"), [(LAUNCH, drone_on_pad()), (TO_DOCK, drone())])
    def test_safety_14_such_a_decision_judges_the_same_again(self, order: Order, vehicle: VehicleState) -> None:
        decision = judged(order, vehicle, replace(READY, cover=Cover.CLOSED, pad=Pad.EMPTY))
        again = judge_again(record_of(decision), SITE)
        assert isinstance(again, RefusedOrder)
        assert again.reasons == ("dock 'pad' is closed",)


class TestUnderWay:
    def test_a_dock_that_is_merely_silent_ends_no_work(self) -> None:
        assert reasons(GO, drone(), heard_at_us=NOW_US - 60_000_000, wind_m_s=None) == ()

    @pytest.mark.parametrize(
        ("dock", "reason"),
        [
            ({"cover": Cover.CLOSING}, "dock 'pad' is closing while its vehicle is out"),
            ({"fault": "motor hot"}, "dock 'pad': motor hot"),
        ],
    )
    def test_one_that_shuts_or_breaks_does(self, dock: dict[str, Any], reason: str) -> None:
        assert reasons(GO, drone(), **dock) == (reason,)

    def test_the_battery_must_last_to_the_alternate_too(self) -> None:
        far = docked_site()
        far = far.model_copy(
            update={
                "rally_points": tuple(
                    p.model_copy(update={"position": geo(290, 290)}) if p.id == "meadow" else p
                    for p in far.rally_points
                )
            }
        )
        low = drone(battery_frac=0.35)
        near_home = GoTo(geo(45, 45), 25.0, 8.0)
        assert reasons(near_home, low, pad=Pad.EMPTY) == ()
        decision = ask(near_home, low, within=world(low, site=far, docks=(READY,)))
        assert isinstance(decision, RefusedOrder)
        assert decision.reasons[0].startswith("battery 35%, expected 38%")

    def test_the_monitor_brings_it_back_while_the_alternate_can_be_reached(self) -> None:
        low = drone(position=geo(45, 45), battery_frac=0.13, mode=FlightMode.GUIDED)
        here = Snapshot(NOW_US, world(low, site=make_site()), {"drone": Route(())})
        docked = docked_site()
        docked = docked.model_copy(
            update={"rally_points": (docked.rally_points[0].model_copy(update={"position": geo(290, 290)}),)}
        )
        away = Snapshot(NOW_US, world(low, site=docked), {"drone": Route(())})
        assert hazard_of(low, here, is_watched=False) is None
        hazard = hazard_of(low, away, is_watched=False)
        assert hazard is not None
        assert hazard.order == ReturnHome()


class TestComingIn:
    def test_it_may_come_in_without_anybodys_consent_while_the_dock_is_open_and_empty(self) -> None:
        assert reasons(TO_DOCK, drone(), pad=Pad.EMPTY) == ()

    @pytest.mark.parametrize(
        ("vehicle", "dock", "reason"),
        [
            ({}, {"cover": Cover.CLOSED}, "dock 'pad' is closed"),
            ({}, {"pad": Pad.VEHICLE}, "dock 'pad': its pad is not known to be empty"),
            ({}, {"pad": None}, "dock 'pad': its pad is not known to be empty"),
            ({}, {"fault": "motor hot"}, "dock 'pad': motor hot"),
            ({}, {"heard_at_us": None}, "dock 'pad': not heard yet"),
            ({"mode": FlightMode.MANUAL}, {}, "a pilot has the vehicle"),
            ({"above_home_m": 0.2}, {}, "the vehicle is not known to be in the air"),
            ({"position": None}, {}, "position is not known"),
            ({"position": geo(290, 75)}, {}, "the way crosses"),
        ],
    )
    def test_else_it_does_not(self, vehicle: dict[str, Any], dock: dict[str, Any], reason: str) -> None:
        said = reasons(TO_DOCK, drone(**vehicle), **{"pad": Pad.EMPTY, **dock})
        assert any(each.startswith(reason) for each in said), said

    @pytest.mark.parametrize("order", [replace(TO_DOCK, point=geo(60, 60)), replace(TO_DOCK, above_home_m=12.0)])
    def test_there_is_one_such_order_a_vehicle(self, order: ToDock) -> None:
        assert reasons(order, drone(), pad=Pad.EMPTY) == ("expected the way to the vehicle's own dock",)

    def test_and_none_for_one_on_open_ground(self) -> None:
        assert own_dock(SITE.vehicles[1], world(site=SITE)) is None
        assert own_dock(SITE.vehicles[0], world(site=make_site())) is None


class TestDoors:
    def test_it_may_always_be_opened_and_closed_over_a_vehicle_that_was_switched_off(self) -> None:
        assert command_refusals(DockVerb.OPEN, replace(READY, fault="stuck", pad=None), drone(), NOW_US) == []
        assert command_refusals(DockVerb.CLOSE, READY, drone_on_pad(armed=None), NOW_US) == []

    def test_an_unknown_cover_is_not_lost_yet(self) -> None:
        assert lost_while_out(replace(READY, cover=None)) == []


@pytest.mark.parametrize(
    ("dock", "reason"),
    [
        ({"cover": Cover.CLOSED}, "dock 'pad' is closed"),
        ({"cover": Cover.OPENING}, "dock 'pad' is opening"),
        ({"cover": None}, "dock 'pad' is in an unknown position"),
        ({"doing": DockVerb.CLOSE}, "dock 'pad' was told to close"),
        ({"pad": Pad.BLOCKED}, "dock 'pad': something is on its pad"),
        ({"pad": None}, "dock 'pad': whether its pad is clear is not known"),
        ({"fault": "motor hot"}, "dock 'pad': motor hot"),
        ({"fault": None}, "dock 'pad': whether it has a fault is not known"),
        ({"failed": "it was told to open"}, "dock 'pad': it was told to open"),
        ({"heard_at_us": None}, "dock 'pad': not heard yet"),
        ({"heard_at_us": NOW_US - 5_100_000}, "dock 'pad' not heard for 5.1 s, expected at most 5.0 s"),
        ({"wind_m_s": 10.1}, "dock 'pad': wind 10.1 m/s, expected at most 10.0 m/s"),
        ({"wind_m_s": None}, "dock 'pad': wind is not known"),
        ({"rain_mm_h": 0.6}, "dock 'pad': rain 0.6 mm/h, expected at most 0.5 mm/h"),
        ({"rain_mm_h": None}, "dock 'pad': rain is not known"),
    ],
)
def test_safety_05_nothing_leaves_a_dock_in_doubt(dock: dict[str, Any], reason: str) -> None:
    assert reasons(LAUNCH, drone_on_pad(), **dock) == (reason,)


def test_safety_02_a_real_vehicle_does_not_leave_on_the_word_of_a_simulated_dock() -> None:
    said = reasons(LAUNCH, drone_on_pad(simulated=False))
    assert any("this one is simulated" in reason for reason in said)


@pytest.mark.parametrize("order", [Hold(), ReturnHome(), Land()])
def test_safety_06_no_dock_forbids_coming_home(order: Order) -> None:
    broken = replace(READY, cover=Cover.CLOSED, pad=Pad.BLOCKED, fault="burnt", heard_at_us=None)
    assert isinstance(judged(order, drone(), broken), Approved)


@pytest.mark.parametrize(
    ("verb", "dock", "vehicle", "reason"),
    [
        (DockVerb.OPEN, {"heard_at_us": None}, drone(), "not heard yet"),
        (DockVerb.CLOSE, {}, drone(), "'drone' has its motors armed"),
        (DockVerb.CLOSE, {"pad": Pad.BLOCKED}, drone_on_pad(), "clear"),
        (DockVerb.CLOSE, {"pad": None}, drone_on_pad(), "clear"),
        (DockVerb.CLOSE, {"pad": Pad.EMPTY}, drone(armed=None), "is on its way is not known"),
        (DockVerb.CHARGE, {"pad": Pad.EMPTY}, drone_on_pad(), "no vehicle is known to be on its pad"),
        (DockVerb.CHARGE, {}, drone(), "'drone' has its motors armed"),
    ],
)
def test_a_dock_is_not_moved_against(verb: DockVerb, dock: dict[str, Any], vehicle: VehicleState, reason: str) -> None:
    said = command_refusals(verb, replace(READY, **dock), vehicle, NOW_US)
    assert any(reason in each for each in said), said


def test_safety_10_a_copter_in_a_dock_returns_to_the_docks_alternate_and_nobody_else_does() -> None:
    assert rally_points(SITE) == {"drone": geo(*ALTERNATE), "rover": geo(250, 250)}
    copter, wheels = (safety_plan(SITE, name, ground_station_system_id=245) for name in ("drone", "rover"))
    ground = safety_plan(make_site(), "drone", ground_station_system_id=245)
    assert [plan.returns_to_rally for plan in (copter, wheels, ground)] == [True, False, False]
    held = wanted(copter, VehicleKind.ARDUPILOT_COPTER)
    assert (held[Meaning.RETURN_MAY_BE_HOME], held[Meaning.RALLY_LIMIT_KM]) == (0.0, 0.0)
    assert Meaning.RETURN_MAY_BE_HOME not in wanted(ground, VehicleKind.ARDUPILOT_COPTER)
    assert Meaning.RETURN_MAY_BE_HOME not in wanted(wheels, VehicleKind.ARDUPILOT_ROVER)


class Docked(Flown):
    """A drone in its dock, and the far end of that."""

    def __init__(self) -> None:
        self.peer: SimulatedDock
        self.driver: DockDriver
        self.is_blocked = False

        def dock_of(flown: Flown) -> DockDriver:
            self.peer = SimulatedDock("pad", clock=flown.clock, pad=self._pad)
            self.driver = Driver(SITE.docks[0], clock=flown.clock, exchange=self.peer.exchange)
            return self.driver

        super().__init__(site=SITE, dock_of=dock_of)
        self.vehicle.returns_to = geo(*ALTERNATE)

    def _pad(self) -> str:
        """On it is whoever is low over it; somebody higher is not there yet."""
        if self.is_blocked:
            return "blocked"
        near = self.vehicle.spot.horizontal_distance_m(self.airspace.enu(geo(40, 40))) < 2.0
        return "vehicle" if near and (self.vehicle.state.above_home_m or 0.0) < 0.5 else "empty"

    @property
    def acts(self) -> list[str]:
        entries = [*self.journal.entries, *self.deferred.held]
        return [entry.act for entry in entries if "dock" in entry.act]

    def is_down_at(self, east_m: float, north_m: float) -> bool:
        spot = self.vehicle.spot
        there = self.airspace.enu(geo(east_m, north_m))
        return self.vehicle.state.armed is False and spot.horizontal_distance_m(there) < 2.0


def test_it_opens_for_a_launch_takes_its_vehicle_back_closes_and_charges() -> None:
    async def scene() -> None:
        flown = Docked()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            await flown.until(lambda: flown.peer.cover == "closed" and flown.driver.state.heard_at_us is not None)
            flown.submit(LOOK)
            done = await flown.until_final(LOOK)
            await flown.until(lambda: flown.peer.charging)
        assert done.state is TaskState.DONE
        assert flown.peer.told == ["open", "close", "charge"]
        assert flown.acts == ["dock open", "dock close", "dock charge"]
        assert flown.is_down_at(40, 40)
        assert flown.peer.cover == "closed"
        assert "ReturnHome" not in flown.kinds
        assert flown.kinds[-2:] == ["ToDock", "Land"]

    fly(scene)


def test_safety_05_a_dock_that_does_not_open_keeps_its_vehicle_and_says_so_until_it_shows_open() -> None:
    async def scene() -> None:
        flown = Docked()
        flown.peer.is_stuck = True
        async with flown.running():
            await flown.until(lambda: flown.driver.state.heard_at_us is not None)
            flown.submit(LOOK)
            ended = await flown.until_final(LOOK)
            assert (ended.state, ended.reason) == (TaskState.REFUSED, "dock 'pad' does not open within 60 s")
            assert "Launch" not in flown.kinds
            assert flown.driver.state.failed == "it was told to open and does not show it"
            flown.peer.cover = "open"
            await flown.until(lambda: flown.driver.state.failed == "")

    fly(scene)


@pytest.mark.parametrize("what", ["shuts", "fault"])
def test_safety_06_a_dock_that_shuts_or_breaks_while_its_vehicle_is_out_sends_it_to_the_alternate(what: str) -> None:
    async def scene() -> None:
        flown = Docked()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            await flown.until(lambda: flown.driver.state.heard_at_us is not None)
            flown.submit(LOOK)
            await flown.until(lambda: "m to the stand-off" in flown.last(LOOK).progress)
            if what == "shuts":
                flown.peer.shut()
            else:
                flown.peer.fault = "lid motor hot"
            ended = await flown.until_final(LOOK)
            await flown.until(lambda: flown.is_down_at(*ALTERNATE))
        wrong = "is closed while its vehicle is out" if what == "shuts" else "lid motor hot"
        assert ended.state is TaskState.FAILED
        assert wrong in ended.reason
        assert flown.peer.told == ["open"]

    fly(scene)


@pytest.mark.parametrize("what", ["shuts", "falls silent", "is blocked"])
def test_safety_06_a_dock_in_doubt_while_its_vehicle_comes_in_sends_it_to_the_alternate(what: str) -> None:
    async def scene() -> None:
        flown = Docked()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            await flown.until(lambda: flown.driver.state.heard_at_us is not None)
            flown.submit(LOOK)
            await flown.until_final(LOOK)
            await flown.until(lambda: flown.kinds[-1] == "Land" and (flown.vehicle.state.above_home_m or 0.0) < 12.0)
            if what == "shuts":
                flown.peer.shut()
            elif what == "falls silent":
                flown.peer.is_silent = True
            else:
                flown.is_blocked = True
            await flown.until(lambda: flown.is_down_at(*ALTERNATE))
        assert flown.kinds[-1] == "ReturnHome"
        assert "close" not in flown.peer.told

    fly(scene)
