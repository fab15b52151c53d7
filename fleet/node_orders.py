"""Commands to nodes that somebody waits for: each with its id, its reply, and a moment after which it is given up."""

import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from contract.clock import Clock
from contract.commands import Command, Reply
from contract.topics import COMMAND
from fleet.errors import Refused
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.records.audit import StoreJournal

NAMESPACE = uuid.UUID("8c7a4f0e-3b5d-5e52-9a0c-51f0de3e7c44")
ON_THE_WAY_S = 3.0  # there and back, beside what the node may take
MOST = 100  # that are waited for


@dataclass(frozen=True, slots=True)
class Asked:
    """reply: the node's, once it comes. within_s: no longer than this is waited for."""

    command: Command
    reply: "Future[Reply]"
    within_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    node: str
    asked: Asked
    until_us: int  # monotonic


class NodeOrders:
    """For the coordinator's loop; the future may be waited for anywhere. `send` hands over for sending."""

    def __init__(self, *, clock: Clock, journal: StoreJournal, send: Callable[[str, Command], bool]) -> None:
        self._clock, self._journal, self._send = clock, journal, send
        self._waiting: dict[uuid.UUID, _Waiting] = {}
        self._number = 0

    def give(self, node: str, make: Callable[[uuid.UUID, int], Command]) -> Asked:
        """`make` gets the command's id and when it expires. In the audit log before it is sent. Raises Refused,
        StoreError."""
        if len(self._waiting) >= MOST:
            raise Refused(f"{MOST} replies of nodes are waited for already")
        now_us = self._clock.wall_us()
        self._number += 1
        command_id = uuid.uuid5(NAMESPACE, f"{node}/{now_us}/{self._number}")
        command = make(command_id, now_us + (COMMAND.expiry_s or 0) * 1_000_000)
        detail: dict[str, JsonValue] = {"command": str(command_id), "camera": command.camera}
        self._journal.write(JournalEntry(now_us, command.by, command.verb.value, f"node {node}", detail=detail))
        within_s = command.done_within_s + ON_THE_WAY_S
        asked = Asked(command, Future(), within_s)
        self._waiting[command_id] = _Waiting(node, asked, self._clock.monotonic_us() + round(within_s * 1e6))
        if not self._send(node, command):
            del self._waiting[command_id]
            raise Refused(f"node '{node}': no connection to the broker")
        return asked

    def heard(self, node: str, reply: Reply) -> None:
        """The first reply counts, and only of the node that was asked."""
        waiting = self._waiting.get(reply.command_id)
        if waiting is not None and waiting.node == node:
            del self._waiting[reply.command_id]
            if waiting.asked.reply.set_running_or_notify_cancel():
                waiting.asked.reply.set_result(reply)

    def tick(self) -> None:
        """Who waits has given up by himself."""
        now_us = self._clock.monotonic_us()
        self._waiting = {key: each for key, each in self._waiting.items() if now_us < each.until_us}
