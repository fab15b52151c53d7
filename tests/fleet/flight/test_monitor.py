"""The safety monitor: what it notices, what it orders, that it insists, escalates, latches, and needs nobody."""

import itertools
import math
import threading
import time as wall
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from contract.geo import PointEnu
from contract.site import Site
from fleet.flight.airspace import Airspace
from fleet.flight.deferred import MAX_ENTRIES, DeferredJournal
from fleet.flight.errors import LinkDown
from fleet.flight.journal import JournalEntry
from fleet.flight.monitor import MonitorCore, MonitorOrder, SafetyMonitor
from fleet.flight.orders import ComingHome, Hold, Land, ReturnHome
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.watch import Route, Snapshot
from fleet.flight.way import Stop
from fleet.flight.world import TrackedPerson, WorldView
from tests.conftest import ManualClock
from tests.fleet.flight.flown import FlownVehicle, ListJournal
from tests.fleet.flight.stage import NOW_US, SITE, drone, drone_on_pad, geo, make_site, person, rover, world

AHEAD = Route((Stop(PointEnu(100.0, 180.0), 25.0, True),))
DRIVES = Route((Stop(PointEnu(60.0, 150.0), 0.0, True),))
SECOND = make_site(
    vehicles=[
        *make_site().model_dump(mode="json")["vehicles"],
        {**make_site().model_dump(mode="json")["vehicles"][0], "id": "wasp", "system_id": 3, "return_altitude_m": 40.0},
    ]
)


class Watched:
    """A core with its own time; `look` is one step."""

    def __init__(self, site: Site = SITE) -> None:
        self.core, self.site, self.now_us = MonitorCore(), site, NOW_US

    def look(
        self,
        *vehicles: VehicleState,
        routes: Mapping[str, Route] | None = None,
        people: Iterable[TrackedPerson] = (),
        after_s: float = 0.0,
        is_fresh: bool = True,
    ) -> tuple[MonitorOrder, ...]:
        self.now_us += round(after_s * 1e6)
        if is_fresh:
            heard = {"heard_at_us": self.now_us, "position_at_us": self.now_us, "battery_at_us": self.now_us}
            vehicles = tuple(replace(v, **heard) for v in vehicles)  # type: ignore[arg-type]
        people = tuple(replace(p, seen_at_us=self.now_us) for p in people)
        there = world(*vehicles, people=people, site=self.site)
        return self.core.step(Snapshot(self.now_us, there, {"drone": AHEAD} if routes is None else routes))


def first(*vehicles: VehicleState, **how: Any) -> tuple[ComingHome, str] | None:
    orders = Watched(how.pop("site", SITE)).look(*vehicles, **how)
    return (orders[0].order, orders[0].reason) if orders else None


