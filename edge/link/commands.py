"""What the coordinator may ask of a node, and what is refused: anything retained, expired, unknown.

A command that comes twice is done once and has the same reply: a late copy of "unset" must not undo a newer "set".
Whatever takes time is done elsewhere and replied to later; what is not done in its time is replied to as not done.
"""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from contract.bus import BusMessage
from contract.clock import Clock
from contract.commands import Command, Reply, Verb
from contract.frozen import Sha256
from edge.errors import EdgeError

REMEMBERED = 256  # replies; far more than fit in the 30 s that a command lives
AT_ONCE = 16  # commands that are being carried out
log = structlog.get_logger()


class Done(Protocol):
    """Called once, on any thread: why not, or nothing, and what files there are of it."""

    def __call__(self, reason: str = "", files: Sequence[Sha256] = (), /) -> None: ...


@dataclass(frozen=True, slots=True)
class Errand:
    """A command that is being carried out."""

    command: Command
    trace_id: str
    done: Done


CarryOut = Callable[[Errand], None]


@dataclass(slots=True)
class _Pending:
    command: Command
    trace_id: str
    until_us: int  # monotonic


class CommandDesk:
    """`carry_out`: for each verb what does it; it returns soon, calls `done` when it is done, and may raise EdgeError.
    `tell` sends a reply within its trace."""

    def __init__(
        self,
        carry_out: Mapping[Verb, CarryOut],
        *,
        zones: Callable[[], Collection[str]],
        cameras: Callable[[], Collection[str]],
        tell: Callable[[Reply, str], object],
        clock: Clock,
    ) -> None:
        self._carry_out = carry_out
        self._zones = zones
        self._cameras = cameras
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._pending: dict[uuid.UUID, _Pending] = {}
        self._replies: OrderedDict[uuid.UUID, Reply] = OrderedDict()

    def take(self, message: BusMessage, command: Command, *, trace_id: str) -> None:
        """A command that came in `message`; it is replied to now or later, always once for each time that it came
        after it was done."""
        until_us = self._clock.monotonic_us() + round(command.done_within_s * 1e6)
        with self._lock:
            known = self._replies.get(command.command_id)
            if known is None and command.command_id in self._pending:
                return
            is_full = len(self._pending) >= AT_ONCE
            if known is None:
                self._pending[command.command_id] = _Pending(command, trace_id, until_us)
        if known is not None:
            self._tell(known, trace_id)
            return
        done = partial(self._done, command.command_id)
        reason = self._refusal(message, command)
        if not reason and is_full:
            reason = f"{AT_ONCE} commands are being carried out already"
        if reason:
            done(reason)
            return
        try:
            self._carry_out[command.verb](Errand(command, trace_id, done))
        except EdgeError as err:
            done(str(err))

    def step(self) -> None:
        """What was not done in its time; call it a few times a second."""
        now_us = self._clock.monotonic_us()
        with self._lock:
            late = [pending.command for pending in self._pending.values() if now_us >= pending.until_us]
        for command in late:
            self._done(command.command_id, f"not done within {command.done_within_s:g} s")

    def _done(self, command_id: uuid.UUID, reason: str = "", files: Sequence[Sha256] = ()) -> None:
        with self._lock:
            pending = self._pending.pop(command_id, None)
            if pending is None:
                return
            reply = Reply(command_id=command_id, done=not reason, reason=reason, files=tuple(files))
            self._replies[command_id] = reply
            if len(self._replies) > REMEMBERED:
                self._replies.popitem(last=False)
        command = pending.command
        log.info(
            "command answered",
            verb=command.verb.value,
            of=command.zone or command.camera or "",
            by=command.by,
            done=reply.done,
            reason=reply.reason,
        )
        self._tell(reply, pending.trace_id)

    def _refusal(self, message: BusMessage, command: Command) -> str:
        if message.retain:
            return "a retained command is refused: nobody knows when it was given"
        late_us = self._clock.wall_us() - command.expires_at_us
        if late_us >= 0:
            return f"expired {late_us / 1e6:.1f} s ago"
        if command.verb not in self._carry_out:
            return f"{command.verb.value}: this node does not do that"
        if command.zone is not None:
            return _unless_known("zone that this node covers", self._zones(), command.zone)
        if command.camera is not None:
            return _unless_known("camera that this node runs", self._cameras(), command.camera)
        return ""


def _unless_known(what: str, known: Collection[str], asked: str) -> str:
    if asked in known:
        return ""
    return f"expected a {what} ({', '.join(sorted(known)) or 'none'}), got '{asked}'"
