"""Manned traffic: what is believed of a receiver's words, when an aircraft is too near, and that ours give way."""

import math
from dataclasses import replace
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint
from contract.site import Site, VehicleKind
from fleet.flight.decision_record import judge_again, record_of
from fleet.flight.gate import Approved, RefusedOrder
from fleet.flight.mavlink_codec import Encoder
from fleet.flight.monitor import MonitorCore, MonitorOrder
from fleet.flight.orders import GoTo, Hold, HoldLow, Land, Launch, Order, ReturnHome
from fleet.flight.traffic import FORGET_S, MAX_AIRCRAFT, Aircraft, TrafficPicture, aircraft_of
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.watch import Snapshot
from fleet.flight.yielding import lowest_m
from sim.autopilot.traffic import PassingAircraft
from tests.conftest import ManualClock
from tests.fleet.flight.air import VEHICLE_ADDRESS, Air, simulated
from tests.fleet.flight.stage import (
    AIRSPACE,
    GO,
    NOW_US,
    SITE,
    ask,
    drone,
    drone_on_pad,
    geo,
    make_site,
    rover,
    world,
)

NORTH, EAST, SOUTH = 0.0, 90.0, 180.0
ALL_FLAGS = 1 | 2 | 4 | 8 | 16 | 128
GROUND_AMSL_M = 40.0


def aircraft(east_m: float, north_m: float, **changes: Any) -> Aircraft:
    """A helicopter on its way north at 50 m/s, 60 m above the site's ground."""
    told = Aircraft(
        icao=0x3C1234,
        callsign="DHXYZ",
        point=geo(east_m, north_m),
        placed_at_us=NOW_US,
        amsl_m=GROUND_AMSL_M + 60.0,
        amsl_error_m=110.0,
        track_deg=NORTH,
        speed_m_s=50.0,
        climb_m_s=0.0,
    )
    return replace(told, **changes)


def adsb(**changes: Any) -> Any:
    spot = geo(0, -3000)
    fields: dict[str, Any] = {
        "ICAO_address": 0x3C1234,
        "lat": round(spot.lat_deg * 1e7),
        "lon": round(spot.lon_deg * 1e7),
        "altitude_type": 1,
        "altitude": 100_000,
        "heading": 4500,
        "hor_velocity": 5000,
        "ver_velocity": -200,
        "callsign": b"DHXYZ",
        "emitter_type": 7,
        "tslc": 2,
        "flags": ALL_FLAGS,
        "squawk": 7000,
        **changes,
    }
    return mavlink.MAVLink_adsb_vehicle_message(*fields.values())


def refused(order: Order, vehicle: VehicleState, *others: Aircraft, site: Site = SITE) -> tuple[str, ...]:
    decision = ask(order, vehicle, within=world(vehicle, site=site, traffic=others))
    return decision.reasons if isinstance(decision, RefusedOrder) else ()


