"""MISB metadata of aerial video: KLV packets to what the sensor says of itself.

Two dialects: the local set of ST 0601 (tags, integers, a checksum) and the older universal set of EG 0104 (16-byte
keys, IEEE floats, no checksum), which much archived video carries. What nobody here needs, and values that mean
"unknown", are left out; a unit is in every name.
"""

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

LOCAL_SET = bytes.fromhex("060e2b34020b01010e01030101000000")  # ST 0601, 6.2
UNIVERSAL_SET = bytes.fromhex("060e2b34020101010e01010201010000")  # EG 0104.5
SMPTE_LABEL = bytes.fromhex("060e2b34")  # every key begins so
KEY_BYTES = 16
CORNERS = 4  # upper left, upper right, lower right, lower left of the picture


class KlvDamage(ValueError):
    """This packet says nothing: one line why."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One packet. `fields`: name with its unit to value; what was not said is not there. Headings are clockwise from
    true north, elevations positive upwards, heights above mean sea level in metres."""

    at_us: int
    fields: Mapping[str, float]
    raw: bytes

    def point(self, name: str) -> tuple[float, float] | None:
        """Latitude and longitude, degrees, of `sensor`, `frame_centre`, `corner_1` to `corner_4`."""
        lat_deg, lon_deg = self.fields.get(f"{name}_lat_deg"), self.fields.get(f"{name}_lon_deg")
        return None if lat_deg is None or lon_deg is None else (lat_deg, lon_deg)


def sets_in(data: bytes) -> Iterator[Telemetry]:
    """Every set in one packet of a stream, which may have a header of its own before the first. Raises KlvDamage."""
    at = data.find(SMPTE_LABEL)
    while at >= 0:
        told = parse_packet(data[at:])
        yield told
        at = data.find(SMPTE_LABEL, at + len(told.raw))


def parse_packet(data: bytes) -> Telemetry:
    """One packet from its key on. Raises KlvDamage."""
    key = data[:KEY_BYTES]
    if key not in (LOCAL_SET, UNIVERSAL_SET):
        raise KlvDamage(f"expected a set of ST 0601 or EG 0104, got key {key.hex() or 'nothing'}")
    length, start = _ber_length(data, KEY_BYTES)
    end = start + length
    if end > len(data):
        raise KlvDamage(f"expected {length} bytes of values, got {len(data) - start}")
    raw = data[:end]
    fields = _local_fields(raw, start) if key == LOCAL_SET else _universal_fields(raw, start)
    at_us = fields.pop("at_us", None)
    if at_us is None:
        raise KlvDamage("expected a time stamp, got none")
    return Telemetry(int(at_us), fields, raw)


def _ber_length(data: bytes, at: int) -> tuple[int, int]:
    """A length of SMPTE ST 336, short or long form, and where what it measures begins."""
    if at >= len(data):
        raise KlvDamage("it ends within a length")
    first, at = data[at], at + 1
    if first < 0x80:
        return first, at
    count = first & 0x7F
    if not 1 <= count <= 4 or at + count > len(data):
        raise KlvDamage(f"expected a length of 1 to 4 bytes, got {count}")
    return int.from_bytes(data[at : at + count], "big"), at + count


def _ber_oid(data: bytes, at: int) -> tuple[int, int]:
    """A tag: 7 bits a byte, the top bit says that there are more."""
    tag = 0
    while at < len(data):
        tag, at = tag << 7 | data[at] & 0x7F, at + 1
        if data[at - 1] < 0x80:
            return tag, at
    raise KlvDamage("it ends within a tag")


# ST 0601


Conversion = Callable[[bytes], float | None]


def _unsigned(low: float, high: float) -> Conversion:
    """ST 0601: the whole range of an unsigned integer is mapped to low .. high."""

    def convert(value: bytes) -> float:
        return low + int.from_bytes(value, "big") * (high - low) / ((1 << 8 * len(value)) - 1)

    return convert


def _signed(most: float) -> Conversion:
    """ST 0601: -(2^(n-1) - 1) .. 2^(n-1) - 1 is mapped to -most .. most; the one integer below says "out of range"."""

    def convert(value: bytes) -> float | None:
        number, half = int.from_bytes(value, "big", signed=True), 1 << 8 * len(value) - 1
        return None if number == -half else number * most / (half - 1)

    return convert


