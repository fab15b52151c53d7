"""MISB KLV: the standard's own examples, damage, and where a sensor looks."""

import struct

import pytest

from edge.klv import LOCAL_SET, KlvDamage, Telemetry, checksum, parse_packet
from edge.perception.sight import direction_of, footprint_of

STANDARD_EXAMPLES = [  # ST 0601, chapter 8: tag, bytes, what they mean
    (5, "71c2", "platform_heading_deg", 159.9744),
    (6, "fd3d", "platform_pitch_deg", -0.4315),
    (7, "08b8", "platform_roll_deg", 3.40587),
    (13, "5595b66d", "sensor_lat_deg", 60.17682296690),
    (14, "5b5360c4", "sensor_lon_deg", 128.42675904204),
    (15, "c221", "sensor_amsl_m", 14190.7195),
    (16, "cd9c", "fov_horizontal_deg", 144.5713),
    (17, "d917", "fov_vertical_deg", 152.6436),
    (18, "724a0a20", "sensor_azimuth_deg", 160.71921144),
    (19, "87f84b86", "sensor_elevation_deg", -168.79232484),
    (20, "7dc55ece", "sensor_roll_deg", 176.86543764),
    (21, "03830926", "slant_range_m", 68590.98),
    (23, "f101a229", "frame_centre_lat_deg", -10.5423886331),
    (24, "14bc082b", "frame_centre_lon_deg", 29.15789012293),
    (25, "34f3", "frame_centre_amsl_m", 3216.0372),
]


def local_set(*items: tuple[int, bytes], at_us: int = 1_231_798_102_000_000) -> bytes:
    """A packet of ST 0601 with its checksum."""
    values = b"".join(bytes((tag, len(value))) + value for tag, value in ((2, struct.pack(">Q", at_us)), *items))
    body = LOCAL_SET + bytes((len(values) + 4,)) + values + b"\x01\x02"
    return body + struct.pack(">H", checksum(body))


def told(**fields: float) -> Telemetry:
    return Telemetry(0, fields, b"")


@pytest.mark.parametrize(("tag", "value", "name", "meant"), STANDARD_EXAMPLES)
def test_values_are_what_the_standard_says(tag: int, value: str, name: str, meant: float) -> None:
    packet = parse_packet(local_set((tag, bytes.fromhex(value))))

    assert packet.at_us == 1_231_798_102_000_000
    assert packet.fields == {name: pytest.approx(meant, rel=1e-5, abs=5e-5)}


def test_unknown_tags_and_values_out_of_range_are_left_out() -> None:
    packet = parse_packet(local_set((3, b"MISSION"), (6, b"\x80\x00"), (13, b"\x80\0\0\0"), (72, b"x")))

    assert packet.fields == {}


def test_corners_told_as_offsets_count_from_the_frame_centre() -> None:
    centre = ((23, bytes.fromhex("f101a229")), (24, bytes.fromhex("14bc082b")))
    packet = parse_packet(local_set(*centre, (26, bytes.fromhex("c06e")), (27, bytes.fromhex("cb e9"))))

    point = packet.point("corner_1")
    assert point == pytest.approx((-10.579638, 29.127367), abs=2e-5)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(b"", "got key nothing", id="empty"),
        pytest.param(local_set((5, b"\x71\xc2"))[:-1], "expected 18 bytes of values", id="truncated"),
        pytest.param(
            local_set((5, b"\x71\xc2"))[:-5] + b"\x00\x01\x02\x12\x34", "expected the checksum 1234", id="flip"
        ),
        pytest.param(LOCAL_SET, "ends within a length", id="key alone"),
        pytest.param(LOCAL_SET + b"\x02\x05\x00", "expected its checksum", id="no checksum"),
    ],
)
def test_a_damaged_packet_says_why(data: bytes, why: str) -> None:
    with pytest.raises(KlvDamage, match=why):
        parse_packet(data)


def test_a_sensor_that_looks_right_of_a_level_platform_looks_right_of_its_heading() -> None:
    looks = direction_of(
        told(platform_heading_deg=100.0, sensor_azimuth_deg=90.0, sensor_elevation_deg=-30.0, sensor_roll_deg=0.0)
    )

    assert looks is not None
    assert (looks.heading_deg, looks.pitch_deg, looks.roll_deg) == pytest.approx((190.0, -30.0, 0.0), abs=1e-9)


def test_a_platform_that_banks_right_dips_what_looks_right() -> None:
    looks = direction_of(
        told(platform_heading_deg=0.0, platform_roll_deg=20.0, sensor_azimuth_deg=90.0, sensor_elevation_deg=0.0)
    )

    assert looks is not None
    assert (looks.heading_deg, looks.pitch_deg) == pytest.approx((90.0, -20.0), abs=1e-9)


def test_a_footprint_above_the_horizon_is_none() -> None:
    sensor = {"sensor_lat_deg": 50.0, "sensor_lon_deg": 8.0, "sensor_amsl_m": 100.0, "fov_horizontal_deg": 40.0}
    level = {"platform_heading_deg": 0.0, "sensor_azimuth_deg": 0.0, "sensor_elevation_deg": -5.0}

    assert footprint_of(told(**sensor, **level)) is None
    assert footprint_of(told(**sensor, **(level | {"sensor_elevation_deg": -45.0}))) is not None
