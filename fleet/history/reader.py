"""History read back: what there is, and what was at any moment of it. For any thread; the files stay as they are."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fleet.history.blocks import Place, Scene, decoded, json_of
from fleet.history.files import hour_files, places_in
from fleet.history.recorder import GAP_US

MAX_BLOCKS = 90  # that are read for one answer: a quarter of an hour
MAX_FRAMES = 600
MAX_LETTERS = 4_000_000
MAX_SPANS = 2_000
Span = tuple[int, int]  # first and last moment, microseconds


@dataclass(frozen=True, slots=True)
class Lie:
    """Where a block is."""

    path: Path
    place: Place


@dataclass(slots=True)
class Page:
    """frames: JSON objects, oldest first; next_us: from where to ask on, where there may be more."""

    frames: list[str] = field(default_factory=list)
    next_us: int | None = None
    letters: int = 0

    def add(self, frame: str) -> None:
        self.frames.append(frame)
        self.letters += len(frame)

    @property
    def is_full(self) -> bool:
        return len(self.frames) >= MAX_FRAMES or self.letters >= MAX_LETTERS


class HistoryReader:
    """Of one folder; None: nothing is recorded. A file is asked once what its blocks cover, and again as it grows."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[int, list[Place]]] = {}  # read up to that byte

    def spans(self) -> list[Span]:
        """Every stretch that was recorded without a gap, oldest first; of very many the newest."""
        spans: list[Span] = []
        for lie in self._lies():
            place = lie.place
            if spans and place.from_us - spans[-1][1] <= GAP_US:
                spans[-1] = (spans[-1][0], max(spans[-1][1], place.to_us))
            else:
                spans.append((place.from_us, place.to_us))
        return spans[-MAX_SPANS:]

    def page(self, *, from_us: int, to_us: int, step_us: int) -> Page:
        """What was seen after `from_us` and before `to_us`, a frame a step at most and in order, preceded by the frame
        that held at `from_us`, where one was recorded. Raises OSError."""
        lies = [lie for lie in self._lies() if from_us - GAP_US < lie.place.to_us and lie.place.from_us < to_us]
        page = Page()
        held: str | None = None
        last_us = due_us = from_us
        for number, lie in enumerate(lies):
            if number == MAX_BLOCKS:
                page.next_us = max(lie.place.from_us, due_us)
                break
            for at_us, scene in self._decoded(lie):
                if from_us - GAP_US < at_us <= from_us:
                    held = line_of(at_us, scene)
                elif last_us < at_us < to_us:
                    if held is not None:
                        page.add(held)
                        held, due_us = None, from_us + step_us
                    if at_us < due_us:
                        continue
                    if page.is_full:
                        page.next_us = due_us
                        return page
                    page.add(line_of(at_us, scene))
                    last_us, due_us = at_us, from_us + ((at_us - from_us) // step_us + 1) * step_us
        if held is not None:
            page.add(held)
        return page

    def _decoded(self, lie: Lie) -> Iterator[tuple[int, Scene]]:
        """Nothing of a damaged one: that is a gap."""
        try:
            with lie.path.open("rb") as file:
                file.seek(lie.place.offset)
                yield from decoded(file.read(lie.place.length))
        except (ValueError, FileNotFoundError):
            return

    def _lies(self) -> list[Lie]:
        """Of all blocks, in order of time."""
        with self._lock:
            files = [] if self._folder is None else hour_files(self._folder)
            for path in files:
                end, places = self._known.get(path, (0, []))
                size = path.stat().st_size
                if size < end:
                    end, places = 0, []
                if size > end:
                    more, end = places_in(path, after=end)
                    self._known[path] = (end, [*places, *more])
            for gone in self._known.keys() - set(files):
                del self._known[gone]
            lies = [Lie(path, place) for path in files for place in self._known.get(path, (0, []))[1]]
        return sorted(lies, key=lambda lie: (lie.place.from_us, lie.place.to_us))


def line_of(at_us: int, scene: Scene) -> str:
    """A frame as the API tells it: what is of one kind in a list."""
    return json_of({"at_us": at_us, **{kind: list(things.values()) for kind, things in scene.items()}})
