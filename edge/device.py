"""How the device under a node is: its clock against others, its heat, its disk. Pure: what it asks is given to it.

The clock that counts is the one that stamps frames: wall time as it was when the node started, carried by the
monotonic clock. Two others tell how far off that is. The coordinator stamps every acknowledgement and command as it
sends it; the least difference of the last few is the offset plus the fastest way. And where a time daemon keeps the
machine's wall clock, that clock tells when it was stepped after the start: a board without a battery boots in the past.
The larger of the two differences counts. Where neither speaks the offset is unknown, which is told as such.
"""

import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from contract.clock import Clock
from contract.events import NodeFault, NodeFaultKind
from edge.board import BoardReading, Heat
from edge.kernel_time import KernelTime

CLOCK_FAULT_US = 2_000_000  # more is a fault: a site dispatches on events of the last 15 s
CLOCK_FINE_US = 1_500_000  # and less again ends it
STAMPS, STAMPS_LEAST = 8, 3  # of the coordinator, remembered and needed: one may have been held up on its way
# Those that come closer together count as one, by their least: after an outage acknowledgements come by the hundred,
# each of them late, and eight late ones must not push out what was heard before.
STAMPS_APART_US = 5_000_000
STAMP_AGE_US = 3_600_000_000  # older ones say little; a quartz drifts 0.2 s in the hour at the very worst
COOLS_AFTER_US = 60_000_000  # less heat counts after it lasted so long
DISK_SHORT_US = 5_000_000  # evidence has had the time to give way
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the outbox stands. left_bytes: what evidence leaves free to it. free_bytes raises OSError."""

    free_bytes: Callable[[], int]
    left_bytes: int


@dataclass(frozen=True, slots=True)
class Device:
    """What is asked of the machine. A simulation has none."""

    read_board: Callable[[], BoardReading]
    read_kernel_time: Callable[[], KernelTime | None]
    disk: Disk | None = None


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Our clock minus the other. known_by: whose clock that is, for people."""

    us: int
    known_by: str


class DeviceWatch:
    """Call `look` every other second or so, from one thread; `heard` from any. `now_us` is the clock of the stamps."""

    def __init__(self, device: Device | None, *, clock: Clock, now_us: Callable[[], int]) -> None:
        self._device = device
        self._clock = clock
        self._now_us = now_us
        self._stamps: deque[tuple[int, int]] = deque(maxlen=STAMPS)  # monotonic, ours minus theirs
        self._kernel: ClockOffset | None = None
        self._heat = Heat.COOL
        self._hotter_us = clock.monotonic_us()
        self._had_room_us = clock.monotonic_us()
        self._faults: dict[NodeFaultKind, NodeFault] = {}
        self.board = BoardReading()

    def heard(self, sent_at_us: int) -> None:
        """The coordinator said something just now, stamped by its clock."""
        now_us, off_us = self._clock.monotonic_us(), self._now_us() - sent_at_us
        if len(self._stamps) >= STAMPS_LEAST and now_us - self._stamps[-1][0] < STAMPS_APART_US:
            at_us, least_us = self._stamps[-1]
            self._stamps[-1] = at_us, min(least_us, off_us)
        else:
            self._stamps.append((now_us, off_us))

    def look(self) -> None:
        """Ask the device, and judge."""
        if self._device is not None:
            self.board = self._device.read_board()
            kernel = self._device.read_kernel_time()
            is_kept = kernel is not None and kernel.is_kept
            stepped_us = self._now_us() - self._clock.wall_us()
            self._kernel = (
                ClockOffset(stepped_us, "this machine's clock, which a time daemon keeps") if is_kept else None
            )
            self._judge_disk(self._device.disk)
        self._judge_heat()
        self._judge_clock()

    @property
    def heat(self) -> Heat:
        """Rises at once, falls after COOLS_AFTER_US."""
        return self._heat

    @property
    def faults(self) -> tuple[NodeFault, ...]:
        """What lasts now."""
        return tuple(self._faults[kind] for kind in sorted(self._faults, key=lambda kind: kind.value))

    @property
    def clock_offset(self) -> ClockOffset | None:
        """None: nobody knows."""
        since_us = self._clock.monotonic_us() - STAMP_AGE_US
        heard = [offset_us for at_us, offset_us in tuple(self._stamps) if at_us >= since_us]
        known = [] if self._kernel is None else [self._kernel]
        if len(heard) >= STAMPS_LEAST:
            known.append(ClockOffset(min(heard), "the coordinator's clock"))
        return max(known, key=lambda offset: abs(offset.us), default=None)

    def _judge_heat(self) -> None:
        now_us, heat = self._clock.monotonic_us(), self.board.heat
        if heat >= self._heat or now_us - self._hotter_us >= COOLS_AFTER_US:
            self._heat, self._hotter_us = heat, now_us
        if self._heat is Heat.COOL:
            self._end(NodeFaultKind.HOT)
        else:
            does = "unset and quiet feeds" if self._heat is Heat.WARM else "all quiet feeds"
            words = self.board.detail or "it was hot a moment ago"
            self._tell(NodeFaultKind.HOT, f"{words}; {does} are judged less often")

    def _judge_disk(self, disk: Disk | None) -> None:
        """Evidence gives way each second; a disk that is short for longer has none left that could."""
        if disk is None:
            return
        now_us, free_bytes = self._clock.monotonic_us(), 0
        with contextlib.suppress(OSError):
            free_bytes = disk.free_bytes()
        if free_bytes >= disk.left_bytes:
            self._had_room_us = now_us
            self._end(NodeFaultKind.DISK)
        elif now_us - self._had_room_us >= DISK_SHORT_US:
            words = f"{free_bytes / 1e6:.0f} MB of the disk are free of the {disk.left_bytes / 1e6:.0f} left to events"
            self._tell(NodeFaultKind.DISK, f"{words}; no evidence is kept, make room")

    def _judge_clock(self) -> None:
        offset = self.clock_offset
        off_us = 0 if offset is None else abs(offset.us)
        if offset is not None and off_us > CLOCK_FAULT_US:
            ahead = "ahead of" if offset.us > 0 else "behind"
            words = f"frames are stamped {off_us / 1e6:.0f} s {ahead} {offset.known_by}"
            self._tell(NodeFaultKind.CLOCK, f"{words}; set the clocks, then start the node again")
        elif off_us <= CLOCK_FINE_US:
            self._end(NodeFaultKind.CLOCK)

    def _tell(self, kind: NodeFaultKind, detail: str) -> None:
        known = self._faults.get(kind)
        if known is None:
            self._faults[kind] = NodeFault(kind=kind, since_us=self._now_us(), detail=detail)
            log.warning("device fault", kind=kind.value, detail=detail)
        elif kind is NodeFaultKind.CLOCK:
            return  # the seconds change all the time; the first word stands
        elif (
            detail.rpartition(";")[2] != known.detail.rpartition(";")[2]
        ):  # degrees change all the time, what is done not
            self._faults[kind] = known.model_copy(update={"detail": detail})
            log.warning("device fault", kind=kind.value, detail=detail)

    def _end(self, kind: NodeFaultKind) -> None:
        if self._faults.pop(kind, None) is not None:
            log.info("device fault is over", kind=kind.value)
