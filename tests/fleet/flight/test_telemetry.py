"""Messages to a snapshot: what says nothing is None, what cannot be is discarded, and why it is not ready."""

import math
from dataclasses import replace
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.site import VehicleKind
from fleet.flight.ardupilot_parameters import is_listed
from fleet.flight.telemetry import Telemetry, firmware_text, hear, moved, not_ready_because
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.vehicles import ardupilot_copter, ardupilot_rover
from tests.fleet.flight.air import heartbeat, position, version

NOW_US = 5_000_000
COPTER = ardupilot_copter.Driver.airframe
ROVER = ardupilot_rover.Driver.airframe


def silent(*, uid: str | None = None, simulated: bool = False) -> Telemetry:
    return Telemetry(VehicleState("drone", VehicleKind.ARDUPILOT_COPTER, 1, simulated), bound_uid=uid)


def after(*messages: Any, start: Telemetry | None = None, now_us: int = NOW_US) -> Telemetry:
    telemetry = start or silent()
    for message in messages:
        telemetry = hear(telemetry, message, now_us=now_us, airframe=COPTER)
    return telemetry


def gps(*, fix: int = 3, accuracy_mm: int = 800) -> Any:
    return mavlink.MAVLink_gps_raw_int_message(0, fix, 0, 0, 0, 0, 0, 0, 0, 9, 0, accuracy_mm)


def status(*, battery: int = 80, prearm: bool | None = True) -> Any:
    bit = 0x10000000
    present, health = (0 if prearm is None else bit), (bit if prearm else 0)
    return mavlink.MAVLink_sys_status_message(present, present, health, 0, 12_000, 0, battery, 0, 0, 0, 0, 0, 0)


def ekf(flags: int, *, horizontal_variance: float = 0.0) -> Any:
    return mavlink.MAVLink_ekf_status_report_message(flags, 0, horizontal_variance, 0, 0, 0)


def home(lat: int = 520_000_000, lon: int = 130_000_000) -> Any:
    return mavlink.MAVLink_home_position_message(lat, lon, 30_000, 0, 0, 0, [1, 0, 0, 0], 0, 0, 0)


def said(text: str, *, ident: int = 0, chunk: int = 0) -> Any:
    return mavlink.MAVLink_statustext_message(4, text.encode(), ident, chunk)


READY = (heartbeat(mode=0), version(), position(), gps(), status(), ekf(0x10), home())


def reasons(telemetry: Telemetry, *, now_us: int = NOW_US, is_quarantined: bool = False) -> tuple[str, ...]:
    return not_ready_because(
        telemetry, now_us=now_us, is_listed=is_listed, is_quarantined=is_quarantined, is_forged=False
    )


def test_a_ready_vehicle_lacks_only_its_safety() -> None:
    assert reasons(after(*READY)) == ("safety not uploaded",)
    held = after(*READY)
    assert reasons(replace(held, state=replace(held.state, safety_uploaded=True))) == ()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(ekf(0x90), "position estimate not ready (EKF)", id="ekf constant position"),
        pytest.param(ekf(0x0F), "position estimate not ready (EKF)", id="ekf without absolute position"),
        pytest.param(ekf(0x8010), "position estimate not ready (EKF)", id="ekf without faith in GNSS"),
        pytest.param(ekf(0x10, horizontal_variance=1.0), "position estimate not ready (EKF)", id="ekf rejects GNSS"),
        pytest.param(status(battery=-1), "no battery level", id="battery unknown"),
        pytest.param(gps(fix=1), "no GNSS fix", id="no fix"),
        pytest.param(home(0, 0), "no home position", id="home unset"),
        pytest.param(heartbeat(mode=0, status=5), "critical: a failsafe is active", id="critical"),
        pytest.param(heartbeat(mode=0, status=1), "still starting up", id="booting"),
        pytest.param(heartbeat(kind=10), "its heartbeat is of type 10, another kind of vehicle", id="a rover's id"),
        pytest.param(version(sw=0x040300FF), "firmware 4.3.0 is not in the parameter table", id="unlisted firmware"),
        pytest.param(status(prearm=False), "pre-arm: refused, no reason given yet", id="pre-arm bit"),
        pytest.param(mavlink.MAVLink_fence_status_message(1, 1, 3, 0), "outside its fence", id="fence breached"),
    ],
)
def test_not_ready_says_why_in_plain_words(message: Any, reason: str) -> None:
    assert reason in reasons(after(*READY, message))


