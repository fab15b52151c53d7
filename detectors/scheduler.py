"""Whose frames the detector takes next, where several feeds share it: a pure state machine on an injected clock.

First come the feeds that their minimum rate owes an inference, the longest owed first; what is left is shared by
weight. So nobody is starved whatever the others do, and one feed's weight never takes another's minimum (SAFETY 20).
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from contract.clock import Clock

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a feed may ask of the detector.

    rate_min_hz: inferences a second that it keeps while it has frames for them; 0: none are owed.
    weight: its part of what is left, above 0.
    """

    rate_min_hz: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Batching:
    """frames_max: frames the detector takes at once. wait_us: how long the first frame of a batch waits for others."""

    frames_max: int = 1
    wait_us: int = 0


@dataclass(slots=True)
class _Feed(Generic[Item]):
    """due_us: when its minimum rate owes it the next inference. served: inferences so far, each over its weight."""

    number: int
    detector: Hashable
    claim: Claim
    due_us: int
    served: float = 0.0
    since_us: int = 0  # when the oldest waiting frame came
    frames: deque[Item] = field(default_factory=deque)


class Scheduler(Generic[Item]):
    """Frames of type Item. Feeds of one `detector` may share a batch; a recording fills the room that others leave."""

    def __init__(self, clock: Clock, batching: Batching | None = None) -> None:
        self._clock = clock
        self._batching = batching or Batching()
        self._feeds: dict[str, _Feed[Item]] = {}
        self._served = 0.0  # as far as the least served waiting feed has come: who was away cannot claim the past

    def enter(self, feed: str, *, detector: Hashable = None, claim: Claim | None = None) -> None:
        """A new feed; it is owed its first inference at once."""
        self._feeds[feed] = _Feed(len(self._feeds), detector, claim or Claim(), self._clock.monotonic_us())

    def leave(self, feed: str) -> None:
        """It is gone, and so are its frames that wait."""
        del self._feeds[feed]

    def use(self, batching: Batching) -> None:
        """From the next batch on."""
        self._batching = batching

    def set_claim(self, feed: str, claim: Claim) -> None:
        """From now on; a higher minimum is owed from the last inference, not from the next."""
        state = self._feeds[feed]
        if claim.rate_min_hz > 0:
            state.due_us = min(state.due_us, self._clock.monotonic_us() + _period_us(claim))
        state.claim = claim

    def offer(self, feed: str, item: Item, *, newest_wins: bool) -> int:
        """Hand in a frame; how many older ones that dropped. Without `newest_wins` none: frames queue."""
        state = self._feeds[feed]
        dropped = len(state.frames) if newest_wins else 0
        if newest_wins:
            state.frames.clear()
        if not state.frames and not dropped:
            state.since_us = self._clock.monotonic_us()
        state.frames.append(item)
        return dropped

    @property
    def has_frames(self) -> bool:
        """Of any feed."""
        return any(feed.frames for feed in self._feeds.values())

    def waiting(self, feed: str) -> int:
        """Frames of `feed` that were not taken yet."""
        return len(self._feeds[feed].frames)

    def complete_at_us(self) -> int | None:
        """When the next batch goes even if no more frames come (monotonic); None while no frame waits."""
        waiting = self._ranked(self._clock.monotonic_us())
        return waiting[0].since_us + self._batching.wait_us if waiting else None

    def take(self, *, at_once: bool = False) -> list[Item]:
        """The next batch, best claim first; empty while none is complete. `at_once`: without waiting for company."""
        now_us = self._clock.monotonic_us()
        waiting = self._ranked(now_us)
        if not waiting:
            return []
        first = waiting[0]
        sharing = sum(feed.detector == first.detector for feed in self._feeds.values())
        batch = [feed for feed in waiting if feed.detector == first.detector][: self._batching.frames_max]
        is_full = len(batch) >= min(self._batching.frames_max, sharing)
        if not (is_full or at_once or now_us >= first.since_us + self._batching.wait_us):
            return []
        self._served = min(self._start(feed) for feed in waiting)
        items: list[Item] = []
        while batch:
            items += [self._serve(feed, now_us) for feed in batch]
            batch = [feed for feed in batch if feed.frames][: self._batching.frames_max - len(items)]
        return items

    def _ranked(self, now_us: int) -> list[_Feed[Item]]:
        """Feeds with frames, best claim first; ties go to who waited longer, then to who entered first."""

        def rank(feed: _Feed[Item]) -> tuple[bool, float, int, int]:
            is_owed = feed.claim.rate_min_hz > 0 and feed.due_us <= now_us
            return not is_owed, feed.due_us if is_owed else self._start(feed), feed.since_us, feed.number

        return sorted((feed for feed in self._feeds.values() if feed.frames), key=rank)

    def _start(self, feed: _Feed[Item]) -> float:
        return max(feed.served, self._served)

    def _serve(self, feed: _Feed[Item], now_us: int) -> Item:
        """Start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM 1996) with every inference of the same size."""
        feed.served = self._start(feed) + 1.0 / feed.claim.weight
        if feed.claim.rate_min_hz > 0:
            period_us = _period_us(feed.claim)  # who was late is owed from when it was due, by one period at most
            feed.due_us = (max(feed.due_us, now_us - period_us) if feed.due_us < now_us else now_us) + period_us
        feed.since_us = now_us
        return feed.frames.popleft()


def _period_us(claim: Claim) -> int:
    return round(1e6 / claim.rate_min_hz)
