"""The machine under a node: versions, disk, memory, clock, heat, power."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

from contract.clock import Clock
from edge.board import BoardReading, Heat
from edge.doctor.finding import Finding, ok, warning, wrong
from edge.kernel_time import KernelTime

PYTHONS = ((3, 10), (3, 13))
LIBRARIES = ("numpy", "opencv-python-headless", "av", "onnxruntime", "paho-mqtt", "scipy", "shapely")
DISK_LOW_BYTES, DISK_LEAST_BYTES = 2_000_000_000, 300_000_000  # clips of a busy night; the outbox of days
MEMORY_LOW_BYTES, MEMORY_LEAST_BYTES = 600_000_000, 250_000_000  # available; a node with four feeds takes 500 MB
SYNC_SLOW_S = 0.2  # an event is on its way after this; some SD cards take seconds
SYNCS = 5
IN_MEMORY = ("tmpfs", "ramfs")
FIRST_US = 1_767_225_600_000_000  # 2026-01-01: earlier than this software it cannot be
KEPT_WELL_US = 1_000_000  # what the time daemon may admit to be off
SLOW_MODES = ("powersave",)


def look_at_software() -> Iterator[Finding]:
    """Python and the libraries."""
    python = platform.python_version()
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        least, most = (".".join(map(str, each)) for each in PYTHONS)
        yield warning("python", python, f"Vedette is tested with {least} to {most}")
    else:
        yield ok("python", f"{python}, {platform.machine()}, {platform.system()} {platform.release()}")
    found, missing = [], []
    for name in ("vedette", *LIBRARIES):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield wrong("libraries", f"missing: {', '.join(missing)}", "pip install -c constraints.txt '.[edge]'")
    else:
        yield ok("libraries", ", ".join(found))
    opencv = sorted({each.metadata["Name"] for each in distributions() if each.metadata["Name"].startswith("opencv")})
    if len(opencv) > 1:
        yield wrong("opencv", ", ".join(opencv), "they overwrite each other: keep opencv-python-headless alone")


def look_at_disk(data_dir: Path, *, clock: Clock, mounts: Path = Path("/proc/mounts")) -> Iterator[Finding]:
    """Room and durability where the outbox stands; the folder need not be there yet."""
    folder = next(each for each in (data_dir, *data_dir.resolve().parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    said = f"{free / 1e9:.1f} GB free at {folder}"
    if free < DISK_LEAST_BYTES:
        yield wrong("disk", said, "make room: a full disk is events that cannot be kept")
    elif free < DISK_LOW_BYTES:
        yield warning("disk", said, "make room for days without a coordinator")
    else:
        yield ok("disk", said)
    kind = _file_system(folder.resolve(), mounts)
    if kind in IN_MEMORY:
        yield wrong("outbox", f"{folder} is {kind}: in memory", "name a data_dir on a disk: events must outlive power")
        return
    try:
        slowest_s = _slowest_sync_s(folder, clock)
    except OSError as err:
        yield wrong("outbox", f"{folder}: {err.strerror}", "the node's user must be able to write and fsync there")
        return
    said = f"written and synced within {slowest_s * 1e3:.1f} ms on {kind or 'an unknown file system'}"
    if slowest_s > SYNC_SLOW_S:
        yield warning("outbox", said, "every event waits for this: use an SSD or a better card")
    else:
        yield ok("outbox", said)


def look_at_memory(meminfo: Path = Path("/proc/meminfo")) -> Finding:
    """What is available to a node that starts now."""
    try:
        lines = meminfo.read_text(encoding="utf-8").splitlines()
        values = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        available, total = values["MemAvailable"], values["MemTotal"]
    except (OSError, KeyError, ValueError, IndexError):
        return warning("memory", "not told by this system", "expected /proc/meminfo of Linux")
    said = f"{available / 1e9:.1f} of {total / 1e9:.1f} GB available"
    if available < MEMORY_LEAST_BYTES:
        return wrong("memory", said, "end what else runs; a desktop takes a gigabyte (isolate multi-user.target)")
    if available < MEMORY_LOW_BYTES:
        return warning("memory", said, "enough for one or two feeds")
    return ok("memory", said)


def look_at_clock(kernel: KernelTime | None, *, clock: Clock) -> Finding:
    """Is it kept, and how far off may it be?"""
    hint = "set up chrony or systemd-timesyncd with a server that this device reaches: frames are stamped by this clock"
    if clock.wall_us() < FIRST_US:
        return wrong("clock", "it stands before 2026", hint)
    if kernel is None:
        return warning("clock", "the kernel does not say whether it is kept", hint)
    if not kernel.is_kept:
        return warning("clock", "no time daemon keeps it", hint)
    said = f"kept by a time daemon, off by {kernel.error_us / 1e3:.0f} ms at most"
    if kernel.error_us > KEPT_WELL_US:
        return warning("clock", said, "the daemon has not heard from its server for long: look at its log")
    return ok("clock", said)


def look_at_board(board: BoardReading) -> Iterator[Finding]:
    """Heat and power, as far as the board tells."""
    if board.temperature_c is None:
        yield ok("temperature", "not told by this board")
    else:
        said = f"{board.temperature_c:.0f} °C, slows down at {board.limit_c:.0f}"
        hint = "improve the cooling or lower rates; quiet feeds are judged less often while it is so"
        yield ok("temperature", said) if board.heat is Heat.COOL else warning("temperature", said, hint)
    if board.is_throttled:
        yield warning("throttle", board.detail, "it runs slower than it could: cooling, supply, power mode")
    elif board.is_throttled is not None:
        yield ok("throttle", "at full speed")
    mode, power = board.power_mode, "" if board.power_w is None else f", {board.power_w:.1f} W now"
    if mode is None:
        yield ok("power mode", f"not told by this board{power}")
    elif mode in SLOW_MODES:
        yield warning("power mode", f"{mode}{power}", "set the governor to schedutil or performance (cpupower)")
    else:
        yield ok("power mode", f"{mode}{power}")


def _slowest_sync_s(folder: Path, clock: Clock) -> float:
    """As the outbox does: the bytes, then the folder that names them. Leaves nothing behind."""
    times_s = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".vedette-doctor-") as file:
        for _ in range(SYNCS):
            started_us = clock.monotonic_us()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times_s.append((clock.monotonic_us() - started_us) / 1e6)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return max(times_s)


def _file_system(folder: Path, mounts: Path) -> str | None:
    """Of the longest mount point above `folder`."""
    try:
        rows = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return None
    above = [(Path(row[1].replace("\\040", " ")), row[2]) for row in rows if len(row) > 2]
    fitting = [(len(point.parts), kind) for point, kind in above if point == folder or point in folder.parents]
    return max(fitting, key=lambda each: each[0])[1] if fitting else None
