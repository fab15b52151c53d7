"""What is taken from under a node that goes on: the broker, broker and coordinator together, its disk.

The node is not killed, so nothing at all may be lost: what its pipeline fired is at the coordinator, all of it.
"""

import contextlib
import resource
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path

from contract.events import Stage as EventStage
from sim.soak import yard
from sim.soak.stage import Stage, fired

DISK_MB = 100  # half of it is left to the outbox, as the node's configuration says
CHUNK_BYTES, FILL_EACH_S = 1_000_000, 0.05
STAGES = tuple(stage.value for stage in EventStage)
DISK_TROUBLE = "%/outbox.sqlite: %"  # whichever of its steps fails first


class Outage(str, Enum):
    """What is away."""

    BROKER = "broker killed"
    BOTH = "broker and coordinator killed together"
    DISK_REFUSES = "disk refuses every write"
    DISK_FULL = "disk full"


def break_and_mend(stage: Stage, outage: Outage, *, for_s: float) -> None:
    """While the node runs; `for_s` of what its cameras see. When it returns the coordinator has what was fired until
    then. Raises DemoError."""
    with _LEVERS[outage](stage):
        stage.life.wait_for_frames(round(for_s * yard.FRAMES_PER_S) * len(yard.CAMERAS))
        if outage is Outage.DISK_REFUSES:  # on a full one the outbox still has the room that it had taken before
            stage.wait_for(lambda: _troubles(stage), what="the trouble that no event can be stored")
    until = len(fired(stage.life.judged())) + sum(len(fired(life)) for life in stage.lives)
    patience_s = 60.0 + 2 * for_s
    stage.wait_for(lambda: _stored(stage) >= until, what=f"{until} events at the coordinator", timeout_s=patience_s)
    stage.wait_for(lambda: not _open_troubles(stage), what="the end of every trouble", timeout_s=patience_s)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A file system of DISK_MB at `folder`; False where this machine lets nobody mount one."""
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "tmpfs", str(folder)]
    is_mounted = None not in (mount, umount) and _succeeds(command)
    try:
        yield is_mounted
    finally:
        if is_mounted:
            _succeeds([str(umount), "--lazy", str(folder)])


@contextmanager
def _broker_down(stage: Stage) -> Iterator[None]:
    stage.broker.kill()
    yield
    stage.broker.start()


@contextmanager
def _both_down(stage: Stage) -> Iterator[None]:
    stage.broker.kill()
    stage.coordinator.kill()
    yield
    stage.coordinator.start()
    stage.broker.start()


@contextmanager
def _no_writing(stage: Stage) -> Iterator[None]:
    """Every write to a file of the node fails, as on a disk that broke (EFBIG, setrlimit(2))."""
    before = resource.prlimit(stage.life.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stage.life.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.prlimit(stage.life.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def _no_room(stage: Stage) -> Iterator[None]:
    """Somebody else fills the disk, and again whenever evidence gave way for the outbox."""
    ballast, stop = stage.data_dir / "ballast", threading.Event()
    filler = threading.Thread(name="filler", target=_fill, args=(ballast, stop), daemon=True)
    filler.start()
    try:
        yield
    finally:
        stop.set()
        filler.join()
        ballast.unlink(missing_ok=True)


def _fill(ballast: Path, stop: threading.Event) -> None:
    with ballast.open("wb", buffering=0) as file:
        while not stop.wait(FILL_EACH_S):
            for size in (CHUNK_BYTES, 4096, 1):
                with contextlib.suppress(OSError):
                    while not stop.is_set():
                        file.write(bytes(size))


_LEVERS: dict[Outage, Callable[[Stage], contextlib.AbstractContextManager[None]]] = {
    Outage.BROKER: _broker_down,
    Outage.BOTH: _both_down,
    Outage.DISK_REFUSES: _no_writing,
    Outage.DISK_FULL: _no_room,
}


def _succeeds(command: list[str]) -> bool:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=10)  # noqa: S603 - mount and umount
    return done.returncode == 0


def _stored(stage: Stage) -> int:
    return _count(stage, "SELECT count(*) FROM messages WHERE stage IN (?, ?, ?)", *STAGES)


def _troubles(stage: Stage) -> int:
    return _count(stage, "SELECT count(*) FROM incidents WHERE state != 'closed' AND document LIKE ?", DISK_TROUBLE)


def _open_troubles(stage: Stage) -> int:
    return _count(stage, "SELECT count(*) FROM incidents WHERE kind = 'trouble' AND state != 'closed'")


def _count(stage: Stage, query: str, *words: str) -> int:
    with closing(sqlite3.connect(f"file:{stage.store_path}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query, words).fetchone()[0])
