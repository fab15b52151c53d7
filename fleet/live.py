"""The live feed: a snapshot first, then what changed; a client that cannot keep up gets a new snapshot, not a queue.

Changes are published from the coordinator's thread and read on the API's; each message replaces a whole object, so one
that overtakes the snapshot does no harm.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import BaseModel

MAX_WAITING = 2048  # messages for one client; past that it gets a snapshot instead
MAX_CLIENTS = 64


class Subscription:
    """One client's bounded queue. `take` returns None when the client must get a fresh snapshot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: deque[str] = deque()
        self._is_behind = False
        self._something = asyncio.Event()

    def offer(self, texts: Sequence[str]) -> None:
        """From any thread."""
        with self._lock:
            was_empty = not self._waiting and not self._is_behind
            if len(self._waiting) + len(texts) > MAX_WAITING:
                self._waiting.clear()
                self._is_behind = True
            if not self._is_behind:
                self._waiting.extend(texts)
        if was_empty:
            self._loop.call_soon_threadsafe(self._something.set)

    async def take(self) -> str | None:
        while True:
            with self._lock:
                if self._is_behind:
                    self._is_behind = False
                    return None
                if self._waiting:
                    return self._waiting.popleft()
                self._something.clear()
            await self._something.wait()


class LiveFeed:
    """Everybody who listens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    @contextmanager
    def subscribed(self) -> Iterator[Subscription | None]:
        """A subscription of the running event loop; None when there are too many listeners."""
        subscription = Subscription(asyncio.get_running_loop())
        with self._lock:
            if len(self._subscriptions) >= MAX_CLIENTS:
                is_admitted = False
            else:
                is_admitted = True
                self._subscriptions = (*self._subscriptions, subscription)
        try:
            yield subscription if is_admitted else None
        finally:
            with self._lock:
                self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

    @property
    def listeners(self) -> int:
        return len(self._subscriptions)

    def publish(self, kind: str, data: BaseModel) -> None:
        """From any thread; serialised once for all."""
        if self._subscriptions:
            self.publish_written([(kind, data.model_dump_json())])

    def publish_written(self, changes: Sequence[tuple[str, str]]) -> None:
        """Kinds and JSON of what changed at one moment, at once: waking a listener costs both threads."""
        texts = [f'{{"type":"{kind}","data":{document}}}' for kind, document in changes]
        for subscription in self._subscriptions if texts else ():
            subscription.offer(texts)
