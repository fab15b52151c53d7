"""MAVLink frames to messages and back, with pymavlink's dialect as the only thing used of it.

Garbage is normal (console text, half a frame, line noise): the parser skips it byte by byte and counts it. It never
raises, and it never trusts a length field whose checksum does not hold.
"""

import math
import threading
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

OUR_SYSTEM_ID = 245  # never 255, which other ground stations use (SAFETY 11)
OUR_COMPONENT_ID = 190  # MAV_COMP_ID_MISSIONPLANNER: a ground station
AUTOPILOT_COMPONENT_ID = 1  # MAV_COMP_ID_AUTOPILOT1

Message = Any  # a pymavlink message; read its fields through int(), float() and finite() below
_MARKERS = (0xFD, 0xFE)  # MAVLink 2, MAVLink 1
_SIGNED = 0x01
_CHECKSUM_TRIES = 64  # per feed: bounds what hostile bytes can cost (each try is up to 280 bytes of CRC in Python)


@dataclass(frozen=True, slots=True)
class Frame:
    """One checked frame as it came."""

    system_id: int
    component_id: int
    sequence: int
    name: str
    message: Message
    raw: bytes


def finite(value: Any) -> float | None:
    """A float field, or None for NaN and infinities."""
    number = float(value)
    return number if math.isfinite(number) else None


class Encoder:
    """Messages to MAVLink 2 frames from one system id; any thread may encode."""

    def __init__(self, system_id: int = OUR_SYSTEM_ID, component_id: int = OUR_COMPONENT_ID) -> None:
        if not 1 <= system_id <= 254:
            raise ValueError(f"our MAVLink system id: expected 1 to 254 (255 is taken by others), got {system_id}")
        self.system_id = system_id
        self.component_id = component_id
        self._packer = mavlink.MAVLink(None, srcSystem=system_id, srcComponent=component_id)
        self._lock = threading.Lock()

    def encode(self, message: Message) -> bytes:
        with self._lock:
            raw = bytes(message.pack(self._packer))
            self._packer.seq = (self._packer.seq + 1) % 256
        return raw


class FrameParser:
    """Bytes of one source to frames. A datagram stands alone; a stream may break a frame anywhere."""

    def __init__(self) -> None:
        self._decoder = mavlink.MAVLink(None)
        self._held = bytearray()
        self.bad_bytes = 0
        self.unknown_frames = 0

    def feed_datagram(self, data: bytes) -> list[Frame]:
        return self._scan(data, is_whole=True)[0]

    def feed_stream(self, data: bytes) -> list[Frame]:
        self._held += data
        frames, used = self._scan(bytes(self._held), is_whole=False)
        del self._held[:used]
        return frames

    def _scan(self, data: bytes, *, is_whole: bool) -> tuple[list[Frame], int]:
        """Frames in `data` and how much of it is done with."""
        frames: list[Frame] = []
        at, tries = 0, _CHECKSUM_TRIES
        while (start := _next_marker(data, at)) is not None:
            self.bad_bytes += start - at
            at = start
            length = _frame_length(data, at)
            if length is None or at + length > len(data):
                if not is_whole:
                    return frames, at
            elif tries <= 0:
                break
            else:
                raw = data[at : at + length]
                frame = self._decode(raw)
                if frame is not None:
                    frames.append(frame)
                    at += length
                    continue
                if self._is_unknown(raw) and (at + length == len(data) or data[at + length] in _MARKERS):
                    self.unknown_frames += 1
                    at += length
                    continue
                tries -= 1
            self.bad_bytes += 1
            at += 1
        self.bad_bytes += len(data) - at
        return frames, len(data)

    def _is_unknown(self, raw: bytes) -> bool:
        return _message_id(raw) not in mavlink.mavlink_map

    def _decode(self, raw: bytes) -> Frame | None:
        if self._is_unknown(raw) or (raw[0] == _MARKERS[0] and raw[2] & ~_SIGNED):
            return None
        try:
            message = self._decoder.decode(bytearray(raw))
        except mavlink.MAVError:
            return None
        header = message.get_header()
        return Frame(
            system_id=int(header.srcSystem),
            component_id=int(header.srcComponent),
            sequence=int(header.seq),
            name=str(message.get_type()),
            message=message,
            raw=raw,
        )


def _next_marker(data: bytes, start: int) -> int | None:
    found = [i for i in (data.find(marker, start) for marker in _MARKERS) if i >= 0]
    return min(found, default=None)


def _frame_length(data: bytes, at: int) -> int | None:
    """Whole length the header at `at` claims; None while there is too little to tell."""
    if data[at] == _MARKERS[1]:
        return data[at + 1] + 8 if len(data) >= at + 6 else None
    if len(data) < at + 10:
        return None
    return data[at + 1] + 12 + (13 if data[at + 2] & _SIGNED else 0)


def _message_id(raw: bytes) -> int:
    return raw[5] if raw[0] == _MARKERS[1] else int.from_bytes(raw[7:10], "little")
