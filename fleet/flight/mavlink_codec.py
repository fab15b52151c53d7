"""MAVLink frames to messages and back, with pymavlink's dialect as the only thing used of it.

Garbage is normal (console text, half a frame, line noise): the parser skips it byte by byte and counts it. It never
raises, and it never trusts a length field whose checksum does not hold.
"""

import math
import threading
from dataclasses import dataclass
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.mavlink_frames import MAVLINK_1, MAVLINK_2, decode, encode, frame_length, message_id

OUR_SYSTEM_ID = 245  # never 255, which other ground stations use (SAFETY 11)
OUR_COMPONENT_ID = 190  # MAV_COMP_ID_MISSIONPLANNER: a ground station
AUTOPILOT_COMPONENT_ID = 1  # MAV_COMP_ID_AUTOPILOT1

Message = Any  # a pymavlink message; read its fields through int(), float() and finite() below
_MARKERS = (MAVLINK_2, MAVLINK_1)
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
        self._sequence = 0
        self._lock = threading.Lock()

    def encode(self, message: Message, *, flags: int = 0) -> bytes:
        with self._lock:
            sequence = self._sequence
            self._sequence = (sequence + 1) % 256
        return encode(message, sequence=sequence, system_id=self.system_id, component_id=self.component_id, flags=flags)


class FrameParser:
    """Bytes of one source to frames. A datagram stands alone; a stream may break a frame anywhere."""

    def __init__(self) -> None:
        self._held = bytearray()
        self.bad_bytes = 0
        self.unknown_frames = 0

    def feed_datagram(self, data: bytes) -> list[Frame]:
        if data and data[0] in _MARKERS and frame_length(data) == len(data):  # one frame and no more, as nearly always
            frame = self._decode(data)
            if frame is not None:
                return [frame]
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
            length = frame_length(data, at)
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
                if _is_unknown(raw) and (at + length == len(data) or data[at + length] in _MARKERS):
                    self.unknown_frames += 1
                    at += length
                    continue
                tries -= 1
            self.bad_bytes += 1
            at += 1
        self.bad_bytes += len(data) - at
        return frames, len(data)

    def _decode(self, raw: bytes) -> Frame | None:
        message = decode(raw)
        if message is None:
            return None
        header = message.get_header()
        return Frame(header.srcSystem, header.srcComponent, header.seq, message.get_type(), message, raw)


def _is_unknown(raw: bytes) -> bool:
    return message_id(raw) not in mavlink.mavlink_map


def _next_marker(data: bytes, start: int) -> int | None:
    if start >= len(data):
        return None
    if data[start] in _MARKERS:
        return start
    found = [i for i in (data.find(marker, start) for marker in _MARKERS) if i >= 0]
    return min(found, default=None)
