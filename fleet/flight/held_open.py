"""What is opened and held together, and closed together."""

from contextlib import AsyncExitStack
from types import TracebackType


class HeldOpen:
    """A context whose `__aenter__` leaves in `_opened` what it has opened."""

    _opened: AsyncExitStack

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if isinstance(error, Exception):  # leave it as it is: a task group would wrap it in a group of its own
            await self._opened.aclose()
            return None
        return await self._opened.__aexit__(kind, error, trace)