class TestNotices:
    def test_all_well_is_silence(self) -> None:
        assert first(drone()) is None
        assert first(rover(), routes={"rover": DRIVES}) is None

    @pytest.mark.parametrize(
        ("changes", "order", "words"),
        [
            pytest.param({"position": geo(-3, 100)}, ReturnHome(), "3.0 m outside the geofence", id="breach"),
            pytest.param({"above_home_m": 63.5}, ReturnHome(), "expected at most 60.0 m", id="above the ceiling"),
            pytest.param(
                {"position": geo(100, 285), "velocity_north_m_s": 8.0}, Hold(), "about to leave", id="about to breach"
            ),
            pytest.param({"position": geo(215, 75)}, ReturnHome(), "in no-fly area 'hospital'", id="in a no-fly area"),
            pytest.param(
                {"position": geo(190, 75), "velocity_east_m_s": 8.0},
                Hold(),
                "about to enter no-fly area 'hospital'",
                id="about to enter a no-fly area",
            ),
            pytest.param({"battery_frac": math.nan}, ReturnHome(), "home needs", id="battery is no number"),
            pytest.param({"battery_frac": 0.1}, ReturnHome(), "battery 10%, home needs", id="battery below home"),
            pytest.param({"battery_frac": None}, ReturnHome(), "battery not known", id="battery unknown"),
            pytest.param({"wind_m_s": 7.5}, ReturnHome(), "hardly comes home", id="wind against the way home"),
            pytest.param({"not_ready_because": ("quarantined: two sources",)}, Hold(), "quarantined", id="two sources"),
        ],
    )
    def test_safety_08_each_hazard_has_its_order(self, changes: dict[str, Any], order: ComingHome, words: str) -> None:
        found = first(drone(**changes))
        assert found is not None
        assert found[0] == order
        assert words in found[1]

    @pytest.mark.parametrize("what", ["heard_at_us", "position_at_us"])
    def test_safety_08_a_silent_link_or_position_brings_it_home(self, what: str) -> None:
        old = drone(
            **{"battery_at_us": NOW_US, "heard_at_us": NOW_US, "position_at_us": NOW_US, what: NOW_US - 5_100_000}
        )
        found = first(old, is_fresh=False)
        assert found is not None
        assert (found[0], "lost for more than 5 s" in found[1]) == (ReturnHome(), True)
        assert first(replace(old, **{what: NOW_US - 4_900_000}), is_fresh=False) is None  # type: ignore[arg-type]

    def test_safety_08_a_breach_counts_at_an_unknown_height_too(self) -> None:
        found = first(drone(position=geo(-3, 100), above_home_m=None))
        assert found == (ReturnHome(), "3.0 m outside the geofence")

    def test_what_cannot_be_judged_without_position_home_or_speed_is_left_to_what_can(self) -> None:
        """Each of them unknown alone is no hazard by itself; the position is, after 5 s."""
        assert first(drone(home=None)) is None
        assert first(drone(position=geo(100, 290), velocity_north_m_s=None, velocity_east_m_s=8.0)) is None
        assert first(drone(position=None), people=[person(100, 100)]) is None
        circling = drone(mode=FlightMode.AUTO, position=geo(100, 100))
        assert first(circling, drone(vehicle_id="wasp", position=None), site=SECOND) is None
        assert first(drone(position=None), drone(vehicle_id="wasp", position=None), site=SECOND) is None

    def test_one_that_has_nowhere_to_go_makes_no_progress_and_that_is_well(self) -> None:
        there = Watched()
        for _ in range(60):
            assert there.look(drone(), routes={"drone": Route(())}, after_s=1.0) == ()
        assert there.look(drone(), after_s=1.0) == ()  # now it has, and its time begins

    def test_safety_08_a_vehicle_that_says_it_has_no_position_comes_home_after_5_s(self) -> None:
        watched, nowhere = Watched(), drone(position=None, above_home_m=None)
        assert watched.look(nowhere) == ()
        assert watched.look(nowhere, after_s=4.9) == ()
        orders = watched.look(nowhere, after_s=0.1)
        assert [(o.order, o.reason) for o in orders] == [(ReturnHome(), "position not known for 5 s")]

    def test_a_ground_vehicle_drives_through_a_no_fly_area(self) -> None:
        drives = {"rover": DRIVES}
        assert first(rover(position=geo(215, 75)), routes=drives) is None
        assert first(rover(position=geo(198, 75), velocity_east_m_s=2.0), routes=drives) is None

    def test_a_ground_vehicle_stands_where_a_drone_would_return(self) -> None:
        assert first(rover(position=geo(-3, 100)), routes={"rover": DRIVES}) == (Hold(), "3.0 m outside the geofence")

    def test_safety_08_lost_separation_holds_both(self) -> None:
        other = drone(vehicle_id="wasp", system_id=3, position=geo(104, 100))
        orders = Watched(SECOND).look(drone(), other)
        assert [(o.vehicle_id, o.order) for o in orders] == [("drone", Hold()), ("wasp", Hold())]
        assert Watched(SECOND).look(drone(), replace(other, above_home_m=30.0)) == ()
        assert Watched(SECOND).look(drone(), replace(other, position=geo(108, 100))) == ()
        orders = Watched(SECOND).look(drone(), replace(other, above_home_m=None))  # perhaps at the same height
        assert [(o.vehicle_id, o.order) for o in orders] == [("drone", Hold()), ("wasp", Hold())]

    def test_safety_08_somebody_who_moved_into_the_remaining_way_stops_it_within_a_second_and_a_cycle(self) -> None:
        watched = Watched()
        assert watched.look(drone(), people=[person(106, 140)]) == ()
        assert watched.look(drone(), people=[person(106, 140)], after_s=0.9) == ()
        orders = watched.look(drone(), people=[person(106, 140)], after_s=0.2)
        assert [(o.order, o.reason) for o in orders] == [
            (Hold(), "the way passes 6.0 m from a tracked person, expected 10.0 m")
        ]

    def test_safety_08_an_autopilot_that_doubts_its_position_for_two_seconds_is_held(self) -> None:
        watched = Watched()
        assert watched.look(drone(ekf_ready=False)) == ()
        assert watched.look(drone(ekf_ready=False), after_s=1.9) == ()
        orders = watched.look(drone(ekf_ready=False), after_s=0.2)
        assert [(o.order, o.reason) for o in orders] == [(Hold(), "the autopilot doubts its position")]
        assert watched.look(drone(ekf_ready=False, mode=FlightMode.HOLD), after_s=0.2) == ()

    def test_somebody_who_was_passing_by_is_forgotten(self) -> None:
        watched = Watched()
        watched.look(drone(), people=[person(106, 140)])
        watched.look(drone(), after_s=0.5)
        assert watched.look(drone(), people=[person(106, 140)], after_s=0.6) == ()

    def test_somebody_inside_the_stand_off_of_the_destination_stops_it(self) -> None:
        watched = Watched()
        watched.look(drone(), people=[person(100, 204)])
        orders = watched.look(drone(), people=[person(100, 204)], after_s=1.0)
        assert orders[0].reason == "the destination is 24.0 m from a tracked person, expected 25.0 m"

    def test_safety_08_no_progress_is_noticed_and_standing_at_the_destination_is_none(self) -> None:
        watched = Watched()
        for _ in range(46):
            assert watched.look(drone(), after_s=1.0) == ()
        assert watched.look(drone(), after_s=0.1)[0].reason == "no progress on its way"
        there = Watched()
        for _ in range(100):
            assert there.look(drone(position=geo(100, 177)), after_s=1.0) == ()

    def test_a_long_stay_at_a_waypoint_is_allowed_for(self) -> None:
        watched, stays = Watched(), {"drone": replace(AHEAD, stays_s=60.0)}
        for _ in range(106):
            assert watched.look(drone(), routes=stays, after_s=1.0) == ()
        assert watched.look(drone(), routes=stays, after_s=0.00003) != ()

    @pytest.mark.parametrize(
        ("changes", "arrived"),
        [
            pytest.param({"position": geo(100, 185.5)}, False, id="five and a half metres past it"),
            pytest.param({"position": geo(100, 180), "above_home_m": 30.5}, False, id="and as much above it"),
            pytest.param({"position": geo(100, 184.5), "above_home_m": 29.5}, True, id="nearer than that"),
        ],
    )
    def test_arrived_is_within_five_metres(self, changes: dict[str, Any], *, arrived: bool) -> None:
        watched = Watched()
        orders = [order for _ in range(50) for order in watched.look(drone(**changes), after_s=1.0)]
        assert (orders == []) is arrived

    @pytest.mark.parametrize(("north_m", "speed_m_s", "leaves"), [(299.0, 1.2, True), (298.5, 0.6, False)])
    def test_a_slow_one_leaves_too(self, north_m: float, speed_m_s: float, *, leaves: bool) -> None:
        found = first(drone(position=geo(100, north_m), velocity_north_m_s=speed_m_s))
        assert found == ((Hold(), "about to leave the geofence") if leaves else None)

    def test_climbing_is_progress_two_metres_are_enough(self) -> None:
        watched = Watched()
        for step in range(6):
            assert watched.look(drone(above_home_m=20.0 + 2.0 * (step % 2)), after_s=40.0) == ()

    def test_moving_is_progress(self) -> None:
        watched = Watched()
        for step in range(60):
            assert watched.look(drone(position=geo(100, 100 + step)), after_s=3.0) == ()


