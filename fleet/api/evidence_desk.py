"""Uploads of evidence on the API's loop: files are touched on threads, the store is written on the coordinator's loop.

One upload a node at a time, so that no two ever write one part. A hold, a return or a recall waits for none of it.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import structlog
from starlette.exceptions import HTTPException

from fleet.api.core import Core
from fleet.errors import StoreError
from fleet.records.archive import Archive, NoRoom, Wanted, WrongContent

THREADS = 4
Answer = TypeVar("Answer")
log = structlog.get_logger()


class EvidenceDesk:
    """Belongs to the loop of the API."""

    def __init__(self, archive: Archive, core: Core) -> None:
        self.archive = archive
        self._core = core
        self._sending: set[str] = set()
        self._threads: anyio.CapacityLimiter | None = None

    async def state(self, wanted: Wanted) -> tuple[int, bool]:
        """Bytes that are here, and whether they are known to be the whole file."""
        filed = self.archive.filed(wanted.sha256)
        if filed is None:
            return await self.on_disk(partial(self.archive.there, wanted)), False
        if not filed.is_here:
            raise HTTPException(410, f"evidence {wanted.sha256}: it was here, and gave way")
        return wanted.bytes, True

    async def take(self, wanted: Wanted, pieces: AsyncIterator[bytes], *, offset: int) -> tuple[int, bool]:
        """State after what came. `offset` is where the first piece belongs."""
        if wanted.node in self._sending:
            raise HTTPException(409, f"another upload of node '{wanted.node}' runs")
        self._sending.add(wanted.node)
        try:
            there, is_whole = await self.state(wanted)
            if offset != there:
                raise HTTPException(409, f"expected offset {there}, got {offset}", headers=told(there, is_whole))
            if is_whole:
                return there, True
            await self._make_room(wanted)
            there = await self._append(wanted, pieces, there)
            if there == wanted.bytes:
                await self._finish(wanted)
            return there, there == wanted.bytes
        finally:
            self._sending.discard(wanted.node)

    async def on_disk(self, act: Callable[[], Answer]) -> Answer:
        """Raises StoreError where the disk refuses."""
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(THREADS)
        try:
            return await anyio.to_thread.run_sync(act, limiter=self._threads)
        except OSError as err:
            raise StoreError(f"evidence: {err.strerror or err}") from err

    async def _append(self, wanted: Wanted, pieces: AsyncIterator[bytes], there: int) -> int:
        async for piece in pieces:
            room = wanted.bytes - there
            await self.on_disk(partial(self.archive.append, wanted, there, piece[:room]))
            if len(piece) > room:
                raise HTTPException(413, f"evidence {wanted.sha256}: expected {wanted.bytes} bytes, got more")
            there += len(piece)
        return there

    async def _finish(self, wanted: Wanted) -> None:
        try:
            await self.on_disk(partial(self.archive.finish, wanted))
        except WrongContent as err:
            log.warning("evidence is not what its manifest says", node=wanted.node, sha256=wanted.sha256)
            raise HTTPException(422, str(err)) from err
        await self._core(partial(self.archive.note_whole, wanted))
        log.info("evidence came", node=wanted.node, sha256=wanted.sha256, bytes=wanted.bytes)

    async def _make_room(self, wanted: Wanted) -> None:
        try:
            victims = await self.on_disk(partial(self.archive.victims, wanted))
        except NoRoom as err:
            raise HTTPException(507, str(err)) from err
        if victims:
            await self._core(partial(self.archive.forget, victims))
            await self.on_disk(partial(self.archive.unlink, victims))


def told(there: int, is_whole: bool) -> dict[str, str]:
    """Headers that say how far an upload is."""
    return {"Upload-Offset": str(there), "Upload-Complete": "?1" if is_whole else "?0", "Cache-Control": "no-store"}