class TestBelieves:
    def test_a_message_is_read_with_its_units_and_its_age(self) -> None:
        heard = aircraft_of(adsb(), now_us=NOW_US)

        assert heard is not None
        assert (heard.icao, heard.name, heard.placed_at_us) == (0x3C1234, "DHXYZ", NOW_US - 2_000_000)
        assert (heard.amsl_m, heard.amsl_error_m, heard.track_deg) == (100.0, 110.0, 45.0)
        assert (heard.speed_m_s, heard.climb_m_s) == (50.0, -2.0)
        assert heard.point == GeoPoint(lat_deg=adsb().lat / 1e7, lon_deg=adsb().lon / 1e7)

    @pytest.mark.parametrize(
        ("changes", "unknown"),
        [
            pytest.param({"flags": ALL_FLAGS & ~2}, "amsl_m", id="no height"),
            pytest.param({"flags": ALL_FLAGS & ~4}, "track_deg", id="no course"),
            pytest.param({"flags": ALL_FLAGS & ~8}, "speed_m_s", id="no speed"),
            pytest.param({"flags": ALL_FLAGS & ~128}, "climb_m_s", id="no climb"),
            pytest.param({"altitude": 90_000_000}, "amsl_m", id="a height in space"),
            pytest.param({"altitude": math.nan}, "amsl_m", id="a height that is no number"),
            pytest.param({"heading": 65_535}, "track_deg", id="a course beyond the circle"),
            pytest.param({"hor_velocity": 65_535}, "speed_m_s", id="faster than anything"),
            pytest.param({"ver_velocity": -32_768}, "climb_m_s", id="steeper than anything"),
        ],
    )
    def test_what_is_not_told_or_cannot_be_is_unknown(self, changes: dict[str, Any], unknown: str) -> None:
        heard = aircraft_of(adsb(**changes), now_us=NOW_US)
        assert heard is not None
        assert getattr(heard, unknown) is None

    def test_a_pressure_height_may_be_farther_off_than_one_of_gnss(self) -> None:
        heard = aircraft_of(adsb(altitude_type=0), now_us=NOW_US)
        assert heard is not None
        assert heard.amsl_error_m == 350.0

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"flags": ALL_FLAGS & ~1}, id="no place told"),
            pytest.param({"emitter_type": 18}, id="a car on an airfield"),
            pytest.param({"lat": 910_000_000}, id="latitude 91"),
            pytest.param({"lat": 0, "lon": 0}, id="an unset receiver"),
            pytest.param({"lat": -330_000_000}, id="the other half of the Earth"),
            pytest.param({"ICAO_address": 0xABCDEF}, id="our own transmitter"),
            pytest.param({"tslc": 31}, id="heard long ago"),
        ],
    )
    def test_what_is_no_traffic_here_is_not_in_the_picture(self, changes: dict[str, Any]) -> None:
        ours = make_site().vehicles[0].model_copy(update={"icao": "abcdef"})
        picture = TrafficPicture(SITE.model_copy(update={"vehicles": (ours,)}), clock=ManualClock())

        picture.hear(adsb(**changes))

        assert picture.now() == ()

    def test_who_is_no_longer_heard_is_forgotten_on_the_monotonic_clock(self) -> None:
        clock = ManualClock()
        picture = TrafficPicture(SITE, clock=clock)
        picture.hear(adsb(tslc=0))

        clock.advance(FORGET_S)
        assert len(picture.now()) == 1
        clock.advance(0.1)
        assert picture.now() == ()

    def test_of_two_receivers_the_fresher_word_counts(self) -> None:
        picture = TrafficPicture(SITE, clock=ManualClock())
        picture.hear(adsb(tslc=0, heading=9000))
        picture.hear(adsb(tslc=5))

        assert [each.track_deg for each in picture.now()] == [EAST]

    def test_a_flood_of_made_up_aircraft_does_not_push_out_the_near_ones(self) -> None:
        picture = TrafficPicture(SITE, clock=ManualClock())
        picture.hear(adsb(ICAO_address=1))
        far = geo(0, 20_000)
        for icao in range(2, MAX_AIRCRAFT + 50):
            picture.hear(adsb(ICAO_address=icao, lat=round(far.lat_deg * 1e7), lon=round(far.lon_deg * 1e7)))

        assert len(picture.now()) == MAX_AIRCRAFT
        assert 1 in {each.icao for each in picture.now()}


class TestGate:
    def test_safety_13_nothing_launches_or_goes_while_traffic_is_near(self) -> None:
        near = aircraft(100, -1000, track_deg=SOUTH)
        words = ("manned aircraft DHXYZ is within 1100 m, expected 1500 m",)

        assert refused(GO, drone(), near) == words
        assert refused(Launch(25.0), drone_on_pad(), near)[0].startswith("manned aircraft DHXYZ is within")

    @pytest.mark.parametrize(
        ("other", "is_near"),
        [
            pytest.param(aircraft(100, -4300), True, id="it will be here within the minute"),
            pytest.param(aircraft(100, -4500), False, id="it will not be here within the minute"),
            pytest.param(aircraft(100, -4300, track_deg=SOUTH), False, id="it flies away"),
            pytest.param(aircraft(1700, -4300), False, id="it passes beside"),
            pytest.param(aircraft(100, -4300, amsl_m=None), True, id="unknown height counts as ours"),
            pytest.param(aircraft(100, -4300, amsl_m=324.0), True, id="259 m above us: 150 m and the error of heights"),
            pytest.param(aircraft(100, -4300, amsl_m=326.0), False, id="far above"),
            pytest.param(aircraft(100, -4300, amsl_m=600.0, climb_m_s=-5.0), True, id="on its way down"),
            pytest.param(aircraft(100, -4300, amsl_m=600.0, climb_m_s=None), True, id="it may be on its way down"),
            pytest.param(aircraft(100, -6000, speed_m_s=None), True, id="unknown speed: 80 m/s any way it likes"),
            pytest.param(aircraft(100, -6500, speed_m_s=None), False, id="too far for that too"),
            pytest.param(aircraft(100, -4300, track_deg=None), True, id="unknown course: any"),
            pytest.param(aircraft(100, -5700, placed_at_us=NOW_US - 25_000_000), True, id="it flew on, unheard"),
            pytest.param(aircraft(100, 0, placed_at_us=NOW_US - 31_000_000), False, id="heard too long ago"),
        ],
    )
    def test_safety_13_the_volume_reaches_a_minute_ahead(self, *, other: Aircraft, is_near: bool) -> None:
        assert bool(refused(GO, drone(), other)) == is_near

    def test_the_volume_is_the_sites(self) -> None:
        site = make_site(airspace={"traffic": {"radius_m": 5000}})
        other = aircraft(100, -4500, track_deg=SOUTH)
        assert refused(GO, drone(), other) == ()
        assert refused(GO, drone(), other, site=site) == ("manned aircraft DHXYZ is within 4600 m, expected 5000 m",)

    def test_a_rover_and_whoever_comes_home_are_not_concerned(self) -> None:
        near = aircraft(100, 0)
        assert refused(GoTo(geo(60, 150), None, 2.0), rover(), near) == ()
        for order in (Hold(), ReturnHome(), Land()):
            assert refused(order, drone(), near) == ()

    def test_safety_14_a_decision_made_of_traffic_judges_the_same_again(self) -> None:
        there = world(drone(), traffic=(aircraft(100, 0),))
        decision = ask(GO, drone(), within=there)
        record = record_of(decision)

        again = judge_again(record, SITE)
        assert isinstance(decision, RefusedOrder)
        assert isinstance(again, RefusedOrder)
        assert again.reasons == decision.reasons
        assert isinstance(judge_again({**record, "traffic": []}, SITE), Approved)