class TestWhose:
    def test_safety_12_what_a_pilot_flies_is_never_commanded(self) -> None:
        flown = drone(mode=FlightMode.MANUAL, position=geo(-3, 100), battery_frac=0.05)
        assert first(flown) is None

    @pytest.mark.parametrize("mode", [FlightMode.RETURN, FlightMode.LAND])
    def test_one_that_is_coming_home_already_is_left_alone(self, mode: FlightMode) -> None:
        assert first(drone(mode=mode, position=geo(-3, 100), battery_frac=0.05)) is None

    def test_safety_12_one_without_a_task_of_ours_is_judged_by_breach_and_separation_only(self) -> None:
        assert first(drone(mode=FlightMode.AUTO, battery_frac=0.05), routes={}) is None
        found = first(drone(mode=FlightMode.AUTO, position=geo(-3, 100)), routes={})
        assert found == (ReturnHome(), "3.0 m outside the geofence")

    def test_one_on_the_ground_is_left_alone(self) -> None:
        assert first(drone_on_pad(battery_frac=0.01)) is None
        assert first(drone(armed=None)) is None


class TestInsists:
    def test_safety_08_an_order_is_repeated_until_the_state_confirms_it(self) -> None:
        watched, outside = Watched(), drone(position=geo(-3, 100))

        def look(vehicle: VehicleState) -> list[int]:
            return [order.attempt for order in watched.look(vehicle, after_s=0.5)]

        assert [look(outside) for _ in range(5)] == [[1], [], [2], [], [3]]
        assert look(replace(outside, mode=FlightMode.RETURN)) == []
        assert watched.core.latches["drone"] == "3.0 m outside the geofence"

    def test_safety_08_what_is_not_confirmed_escalates_from_hold_over_return_to_land(self) -> None:
        watched = Watched()
        leaving = drone(position=geo(100, 285), velocity_north_m_s=8.0)
        sent: list[ComingHome] = []
        for _ in range(16):
            sent += [order.order for order in watched.look(leaving, after_s=1.0)]
        assert sent == [Hold()] * 5 + [ReturnHome()] * 5 + [Land()] * 6

    def test_safety_08_a_return_does_not_settle_an_order_to_land(self) -> None:
        watched = Watched()
        leaving = drone(position=geo(100, 285), velocity_north_m_s=8.0)
        for _ in range(12):
            watched.look(leaving, after_s=1.0)
        returns = replace(leaving, mode=FlightMode.RETURN)
        assert [o.order for o in watched.look(returns, after_s=1.0)] == [Land()]
        assert watched.look(replace(leaving, mode=FlightMode.LAND), after_s=1.0) == ()

    def test_a_ground_vehicle_is_only_ever_told_to_stand(self) -> None:
        watched = Watched()
        out = rover(position=geo(-3, 100))
        sent = [o.order for _ in range(12) for o in watched.look(out, routes={"rover": DRIVES}, after_s=1.0)]
        assert sent == [Hold()] * 12

    def test_nobody_escalates_towards_one_that_cannot_hear(self) -> None:
        watched = Watched()
        lost = drone(heard_at_us=NOW_US - 6_000_000, position_at_us=NOW_US, battery_at_us=NOW_US)
        sent = [o.order for _ in range(20) for o in watched.look(lost, after_s=1.0, is_fresh=False)]
        assert set(map(type, sent)) == {ReturnHome}

    def test_its_own_failsafe_settles_our_order(self) -> None:
        watched = Watched()
        watched.look(drone(not_ready_because=("quarantined",)))
        watched.look(drone(mode=FlightMode.RETURN), after_s=1.0)
        assert watched.look(drone(mode=FlightMode.RETURN), after_s=10.0) == ()

    def test_a_worse_hazard_replaces_a_confirmed_hold(self) -> None:
        watched = Watched()
        watched.look(drone(not_ready_because=("quarantined",)))
        watched.look(drone(mode=FlightMode.HOLD), after_s=1.0)
        orders = watched.look(drone(mode=FlightMode.HOLD, battery_frac=0.05), routes={}, after_s=1.0)
        assert [order.order for order in orders] == [ReturnHome()]

    def test_safety_12_a_pilot_who_takes_it_ends_our_order_and_the_latch_stays(self) -> None:
        watched = Watched()
        watched.core.demand("drone", ReturnHome(), by="Ada", now_us=NOW_US)
        assert watched.look(drone()) != ()
        assert watched.look(drone(mode=FlightMode.MANUAL), after_s=2.0) == ()
        assert watched.look(drone(), after_s=2.0) == ()
        assert watched.core.latches["drone"] == "return ordered by Ada"

    def test_what_happens_after_a_pilot_had_it_is_judged_anew_though_it_is_latched_still(self) -> None:
        watched = Watched()
        watched.look(drone(position=geo(-3, 100)))
        watched.look(drone(position=geo(-3, 100), mode=FlightMode.MANUAL), after_s=1.0)
        watched.look(drone(), after_s=1.0)
        orders = watched.look(drone(position=geo(-4, 100)), after_s=1.0)
        assert [(o.order, o.attempt) for o in orders] == [(ReturnHome(), 1)]

    def test_a_persons_hold_is_meant_also_for_one_that_is_returning(self) -> None:
        watched = Watched()
        watched.core.demand("drone", Hold(), by="Ada", now_us=NOW_US)
        order = watched.look(drone(mode=FlightMode.RETURN))[0]
        assert (order.order, order.by, order.reason) == (Hold(), "Ada", "hold ordered by Ada")
        assert watched.look(drone(mode=FlightMode.HOLD), after_s=2.0) == ()

    def test_a_persons_landing_names_itself(self) -> None:
        watched = Watched()
        watched.core.demand("drone", Land(), by="Ada", now_us=NOW_US)
        assert watched.core.latches["drone"] == "land ordered by Ada"

    def test_a_release_lifts_the_latch_and_a_hazard_that_lasts_latches_again(self) -> None:
        watched = Watched()
        assert watched.core.release("drone") is None
        watched.look(drone(battery_frac=0.05))
        assert watched.core.release("drone") is not None
        assert watched.core.latches == {}
        watched.look(drone(battery_frac=0.05), after_s=0.2)
        assert watched.core.latches


