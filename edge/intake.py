"""Decoded frames on their way to the one thread that detects; the scheduler says whose are next.

Of a live camera only the newest frame waits; a recording waits for room, so that none of its frames is lost.
"""

import threading
from collections.abc import Hashable
from dataclasses import dataclass

from contract.clock import Clock
from detectors.detector import Prepared
from detectors.frame import Frame
from detectors.scheduler import Batching, Claim, Scheduler


@dataclass(frozen=True, slots=True)
class Ready:
    """A frame of one camera, made ready for the network on the thread that decoded it. `opening` counts how often the
    feed was opened: its first frame may have been dropped."""

    camera: str
    frame: Frame
    prepared: Prepared
    put_at_us: int  # monotonic
    opening: int = 1


class Intake:
    """The scheduler behind a lock. `capacity`: frames of one recording that wait."""

    def __init__(self, clock: Clock, *, batching: Batching | None = None, capacity: int = 2) -> None:
        self._clock = clock
        self._scheduler: Scheduler[Ready] = Scheduler(clock, batching)
        self._capacity = capacity
        self._changed = threading.Condition()
        self._is_closed = False

    def enter(self, camera: str, *, detector: Hashable = None, claim: Claim | None = None) -> None:
        """A camera whose frames will come; those of one `detector` may be judged together."""
        with self._changed:
            self._scheduler.enter(camera, detector=detector, claim=claim)

    def leave(self, camera: str) -> None:
        """Its reader was told to stop: whatever it still puts is dropped."""
        with self._changed:
            self._scheduler.leave(camera)
            self._changed.notify_all()

    def use(self, batching: Batching) -> None:
        with self._changed:
            self._scheduler.use(batching)

    def set_claim(self, camera: str, claim: Claim) -> None:
        with self._changed:
            self._scheduler.set_claim(camera, claim)

    def put(self, ready: Ready, *, newest_wins: bool, stop: threading.Event | None = None) -> int:
        """Hand a frame over; how many older ones of its camera were dropped for it. Without `newest_wins` it blocks
        until there is room or the intake is closed. Once `stop` is set, its reader's, nothing is taken."""
        with self._changed:
            while not (newest_wins or _is_set(stop) or self._is_closed) and self._is_full(ready.camera):
                self._changed.wait()
            if _is_set(stop):
                return 0
            dropped = self._scheduler.offer(ready.camera, ready, newest_wins=newest_wins)
            self._changed.notify_all()
            return dropped

    def take(self, timeout_s: float) -> list[Ready]:
        """The next batch, of one detector and with one frame a camera; empty after `timeout_s` without any. With a
        `timeout_s` of 0 it is what waits now."""
        with self._changed:
            until_us = self._clock.monotonic_us() + round(timeout_s * 1e6)
            while not (batch := self._scheduler.take(at_once=timeout_s <= 0)):
                now_us = self._clock.monotonic_us()
                if self._is_closed or now_us >= until_us:
                    break
                complete_at_us = self._scheduler.complete_at_us()
                self._changed.wait((min(until_us, complete_at_us or until_us) - now_us) / 1e6)
            self._changed.notify_all()
            return batch

    @property
    def has_frames(self) -> bool:
        """Of any camera."""
        with self._changed:
            return self._scheduler.has_frames

    def waiting(self, camera: str) -> int:
        """Frames of `camera` that nobody took yet."""
        with self._changed:
            return self._scheduler.waiting(camera)

    def _is_full(self, camera: str) -> bool:
        return self._scheduler.waiting(camera) >= self._capacity

    def close(self) -> None:
        """Nobody will take any more: let every waiting thread go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _is_set(stop: threading.Event | None) -> bool:
    return stop is not None and stop.is_set()
