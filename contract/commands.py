"""What the coordinator tells a node: acknowledgements of the outbox, and commands with an expiry."""

import uuid
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from contract.frozen import Frozen, Identifier, TimeUs

Sequence = Annotated[int, Field(ge=1)]


class SequenceRange(Frozen):
    """Inclusive at both ends."""

    first: Sequence
    last: Sequence


class Ack(Frozen):
    """The coordinator's word that it stored a node's messages; only this lets an outbox row go (SAFETY 15)."""

    type: Literal["ack"] = "ack"
    outbox_id: uuid.UUID
    contiguous: Annotated[int, Field(ge=0)]  # every sequence up to here is stored
    stored_beyond: Annotated[tuple[SequenceRange, ...], Field(max_length=64)] = ()  # need no resending
    missing: Annotated[tuple[SequenceRange, ...], Field(max_length=64)] = ()  # please send again


class Verb(str, Enum):
    SET_ZONE = "set_zone"
    UNSET_ZONE = "unset_zone"


class Command(Frozen):
    """An order to a node. Expired or retained ones are refused by the node."""

    type: Literal["command"] = "command"
    command_id: uuid.UUID
    verb: Verb
    zone: Identifier
    by: str  # the person
    expires_at_us: TimeUs


class Reply(Frozen):
    type: Literal["reply"] = "reply"
    command_id: uuid.UUID
    done: bool
    reason: str = ""