# Tag: name, bytes, conversion (ST 0601.8, chapter 8, items of the same number)
_LOCAL: dict[int, tuple[str, int, Conversion]] = {
    2: ("at_us", 8, lambda value: float(int.from_bytes(value, "big"))),
    5: ("platform_heading_deg", 2, _unsigned(0.0, 360.0)),
    6: ("platform_pitch_deg", 2, _signed(20.0)),
    7: ("platform_roll_deg", 2, _signed(50.0)),
    13: ("sensor_lat_deg", 4, _signed(90.0)),
    14: ("sensor_lon_deg", 4, _signed(180.0)),
    15: ("sensor_amsl_m", 2, _unsigned(-900.0, 19_000.0)),
    16: ("fov_horizontal_deg", 2, _unsigned(0.0, 180.0)),
    17: ("fov_vertical_deg", 2, _unsigned(0.0, 180.0)),
    18: ("sensor_azimuth_deg", 4, _unsigned(0.0, 360.0)),
    19: ("sensor_elevation_deg", 4, _signed(180.0)),
    20: ("sensor_roll_deg", 4, _unsigned(0.0, 360.0)),
    21: ("slant_range_m", 4, _unsigned(0.0, 5_000_000.0)),
    23: ("frame_centre_lat_deg", 4, _signed(90.0)),
    24: ("frame_centre_lon_deg", 4, _signed(180.0)),
    25: ("frame_centre_amsl_m", 2, _unsigned(-900.0, 19_000.0)),
    90: ("platform_pitch_deg", 4, _signed(90.0)),  # the full range replaces tags 6 and 7
    91: ("platform_roll_deg", 4, _signed(90.0)),
    **{
        26 + 2 * corner + axis: (f"corner_{corner + 1}_offset_{name}_deg", 2, _signed(0.075))
        for corner in range(CORNERS)
        for axis, name in enumerate(("lat", "lon"))
    },
    **{
        82 + 2 * corner + axis: (f"corner_{corner + 1}_{name}_deg", 4, _signed(most))
        for corner in range(CORNERS)
        for axis, (name, most) in enumerate((("lat", 90.0), ("lon", 180.0)))
    },
}
_CHECKSUM_TAG = 1


def _local_fields(raw: bytes, start: int) -> dict[str, float]:
    if raw[-4:-2] != bytes((_CHECKSUM_TAG, 2)):
        raise KlvDamage("expected its checksum as the last item, got none")
    said, found = int.from_bytes(raw[-2:], "big"), checksum(raw[:-2])
    if said != found:
        raise KlvDamage(f"expected the checksum {said:04x}, got {found:04x}")
    fields: dict[str, float] = {}
    for tag, value in _local_items(raw, start):
        if tag in _LOCAL and len(value) == _LOCAL[tag][1]:
            name, _, convert = _LOCAL[tag]
            number = convert(value)
            if number is not None:
                fields[name] = number
    centre = {axis: fields.get(f"frame_centre_{axis}_deg") for axis in ("lat", "lon")}
    for corner in range(1, CORNERS + 1):
        for axis, middle in centre.items():
            offset = fields.pop(f"corner_{corner}_offset_{axis}_deg", None)
            if offset is not None and middle is not None:
                fields.setdefault(f"corner_{corner}_{axis}_deg", middle + offset)
    return fields


def _local_items(raw: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at < len(raw):
        tag, at = _ber_oid(raw, at)
        length, at = _ber_length(raw, at)
        if at + length > len(raw):
            raise KlvDamage(f"tag {tag}: expected {length} bytes, got {len(raw) - at}")
        yield tag, raw[at : at + length]
        at += length


def checksum(data: bytes) -> int:
    """ST 0601 item 1: sum of 16-bit words from the first byte of the key to the checksum's own length."""
    return sum(byte << (8 if index % 2 == 0 else 0) for index, byte in enumerate(data)) & 0xFFFF


# EG 0104: keys of SMPTE RP 210 by their last eight bytes; the eighth counts revisions of the dictionary.
_UNIVERSAL: dict[str, str] = {
    "0702010101050000": "at_us",
    "0701100106000000": "platform_heading_deg",
    "0701100105000000": "platform_pitch_deg",
    "0701100104000000": "platform_roll_deg",
    "0701020102040200": "sensor_lat_deg",
    "0701020102060200": "sensor_lon_deg",
    "0701020102020000": "sensor_amsl_m",
    "0420020101080000": "fov_horizontal_deg",
    "04200201010a0100": "fov_vertical_deg",
    "0701100102000000": "angle_to_north_deg",
    "0701100103000000": "obliquity_deg",
    "0701100101000000": "sensor_roll_deg",
    "0701080101000000": "slant_range_m",
    "0701020103020000": "frame_centre_lat_deg",
    "0701020103040000": "frame_centre_lon_deg",
    "0701020310000000": "frame_centre_amsl_m",
    **{f"07010201030{7 + corner:x}0100": f"corner_{corner + 1}_lat_deg" for corner in range(CORNERS)},
    **{f"07010201030{11 + corner:x}0100": f"corner_{corner + 1}_lon_deg" for corner in range(CORNERS)},
}
_FLOATS = {4: ">f", 8: ">d"}


def _universal_fields(raw: bytes, at: int) -> dict[str, float]:
    fields: dict[str, float] = {}
    while at < len(raw):
        name = _UNIVERSAL.get(raw[at + 8 : at + KEY_BYTES].hex())
        length, at = _ber_length(raw, at + KEY_BYTES)
        value, at = raw[at : at + length], at + length
        if at > len(raw):
            raise KlvDamage(f"{name or 'an item'}: expected {length} bytes, got {len(value)}")
        if name == "at_us" and length == 8:
            fields[name] = float(int.from_bytes(value, "big"))
        elif name is not None and length in _FLOATS:
            (number,) = struct.unpack(_FLOATS[length], value)
            if math.isfinite(number):
                fields[name] = number
    return fields
