"""MAVLink 2 signing with one vehicle: what it says counts only with its key's signature, what we say carries one.

A stamp counts 10 us since 2015-01-01 and only rises. A vehicle's may run a minute or more ahead of real time, and it
ignores a new stream that lies more than a minute behind its own: ours is the later of our clock and the last one heard.
Source: https://mavlink.io/en/guide/message_signing.html
"""

import hashlib
import hmac
import threading

from contract.clock import Clock
from fleet.errors import SetUpError
from fleet.flight.mavlink_frames import MAVLINK_2, SIGNATURE_BYTES, SIGNED

KEY_BYTES = 32
NEW_STREAM_BEHIND = 6_000_000  # a minute
_EPOCH_US = 1_420_070_400_000_000  # 2015-01-01T00:00:00Z
_OUR_LINK = 0

Stream = tuple[int, int, int]  # link id, system, component


class Signing:
    """Signing is for any thread; what is signed must reach the wire in the same order, or the vehicle refuses it."""

    def __init__(self, key: bytes, *, clock: Clock) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a signing key: expected {KEY_BYTES} bytes, got {len(key)}")
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._newest = 0  # sent or heard
        self._streams: dict[Stream, int] = {}

    def sign(self, frame: bytes) -> bytes:
        """A MAVLink 2 frame with the flag SIGNED, and the 13 bytes that it lacks."""
        with self._lock:
            self._newest = stamp = max(self._now(), self._newest + 1)
        whole = frame + bytes((_OUR_LINK,)) + stamp.to_bytes(6, "little")
        return whole + self._signature(whole)

    def accepts(self, raw: bytes) -> bool:
        """A checked frame is signed with the key and was never heard before."""
        if raw[0] != MAVLINK_2 or not raw[2] & SIGNED:
            return False
        if not hmac.compare_digest(self._signature(raw[:-6]), raw[-6:]):
            return False
        stream = (raw[-SIGNATURE_BYTES], raw[5], raw[6])
        stamp = int.from_bytes(raw[-12:-6], "little")
        with self._lock:
            last = self._streams.get(stream, max(self._now(), self._newest) - NEW_STREAM_BEHIND)
            if stamp <= last:
                return False
            self._streams[stream] = stamp
            self._newest = max(self._newest, stamp)
        return True

    def _now(self) -> int:
        return stamp_at(self._clock.wall_us())

    def _signature(self, frame: bytes) -> bytes:
        return hashlib.sha256(self._key + frame).digest()[:6]


def stamp_at(wall_us: int) -> int:
    """Of a moment, microseconds since the Unix epoch."""
    return (wall_us - _EPOCH_US) // 10


def parse_key(text: str, *, source: str) -> bytes:
    """64 hexadecimal digits. Raises SetUpError, which never shows the key."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES or not any(key):
        raise SetUpError(f"{source}: expected a signing key of {2 * KEY_BYTES} hexadecimal digits, not all zero")
    return key
