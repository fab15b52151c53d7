"""Evidence goes to the coordinator: on a thread of its own, slowly enough for the link, from where it broke off.

The footage's thread offers what is on the shelf and told, and hears which takes are all there. What comes next is
chosen anew after each piece: the most important first, then the newest; so a new picture waits for a piece, not for an
hour of older clips. HEAD and PUT are those of fleet/api/evidence.py. Events go another way and wait for nothing here.
"""

import os
import random
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx
import structlog

from contract.clock import Clock
from contract.events import NodeFault, NodeFaultKind
from edge.footage.shelf import LOUDNESS, Take, digest
from edge.link.coordinator import Coordinator

FIRST_BACK_OFF_US, LONGEST_BACK_OFF_US = 1_000_000, 60_000_000
FIRST_PAUSE_US, LONGEST_PAUSE_US = 2_000_000, 600_000_000  # of a file that is refused; its manifest may be on its way
PIECE_BYTES, PIECE_S = 4_000_000, 5.0  # at most, in one request
CHUNK_BYTES = 64 * 1024
IDLE_S = 1.0
FAULT_AFTER_US = 600_000_000  # while something waits and nothing gets through
GONE, WRONG_CONTENT, NO_ROOM = 410, 422, 507
WORDS = {401: "it does not know this node's token", 404: "it has no manifest that names a file yet"}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Offer:
    """A take of the shelf and where its files are, by sha256."""

    take: Take
    files: dict[str, Path]


@dataclass(frozen=True, slots=True)
class UploadFigures:
    """waiting: files and bytes that the coordinator does not have, as far as known. failing_s: since something got
    through, while something waits; 0: it does. error: why not, the last time."""

    waiting_files: int
    waiting_bytes: int
    sent_bytes: int
    failing_s: float
    error: str


@dataclass(slots=True)
class _File:
    sha256: str
    path: Path
    bytes: int
    loudness: int
    stored_at_us: int
    offset: int | None = None  # what the coordinator has; None: to be asked
    known: int = 0  # what it had when it was asked last
    pause_us: int = 0
    not_before_us: int = 0


class _Away(Exception):
    """The coordinator cannot be reached, or takes nothing from this node now."""


