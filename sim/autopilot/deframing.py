"""Bytes into MAVLink messages, with garbage skipped.

pymavlink's own parser throws a whole frame's length away after a stray 0xFD; this one goes on at the next byte, so a
good frame behind garbage is never lost.
"""

from typing import Any

from fleet.flight.mavlink_frames import MAVLINK_1, MAVLINK_2, SIGNED, decode, frame_length

Message = Any  # pymavlink has no types
MARKERS = (MAVLINK_1, MAVLINK_2)
MAX_FRAME_BYTES = 280


class Deframer:
    """One per link. A stream keeps an unfinished frame for the next read; a datagram ends with its last byte."""

    def __init__(self) -> None:
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
            message = None if size is None else decode(bytes(buffer[at : at + size]))
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
        if buffer[at] == MAVLINK_2 and at + 2 < len(buffer) and buffer[at + 2] & ~SIGNED:
            return None
        return frame_length(buffer, at) or MAX_FRAME_BYTES
