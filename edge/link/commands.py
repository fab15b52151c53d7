"""What the coordinator may ask of a node, and what is refused: anything retained, expired, unknown.

A command that comes twice is answered twice and done once: a late copy of "unset" must not undo a newer "set".
"""

import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection

from contract.bus import BusMessage
from contract.commands import Command, Reply, Verb
from edge.errors import EdgeError

REMEMBERED = 256  # replies; far more than fit in the 30 s that a command lives


class CommandDesk:
    """Judges each command and has it carried out by `set_zone` or `unset_zone`, which get the zone's id and may raise
    EdgeError."""

    def __init__(
        self,
        *,
        zones: Collection[str],
        set_zone: Callable[[str], None],
        unset_zone: Callable[[str], None],
        wall_us: Callable[[], int],
    ) -> None:
        self._zones = frozenset(zones)
        self._carry_out = {Verb.SET_ZONE: set_zone, Verb.UNSET_ZONE: unset_zone}
        self._wall_us = wall_us
        self._replies: OrderedDict[uuid.UUID, Reply] = OrderedDict()

    def answer(self, message: BusMessage, command: Command) -> Reply:
        """The reply to `command`, which came in `message`; what it asks for is done when the reply says so."""
        known = self._replies.get(command.command_id)
        if known is not None:
            return known
        reason = self._refusal(message, command)
        if not reason:
            try:
                self._carry_out[command.verb](command.zone)
            except EdgeError as err:
                reason = str(err)
        reply = Reply(command_id=command.command_id, done=not reason, reason=reason)
        self._replies[command.command_id] = reply
        if len(self._replies) > REMEMBERED:
            self._replies.popitem(last=False)
        return reply

    def _refusal(self, message: BusMessage, command: Command) -> str:
        if message.retain:
            return "a retained command is refused: nobody knows when it was given"
        late_us = self._wall_us() - command.expires_at_us
        if late_us >= 0:
            return f"expired {late_us / 1e6:.1f} s ago"
        if command.zone not in self._zones:
            known = ", ".join(sorted(self._zones)) or "none"
            return f"expected a zone that this node covers ({known}), got '{command.zone}'"
        return ""
