"""What a dock is to the rest of the fleet: a snapshot that says how old it is, and three verbs that its state confirms.

A kind (fleet/flight/docks) only knows how to ask for a report and how to hand over a command. What a command came to is
judged here, by reports alone: a dock that took "open" and does not show open has failed, and says so until it shows it.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum

import anyio
import structlog

from contract.clock import Clock
from contract.docks import Dock as DockSpec
from fleet.flight.errors import CommandRefused, FlightError, NoAnswer, NotConfirmed

LOOK_EACH_S = 0.5
TAKEN_WITHIN_US = 5_000_000  # a command is offered again until then
COVER_WITHIN_US = 60_000_000  # the slowest lid that is sold takes half of it
CHARGE_WITHIN_US = 30_000_000
_log = structlog.get_logger(__name__)


class Cover(str, Enum):
    OPEN = "open"
    OPENING = "opening"
    CLOSED = "closed"
    CLOSING = "closing"


class Pad(str, Enum):
    """What stands on it. `BLOCKED`: anything but one vehicle of ours."""

    EMPTY = "empty"
    VEHICLE = "vehicle"
    BLOCKED = "blocked"


class DockVerb(str, Enum):
    OPEN = "open"
    CLOSE = "close"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class Report:
    """What a dock says of itself; None is unknown, never a default. `age_s`: how old that was when it was said.
    `fault`: in words, empty for none."""

    age_s: float
    simulated: bool
    cover: Cover | None
    pad: Pad | None
    charging: bool | None
    charge_frac: float | None
    wind_m_s: float | None
    rain_mm_h: float | None
    fault: str | None


@dataclass(frozen=True, slots=True)
class DockState:
    """What is known about one dock. `heard_at_us`: our monotonic clock, less the age of the report."""

    dock_id: str
    heard_at_us: int | None = None
    simulated: bool | None = None
    cover: Cover | None = None
    pad: Pad | None = None
    charging: bool | None = None
    charge_frac: float | None = None
    wind_m_s: float | None = None
    rain_mm_h: float | None = None
    fault: str | None = None
    failed: str = ""  # what it was told and never showed
    doing: DockVerb | None = None
    silent_because: str = ""  # why the last answer counted for nothing

    def shows(self, verb: DockVerb) -> bool:
        if verb is DockVerb.CHARGE:
            return self.charging is True
        return self.cover is (Cover.OPEN if verb is DockVerb.OPEN else Cover.CLOSED)


class Asked:
    """One command under way. `failure` is final once `is_over`; None then: the dock's state shows it."""

    def __init__(self, verb: DockVerb, command_id: uuid.UUID, *, at_us: int) -> None:
        self.verb, self.command_id, self.asked_at_us = verb, command_id, at_us
        self.taken_at_us: int | None = None
        self.is_over = False
        self.failure: FlightError | None = None

    def end(self, failure: FlightError | None) -> None:
        self.is_over, self.failure = True, failure


class DockDriver(ABC):
    """One dock; `run` it in a task group while `opened`. Everything but `state` is for that loop."""

    def __init__(self, spec: DockSpec, *, clock: Clock) -> None:
        self.spec, self._clock = spec, clock
        self._state = DockState(spec.id)
        self._asked: Asked | None = None
        self._failed_verb: DockVerb | None = None

    @property
    def state(self) -> DockState:
        """The latest snapshot; safe to read from any thread."""
        return self._state

    # What a kind brings

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Whatever the two below need."""
        yield

    @abstractmethod
    async def report(self) -> Report:
        """How is it? Raises NoAnswer for silence and for nonsense."""

    @abstractmethod
    async def hand_over(self, asked: Asked) -> None:
        """Offer a command; returns when the dock took it. Raises CommandRefused with its reason, NoAnswer. The same
        command may come again: its id says so."""

    # What everybody gets

    def ask(self, verb: DockVerb, *, command_id: uuid.UUID) -> Asked:
        """Begin a command; the one that is under way is overtaken."""
        if self._asked is not None:
            self._asked.end(CommandRefused(f"dock '{self.spec.id}': {self._asked.verb.value} was overtaken"))
        self._asked = Asked(verb, command_id, at_us=self._clock.monotonic_us())
        self._state = replace(self._state, doing=verb)
        return self._asked

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await anyio.sleep(LOOK_EACH_S)

    async def turn(self) -> None:
        """Look once, and see to what it was told."""
        await self.look()
        await self._see_to_it()

    async def look(self) -> None:
        """One report, or the reason why there is none."""
        try:
            report = await self.report()
        except NoAnswer as err:
            if not self._state.silent_because:
                _log.warning("dock does not answer", dock=self.spec.id, reason=str(err))
            self._state = replace(self._state, silent_because=str(err))
            return
        if self._state.silent_because:
            _log.info("dock answers again", dock=self.spec.id)
        self._state = replace(
            self._state,
            heard_at_us=self._clock.monotonic_us() - round(report.age_s * 1e6),
            simulated=report.simulated,
            cover=report.cover,
            pad=report.pad,
            charging=report.charging,
            charge_frac=report.charge_frac,
            wind_m_s=report.wind_m_s,
            rain_mm_h=report.rain_mm_h,
            fault=report.fault,
            silent_because="",
        )
        if self._failed_verb is not None and self._state.shows(self._failed_verb):
            self._well_again()

    def _well_again(self) -> None:
        self._failed_verb = None
        self._state = replace(self._state, failed="")

    async def _see_to_it(self) -> None:
        asked = self._asked
        if asked is None:
            return
        if asked.taken_at_us is None:
            await self._offer(asked)
        else:
            self._judge(asked, asked.taken_at_us)
        if asked.is_over and self._asked is asked:
            self._asked = None
            self._state = replace(self._state, doing=None)

    async def _offer(self, asked: Asked) -> None:
        try:
            await self.hand_over(asked)
        except CommandRefused as err:
            asked.end(err)
        except NoAnswer as err:
            if self._clock.monotonic_us() - asked.asked_at_us > TAKEN_WITHIN_US:
                self._fail(asked, NoAnswer(f"dock '{self.spec.id}': {asked.verb.value}: {err}"))
        else:
            asked.taken_at_us = self._clock.monotonic_us()

    def _judge(self, asked: Asked, taken_at_us: int) -> None:
        """Has it happened, by what was reported since?"""
        state, now_us = self._state, self._clock.monotonic_us()
        if (state.heard_at_us or 0) > taken_at_us:
            if state.shows(asked.verb):
                asked.end(None)
                if asked.verb is not DockVerb.CHARGE:
                    self._well_again()
                return
            if state.fault:
                self._fail(asked, NotConfirmed(f"dock '{self.spec.id}': {asked.verb.value}: {state.fault}"))
                return
        within_us = CHARGE_WITHIN_US if asked.verb is DockVerb.CHARGE else COVER_WITHIN_US
        if now_us - taken_at_us > within_us:
            did = f"does not {asked.verb.value} within {within_us / 1e6:.0f} s"
            self._fail(asked, NotConfirmed(f"dock '{self.spec.id}' {did}"))

    def _fail(self, asked: Asked, failure: FlightError) -> None:
        """Nothing relies on this dock until it shows what it was told. Not charging harms no flight."""
        asked.end(failure)
        if asked.verb is not DockVerb.CHARGE:
            self._failed_verb = asked.verb
            self._state = replace(self._state, failed=f"it was told to {asked.verb.value} and does not show it")