class Uploader:
    """`offer` and `arrived` are the footage's thread's, `run` its own, the rest anybody's.

    bytes_per_s: at most; None: as fast as it goes.
    """

    def __init__(
        self, coordinator: Coordinator, *, bytes_per_s: float | None, clock: Clock, chance: random.Random
    ) -> None:
        self._coordinator = coordinator
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._offers: dict[uuid.UUID, Offer] = {}
        self._files: dict[str, _File] = {}
        self._stored: set[str] = set()  # there, of the takes that are offered
        self._hopeless: set[str] = set()  # not what their manifest says any more
        self._next_chunk_us = 0
        self._back_off_us = 0
        self._not_before_us = 0
        self._failing_since_us: int | None = None
        self._error = ""
        self._fault: NodeFault | None = None
        self.sent_bytes = 0

    # The footage's thread

    def offer(self, offers: Iterable[Offer]) -> None:
        """All that is wanted there now; what was offered before and is not now gave way."""
        with self._lock:
            self._offers = {offer.take.take_id: offer for offer in offers}
            wanted = {each.sha256: each for offer in self._offers.values() for each in _files_of(offer)}
            self._stored &= wanted.keys()
            self._files = {
                sha256: self._files.get(sha256, file)
                for sha256, file in wanted.items()
                if sha256 not in self._stored and sha256 not in self._hopeless
            }
            if not self._files:
                self._failing_since_us = None
            elif self._failing_since_us is None:
                self._failing_since_us = self._clock.monotonic_us()

    def arrived(self) -> list[uuid.UUID]:
        """Offered takes whose files are all there."""
        with self._lock:
            return [take_id for take_id, offer in self._offers.items() if offer.files.keys() <= self._stored]

    # Anybody

    @property
    def figures(self) -> UploadFigures:
        with self._lock:
            waiting = sum(file.bytes - (file.offset or 0) for file in self._files.values())
            return UploadFigures(len(self._files), waiting, self.sent_bytes, self._failing_us / 1e6, self._error)

    def faults(self, now_us: int) -> tuple[NodeFault, ...]:
        """`now_us` as the node stamps. Lasts while nothing has got through for long."""
        with self._lock:
            if self._failing_us < FAULT_AFTER_US:
                self._fault = None
            elif self._fault is None:
                words = f"evidence does not reach the coordinator: {self._error or 'it takes too long'}"
                self._fault = NodeFault(kind=NodeFaultKind.UPLOAD, since_us=now_us, detail=words)
            return () if self._fault is None else (self._fault,)

    @property
    def _failing_us(self) -> int:
        return 0 if self._failing_since_us is None else self._clock.monotonic_us() - self._failing_since_us

    # Its own thread

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        with self._coordinator.client() as http:
            while not stop.is_set():
                stop.wait(self.step(http, stop))

    def step(self, http: httpx.Client, stop: threading.Event) -> float:
        """One piece of the next file; seconds until something may be due again."""
        now_us = self._clock.monotonic_us()
        if now_us < self._not_before_us:
            return min((self._not_before_us - now_us) / 1e6, IDLE_S)
        file = self._choose(now_us)
        if file is None:
            return IDLE_S
        try:
            self._send(http, file, stop)
        except FileNotFoundError:  # it gave way; the next offer says so
            self._pause(file, "it is here no more")
        except OSError as err:
            self._pause(file, f"{file.path.name}: {err.strerror or err}")
        except (httpx.HTTPError, _Away) as err:
            if not stop.is_set():
                self._back_off(file, str(err) or type(err).__name__)
        return 0.0

    def _choose(self, now_us: int) -> _File | None:
        """The most important, then the newest, then the smallest: a picture comes before its clip."""
        with self._lock:
            due = [file for file in self._files.values() if file.not_before_us <= now_us]
        return max(due, key=lambda file: (file.loudness, file.stored_at_us, -file.bytes, file.sha256), default=None)

    def _send(self, http: httpx.Client, file: _File, stop: threading.Event) -> None:
        url = f"/api/v1/evidence/{file.sha256}"
        if file.offset is None:
            self._take_answer(file, http.head(url))
            return
        rest = max(file.bytes - file.offset, 0)
        length = min(rest, PIECE_BYTES, rest if self._bytes_per_s is None else int(self._bytes_per_s * PIECE_S) + 1)
        with file.path.open("rb") as opened:
            if opened.seek(0, os.SEEK_END) != file.bytes:
                self._give_up(file)
                return
            opened.seek(file.offset)
            headers = {"Upload-Offset": str(file.offset), "Content-Length": str(length)}
            self._take_answer(file, http.put(url, content=self._paced(opened, length, stop), headers=headers))

    def _paced(self, file: BinaryIO, length: int, stop: threading.Event) -> Iterator[bytes]:
        """A chunk at a time, as fast as it may go; cut short when the node stops."""
        chunk_bytes = CHUNK_BYTES if self._bytes_per_s is None else max(min(CHUNK_BYTES, int(self._bytes_per_s)), 1)
        while length > 0 and (chunk := file.read(min(chunk_bytes, length))):
            if self._bytes_per_s is not None:
                now_us = self._clock.monotonic_us()
                self._next_chunk_us = max(self._next_chunk_us, now_us)
                if stop.wait((self._next_chunk_us - now_us) / 1e6):
                    return
                self._next_chunk_us += round(len(chunk) / self._bytes_per_s * 1e6)
            yield chunk
            length -= len(chunk)
            self.sent_bytes += len(chunk)

    def _take_answer(self, file: _File, answer: httpx.Response) -> None:
        """Raises _Away for an answer that is about this node or the coordinator, not about the file."""
        there = answer.headers.get("upload-offset", "")
        if answer.status_code == GONE:  # it was there, and gave way there
            self._got_through(file, is_stored=True)
        elif answer.is_success and there.isdecimal():
            is_stored = answer.headers.get("upload-complete") == "?1"
            was_asked, file.offset = file.offset is None, int(there)
            was, file.known = file.known, file.offset
            if file.offset > file.bytes:
                raise _Away("it has more of a file than there is")
            if is_stored or file.offset > was:
                self._got_through(file, is_stored=is_stored)
            elif not was_asked:
                raise _Away("it takes nothing of a file and does not say why")
        elif answer.status_code == WRONG_CONTENT and digest(file.path)[0] != file.sha256:
            self._give_up(file)
        elif answer.status_code in (401, 403) or (answer.is_server_error and answer.status_code != NO_ROOM):
            raise _Away(_reason(answer))
        else:
            self._pause(file, _reason(answer))

    def _got_through(self, file: _File, *, is_stored: bool) -> None:
        was_failing, self._error, self._back_off_us = self._back_off_us > 0, "", 0
        file.pause_us = 0
        with self._lock:
            if is_stored:
                self._files.pop(file.sha256, None)
                self._stored.add(file.sha256)
            self._failing_since_us = self._clock.monotonic_us() if self._files else None
        if was_failing:
            log.info("evidence goes to the coordinator again")

    def _give_up(self, file: _File) -> None:
        """For this life."""
        with self._lock:
            self._hopeless.add(file.sha256)
            self._files.pop(file.sha256, None)
        log.warning("evidence is not what it was when it was kept", file=str(file.path))

    def _pause(self, file: _File, reason: str) -> None:
        """Others first."""
        file.pause_us = min(max(file.pause_us * 2, FIRST_PAUSE_US), LONGEST_PAUSE_US)
        file.not_before_us = self._clock.monotonic_us() + file.pause_us
        file.offset = None
        self._error = reason

    def _back_off(self, file: _File, reason: str) -> None:
        if self._back_off_us == 0:
            log.warning("evidence does not get through", coordinator=self._coordinator.url, reason=reason)
        self._back_off_us = min(max(self._back_off_us * 2, FIRST_BACK_OFF_US), LONGEST_BACK_OFF_US)
        wait_us = round(self._back_off_us * self._chance.uniform(0.5, 1.0))
        self._not_before_us = self._clock.monotonic_us() + wait_us
        file.offset = None
        self._error = reason


def _files_of(offer: Offer) -> Iterator[_File]:
    take = offer.take
    sizes = {each.evidence.sha256: each.evidence.bytes for each in take.manifests}
    for sha256, path in offer.files.items():
        yield _File(sha256, path, sizes[sha256], LOUDNESS.index(take.severity), take.stored_at_us)


def _reason(answer: httpx.Response) -> str:
    """In a line; an answer to HEAD has no words of its own."""
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = WORDS.get(answer.status_code, answer.reason_phrase)
    return f"{answer.status_code} {detail}"[:200]
