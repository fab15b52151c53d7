"""Commands that were given a key, so that one sent again is answered and not done again
(draft-ietf-httpapi-idempotency-key-header-07).

A key that was taken and has no answer, after a restart, is a command of which nobody knows whether it was done.
"""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from contract.clock import Clock
from fleet.errors import Refused
from fleet.records.store import Store
from fleet.records.tables_people import COMMAND_KEYS

KEPT_US = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    status: int
    media_type: str
    body: str


class OtherCommand(Refused):
    """The key was given to another command."""


class CommandKeys:
    """For the coordinator's loop, where the store is written."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._under_way: set[tuple[str, str]] = set()

    def begin(self, principal: str, key: str, digest: str) -> KeptAnswer | None:
        """What came of it; None: it is new, and this one's to be done. Raises OtherCommand, Refused for one that is
        under way or of unknown end, StoreError."""
        now_us = self._clock.wall_us()
        mine = (COMMAND_KEYS.c.principal == principal) & (COMMAND_KEYS.c.key == key)
        with self._store.transaction() as connection:
            connection.execute(delete(COMMAND_KEYS).where(COMMAND_KEYS.c.at_us < now_us - KEPT_US))
            row = connection.execute(select(COMMAND_KEYS).where(mine)).first()
            if row is None:
                values = {"principal": principal, "key": key, "digest": digest, "at_us": now_us}
                connection.execute(insert(COMMAND_KEYS).values(**values))
        if row is None:
            self._under_way.add((principal, key))
            return None
        if row.digest != digest:
            raise OtherCommand("Idempotency-Key: it was given to another command; draw a new one")
        if row.status is not None:
            return KeptAnswer(row.status, row.media_type, row.body)
        if (principal, key) in self._under_way:
            raise Refused("Idempotency-Key: this command is under way")
        raise Refused("Idempotency-Key: this command was begun and nobody knows its end; look before you order it anew")

    def keep(self, principal: str, key: str, answer: KeptAnswer) -> None:
        """Raises StoreError."""
        self._under_way.discard((principal, key))
        mine = (COMMAND_KEYS.c.principal == principal) & (COMMAND_KEYS.c.key == key)
        values = {"status": answer.status, "media_type": answer.media_type, "body": answer.body}
        with self._store.transaction() as connection:
            connection.execute(update(COMMAND_KEYS).where(mine).values(**values))

    def free(self, principal: str, key: str) -> None:
        """Nothing was done: it may be tried again. Raises StoreError."""
        self._under_way.discard((principal, key))
        mine = (COMMAND_KEYS.c.principal == principal) & (COMMAND_KEYS.c.key == key)
        with self._store.transaction() as connection:
            connection.execute(delete(COMMAND_KEYS).where(mine))

    def lose(self, principal: str, key: str) -> None:
        """It broke off."""
        self._under_way.discard((principal, key))
