"""Which numbers of a node's stream are stored: the highest without a gap, what lies beyond it, and what is missing.

Pure. A number counts as stored when its message is on disk, be it in the messages or in quarantine.
"""

import json
import uuid
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from contract.commands import Ack, SequenceRange

MAX_RANGES = 1024  # islands beyond a gap that are remembered; past that a message is simply asked for again
MAX_ACK_RANGES = 64  # what one Ack may carry
LARGEST = 2**53  # numbers beyond this are nobody's: they fit neither the store nor a JavaScript number


@dataclass(frozen=True, slots=True)
class Stream:
    """One outbox of one node. `beyond`: inclusive ranges above the first gap, ascending, never touching."""

    contiguous: int = 0
    beyond: tuple[tuple[int, int], ...] = ()

    def holds(self, sequence: int) -> bool:
        return sequence <= self.contiguous or any(first <= sequence <= last for first, last in self.beyond)

    def with_stored(self, sequence: int) -> "Stream":
        """The stream after `sequence` was stored; unchanged when there are too many islands to remember another."""
        return self if self.holds(sequence) else self._with_range(sequence, sequence)

    def given_up_below(self, oldest_sequence: int) -> tuple["Stream", tuple[tuple[int, int], ...]]:
        """The node holds nothing below `oldest_sequence`: go on without it, and the ranges that are lost for ever."""
        if oldest_sequence - 1 <= self.contiguous:
            return self, ()
        lost = tuple((first, min(last, oldest_sequence - 1)) for first, last in self._gaps(oldest_sequence - 1))
        return self._with_range(self.contiguous + 1, oldest_sequence - 1), lost

    def ack(self, outbox_id: uuid.UUID) -> Ack:
        top = self.beyond[-1][1] if self.beyond else self.contiguous
        return Ack(
            outbox_id=outbox_id,
            contiguous=self.contiguous,
            stored_beyond=_ranges(self.beyond),
            missing=_ranges(self._gaps(top)),
        )

    def _gaps(self, up_to: int) -> tuple[tuple[int, int], ...]:
        gaps, start = [], self.contiguous + 1
        for first, last in self.beyond:
            if start > up_to:
                break
            if start < first:
                gaps.append((start, min(first - 1, up_to)))
            start = last + 1
        if start <= up_to:
            gaps.append((start, up_to))
        return tuple(gaps)

    def _with_range(self, first: int, last: int) -> "Stream":
        merged: list[tuple[int, int]] = []
        for a, b in sorted((*self.beyond, (first, last))):
            if merged and a <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        contiguous = self.contiguous
        if merged[0][0] <= contiguous + 1:
            contiguous = max(contiguous, merged.pop(0)[1])
        if len(merged) > MAX_RANGES:
            return self
        return Stream(contiguous=contiguous, beyond=tuple(merged))


def _ranges(pairs: tuple[tuple[int, int], ...]) -> tuple[SequenceRange, ...]:
    return tuple(SequenceRange(first=first, last=last) for first, last in pairs[:MAX_ACK_RANGES])


class Numbered(BaseModel):
    """As much of a broken message as is needed to acknowledge it."""

    node: str
    outbox_id: uuid.UUID
    sequence: int


def numbered_in(payload: bytes) -> Numbered | None:
    try:
        found = Numbered.model_validate(json.loads(payload))
    except (ValueError, ValidationError, RecursionError):
        return None
    return found if 1 <= found.sequence < LARGEST else None
