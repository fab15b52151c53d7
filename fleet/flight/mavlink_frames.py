"""One MAVLink frame to a pymavlink message and back: the same messages and bytes as pymavlink's own, at half the cost.

pymavlink rebuilds on every frame what its message classes already know; a hundred vehicles pay for that with a core.
"""

import struct
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

Message = Any  # pymavlink has no types
MAVLINK_1, MAVLINK_2 = 0xFE, 0xFD  # the first byte of a frame
SIGNED = 0x01  # the one incompatibility flag there is
SIGNATURE_BYTES = 13  # link id, time stamp (6), signature (6)

_HEADER_2 = struct.Struct("<BBBBBBBHB")
_PACKER = mavlink.MAVLink(None)  # only ever asked for payloads


def frame_length(data: bytes | bytearray, at: int = 0) -> int | None:
    """Whole length that the header at `at` claims; None while there is too little to tell."""
    if data[at] == MAVLINK_1:
        return data[at + 1] + 8 if len(data) >= at + 6 else None
    if len(data) < at + 10:
        return None
    return data[at + 1] + 12 + (SIGNATURE_BYTES if data[at + 2] & SIGNED else 0)


def message_id(raw: bytes) -> int:
    return raw[5] if raw[0] == MAVLINK_1 else int.from_bytes(raw[7:10], "little")


def decode(raw: bytes) -> Message | None:
    """The message of exactly one frame. None when the dialect does not know it, or length, flags or checksum are wrong.

    A signature is passed over unread; `get_msgbuf()` is the whole frame.
    """
    if len(raw) < 8 or frame_length(raw) != len(raw):
        return None
    is_1 = raw[0] == MAVLINK_1
    flags = 0 if is_1 else raw[2]
    kind = mavlink.mavlink_map.get(message_id(raw))
    if kind is None or flags & ~SIGNED:
        return None
    end = len(raw) - 2 - (SIGNATURE_BYTES if flags else 0)
    crc = raw[end] | raw[end + 1] << 8
    if mavlink.x25crc(raw[1:end] + bytes((kind.crc_extra,))).crc != crc:
        return None
    unpacker = kind.unpacker
    payload = raw[6 if is_1 else 10 : end][: unpacker.size].ljust(unpacker.size, b"\0")  # zeros at the end are not sent
    message = kind(*_in_order(kind)(unpacker.unpack(payload)))
    message._msgbuf, message._crc = raw, crc
    header = message._header
    header.mlen = raw[1]
    if is_1:
        header.seq, header.srcSystem, header.srcComponent = raw[2:5]
    else:
        header.incompat_flags, header.compat_flags, header.seq, header.srcSystem, header.srcComponent = raw[2:7]
    return message


def encode(message: Message, *, sequence: int, system_id: int, component_id: int, flags: int = 0) -> bytes:
    """A MAVLink 2 frame. With `flags` SIGNED the caller appends the signature."""
    payload = _payload(message).rstrip(b"\0") or b"\0"
    kind = type(message)  # a field may be called `id`, too
    low, high = kind.id & 0xFFFF, kind.id >> 16
    header = _HEADER_2.pack(MAVLINK_2, len(payload), flags, 0, sequence, system_id, component_id, low, high)
    body = header + payload
    crc = mavlink.x25crc(body[1:] + bytes((kind.crc_extra,))).crc
    return body + bytes((crc & 0xFF, crc >> 8))


def _payload(message: Message) -> bytes:
    kind: Any = type(message)
    read = _plain_fields(kind)
    if read is not None:
        return bytes(kind.unpacker.pack(*read(message)))
    message.pack(_PACKER)
    return bytes(message.get_payload())


@cache
def _plain_fields(kind: Any) -> Callable[[Message], tuple[Any, ...]] | None:
    """All values in the order of the wire; None where there are arrays or texts, which only the message can lay out."""
    if any(kind.array_lengths) or len(kind.ordered_fieldnames) < 2:
        return None
    return attrgetter(*kind.ordered_fieldnames)


@cache
def _in_order(kind: Any) -> Callable[[tuple[Any, ...]], Any]:
    """From unpacked values in the order of the wire to the arguments of the message's class."""
    if not any(kind.array_lengths) and len(kind.orders) > 1:
        return itemgetter(*kind.orders)
    starts = list(accumulate(kind.lengths, initial=0))

    def read(values: tuple[Any, ...]) -> list[Any]:
        arguments: list[Any] = []
        for order in kind.orders:
            value, length = values[starts[order]], kind.lengths[order]
            if isinstance(value, bytes):
                arguments.append(value.rstrip(b"\0"))
            else:
                arguments.append(value if length == 1 else list(values[starts[order] : starts[order] + length]))
        return arguments

    return read
