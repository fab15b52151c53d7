"""The way from the API's thread to the coordinator's loop, with a time-out.

The API runs on a thread and loop of its own: hold, return and recall go straight to the safety monitor and work while
the coordinator waits for its disk or hangs (SAFETY 6). Everything else is run where the state lives.
"""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import TypeVar

from fleet.errors import StoreError

TIMEOUT_S = 10.0
Answer = TypeVar("Answer")


class Core:
    """Calls functions on the coordinator's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    async def __call__(self, act: Callable[[], Answer]) -> Answer:
        """What `act` returns or raises. Raises StoreError when the coordinator does not answer in time; an act that was
        given up is not begun later."""
        future: concurrent.futures.Future[Answer] = concurrent.futures.Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(act())
            except Exception as err:  # noqa: BLE001 - handed over to whoever asked
                future.set_exception(err)

        self._loop.call_soon_threadsafe(run)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), TIMEOUT_S)
        except asyncio.TimeoutError as err:
            raise StoreError(f"the coordinator did not answer within {TIMEOUT_S:.0f} s") from err
