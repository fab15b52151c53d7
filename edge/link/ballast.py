"""Room on a full disk that is dropped to delete: SQLite writes a page before it frees one, so an outbox that filled its
disk could not let go of what the coordinator has, and no event could follow.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

BALLAST_BYTES = 4_000_000  # a write-ahead log of 250 pages twice over, and its pages in the file itself
LEAST_BYTES = 100_000


class Ballast:
    """A file of nothing beside another. Best effort: no disk is too full for it to be tried."""

    def __init__(self, path: Path | None) -> None:
        """None: there is no disk."""
        self._path = path

    def lay(self) -> None:
        """As much as the disk gives."""
        if self._path is None:
            return
        size = min(BALLAST_BYTES, shutil.disk_usage(self._path.parent).free)
        while size >= LEAST_BYTES:
            with contextlib.suppress(OSError), self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
                return
            size //= 2

    @contextlib.contextmanager
    def dropped(self) -> Iterator[None]:
        """What is done inside has its room."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.lay()
