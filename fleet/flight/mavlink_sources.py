"""Where a system id is heard from: one address, an address that moved, or two at once (SAFETY 11). No I/O.

A new address is not a new peer yet: a rebooted vehicle comes back on another port, an impostor talks in between. So a
newcomer is listened to only once the old address has been silent, and two that alternate quarantine the id.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Address = tuple[Any, ...]

MOVED_AFTER_US = 2_000_000  # two heartbeats missed at the old address
CONFLICT_SWITCHES = 2  # the old address was heard again this often after the newcomer: not a reordered datagram
RELEASED_AFTER_US = 30_000_000  # a quarantine ends when only one address was heard for this long
FORGOTTEN_AFTER_US = 10_000_000  # a newcomer that fell silent was a stray
_MOST_NEWCOMERS = 16  # remembered at once; whoever invents addresses costs no more than that


class Verdict(str, Enum):
    """What to do with a frame."""

    USE = "use"
    MOVED = "moved"  # use it; who it is must be asked anew
    IGNORE = "ignore"
    CONFLICT = "conflict"  # ignore it; the quarantine began with this frame


@dataclass(slots=True)
class SourceWatch:
    """The sources of one system id; times are monotonic microseconds."""

    address: Address | None = None
    quarantined: bool = False
    _heard_us: dict[Address, int] = field(default_factory=dict)
    _switches: int = 0
    _last_was_newcomer: bool = False

    def hear(self, address: Address, now_us: int) -> Verdict:
        if address == self.address and len(self._heard_us) == 1 and not self.quarantined:  # as nearly always
            self._heard_us[address] = now_us
            return self._hear_known()
        keep_us = RELEASED_AFTER_US if self.quarantined else FORGOTTEN_AFTER_US
        self._heard_us = {a: at for a, at in self._heard_us.items() if a == self.address or now_us - at <= keep_us}
        old_heard_us = self._heard_us.get(self.address) if self.address else None
        if address in self._heard_us or len(self._heard_us) <= _MOST_NEWCOMERS:
            self._heard_us[address] = now_us
        if self.quarantined:
            return self._hear_in_quarantine(address, now_us)
        if self.address is None:
            self.address = address
            return Verdict.USE
        if address == self.address:
            return self._hear_known()
        if old_heard_us is None or now_us - old_heard_us >= MOVED_AFTER_US:
            self._adopt(address, now_us)
            return Verdict.MOVED
        self._last_was_newcomer = True
        return Verdict.IGNORE

    def _hear_known(self) -> Verdict:
        if len(self._heard_us) == 1:
            self._switches = 0
        elif self._last_was_newcomer:
            self._switches += 1
        self._last_was_newcomer = False
        if self._switches < CONFLICT_SWITCHES:
            return Verdict.USE
        self.quarantined = True
        return Verdict.CONFLICT

    def _hear_in_quarantine(self, address: Address, now_us: int) -> Verdict:
        if any(now_us - at <= RELEASED_AFTER_US for a, at in self._heard_us.items() if a != address):
            return Verdict.IGNORE
        self._adopt(address, now_us)
        return Verdict.MOVED

    def _adopt(self, address: Address, now_us: int) -> None:
        self.address, self.quarantined = address, False
        self._heard_us = {address: now_us}
        self._switches, self._last_was_newcomer = 0, False
