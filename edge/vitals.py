"""How a node is at one moment, for who asks: Prometheus, systemd, a curl."""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.events import FeedState, FeedStatus, NodeFault
from edge.board import BoardReading

SILENT_S = 10.0  # without a look of the node's watch, which takes four a second


@dataclass(frozen=True, slots=True)
class Vitals:
    """None: unknown. outbox_oldest_s: since the oldest event that waits was captured; 0 where none waits."""

    feeds: tuple[FeedStatus, ...]
    faults: tuple[NodeFault, ...]
    board: BoardReading
    clock_offset_s: float | None
    outbox_rows: int | None
    outbox_oldest_s: float | None
    is_connected: bool


def what_is_wrong(feeds: Sequence[FeedStatus]) -> str:
    """In a line; empty while frames of some feed flow and are judged, or a recording was played to its end."""
    if any(feed.state in (FeedState.OK, FeedState.ENDED) for feed in feeds):
        return ""
    words = (f"{feed.camera} {feed.state.value}{': ' * bool(feed.detail)}{feed.detail}" for feed in feeds)
    return "; ".join(words) or "no feed was looked at yet"
