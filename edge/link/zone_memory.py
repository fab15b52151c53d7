"""Which zones people set and unset, kept across restarts.

A node that forgot a person's "set" would leave the zone open without a word; one that forgets an "unset" only raises an
alarm too many. So a file that cannot be read means that every zone is set.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog

from edge.errors import EdgeError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ZoneWord:
    """What a person said of a zone, and when (microseconds UTC); at_us None: nobody knows."""

    is_set: bool
    at_us: int | None


class ZoneMemory:
    """A JSON file {zone: is it set and since when}, replaced whole; in memory where there is no path."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._words: dict[str, ZoneWord] = {}

    def load(self, zones: Iterable[str]) -> dict[str, ZoneWord]:
        """What people last said of each of `zones`, where they said anything."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            data: dict[str, object] = dict(json.loads(self._path.read_text(encoding="utf-8")))
            self._words = {zone: _word(data[zone]) for zone in zones if zone in data}
        except (OSError, ValueError, TypeError) as err:
            log.warning("zone memory unreadable: every zone is set", path=str(self._path), reason=str(err))
            self._words = dict.fromkeys(zones, ZoneWord(True, None))
        return dict(self._words)

    def remember(self, zone: str, *, is_set: bool, at_us: int) -> None:
        """On the disk when it returns. Raises EdgeError, and then nothing has changed."""
        changed = {**self._words, zone: ZoneWord(is_set, at_us)}
        if self._path is not None:
            part = self._path.with_suffix(".part")
            try:
                with part.open("w", encoding="utf-8") as file:
                    json.dump({zone: asdict(word) for zone, word in changed.items()}, file)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self._path)
            except OSError as err:
                raise EdgeError(f"{self._path}: cannot be written: {err.strerror}") from err
        self._words = changed


def _word(data: object) -> ZoneWord:
    """As this version or one before the hours wrote it. Raises ValueError."""
    match data:
        case bool():
            return ZoneWord(data, 0)
        case {"is_set": bool(is_set), "at_us": int() | None as at_us}:
            return ZoneWord(is_set, at_us)
    raise ValueError(f"expected is_set and at_us, got {data!r}")
