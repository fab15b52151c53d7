"""Our frames against pymavlink's own, for every message the dialect has."""

import math
import random
import struct
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.mavlink_frames import SIGNED, decode, encode

KINDS = sorted(mavlink.mavlink_map.values(), key=lambda kind: kind.id)


def drawn(kind: Any, source: random.Random) -> Any:
    """A message of random bytes; often with zeros at the end, which the wire leaves out."""
    size = kind.unpacker.size
    payload = source.randbytes(size)
    if source.random() < 0.5:
        payload = payload[: source.randrange(size)].ljust(size, b"\0")
    raw = struct.pack("<BBBBBBBHB", 0xFD, size, 0, 0, 7, 1, 1, kind.id & 0xFFFF, kind.id >> 16) + payload
    crc = mavlink.x25crc(raw[1:] + bytes((kind.crc_extra,))).crc
    return mavlink.MAVLink(None).decode(bytearray(raw + struct.pack("<H", crc)))


def said(message: Any) -> list[Any]:
    """Everything in it; NaN is equal to NaN here."""
    fields = [getattr(message, name) for name in message.fieldnames]
    header = vars(message.get_header())
    flat = [value for field in fields for value in (field if isinstance(field, list) else [field])]
    return [type(message), header, *("nan" if isinstance(v, float) and math.isnan(v) else v for v in flat)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_message_is_encoded_to_the_bytes_of_pymavlink(seed: int) -> None:
    source = random.Random(seed)
    for kind in KINDS:
        message = drawn(kind, source)
        packer = mavlink.MAVLink(None, srcSystem=9, srcComponent=190)
        packer.seq = source.randrange(256)
        ours = encode(message, sequence=packer.seq, system_id=9, component_id=190)
        assert ours == bytes(message.pack(packer)), kind.msgname


@pytest.mark.parametrize("version", [1, 2])
def test_every_message_is_decoded_to_what_pymavlink_makes_of_it(version: int) -> None:
    source = random.Random(version)
    for kind in KINDS:
        if version == 1 and kind.id > 255:
            continue
        packer = mavlink.MAVLink(None, srcSystem=3, srcComponent=1)
        packer.seq = source.randrange(256)
        raw = bytes(drawn(kind, source).pack(packer, force_mavlink1=version == 1))
        ours = decode(raw)
        assert ours is not None
        assert said(ours) == said(mavlink.MAVLink(None).decode(bytearray(raw))), kind.msgname
        assert ours.get_msgbuf() == raw


def test_a_signed_frame_is_read_like_an_unsigned_one() -> None:
    message = mavlink.MAVLink_mission_current_message(4, 9, 3)
    raw = encode(message, sequence=0, system_id=1, component_id=1, flags=SIGNED) + bytes(13)
    read = decode(raw)
    assert read is not None
    assert (read.seq, read.total, read.mission_state) == (4, 9, 3)
    assert read.get_header().incompat_flags == SIGNED


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda raw: raw[:-1], id="a byte short"),
        pytest.param(lambda raw: raw + b"\0", id="a byte too many"),
        pytest.param(lambda raw: raw[:12] + bytes((raw[12] ^ 1,)) + raw[13:], id="one bit off"),
        pytest.param(lambda raw: raw[:2] + b"\x02" + raw[3:], id="a flag nobody knows"),
        pytest.param(lambda raw: raw[:7] + b"\xff\xff\xff" + raw[10:], id="a message nobody knows"),
        pytest.param(lambda raw: b"", id="nothing"),
    ],
)
def test_what_is_no_frame_is_none(spoil: Any) -> None:
    raw = encode(mavlink.MAVLink_system_time_message(1, 2), sequence=0, system_id=1, component_id=1)
    assert decode(spoil(raw)) is None
