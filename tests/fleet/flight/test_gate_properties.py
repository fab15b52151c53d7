"""Whatever is approved stands up to a slower, independent look; whatever is clearly well is approved."""

import math
from dataclasses import replace
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fleet.flight.gate import Approved, RefusedOrder
from fleet.flight.orders import FlyMission, GoTo, Launch, MissionItem, Order
from fleet.flight.vehicle import FlightMode, VehicleState
from tests.fleet.flight.plain_checker import objections, to_square_m, walk, within_fence_m
from tests.fleet.flight.stage import GO, NOW_US, ask, drone, drone_on_pad, geo, person, world

HOME = (40.0, 40.0)
# dense at the limits: the fence, its margins, the no-fly square and the hall
EDGES = [-1.0, 0.0, 0.5, 13.0, 13.7, 13.9, 14.5, 186.0, 199.0, 200.0, 214.0, 230.0, 245.0, 286.0, 286.3, 299.0, 301.0]
coordinate = st.one_of(st.sampled_from(EDGES), st.floats(-5, 305, allow_nan=False))
spot = st.tuples(coordinate, coordinate)
height = st.one_of(st.sampled_from([9.9, 10.0, 12.9, 13.1, 59.9, 60.0, 60.1]), st.floats(1.5, 80))


@example(start=(0.0, -2.3e-308), target=(13.0, 13.0), start_height=9.9, target_height=9.9, speed=3.0, sigma=1.0)
@settings(max_examples=150, deadline=None)
@given(
    start=spot,
    target=spot,
    start_height=height,
    target_height=height,
    speed=st.floats(0.5, 12),
    sigma=st.floats(0.1, 4.9),
)
def test_an_approved_way_stands_up_to_a_slow_walk_along_it(
    *,
    start: tuple[float, float],
    target: tuple[float, float],
    start_height: float,
    target_height: float,
    speed: float,
    sigma: float,
) -> None:
    vehicle = drone(position=geo(*start), above_home_m=start_height, gnss_sigma_m=sigma, battery_frac=1.0)

    decision = ask(GoTo(geo(*target), target_height, speed), vehicle)

    given_speed, given_height = min(speed, 8.0), min(max(target_height, 10.0), 60.0)
    limits = {
        "lowest_m": min(start_height, given_height),
        "margin_m": 2 * sigma + given_speed**2 / 5.0,
        "error_m": 2 * sigma,
    }
    if isinstance(decision, Approved):
        order = decision.approval.order
        assert isinstance(order, GoTo)
        assert (order.speed_m_s, order.above_home_m) == (given_speed, given_height)
        assert objections(start, target, HOME, slack_m=0.01, **limits) == []
    elif start_height > 1.5 and abs(limits["lowest_m"] - 13.0) > 0.01 and given_speed > 3.5:
        # refused: then the walk objects too, unless it steps across a corner or the battery is the reason
        only_battery = all("battery" in reason or "wind" in reason for reason in decision.reasons)
        assert only_battery or objections(start, target, HOME, slack_m=-0.8, **limits) != []


@settings(max_examples=150, deadline=None)
@given(
    target=st.tuples(st.floats(20, 180), st.floats(20, 280)),
    people=st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300), st.floats(0, 3), st.floats(0, 12)), max_size=4),
)
def test_no_approved_way_comes_near_anybody(
    target: tuple[float, float], people: list[tuple[float, float, float, float]]
) -> None:
    start = (100.0, 100.0)
    tracked = [person(e, n, sigma_m=s, age_s=a) for e, n, s, a in people]

    decision = ask(replace(GO, point=geo(*target)), drone(), within=world(drone(), people=tracked))

    known = [((e, n), s + a) for e, n, s, a in people if a <= 10.0]

    def is_near(slack_m: float) -> bool:
        at_target = any(math.dist(target, spot) < 25.0 + error - slack_m for spot, error in known)
        on_way = any(
            math.dist(point, spot) < min(10.0 + error, math.dist(start, spot)) - slack_m
            for spot, error in known
            for point in walk(start, target)
        )
        return at_target or on_way

    if isinstance(decision, Approved):
        assert not is_near(0.01)
    else:
        assert is_near(-0.8)  # the walk takes steps of 1.5 m


UNKNOWN = [
    "heard_at_us",
    "autopilot_uid",
    "mode",
    "armed",
    "system_status",
    "position",
    "position_at_us",
    "above_home_m",
    "home",
    "battery_frac",
    "battery_at_us",
    "gnss_fix",
    "gnss_sigma_m",
    "ekf_ready",
    "wind_m_s",
]


@settings(max_examples=100, deadline=None)
@given(missing=st.sets(st.sampled_from(UNKNOWN), min_size=1), order=st.sampled_from(["go", "launch", "mission"]))
def test_safety_05_anything_unknown_refuses_whatever_else_is_known(missing: set[str], order: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(missing)
    orders: dict[str, tuple[Order, VehicleState]] = {
        "go": (GO, drone(**nothing)),
        "launch": (Launch(25.0), drone_on_pad(**nothing)),
        "mission": (FlyMission((MissionItem(geo(60, 150), 25.0),), 0, 8.0), drone(**nothing)),
    }
    asked, vehicle = orders[order]

    decision = ask(asked, vehicle)

    assert isinstance(decision, RefusedOrder)
    assert len(decision.reasons) >= len(missing - {"position_at_us", "battery_at_us"})


@settings(max_examples=100, deadline=None)
@given(
    battery=st.floats(0, 1),
    link_age_s=st.floats(0, 6),
    wind=st.floats(0, 15),
    mode=st.sampled_from(list(FlightMode)),
)
def test_nothing_beyond_a_limit_is_approved(battery: float, link_age_s: float, wind: float, mode: FlightMode) -> None:
    vehicle = drone(battery_frac=battery, heard_at_us=NOW_US - round(link_age_s * 1e6), wind_m_s=wind, mode=mode)

    decision = ask(GO, vehicle)

    assume(abs(link_age_s - 3.0) > 1e-3)
    # 80 m out, 152 m home, 10 s of looking, climb 5 m, down 20 m at 1.5 m/s and 10 m at 0.5 m/s, of 900 s
    headway = 8.0 - wind
    needed = 0.25 + ((80.0 + 152.32) / headway + 10.0 + 2.0 + 20.0 / 1.5 + 20.0) / 900.0 if headway >= 1.0 else 2.0
    assume(abs(battery - needed) > 1e-3)
    well = battery > needed and link_age_s < 3.0 and wind <= 10.0 and mode is not FlightMode.MANUAL
    assert isinstance(decision, Approved) == well


def test_the_checker_itself_measures_what_it_says() -> None:
    assert within_fence_m((150, 290)) == 10.0
    assert to_square_m((196, 57), (200.0, 60.0, 30.0)) == 5.0
