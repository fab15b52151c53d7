"""A message of the bus, when it came, and where it waits to be taken."""

from collections import deque
from dataclasses import dataclass

import anyio
from anyio.lowlevel import checkpoint

from contract.bus import BusMessage


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and when it came, by both clocks."""

    message: BusMessage
    wall_us: int
    monotonic_us: int


class Unread:
    """What came and was not taken yet, in order; of one loop. Whoever puts bounds it."""

    def __init__(self) -> None:
        self._waiting: deque[Arrival] = deque()
        self._something = anyio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, *arrivals: Arrival) -> None:
        self._waiting.extend(arrivals)
        self._something.set()

    async def take(self, *, at_most: int) -> list[Arrival]:
        """Wait for a message, then take it with what came meanwhile. A burst is read a little each pass of the loop: as
        long as each pass brings more, it is waited for, since a batch costs hardly more than a message."""
        while not self._waiting:
            self._something = anyio.Event()
            await self._something.wait()
        known = 0
        while known < len(self._waiting) < at_most:
            known = len(self._waiting)
            await checkpoint()
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), at_most))]
