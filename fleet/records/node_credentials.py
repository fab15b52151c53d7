"""The token of each edge node: its hash in the store, every change in the audit log, in force at once.

A node's token says which node it is and nothing else: no role, no other node's name.
"""

import re

from sqlalchemy import delete, insert, select

from fleet.errors import SetUpError
from fleet.flight.journal import JournalEntry
from fleet.records.audit import add_entry
from fleet.records.auth import holder_of
from fleet.records.store import Store
from fleet.records.tables import NODE_TOKENS

_DIGEST = re.compile(r"^[0-9a-f]{64}$")


class NodeCredentials:
    """Safe from any thread that may read the store; `add` and `remove` also from another process. Raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def node_of(self, token: str) -> str | None:
        """Whose token this is."""
        with self._store.reading() as connection:
            rows = connection.execute(select(NODE_TOKENS.c.digest, NODE_TOKENS.c.node)).all()
        return holder_of(token, {row.digest: row.node for row in rows})

    def listed(self) -> list[tuple[str, int]]:
        """Each node that has one, and when it was given, by name."""
        query = select(NODE_TOKENS.c.node, NODE_TOKENS.c.added_at_us).order_by(NODE_TOKENS.c.node)
        with self._store.reading() as connection:
            return [(row.node, row.added_at_us) for row in connection.execute(query)]

    def add(self, node: str, digest: str, *, by: str, at_us: int) -> None:
        """Raises SetUpError for a node that has one, for another's token and for what is no hash."""
        if _DIGEST.match(digest) is None:
            raise SetUpError(f"node '{node}': expected the sha256 of a token, 64 hex digits")
        with self._store.transaction() as connection:
            for row in connection.execute(select(NODE_TOKENS.c.node, NODE_TOKENS.c.digest)):
                if row.node == node:
                    raise SetUpError(f"node '{node}' has a token; remove it first")
                if row.digest == digest:
                    raise SetUpError(f"node '{node}': this token is node '{row.node}'s")
            connection.execute(insert(NODE_TOKENS).values(node=node, digest=digest, added_at_us=at_us))
            add_entry(connection, JournalEntry(at_us, by, "add node credential", node))

    def remove(self, node: str, *, by: str, at_us: int) -> None:
        """It is let in no more. Raises SetUpError where it has none."""
        with self._store.transaction() as connection:
            if connection.execute(delete(NODE_TOKENS).where(NODE_TOKENS.c.node == node)).rowcount == 0:
                raise SetUpError(f"node '{node}' has no token")
            add_entry(connection, JournalEntry(at_us, by, "remove node credential", node))