def test_silence_is_the_one_reason_that_matters() -> None:
    assert reasons(silent()) == ("not heard yet",)
    assert reasons(after(*READY), now_us=NOW_US + 4_000_000) == ("no heartbeat for 4 s",)
    assert reasons(after(*READY), is_quarantined=True) == ("quarantined: two sources claim this system id",)


def test_the_pre_arm_text_is_the_reason() -> None:
    telemetry = after(*READY, said("PreArm: Compass not calibrated"), status(prearm=False))
    assert "pre-arm: Compass not calibrated" in reasons(telemetry)


def test_the_pre_arm_bit_says_nothing_in_a_mode_that_is_never_armed() -> None:
    assert reasons(after(*READY, heartbeat(mode=6), status(prearm=False))) == ("safety not uploaded",)


def test_another_autopilot_than_the_bound_one_is_not_ready() -> None:
    telemetry = after(*READY, start=silent(uid="0badcafe"))
    assert "autopilot UID is 0000000000000007, expected 0badcafe" in reasons(telemetry)


def test_the_first_uid_heard_is_kept_and_another_one_is_refused() -> None:
    telemetry = after(*READY, version(uid=9))
    assert "autopilot UID is 0000000000000009, expected 0000000000000007" in reasons(telemetry)


def test_a_new_address_must_say_who_it_is_and_prove_its_safety_again() -> None:
    held = after(*READY)
    telemetry = moved(replace(held, state=replace(held.state, safety_uploaded=True)))
    assert reasons(telemetry) == ("autopilot UID not known yet", "safety not uploaded")


def test_a_real_autopilot_without_an_identity_stays_unknown() -> None:
    assert after(version(uid=0)).state.autopilot_uid is None
    assert after(version(uid=0), start=silent(simulated=True)).state.autopilot_uid == "0000000000000000"


def test_positions_carry_their_units_and_frames() -> None:
    message = mavlink.MAVLink_global_position_int_message(
        1000, 521_234_567, 134_567_890, 45_200, 15_100, -120, 340, 0, 9050
    )
    state = after(message).state
    assert state.position is not None
    assert (state.position.lat_deg, state.position.lon_deg) == (52.1234567, 13.4567890)
    assert (state.amsl_m, state.above_home_m) == (45.2, 15.1)
    assert (state.velocity_north_m_s, state.velocity_east_m_s) == (-1.2, 3.4)
    assert state.heading_deg == 90.5
    assert state.position_at_us == NOW_US


def test_what_says_nothing_is_none() -> None:
    nowhere = mavlink.MAVLink_global_position_int_message(1000, 0, 0, 45_200, 15_100, 0, 0, 0, 65_535)
    state = after(position(), nowhere, status(battery=-1), gps(fix=2)).state
    assert (state.position, state.above_home_m, state.heading_deg) == (None, None, None)
    assert (state.battery_frac, state.gnss_fix, state.gnss_sigma_m) == (None, None, None)


@pytest.mark.parametrize(
    "absurd",
    [
        pytest.param(
            mavlink.MAVLink_global_position_int_message(1000, 910_000_000, 0, 0, 0, 0, 0, 0, 0), id="latitude 91"
        ),
        pytest.param(
            mavlink.MAVLink_global_position_int_message(1000, 0, 1_810_000_000, 0, 0, 0, 0, 0, 0), id="longitude 181"
        ),
        pytest.param(
            mavlink.MAVLink_global_position_int_message(1000, 1, 1, 0, 2_000_000_000, 0, 0, 0, 0), id="2000 km high"
        ),
        pytest.param(home(lat=910_000_000), id="home at latitude 91"),
        pytest.param(mavlink.MAVLink_wind_message(0.0, float("inf"), 0.0), id="wind without end"),
        pytest.param(mavlink.MAVLink_wind_message(0.0, float("nan"), 0.0), id="wind of NaN"),
        pytest.param(mavlink.MAVLink_wind_message(0.0, 300.0, 0.0), id="wind of 300 m/s"),
    ],
)
def test_what_cannot_be_is_discarded_and_counted(absurd: Any) -> None:
    before = after(*READY)
    telemetry = after(absurd, start=before)
    assert telemetry.state == before.state
    assert telemetry.discarded == 1


