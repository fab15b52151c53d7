"""Parameters by name, unit and firmware (FACTS: Parameters)."""

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import Kind
from tests.sim.autopilot.station import Station, spec


def read(station: Station, name: str) -> float | None:
    before = len(station.all("PARAM_VALUE"))
    station.send(mavlink.MAVLink_param_request_read_message(1, 1, name.encode(), -1))
    found = station.all("PARAM_VALUE")[before:]
    return float(found[0].param_value) if found else None


def test_a_set_parameter_is_told_to_every_link_and_read_back() -> None:
    autopilot = Autopilot(spec(), links=2)
    station, bystander = Station(autopilot), Station(autopilot, link_id=1)
    station.set_parameter("RTL_ALT", 2200)
    assert bystander.last("PARAM_VALUE").param_value == 2200
    value = station.last("PARAM_VALUE")
    assert (value.param_id, value.param_value) == ("RTL_ALT", 2200)
    assert read(station, "RTL_ALT") == 2200


def test_an_unknown_name_gets_no_answer() -> None:
    station = Station.of()
    station.set_parameter("NO_SUCH", 1)
    station.run(3)
    assert station.all("PARAM_VALUE") == []
    assert read(station, "NO_SUCH") is None


def test_values_are_floats_whatever_the_type() -> None:
    station = Station.of()
    station.set_parameter("SYSID_MYGCS", 245)
    value = station.last("PARAM_VALUE")
    assert value.param_type == mavlink.MAV_PARAM_TYPE_INT16
    assert value.param_value == 245.0
    station.set_parameter("FENCE_ALT_MAX", 42.5)
    assert station.last("PARAM_VALUE").param_value == 42.5


def test_the_whole_list_comes_once_each() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_param_request_list_message(1, 1))
    station.run(5)
    values = station.all("PARAM_VALUE")
    assert len(values) == values[0].param_count
    assert 40 <= len({value.param_id for value in values}) <= 70
    assert [value.param_index for value in values] == list(range(len(values)))


def test_a_parameter_is_read_by_index_too() -> None:
    station = Station.of()
    station.send(mavlink.MAVLink_param_request_read_message(1, 1, b"", 3))
    assert station.last("PARAM_VALUE").param_index == 3


@pytest.mark.parametrize(
    ("meaning", "name_4_6", "value_4_6", "name_4_7", "value_4_7"),
    [
        ("return height", "RTL_ALT", 3000, "RTL_ALT_M", 30),
        ("speed", "WPNAV_SPEED", 400, "WP_SPD", 4),
        ("ground station", "SYSID_MYGCS", 250, "MAV_GCS_SYSID", 250),
        ("own id", "SYSID_THISMAV", 1, "MAV_SYSID", 1),
    ],
)
def test_names_and_units_differ_by_firmware(
    meaning: str, name_4_6: str, value_4_6: float, name_4_7: str, value_4_7: float
) -> None:
    old, new = Station.of(firmware="4.6"), Station.of(firmware="4.7")
    old.set_parameter(name_4_6, value_4_6)
    new.set_parameter(name_4_7, value_4_7)
    assert read(old, name_4_7) is None, meaning
    assert read(new, name_4_6) is None, meaning
    assert old.machine.parameters[name_4_6] == new.machine.parameters[name_4_6] == value_4_6
    assert read(new, name_4_7) == pytest.approx(value_4_7)


def test_the_development_build_has_new_names_of_ids_and_old_units_of_heights() -> None:
    station = Station.of(firmware="4.7-dev")
    assert read(station, "MAV_SYSID") == 1
    assert read(station, "SYSID_THISMAV") is None
    assert read(station, "RTL_ALT") == 1500
    assert read(station, "WPNAV_SPEED") == 1000
    assert read(station, "ARMING_CHECK") == 1
    station.command(512, mavlink.MAVLINK_MSG_ID_AUTOPILOT_VERSION)
    assert station.last("AUTOPILOT_VERSION").flight_sw_version == 0x04070000


def test_as_shipped_a_vehicle_expects_ground_station_255() -> None:
    for kind in Kind:
        assert read(Station.of(kind), "SYSID_MYGCS") == 255


def test_arming_check_is_turned_round_in_4_7() -> None:
    for firmware, name, off in (("4.6", "ARMING_CHECK", 0), ("4.7", "ARMING_SKIPCHK", -1)):
        station = Station.of(firmware=firmware, boot_s_already=20.0)
        station.command(176, 1, 4)
        assert station.command(400, 1) == 4
        station.set_parameter(name, off)
        assert station.command(400, 1) == 0


def test_a_rover_has_its_own_parameters() -> None:
    rover = Station.of(Kind.ROVER)
    assert read(rover, "WP_SPEED") == 2.0
    assert read(rover, "RTL_ALT") is None
    assert read(rover, "FENCE_TYPE") == 6