class Rig:
    """A monitor around a drone and a rover."""

    def __init__(self, *states: VehicleState) -> None:
        self.clock = ManualClock()
        self.vehicles = [FlownVehicle(state, self.clock) for state in states or (drone(), rover())]
        self.journal = DeferredJournal()
        view = WorldView(SITE, airspace=Airspace(SITE), vehicles=self.vehicles, people=tuple, clock=self.clock)
        self.monitor = SafetyMonitor(
            view=view, vehicles=self.vehicles, routes=dict, clock=self.clock, journal=self.journal, cycle_s=0.01
        )

    @property
    def details(self) -> list[dict[str, Any]]:
        return [dict(e.detail) for e in self.journal.held]

    @property
    def acts(self) -> list[tuple[str, str, str]]:
        return [(e.actor, e.act, e.subject) for e in self.journal.held]


class TestByPersons:
    def test_safety_06_recall_all_is_sent_from_the_callers_thread_and_written_after(self) -> None:
        rig = Rig()

        recalled = rig.monitor.recall_all("Ada")

        assert recalled == ("drone", "rover")
        assert [vehicle.came_home for vehicle in rig.vehicles] == [[ReturnHome()], [ReturnHome()]]
        assert rig.monitor.latches == {"drone": "return ordered by Ada", "rover": "return ordered by Ada"}
        assert rig.acts == [("Ada", "return", "drone"), ("Ada", "return", "rover")]
        assert rig.details == [{"reason": "return ordered by Ada", "attempt": 0, "failure": None}] * 2
        assert {e.at_us for e in rig.journal.held} == {rig.clock.wall_us()}

    def test_a_recall_is_repeated_by_the_cycle_until_confirmed(self) -> None:
        rig = Rig()
        rig.vehicles[0].is_deaf = True
        rig.monitor.recall_all("Ada")
        for _ in range(4):
            rig.clock.advance(0.6)
            for vehicle in rig.vehicles:
                vehicle.hear()
            rig.monitor.cycle()
        assert len(rig.vehicles[0].came_home) == 3
        assert len(rig.vehicles[1].came_home) == 1
        written = [("Ada", "return", "drone"), ("Ada", "return", "rover"), ("Ada", "return", "drone")]
        assert rig.acts == written  # at once, and the first of the cycle; the second repeat is no news
        assert rig.details[2]["attempt"] == 1

    def test_a_vehicle_on_the_ground_or_in_a_pilots_hands_is_latched_and_not_commanded(self) -> None:
        rig = Rig(drone(mode=FlightMode.MANUAL), rover(armed=False))
        rig.monitor.recall_all("Ada")
        rig.monitor.cycle()
        assert [vehicle.came_home for vehicle in rig.vehicles] == [[], []]
        assert set(rig.monitor.latches) == {"drone", "rover"}
        assert rig.acts == [("Ada", "return", "drone"), ("Ada", "return", "rover")]
        assert rig.details == [{"sent": False}] * 2

    def test_hold_return_and_release_name_their_person(self) -> None:
        rig = Rig()
        rig.monitor.hold("drone", "Ada")
        rig.monitor.return_home("rover", "Bob")
        assert rig.monitor.release("drone", "Cyd") == "hold ordered by Ada"
        assert rig.acts == [("Ada", "hold", "drone"), ("Bob", "return", "rover"), ("Cyd", "release", "drone")]
        assert rig.details[2] == {"was": "hold ordered by Ada"}
        assert rig.monitor.latches == {"rover": "return ordered by Bob"}
        with pytest.raises(KeyError):
            rig.monitor.hold("stranger", "Ada")
        with pytest.raises(KeyError):
            rig.monitor.release("stranger", "Ada")

    def test_who_is_told_to_land_comes_straight_down_and_what_drives_stands(self) -> None:
        rig = Rig(drone(), rover())
        rig.monitor.land("drone", "Ada")
        rig.monitor.land("rover", "Ada")
        assert [vehicle.came_home for vehicle in rig.vehicles] == [[Land()], [Hold()]]
        assert rig.monitor.latches == {"drone": "land ordered by Ada", "rover": "hold ordered by Ada"}
        with pytest.raises(KeyError):
            rig.monitor.land("stranger", "Ada")

    def test_a_link_that_is_down_is_written_down_and_tried_again(self) -> None:
        rig = Rig()

        def down(order: ComingHome) -> None:
            raise LinkDown("no peer yet")

        rig.vehicles[0].come_home = down  # type: ignore[method-assign]
        rig.monitor.hold("drone", "Ada")
        rig.clock.advance(0.1)
        rig.monitor.cycle()
        assert [e.detail["failure"] for e in rig.journal.held] == ["no peer yet", "no peer yet"]


