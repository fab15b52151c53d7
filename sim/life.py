"""Something that can be killed and started again, as a process can, inside one event loop."""

from collections.abc import Awaitable, Callable

import anyio


class Life:
    """`live` is run until it is killed, and run again when it is started. It dies without a word: whatever must not
    happen after its end is for `on_kill` to prevent, which is called first."""

    def __init__(self, live: Callable[[], Awaitable[None]], *, on_kill: Callable[[], None]) -> None:
        self._live, self._on_kill = live, on_kill
        self._scope: anyio.CancelScope | None = None
        self._wanted = anyio.Event()
        self._wanted.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wanted.wait()
            with anyio.CancelScope() as self._scope:
                await self._live()
            self._scope = None

    def kill(self) -> None:
        self._wanted = anyio.Event()
        self._on_kill()
        if self._scope is not None:
            self._scope.cancel()

    def start(self) -> None:
        self._wanted.set()