class Yielding:
    """A monitor's core with its own time."""

    def __init__(self, site: Site = SITE) -> None:
        self.core, self.site, self.now_us = MonitorCore(), site, NOW_US

    def look(self, *vehicles: VehicleState, traffic: tuple[Aircraft, ...] = (), after_s: float = 0.0) -> list[Any]:
        self.now_us += round(after_s * 1e6)
        fresh = {"heard_at_us": self.now_us, "position_at_us": self.now_us, "battery_at_us": self.now_us}
        vehicles = tuple(replace(v, **fresh) for v in vehicles)  # type: ignore[arg-type]
        there = world(*vehicles, site=self.site, traffic=traffic)
        orders: tuple[MonitorOrder, ...] = self.core.step(Snapshot(self.now_us, there, {}))
        return [order.order for order in orders]


NEAR = (aircraft(100, -500),)


class TestMonitor:
    def test_safety_13_a_copter_goes_straight_down_to_the_lowest_height_and_is_latched(self) -> None:
        watched, up = Yielding(), drone(above_home_m=40.0)

        assert watched.look(up, traffic=NEAR) == [HoldLow(geo(100, 100), 10.0)]
        assert watched.core.latches.get("drone") == "manned aircraft DHXYZ is within 600 m, expected 1000 m"
        assert watched.look(up) == []
        assert "drone" in watched.core.latches

    def test_it_yields_later_than_the_gate_refuses(self) -> None:
        between = aircraft(100, -3200)
        assert refused(GO, drone(), between) != ()
        assert Yielding().look(drone(), traffic=(between,)) == []
        assert Yielding().look(drone(), traffic=(aircraft(100, -2800),)) == [HoldLow(geo(100, 100), 10.0)]

    def test_a_way_down_takes_its_time_and_is_repeated_each_second_until_it_is_there(self) -> None:
        watched, down = Yielding(), HoldLow(geo(100, 100), 10.0)
        assert watched.look(drone(above_home_m=40.0), traffic=NEAR) == [down]
        for height_m in (38.0, 32.0, 26.0, 20.0, 14.0):
            assert watched.look(drone(above_home_m=height_m), traffic=NEAR, after_s=4.0) == [down]
        assert watched.look(drone(above_home_m=11.5), traffic=NEAR, after_s=4.0) == []
        assert watched.look(drone(above_home_m=11.5), traffic=NEAR, after_s=9.0) == []

    def test_one_that_does_not_go_down_is_called_home(self) -> None:
        watched = Yielding()
        watched.look(drone(above_home_m=40.0), traffic=NEAR)
        assert watched.look(drone(above_home_m=40.0), traffic=NEAR, after_s=5.1) == [ReturnHome()]

    @pytest.mark.parametrize(
        ("changes", "order"),
        [
            pytest.param({"above_home_m": 11.0}, [Hold()], id="low already"),
            pytest.param({"above_home_m": 6.0}, [Hold()], id="on its way up"),
            pytest.param({"above_home_m": None}, [Hold()], id="its height is not known"),
            pytest.param({"mode": FlightMode.HOLD}, [HoldLow(geo(100, 100), 10.0)], id="one that holds, too"),
            pytest.param({"mode": FlightMode.RETURN}, [], id="one that comes home goes on"),
            pytest.param({"mode": FlightMode.MANUAL}, [], id="one that a pilot flies is his"),
            pytest.param({"armed": False}, [], id="one on the ground"),
            pytest.param({"position": geo(195, 210)}, [HoldLow(geo(195, 210), 13.0)], id="beside a hall of 8 m"),
        ],
    )
    def test_what_is_done_depends_on_where_it_is(self, changes: dict[str, Any], order: list[Any]) -> None:
        assert Yielding().look(drone(**changes), traffic=NEAR) == order

    def test_two_above_each_other_keep_their_order_on_the_way_down(self) -> None:
        upper = drone(vehicle_id="wasp", system_id=3, position=geo(105, 100), above_home_m=40.0)
        there = world(drone(), upper)
        assert lowest_m(drone(), AIRSPACE.enu(geo(100, 100)), there) == 10.0
        assert lowest_m(upper, AIRSPACE.enu(geo(105, 100)), there) == 16.0

    def test_a_battery_below_home_still_brings_it_home(self) -> None:
        watched = Yielding()
        watched.look(drone(), traffic=NEAR)
        assert watched.look(drone(battery_frac=0.1), traffic=NEAR, after_s=0.2) == [ReturnHome()]

    def test_a_rover_stays_at_work(self) -> None:
        assert Yielding().look(rover(), traffic=NEAR) == []


