"""MAVLink 2 signing of one vehicle: its key, the time stamps it has heard and its own, which runs ahead.

Whoever knows MAVLink from its specification alone expects the vehicle's stamp near real time; ArduPilot's is a minute
or more ahead, because it stores a stamp now and then and adds a minute when it goes on from it.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from fleet.flight.mavlink_frames import SIGNATURE_BYTES, SIGNED

Message = Any  # pymavlink has no types
UNITS_PER_S = 100_000  # a stamp counts 10 us since 2015-01-01
NEW_STREAM_BEHIND_S = 60
AHEAD_S = (60.0, 100.0)  # measured: least and most


@dataclass(slots=True)
class Signing:
    """Off while `key` is None. A stream is (link id, system, component); its stamps only rise. The key and the stamp
    outlast a reboot."""

    ahead_s: float  # one of AHEAD_S
    key: bytes | None = None
    _stamp: int = 0
    _streams: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def set_up(self, key: bytes, initial_stamp: int) -> None:
        """SETUP_SIGNING. A key of zeros with a stamp of 0 turns it off."""
        self.forget_streams()
        self.key = key if any(key) or initial_stamp else None
        self._stamp = max(self._stamp, initial_stamp + round(self.ahead_s * UNITS_PER_S))

    def forget_streams(self) -> None:
        """After a reboot all of them are new."""
        self._streams.clear()

    def pass_time(self, dt_s: float) -> None:
        self._stamp += round(dt_s * UNITS_PER_S)

    def accepts(self, message: Message) -> bool:
        """Whether a frame may be obeyed: any while there is no key, else only what is signed and was not heard yet."""
        if self.key is None:
            return True
        header, raw = message.get_header(), message.get_msgbuf()
        if not header.incompat_flags & SIGNED:
            return False
        link_id, stamp = raw[-SIGNATURE_BYTES], int.from_bytes(raw[-12:-6], "little")
        stream = (link_id, header.srcSystem, header.srcComponent)
        newest = self._streams.get(stream, self._stamp - NEW_STREAM_BEHIND_S * UNITS_PER_S - 1)
        if stamp <= newest or self._signature(raw[:-6]) != raw[-6:]:
            return False
        self._streams[stream] = stamp
        self._stamp = max(self._stamp, stamp)
        return True

    def sign(self, frame: bytes, *, link_id: int) -> bytes:
        """A frame that has the SIGNED flag, and the 13 bytes it lacks."""
        self._stamp += 1
        whole = frame + bytes((link_id,)) + self._stamp.to_bytes(6, "little")
        return whole + self._signature(whole)

    def _signature(self, frame: bytes) -> bytes:
        assert self.key is not None
        return hashlib.sha256(self.key + frame).digest()[:6]
