"""What an edge node says of a file it keeps about an event. The bytes themselves go another way."""

import uuid
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from contract.frozen import Frozen, Identifier, Sha256, TimeUs
from contract.geo import BoxPx


class EvidenceKind(str, Enum):
    CLIP = "clip"
    SNAPSHOT = "snapshot"
    DETECTIONS = "detections"  # what the camera's frames showed during the clip, a JSON object a line


class MediaType(str, Enum):
    """Of the file, as HTTP calls it."""

    MP4 = "video/mp4"
    NUT = "video/x-nut"  # FFmpeg's own, for codecs that MP4 has no place for
    JPEG = "image/jpeg"
    JSON_LINES = "application/jsonl"


class Evidence(Frozen):
    """One file about one event. Events that happened together before one camera may share a clip: the same sha256.

    start_us, end_us: capture times of the first and the last that it shows. codec: of the video as the camera sent it,
    or of what a masked view was encoded to. box: the event's object in a snapshot.
    """

    type: Literal["evidence"] = "evidence"
    event_id: uuid.UUID
    kind: EvidenceKind
    camera: Identifier
    sha256: Sha256
    bytes: Annotated[int, Field(ge=1, lt=2**53)]
    start_us: TimeUs
    end_us: TimeUs
    media_type: MediaType
    codec: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")]
    plays_in_browser: bool
    is_masked: bool = False
    box: BoxPx | None = None


def derive_evidence_id(evidence: Evidence, *, outbox_id: uuid.UUID, boot: int) -> uuid.UUID:
    """Key of the message. A node that died before it knew that it had said this says it again in its next life, under
    another key: event, kind and sha256 are what counts once."""
    return uuid.uuid5(evidence.event_id, f"{outbox_id}/{boot}/{evidence.kind.value}/{evidence.sha256}")