class TestOnTheLink:
    def test_a_simulated_receiver_is_heard_and_a_copter_gives_way_by_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pilotless = simulated(VehicleKind.ARDUPILOT_COPTER)
        air = Air(monkeypatch, pilotless, kind=VehicleKind.ARDUPILOT_COPTER)
        heard: list[Any] = []
        air.link._on_traffic = heard.append
        pilotless.traffic_begins(PassingAircraft(0x3C1234, "DHXYZ", geo(0, 0), 150.0, 90.0, 60.0))

        async def story(air: Air) -> float | None:
            await air.ready()
            await air.until(lambda: len(heard) > 3)
            air.vehicle._set_safety_uploaded(True)
            await air.do(Launch(30.0))
            here = air.vehicle.state.position
            assert here is not None
            air.vehicle.come_home(HoldLow(here, 12.0))
            await air.until(lambda: (air.vehicle.state.above_home_m or 99.0) < 13.0)
            return air.vehicle.state.above_home_m

        assert air.play(story) == pytest.approx(12.5, abs=1.0)
        assert (air.vehicle.state.mode, air.vehicle.state.armed) == (FlightMode.GUIDED, True)
        first = aircraft_of(heard[0], now_us=NOW_US)
        assert first is not None
        assert (first.callsign, first.amsl_m, first.speed_m_s, first.track_deg) == ("DHXYZ", 150.0, 60.0, 90.0)

    def test_a_receiver_beside_the_autopilot_counts_and_a_strangers_does_not(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        air = Air(monkeypatch, simulated(VehicleKind.ARDUPILOT_COPTER), kind=VehicleKind.ARDUPILOT_COPTER)
        heard: list[Any] = []
        air.link._on_traffic = heard.append
        own_receiver, stranger = Encoder(1, 156), Encoder(9, 156)

        async def story(air: Air) -> None:
            air.link._receive(own_receiver.encode(adsb(ICAO_address=1)), VEHICLE_ADDRESS)  # nobody known is there yet
            await air.until(lambda: air.vehicle.state.heard_at_us is not None)
            air.link._receive(own_receiver.encode(adsb(ICAO_address=2)), VEHICLE_ADDRESS)
            air.link._receive(stranger.encode(adsb(ICAO_address=3)), VEHICLE_ADDRESS)
            air.link._receive(own_receiver.encode(adsb(ICAO_address=4)), ("192.0.2.66", 1))

        air.play(story)
        assert [message.ICAO_address for message in heard] == [2]


def test_slots_and_volume_of_a_site_are_checked() -> None:
    with pytest.raises(ValueError, match="expected rising heights 6 m apart, got 20 and 24"):
        make_site(airspace={"slots_m": [20, 24]})
    with pytest.raises(ValueError, match="expected slots_m within the geofence's band, got 70 m"):
        make_site(airspace={"slots_m": [20, 70]})