class TestItsOwnThread:
    def test_safety_08_it_looks_again_and_again_and_holds_no_process_alive(self) -> None:
        rig, looks, often = Rig(), itertools.count(1), threading.Event()

        def routes() -> Mapping[str, Route]:
            if next(looks) == 3:
                often.set()
            return {}

        monitor = SafetyMonitor(
            view=rig.monitor._view,
            vehicles=rig.vehicles,
            routes=routes,
            clock=rig.clock,
            journal=rig.journal,
            cycle_s=0.001,
        )
        assert monitor.completed_cycle_at_us is None
        with monitor:
            assert often.wait(60.0)
            mine = [thread for thread in threading.enumerate() if thread.name == "safety monitor"]
            assert [thread.daemon for thread in mine] == [True]

    def test_safety_08_it_works_while_the_loop_of_tasking_hangs(self) -> None:
        rig = Rig(drone(position=geo(-3, 100)))
        with rig.monitor:
            deadline = wall.monotonic() + 5.0
            while not rig.vehicles[0].came_home and wall.monotonic() < deadline:
                threading.Event().wait(0.005)  # this thread does nothing else: it hangs
        assert rig.vehicles[0].came_home[0] == ReturnHome()
        assert rig.monitor.is_latched("drone") == "3.0 m outside the geofence"
        assert all(thread.name != "safety monitor" for thread in threading.enumerate())

    def test_safety_06_who_asks_for_a_latch_waits_for_no_step(self) -> None:
        rig = Rig()
        rig.monitor.hold("drone", "Ada")
        told: list[str | None] = []
        with rig.monitor._lock:  # a step is under way
            asking = threading.Thread(target=lambda: told.append(rig.monitor.is_latched("drone")), daemon=True)
            asking.start()
            asking.join(timeout=30.0)
        assert told == ["hold ordered by Ada"]

    def test_one_that_was_never_started_ends_too(self) -> None:
        rig = Rig()
        rig.monitor.__exit__(None, None, None)
        assert rig.acts == []

    def test_safety_09_the_cycle_time_stands_still_when_the_monitor_does(self) -> None:
        rig = Rig()
        rig.monitor.cycle()
        rig.clock.advance(3.0)
        assert rig.clock.monotonic_us() - (rig.monitor.completed_cycle_at_us or 0) == 3_000_000


