"""Ways around what must not be crossed: who goes, what is said of it, and that the gate agrees with each leg."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.geo import PointEnu
from contract.site import Site
from fleet.decision.dispatch import Dispatch, NoVehicle, choose
from fleet.decision.legal_paths import legal_corners
from fleet.flight.orders import GoTo
from fleet.flight.vehicle import VehicleState
from fleet.flight.way import Stop, Way, way_refusals
from tests.fleet.flight.stage import NOW_US, PARAMETERS, ask, drone, geo, make_site, rover, square, world

SCHOOL = make_site(no_fly=[{"id": "school", "polygon": square(110, 225, 30)}])


def corners_of(
    vehicle: VehicleState, end: tuple[float, float], *, site: Site, height_m: float | None = 25.0
) -> tuple[PointEnu, ...] | None:
    here = world(vehicle, site=site)
    assert vehicle.position is not None
    start, spec = here.airspace.enu(vehicle.position), here.spec(vehicle.vehicle_id)
    return legal_corners(start, PointEnu(*end), vehicle=vehicle, spec=spec, height_m=height_m, world=here)


def send(*vehicles: VehicleState, target: tuple[float, float], site: Site) -> Dispatch | NoVehicle:
    here = world(*vehicles, site=site)
    return choose(geo(*target), 0.5, vehicles=vehicles, tasks=(), world=here, parameters=PARAMETERS, now_us=NOW_US)


def test_a_copter_turns_at_the_corners_of_a_no_fly_area_with_the_margin_of_the_gate() -> None:
    corners = corners_of(drone(position=geo(60, 250)), (171, 250), site=SCHOOL)

    assert corners is not None
    margin_m = 14.0  # twice 0.5 m and 12.8 m to stop from 8 m/s, rounded up to half a metre
    assert [(round(each.east_m, 1), round(each.north_m, 1)) for each in corners] == [
        pytest.approx((110 - margin_m - 0.05, 225 - margin_m - 0.05), abs=0.15),
        pytest.approx((140 + margin_m + 0.05, 225 - margin_m - 0.05), abs=0.15),
    ]


def test_nothing_in_the_way_is_straight_on() -> None:
    assert corners_of(drone(), (100, 150), site=SCHOOL) == ()


def test_a_rover_does_not_mind_a_no_fly_area_and_goes_around_a_hall() -> None:
    hall = make_site(no_fly=[{"id": "school", "polygon": square(90, 90, 20)}], buildings=[])
    assert corners_of(rover(position=geo(100, 80)), (100, 130), site=hall, height_m=None) == ()

    hall = make_site(no_fly=[], buildings=[{"id": "hall", "polygon": square(110, 225, 30), "height_m": 8.0}])
    corners = corners_of(rover(position=geo(60, 250)), (171, 250), site=hall, height_m=None)
    assert corners is not None
    assert len(corners) == 2


def test_where_no_straight_way_home_is_clear_there_is_no_way() -> None:
    behind = make_site(no_fly=[{"id": "school", "polygon": square(110, 110, 30)}])

    assert corners_of(drone(position=geo(60, 200)), (200, 200), site=behind) is None


def test_the_nearest_drone_goes_around_the_school_and_says_so() -> None:
    site = make_site(
        no_fly=[{"id": "school", "polygon": square(110, 225, 30)}],
        geofence={"polygon": square(-10, -10, 320), "floor_m": 10.0, "ceiling_m": 60.0},
        response={"air_stand_off_m": 25.0},
    )
    near = drone(position=geo(60, 270))

    found = send(near, target=(190, 285), site=site)

    assert isinstance(found, Dispatch), found
    (chosen,) = found.considered
    assert "m around no-fly area 'school', the soonest" in chosen.why
    assert chosen.detour_m is not None
    assert chosen.detour_m > 5.0
    assert chosen.needs_frac is not None
    assert chosen.battery_frac == 0.9
    assert chosen.needs_frac < 0.9


@settings(max_examples=40, deadline=None)
@given(
    area=st.tuples(st.integers(60, 240), st.integers(60, 240), st.integers(5, 60)),
    hall=st.tuples(st.integers(60, 240), st.integers(60, 240), st.integers(5, 40), st.sampled_from([8.0, 40.0])),
    start=st.tuples(st.integers(20, 280), st.integers(20, 280)),
    end=st.tuples(st.integers(20, 280), st.integers(20, 280)),
)
def test_safety_every_way_that_is_given_out_passes_the_gates_own_rules(
    area: tuple[int, int, int],
    hall: tuple[int, int, int, float],
    start: tuple[int, int],
    end: tuple[int, int],
) -> None:
    site = make_site(
        no_fly=[{"id": "area", "polygon": square(*area)}],
        buildings=[{"id": "hall", "polygon": square(*hall[:3]), "height_m": hall[3]}],
    )
    vehicle = drone(position=geo(*start))
    here = world(vehicle, site=site)

    corners = corners_of(vehicle, end, site=site)

    if corners is not None:
        stops = tuple(Stop(place, 25.0, True) for place in (*corners, PointEnu(*end)))
        way = Way(Stop(here.airspace.enu(geo(*start)), 25.0, False), stops)
        assert way_refusals(way, speed_m_s=8.0, vehicle=vehicle, world=here, now_us=NOW_US) == []
        for a, b in way.legs:  # and each as an order of its own, from where the one before ends
            flying = drone(position=here.airspace.geo(a.point))
            order = GoTo(here.airspace.geo(b.point), 25.0, 8.0)
            assert type(ask(order, flying, within=world(flying, site=site))).__name__ == "Approved"
