"""Decoded frames on their way to the one thread that detects.

Cameras take turns, so none is starved whatever the others do (SAFETY 20). A live camera's newest frame pushes out its
oldest; a recording waits for room, so that none of its frames is lost.
"""

import threading
from collections import deque
from dataclasses import dataclass

from detectors.detector import Prepared
from detectors.frame import Frame


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
    """A bounded queue for each camera."""

    def __init__(self, *, capacity: int = 2) -> None:
        self._capacity = capacity
        self._queues: dict[str, deque[Ready]] = {}
        self._turns: deque[str] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    def put(self, ready: Ready, *, drop_oldest: bool) -> int:
        """Hand a frame over; how many older ones of its camera were dropped for it. Without `drop_oldest` it blocks
        until there is room or the intake is closed."""
        with self._changed:
            queue = self._queues.get(ready.camera)
            if queue is None:
                queue = self._queues[ready.camera] = deque()
                self._turns.append(ready.camera)
            while not drop_oldest and len(queue) >= self._capacity and not self._is_closed:
                self._changed.wait()
            dropped = 0
            while len(queue) >= self._capacity:
                queue.popleft()
                dropped += 1
            queue.append(ready)
            self._changed.notify_all()
            return dropped

    def take(self, timeout_s: float) -> Ready | None:
        """The oldest frame of the camera that waited longest for its turn; None after `timeout_s` without any."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_closed or any(self._queues.values()), timeout_s):
                return None
            for _ in range(len(self._turns)):
                camera = self._turns[0]
                self._turns.rotate(-1)
                if self._queues[camera]:
                    ready = self._queues[camera].popleft()
                    self._changed.notify_all()
                    return ready
            return None

    def waiting(self, camera: str) -> int:
        """Frames of `camera` that nobody took yet."""
        with self._changed:
            return len(self._queues.get(camera, ()))

    def close(self) -> None:
        """Nobody will take any more: let every waiting thread go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
