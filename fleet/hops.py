"""The latency budget: how long each step of a trace took, from the frame to the vehicle's acknowledgement.

Counted at once in Prometheus, kept per trace in the store a little later: a figure must not delay what it measures.
"""

from collections import deque
from dataclasses import dataclass

from contract.clock import Clock
from fleet.errors import StoreError
from fleet.metrics import Metrics
from fleet.records import writes
from fleet.records.store import Store

NODE_HOPS = ("decode", "queue", "detect", "track", "locate", "rule", "outbox")
OUR_HOPS = ("broker", "ingest", "decision", "gate", "mavlink_ack")
MAX_WAITING = 4096  # figures not stored yet; past that the oldest go
MAX_RECENT = 200  # of one step at one camera, for people
MAX_PLACES = 4096  # step and camera


@dataclass(frozen=True, slots=True)
class HopFigure:
    """The last times a step was taken; camera None: of no camera's event (the gate, an acknowledgement)."""

    hop: str
    camera: str | None
    count: int
    p50_us: int
    p95_us: int


class Hops:
    """`add` from the coordinator's loop; `flush` when there is time."""

    def __init__(self, *, clock: Clock, metrics: Metrics, store: Store) -> None:
        self._clock, self._metrics, self._store = clock, metrics, store
        self._waiting: deque[tuple[str, str, int, int]] = deque(maxlen=MAX_WAITING)
        self._recent: dict[tuple[str, str | None], deque[int]] = {}

    def add(self, trace_id: str, hop: str, took_us: int, *, camera: str | None = None) -> None:
        """A step by another name than those above is nobody's and is left out: names come from the network."""
        if hop in NODE_HOPS or hop in OUR_HOPS:
            self._metrics.hop(hop, took_us)
            self._waiting.append((trace_id, hop, took_us, self._clock.wall_us()))
            if (hop, camera) in self._recent or len(self._recent) < MAX_PLACES:
                self._recent.setdefault((hop, camera), deque(maxlen=MAX_RECENT)).append(took_us)

    def figures(self) -> tuple[HopFigure, ...]:
        """In the order of the steps, by camera; nothing of what has not happened since the start."""
        order = (*NODE_HOPS, *OUR_HOPS)
        places = sorted(self._recent, key=lambda place: (place[1] or "", order.index(place[0])))
        return tuple(_figure(hop, camera, sorted(self._recent[hop, camera])) for hop, camera in places)

    def flush(self) -> None:
        """Into the store; when it does not take them they wait for the next time."""
        figures = tuple(self._waiting)
        if not figures:
            return
        first: dict[tuple[str, str], tuple[int, int]] = {}
        for trace_id, hop, took_us, at_us in figures:
            first.setdefault((trace_id, hop), (took_us, at_us))
        try:
            with self._store.transaction() as connection:
                writes.add_hops(connection, first)
        except StoreError:
            return
        for _ in figures:
            self._waiting.popleft()


def _figure(hop: str, camera: str | None, took_us: list[int]) -> HopFigure:
    """Of times in their order, by nearest rank."""
    count = len(took_us)
    return HopFigure(hop, camera, count, took_us[(count - 1) // 2], took_us[-(-count * 95 // 100) - 1])
