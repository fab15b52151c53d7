"""The last seconds of one camera as it sent them: encoded packets, in memory, never on the disk.

Bounded by seconds and, strictly, by bytes; it begins at a key frame always, because nothing before one can be decoded.
The reading thread adds, others cut: no call holds the lock for longer than it takes to copy references.
"""

import threading
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

OVERHEAD_BYTES = 320  # of a packet in Python beside its data: bytes, numbers and the object that holds them


@dataclass(frozen=True, slots=True)
class Reel:
    """One opening of a feed. seed: a small NUT file with the first key frame, from which a muxer or a decoder learns
    what the stream is. time_base: of the packets' time stamps, s. period: from one to the next, in that base."""

    seed: bytes
    time_base: Fraction
    period: int = 1


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """An encoded picture. pts, dts: in the time base of its reel; captured_at_us: when its picture was taken."""

    data: bytes
    pts: int
    dts: int
    is_key: bool
    captured_at_us: int

    @property
    def cost_bytes(self) -> int:
        return len(self.data) + OVERHEAD_BYTES


class Ring:
    """seconds: kept at least, as far as `max_bytes` allow; up to one group of pictures more."""

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._keep_us = round(seconds * 1e6)
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._packets: deque[StoredPacket] = deque()
        self._first = 0  # number of the oldest packet held
        self._keys: deque[int] = deque()  # numbers of the key frames held
        self._cost_bytes = 0
        self._reel: Reel | None = None
        self._reel_began = 0  # number of its first packet
        self._is_ended = False
        self._is_waiting_for_key = True
        self._cuts: set[Cut] = set()

    # The reading thread

    def begin(self, reel: Reel) -> None:
        """A new opening; cuts of the one before end with what it had."""
        with self._lock:
            for cut in self._cuts:
                if cut.reel is self._reel:
                    cut.until = self._next
            self._reel = reel
            self._reel_began = self._next
            self._is_ended = False
            self._is_waiting_for_key = True

    def add(self, packet: StoredPacket) -> None:
        with self._lock:
            if self._reel is None or self._is_ended or (self._is_waiting_for_key and not packet.is_key):
                return
            self._is_waiting_for_key = False
            if packet.is_key:
                self._keys.append(self._next)
            self._packets.append(packet)
            self._cost_bytes += packet.cost_bytes
            while self._cost_bytes > self._max_bytes:
                self._drop_group()
            while len(self._keys) > 1 and self._is_old(self._keys[1], packet.captured_at_us):
                self._drop_group()

    def end(self) -> None:
        """The opening is over; what there is of it can still be cut."""
        with self._lock:
            self._is_ended = True

    # Others

    def cut(self, from_us: int) -> "Cut | None":
        """What was captured from `from_us` on, beginning at the key frame at or before it, or at the oldest there is.
        None without one. Close it: until then nothing of it is dropped but for want of room."""
        with self._lock:
            keys = [number for number in self._keys if number >= self._reel_began]
            if self._reel is None or not keys:
                return None
            before = [number for number in keys if self._at(number).captured_at_us <= from_us]
            first = before[-1] if before else keys[0]
            cut = Cut(self, self._reel, next_number=first, start_us=self._at(first).captured_at_us)
            self._cuts.add(cut)
            return cut

    @property
    def reel(self) -> Reel | None:
        """The newest opening, whether or not it is over."""
        return self._reel

    @property
    def is_running(self) -> bool:
        """More of the newest opening may come."""
        return self._reel is not None and not self._is_ended

    @property
    def cost_bytes(self) -> int:
        """Memory it takes now, at most `max_bytes`."""
        return self._cost_bytes

    def take(self, cut: "Cut") -> list[StoredPacket]:
        """Through `Cut.take`."""
        with self._lock:
            if cut.next_number < self._first:
                cut.is_over = True  # it was too slow, and what it needs next is gone
                return []
            is_current = cut.reel is self._reel
            until = self._next if is_current else cut.until
            taken = list(islice(self._packets, cut.next_number - self._first, until - self._first))
            cut.next_number = until
            cut.is_over = self._is_ended or not is_current
            return taken

    def release(self, cut: "Cut") -> None:
        """Through `Cut.close`."""
        with self._lock:
            self._cuts.discard(cut)

    @property
    def _next(self) -> int:
        return self._first + len(self._packets)

    def _at(self, number: int) -> StoredPacket:
        return self._packets[number - self._first]

    def _is_old(self, next_key: int, now_us: int) -> bool:
        """Nobody misses the group before `next_key`."""
        if any(cut.next_number < next_key for cut in self._cuts):
            return False
        return next_key <= self._reel_began or self._at(next_key).captured_at_us <= now_us - self._keep_us

    def _drop_group(self) -> None:
        """The oldest group of pictures; the newest packet too where it is the only group."""
        self._keys.popleft()
        until = self._keys[0] if self._keys else self._next
        for _ in range(until - self._first):
            self._cost_bytes -= self._packets.popleft().cost_bytes
        self._first = until
        self._is_waiting_for_key = not self._packets


class Cut:
    """A piece of one opening, taken bit by bit as it grows. Any thread, one at a time. start_us: capture time of its
    first picture."""

    def __init__(self, ring: Ring, reel: Reel, *, next_number: int, start_us: int) -> None:
        self._ring = ring
        self.reel = reel
        self.start_us = start_us
        self.next_number = next_number
        self.until = next_number  # of an opening that another has followed
        self.is_over = False  # no more will come

    def take(self) -> list[StoredPacket]:
        """What came since the last call. With `is_over` set, it is the last."""
        return [] if self.is_over else self._ring.take(self)

    def close(self) -> None:
        self._ring.release(self)
