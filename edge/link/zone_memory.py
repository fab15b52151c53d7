"""Which zones people set and unset, kept across restarts.

A node that forgot a person's "set" would leave the zone open without a word; one that forgets an "unset" only raises an
alarm too many. So a file that cannot be read means that every zone is set.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import structlog

from edge.errors import EdgeError

log = structlog.get_logger()


class ZoneMemory:
    """A JSON file {zone: is it set}, replaced whole; in memory where there is no path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._is_set: dict[str, bool] = {}

    def load(self, zones: Iterable[str]) -> dict[str, bool]:
        """What people last said of each of `zones`, where they said anything."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            self._is_set = {zone: data[zone] for zone in zones if isinstance(data.get(zone), bool)}
        except (OSError, ValueError, AttributeError) as err:
            log.warning("zone memory unreadable: every zone is set", path=str(self._path), reason=str(err))
            self._is_set = dict.fromkeys(zones, True)
        return dict(self._is_set)

    def remember(self, zone: str, *, is_set: bool) -> None:
        """On the disk when it returns. Raises EdgeError, and then nothing has changed."""
        changed = {**self._is_set, zone: is_set}
        if self._path is not None:
            part = self._path.with_suffix(".part")
            try:
                with part.open("w", encoding="utf-8") as file:
                    json.dump(changed, file)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self._path)
            except OSError as err:
                raise EdgeError(f"{self._path}: cannot be written: {err.strerror}") from err
        self._is_set = changed
