"""A message of the bus, and when it came."""

from dataclasses import dataclass

from contract.bus import BusMessage


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and when it came, by both clocks."""

    message: BusMessage
    wall_us: int
    monotonic_us: int