def test_numbers_that_mean_nothing_are_none() -> None:
    nonsense = mavlink.MAVLink_global_position_int_message(1000, 1, 1, 0, 0, 0, 0, 0, 60_000)
    state = after(nonsense, gps(fix=200), mavlink.MAVLink_mission_current_message(3, 9, 99)).state
    assert (state.heading_deg, state.gnss_fix, state.mission_state) == (None, None, None)


def test_boot_time_going_backwards_is_a_reboot_and_forgets_what_a_reboot_forgets() -> None:
    held = after(*READY, position(boot_ms=90_000))
    telemetry = after(position(boot_ms=2_000), start=replace(held, state=replace(held.state, safety_uploaded=True)))
    assert telemetry.boots == 1
    assert not telemetry.state.safety_uploaded
    assert telemetry.state.home is None
    assert after(position(boot_ms=89_000), start=held).boots == 0


def test_long_texts_come_in_chunks() -> None:
    telemetry = after(said("PreArm: a reason that goes on", ident=3), said(" and on", ident=3, chunk=1))
    assert telemetry.state.last_text == "PreArm: a reason that goes on and on"
    assert telemetry.prearm_text == "a reason that goes on and on"


@pytest.mark.parametrize("number", [0, 2, 5, 16])
def test_modes_that_read_a_stick_are_a_pilots(number: int) -> None:
    assert COPTER.modes[number] is FlightMode.MANUAL


def test_the_same_number_is_another_mode_on_the_other_kind() -> None:
    assert (COPTER.modes[4], ROVER.modes[4]) == (FlightMode.GUIDED, FlightMode.HOLD)
    assert after(heartbeat(mode=7)).state.mode is FlightMode.OTHER


@pytest.mark.parametrize(
    ("number", "text", "listed"),
    [
        (0x040603FF, "4.6.3", True),
        (0x04070000, "4.7.0-dev", True),
        (0x040700C0, "4.7.0-rc", True),
        (0x040800FF, "4.8.0", False),
        (0x030605FF, "3.6.5", False),
    ],
)
def test_a_firmware_version_reads_as_people_write_it(number: int, text: str, listed: bool) -> None:
    assert firmware_text(number) == text
    assert is_listed(number) is listed


@pytest.mark.parametrize(
    ("landed_state", "is_landed"),
    [(0, None), (1, True), (2, False), (3, False), (4, False), (9, None)],
    ids=["undefined", "on the ground", "in the air", "taking off", "landing", "no such state"],
)
def test_a_vehicle_has_landed_when_it_says_so(landed_state: int, is_landed: bool | None) -> None:
    assert after(mavlink.MAVLink_extended_sys_state_message(0, landed_state)).state.is_landed is is_landed


def test_a_reboot_forgets_that_it_had_landed() -> None:
    landed = after(position(boot_ms=60_000), mavlink.MAVLink_extended_sys_state_message(0, 1))
    assert after(position(boot_ms=1_000), start=landed).state.is_landed is None


EARTH, NOSE, LOCK = 64, 32, 16


@pytest.mark.parametrize(
    ("flags", "looks_deg"),
    [
        pytest.param(EARTH, 30.0, id="from north"),
        pytest.param(NOSE, 120.0, id="from the nose, which points east"),
        pytest.param(LOCK, 30.0, id="an older gimbal, locked"),
        pytest.param(0, 120.0, id="an older gimbal, following"),
    ],
)
def test_where_a_gimbal_looks_is_told_from_north(flags: int, looks_deg: float) -> None:
    half = math.radians(30.0) / 2
    look = mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, 0, flags, [math.cos(half), 0.0, 0.0, math.sin(half)], 0.0, 0.0, 0.0, 0
    )
    assert after(position(), look).gimbal_heading_deg == pytest.approx(looks_deg)
    if looks_deg != 30.0:
        assert after(look).gimbal_heading_deg is None, "the nose is not known yet"


def test_a_gimbal_that_points_nowhere_is_discarded() -> None:
    look = mavlink.MAVLink_gimbal_device_attitude_status_message(0, 0, 0, EARTH, [math.nan] * 4, 0.0, 0.0, 0.0, 0)
    heard = after(look)
    assert (heard.gimbal_heading_deg, heard.discarded) == (None, 1)
