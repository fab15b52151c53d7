"""How a node is at one moment, for who asks: Prometheus, systemd, a curl."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.events import FeedHealth, FeedState, FeedStatus, Health, NodeFault
from edge.board import BoardReading
from edge.device import ClockOffset
from edge.errors import OutboxError
from edge.link.outbox import Outbox
from edge.link.upload import UploadFigures

SILENT_S = 10.0  # without a look of the node's watch, which takes four a second


@dataclass(frozen=True, slots=True)
class Told:
    """What a status says that changes."""

    feeds: tuple[FeedStatus, ...]
    faults: tuple[NodeFault, ...]


@dataclass(frozen=True, slots=True)
class Vitals:
    """None: unknown. outbox_oldest_s: since the oldest event that waits was captured; 0 where none waits. unposted:
    events that the disk did not take yet. upload: of evidence, where it goes to the coordinator."""

    feeds: tuple[FeedStatus, ...]
    faults: tuple[NodeFault, ...]
    board: BoardReading
    clock_offset: ClockOffset | None
    outbox_rows: int | None
    outbox_oldest_s: float | None
    unposted: int
    is_connected: bool
    upload: UploadFigures | None = None


def what_is_wrong(feeds: Sequence[FeedStatus]) -> str:
    """In a line; empty while frames of some feed flow and are judged, or a recording was played to its end."""
    if any(feed.state in (FeedState.OK, FeedState.ENDED) for feed in feeds):
        return ""
    words = (f"{feed.camera} {feed.state.value}{': ' * bool(feed.detail)}{feed.detail}" for feed in feeds)
    return "; ".join(words) or "no feed was looked at yet"


def health_of(vitals: Vitals, feeds: Sequence[FeedHealth]) -> Health:
    """The heartbeat."""
    return Health(
        feeds=tuple(feeds),
        outbox_rows=(vitals.outbox_rows or 0) + vitals.unposted,
        clock_offset_ms=None if vitals.clock_offset is None else vitals.clock_offset.us / 1e3,
        temperature_c=vitals.board.temperature_c,
        power_w=vitals.board.power_w,
    )


def rows_of(outbox: Outbox) -> int | None:
    """What the coordinator has not acknowledged; None when the disk does not say."""
    try:
        return len(outbox)
    except OutboxError:
        return None


def oldest_s(outbox: Outbox, *, now_us: int) -> float | None:
    """Since the oldest row that waits was captured; 0 when none waits, None when the disk does not say."""
    try:
        oldest = outbox.read(outbox.status().oldest_sequence)
    except OutboxError:
        return None
    return 0.0 if oldest is None else max(now_us - oldest.captured_at_us, 0) / 1e6