class TestDeferredJournal:
    @staticmethod
    def entry(number: int) -> JournalEntry:
        return JournalEntry(number, "monitor", "hold", "drone")

    def test_safety_06_a_dead_store_delays_nothing_and_loses_nothing(self) -> None:
        deferred, journal = DeferredJournal(), ListJournal(is_dead=True)
        deferred.write(self.entry(1))
        with pytest.raises(Exception, match="the disk is full"):
            deferred.flush(journal)
        deferred.write(self.entry(2))
        journal.is_dead = False
        assert deferred.flush(journal) == 2
        assert [e.at_us for e in journal.entries] == [1, 2]
        assert deferred.flush(journal) == 0

    def test_safety_09_a_recall_of_everybody_waits_for_the_disk_once(self) -> None:
        deferred, written = DeferredJournal(), []

        class Disk:
            def write(self, *entries: JournalEntry) -> None:
                written.append(len(entries))

        for number in range(100):
            deferred.write(self.entry(number))
        assert deferred.flush(Disk()) == 100
        assert written == [100]
        assert deferred.held == ()

    def test_a_full_one_loses_the_oldest_and_says_how_many(self) -> None:
        deferred, journal = DeferredJournal(), ListJournal()
        for number in range(MAX_ENTRIES + 3):
            deferred.write(self.entry(number))
        assert deferred.flush(journal) == MAX_ENTRIES
        assert journal.entries[0].detail == {"entries_lost_before_this": 3}
        assert journal.entries[1].detail == {}
