"""Bytes into MAVLink messages, with garbage skipped.

pymavlink's own parser throws a whole frame's length away after a stray 0xFD; this one goes on at the next byte, so a
good frame behind garbage is never lost.
"""

from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

Message = Any  # pymavlink has no types
MARKERS = (mavlink.PROTOCOL_MARKER_V1, mavlink.PROTOCOL_MARKER_V2)
MAX_FRAME_BYTES = 280


class Deframer:
    """One per link. A stream keeps an unfinished frame for the next read; a datagram ends with its last byte."""

    def __init__(self) -> None:
        self._codec = mavlink.MAVLink(None)
        self._pending = bytearray()
        self.skipped_bytes = 0

    def feed(self, data: bytes, *, is_stream: bool) -> list[Message]:
        """Every whole message in `data`."""
        buffer = self._pending
        buffer += data
        messages: list[Message] = []
        at = 0
        while at < len(buffer):
            size = self._frame_size(buffer, at)
            if size is not None and at + size > len(buffer) and is_stream:
                break
            message = None if size is None else self._decode(buffer[at : at + size])
            if message is None or size is None:
                at += 1
                self.skipped_bytes += 1
            else:
                messages.append(message)
                at += size
        self._pending = buffer[at:] if is_stream else bytearray()
        return messages

    @staticmethod
    def _frame_size(buffer: bytearray, at: int) -> int | None:
        """Bytes of the frame that may begin at `at`; None when none can."""
        if buffer[at] not in MARKERS:
            return None
        if at + 3 > len(buffer):
            return MAX_FRAME_BYTES
        if buffer[at] == mavlink.PROTOCOL_MARKER_V1:
            return buffer[at + 1] + 8
        flags = buffer[at + 2]
        if flags & ~mavlink.MAVLINK_IFLAG_SIGNED:
            return None
        return int(buffer[at + 1]) + 12 + (13 if flags else 0)

    def _decode(self, frame: bytearray) -> Message | None:
        try:
            return self._codec.decode(frame)
        except mavlink.MAVError:
            return None
