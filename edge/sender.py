"""Who signs a node's envelopes.

`sent_at_us` is not known when an envelope is made: it starts as the capture time, and the courier sets it as it sends.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from contract.envelope import Body, Envelope, Origin


@dataclass(frozen=True, slots=True)
class Sender:
    """One life of one node: `boot` is the outbox's persisted counter, so no two lives share an id (SAFETY 17)."""

    site: str
    node: str
    outbox_id: uuid.UUID
    boot: int

    def envelope(
        self,
        body: Body,
        *,
        message_id: uuid.UUID,
        captured_at_us: int,
        origin: Origin,
        trace_id: str,
        hops_us: Mapping[str, int] | None = None,
    ) -> Envelope:
        return Envelope(
            message_id=message_id,
            site=self.site,
            node=self.node,
            outbox_id=self.outbox_id,
            boot=self.boot,
            captured_at_us=captured_at_us,
            sent_at_us=captured_at_us,
            origin=origin,
            trace_id=trace_id,
            hops_us=dict(hops_us or {}),
            body=body,
        )

    def derive_id(self, words: str) -> uuid.UUID:
        """An id of this life for what is not an event: the same words, the same id."""
        return uuid.uuid5(self.outbox_id, f"{self.boot}/{words}")
