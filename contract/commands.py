"""What the coordinator tells a node: acknowledgements of the outbox, and commands with an expiry."""

import uuid
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from contract.frozen import Frozen, Identifier, Sha256, TimeUs

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
    SNAPSHOT = "snapshot"  # a picture of a camera, now
    CLIP = "clip"  # the last seconds of a camera and the next
    RESTART_FEED = "restart_feed"
    RELOAD_MODEL = "reload_model"


OF_ZONE = frozenset({Verb.SET_ZONE, Verb.UNSET_ZONE})
OF_CAMERA = frozenset({Verb.SNAPSHOT, Verb.CLIP, Verb.RESTART_FEED})
# Seconds in which a node replies that it is done, or that it is not; of a clip beside the seconds to come.
DONE_WITHIN_S: Mapping[Verb, float] = {
    Verb.SET_ZONE: 5.0,
    Verb.UNSET_ZONE: 5.0,
    Verb.SNAPSHOT: 10.0,
    Verb.CLIP: 15.0,
    Verb.RESTART_FEED: 30.0,
    Verb.RELOAD_MODEL: 300.0,  # an engine may have to be built
}
ClipSeconds = Annotated[float, Field(ge=0, le=60)]


class Command(Frozen):
    """An order to a node. Expired or retained ones are refused by the node.

    zone: to be set or unset, or a line; camera: of the other verbs, but for the model, which is all cameras'.
    before_s, after_s: of a clip; the ring of the camera may hold less of what was.
    """

    type: Literal["command"] = "command"
    command_id: uuid.UUID
    verb: Verb
    zone: Identifier | None = None
    camera: Identifier | None = None
    before_s: ClipSeconds = 0.0
    after_s: ClipSeconds = 0.0
    by: str  # the person
    expires_at_us: TimeUs

    @model_validator(mode="after")
    def _says_what_its_verb_needs(self) -> "Command":
        if (self.zone is not None) != (self.verb in OF_ZONE):
            raise ValueError(f"{self.verb.value}: expected {'a' if self.verb in OF_ZONE else 'no'} zone")
        if (self.camera is not None) != (self.verb in OF_CAMERA):
            raise ValueError(f"{self.verb.value}: expected {'a' if self.verb in OF_CAMERA else 'no'} camera")
        if (self.before_s + self.after_s > 0) != (self.verb is Verb.CLIP):
            raise ValueError(f"{self.verb.value}: expected {'some' if self.verb is Verb.CLIP else 'no'} seconds")
        return self

    @property
    def done_within_s(self) -> float:
        return DONE_WITHIN_S[self.verb] + self.after_s


class Reply(Frozen):
    """files: sha256 of what was kept for a snapshot or a clip; their manifests carry the command's id as event id."""

    type: Literal["reply"] = "reply"
    command_id: uuid.UUID
    done: bool
    reason: str = ""
    files: Annotated[tuple[Sha256, ...], Field(max_length=8)] = ()
