"""What a node's pipeline said of each frame, told to somebody outside before any of it is stored.

A line a frame, through a pipe: what was written before a kill -9 can still be read after it. A line without an end was
being written as the process died; of its events none can be in the outbox.
"""

import json
import os
from dataclasses import dataclass

from contract.envelope import Envelope
from edge.pipeline import StepResult

NOTHING_FIRED = '"fired": []}\n'  # the end of a line


@dataclass(frozen=True, slots=True)
class Judged:
    """A frame that was judged, and the events that its judging led to, in their order."""

    camera: str
    captured_at_us: int
    fired: tuple[Envelope, ...]


class Ledger:
    """A Witness that writes to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def note(self, camera: str, result: StepResult) -> None:
        envelopes = [envelope.model_dump_json() for envelope in result.events]
        line = json.dumps({"camera": camera, "captured_at_us": result.captured_at_us, "fired": envelopes})
        rest = line.encode() + b"\n"
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def read_line(line: str) -> Judged:
    row = json.loads(line)
    fired = tuple(Envelope.model_validate_json(each) for each in row["fired"])
    return Judged(row["camera"], row["captured_at_us"], fired)
