"""One after the other on station: the next is sent in time, and the first leaves only when the next sees the point."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.geo import distance_m
from fleet.decision.relief import EARLY_S, HANDOVER_S, Act, Next, Relief, Watcher, can_stay_s, relief_of
from fleet.flight.vehicle import VehicleState
from tests.fleet.flight.stage import drone, geo, make_site, rover, world

ENDURANCE_S = 900.0  # fleet/flight/energy.py, copters
HEADWAY_M_S = 8.0 - 2.0  # the wind counts against it
OPEN_END = None


def watcher(vehicle: VehicleState, sees_for_s: float | None = 60.0) -> Watcher:
    return Watcher(vehicle, world(vehicle).spec(vehicle.vehicle_id), sees_for_s)


def decided(
    vehicle: VehicleState,
    coming: Next | None = None,
    *,
    next_takes_s: float | None = 60.0,
    ends_in_s: float | None = OPEN_END,
) -> Relief:
    return relief_of(watcher(vehicle), coming, next_takes_s=next_takes_s, ends_in_s=ends_in_s, world=world(vehicle))


def staying(seconds: float) -> VehicleState:
    """A drone whose battery lets it stay so long."""
    least = drone(battery_frac=0.0)
    full_s = can_stay_s(replace(least, battery_frac=1.0), world(least).spec("drone"), world(least))
    assert full_s is not None
    return replace(least, battery_frac=1.0 - (full_s - seconds) / ENDURANCE_S)


def test_it_can_stay_until_home_and_the_reserve_are_all_that_is_left() -> None:
    over_home = drone(position=geo(40, 40), battery_frac=0.9, above_home_m=30.0)

    left_s = can_stay_s(over_home, world(over_home).spec("drone"), world(over_home))

    down_s = 20.0 / 1.5 + 10.0 / 0.5  # from 30 m, slowly below 10 m; no way to go
    reserve_frac = make_site().response.battery_reserve_frac
    assert left_s == pytest.approx((0.9 - reserve_frac) * ENDURANCE_S - down_s)


def test_farther_from_home_it_can_stay_less_long() -> None:
    near, far = drone(position=geo(60, 60)), drone(position=geo(260, 260))

    near_s, far_s = (can_stay_s(each, world(each).spec("drone"), world(each)) for each in (near, far))

    assert near_s is not None
    assert far_s is not None
    assert near_s - far_s == pytest.approx(distance_m(geo(60, 60), geo(260, 260)) / HEADWAY_M_S, abs=0.1)


@pytest.mark.parametrize(
    "vehicle",
    [
        pytest.param(drone(battery_frac=None), id="charge"),
        pytest.param(drone(position=None), id="place"),
        pytest.param(drone(home=None), id="home"),
        pytest.param(drone(wind_m_s=None), id="wind"),
    ],
)
def test_what_is_not_known_lets_nobody_count_on_it(vehicle: VehicleState) -> None:

    assert decided(vehicle).stays_s is None
    assert decided(vehicle).act is Act.SEND_NEXT


def test_a_ground_vehicle_does_not_mind_the_wind() -> None:
    calm, gale = rover(battery_frac=0.6), rover(battery_frac=0.6, wind_m_s=12.0)

    times = [can_stay_s(each, world(each).spec("rover"), world(each)) for each in (calm, gale)]

    assert times[0] == times[1] is not None


def test_a_wind_that_it_cannot_come_home_against_leaves_it_no_time() -> None:
    found = decided(drone(wind_m_s=9.0))

    assert (found.act, found.stays_s) == (Act.LEAVE, 0.0)


@pytest.mark.parametrize("coming", [None, Next("beta", None), Next("beta", 3.0)])
def test_safety_a_battery_at_its_reserve_leaves_relieved_or_not(coming: Next | None) -> None:
    found = decided(staying(-1.0), coming)

    assert found.act is Act.LEAVE
    assert found.why == "its battery holds the way home and the reserve, and no more"


@pytest.mark.parametrize(
    ("stays_s", "act"),
    [(60.0 + HANDOVER_S + EARLY_S + 1.0, Act.STAY), (60.0 + HANDOVER_S + EARLY_S - 1.0, Act.SEND_NEXT)],
)
def test_the_next_is_sent_so_early_that_it_is_there_in_time(stays_s: float, act: Act) -> None:
    found = decided(staying(stays_s))

    assert found.act is act
    assert found.stays_s == pytest.approx(stays_s)


def test_nobody_is_sent_where_the_battery_outlasts_the_watch() -> None:
    assert decided(staying(50.0), ends_in_s=40.0).act is Act.STAY
    assert decided(staying(50.0), ends_in_s=60.0).act is Act.SEND_NEXT
    assert decided(staying(50.0), ends_in_s=0.0).act is Act.LEAVE


def test_it_stays_while_the_next_is_under_way_or_there_and_sees_nothing() -> None:
    for sees_for_s in (None, 0.0, HANDOVER_S - 0.1):
        assert decided(staying(20.0), Next("beta", sees_for_s)).act is Act.STAY


def test_it_leaves_when_the_next_has_seen_the_point_long_enough() -> None:
    found = decided(staying(200.0), Next("beta", HANDOVER_S))

    assert (found.act, found.why) == (Act.LEAVE, "beta is there and sees it")


def test_where_nobody_else_can_go_it_stays_and_says_so() -> None:
    found = decided(staying(5.0), next_takes_s=None)

    assert (found.act, found.why) == (Act.STAY, "no other vehicle can go")


@dataclass
class Turn:
    """A vehicle in the played watch, on a clock in seconds. `stays_s`: what its battery has above home and reserve."""

    name: str
    stays_s: float
    arrives_at_s: float = 0.0
    ready_at_s: float = 0.0


class Watch:
    """One after the other on station; a vehicle arrives a little late and takes a while to find the point."""

    def __init__(self, *, way_s: float, full_s: float, late_s: float, blind_s: float, fleet: int) -> None:
        self.way_s, self.full_s, self.late_s, self.blind_s = way_s, full_s, late_s, blind_s
        self.on_station, *self.free = [Turn(f"v{n}", full_s) for n in range(fleet)]
        self.coming: list[Turn] = []
        self.changes = 0
        self._drone = drone()
        self._world = world(self._drone)
        self._spec = self._world.spec("drone")
        self._back_frac = staying(0.0).battery_frac or 0.0

    def play(self, now_s: float, step_s: float) -> None:
        self.on_station.stays_s -= step_s
        assert self.on_station.stays_s > 0.0, (
            f"at {now_s} s {self.on_station.name} had to leave, and nobody else saw it"
        )
        ready = [each for each in self.free if each.ready_at_s <= now_s]
        sees_for_s = [self._sees_for_s(each, now_s) for each in self.coming]
        charge_frac = self._back_frac + self.on_station.stays_s / ENDURANCE_S
        found = relief_of(
            Watcher(replace(self._drone, battery_frac=charge_frac), self._spec, 60.0),
            Next(self.coming[0].name, sees_for_s[0]) if self.coming else None,
            next_takes_s=self.way_s if ready else None,
            ends_in_s=OPEN_END,
            world=self._world,
        )
        if found.act is Act.SEND_NEXT:
            assert self.coming == []
            self.free.remove(ready[0])
            ready[0].arrives_at_s, ready[0].stays_s = now_s + self.way_s + self.late_s, self.full_s
            self.coming = [ready[0]]
        elif found.act is Act.LEAVE:
            assert (sees_for_s[0] or 0.0) >= HANDOVER_S
            self.on_station.ready_at_s = now_s + self.way_s + 60.0  # home, and a full battery
            self.free.append(self.on_station)
            self.on_station, self.coming, self.changes = self.coming[0], [], self.changes + 1
            self.on_station.stays_s -= now_s - self.on_station.arrives_at_s

    def _sees_for_s(self, each: Turn, now_s: float) -> float | None:
        since_s = each.arrives_at_s + self.blind_s
        return now_s - since_s if now_s >= since_s else None


@settings(max_examples=40, deadline=None)
@given(
    way_s=st.floats(10.0, 150.0),
    full_s=st.floats(260.0, 500.0),
    late_s=st.floats(0.0, 20.0),
    blind_s=st.floats(0.0, 5.0),
    fleet=st.integers(3, 4),
)
def test_somebody_always_sees_the_point_and_nobody_turns_back_and_forth(
    way_s: float, full_s: float, late_s: float, blind_s: float, fleet: int
) -> None:
    watch, step_s, lasts_s = Watch(way_s=way_s, full_s=full_s, late_s=late_s, blind_s=blind_s, fleet=fleet), 2.0, 1800.0

    for step in range(int(lasts_s / step_s)):
        watch.play(step * step_s, step_s)

    shortest_s = full_s - (way_s + HANDOVER_S + EARLY_S)  # from one sending to the next
    assert 1 <= watch.changes <= lasts_s / shortest_s + 1
