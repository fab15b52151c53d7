"""Pictures and clips that a person asks for: a take each, whose manifests carry the command's id for an event's."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contract.evidence import Evidence, EvidenceKind, MediaType
from contract.frozen import Sha256
from contract.kinds import Severity
from contract.site import CameraPose
from detectors.frame import Frame
from edge.footage.recording import View
from edge.footage.shelf import Manifest, Shelf, Take, digest
from edge.footage.snapshot import jpeg

PICTURE = "snapshot-1.jpg"


@dataclass(frozen=True, slots=True)
class Order:
    """order_id: the command's. done: told once why it cannot be had, or nothing and the sha256 of each file."""

    order_id: uuid.UUID
    trace_id: str
    done: Callable[[str, Sequence[Sha256]], None]


@dataclass(slots=True)
class PictureOrder:
    """Waits for the next judged frame of its camera. until_us: monotonic; who asked waits no longer than that."""

    order: Order
    until_us: int
    frame: Frame | None = None
    pose: CameraPose | None = None


def files_of(take: Take) -> list[Sha256]:
    return list(dict.fromkeys(manifest.evidence.sha256 for manifest in take.manifests))


def keep_picture(asked: PictureOrder, view: View, shelf: Shelf, *, quality: int, stored_at_us: int) -> Take:
    """Painted over where the view is masked. Raises OSError, and ValueError for a picture that cannot be encoded."""
    frame, order = asked.frame, asked.order
    assert frame is not None
    image = frame.image_bgr
    if view.mask is not None:
        image = view.mask.painted(image, [] if asked.pose is None else [asked.pose])
    path = shelf.begin(order.order_id) / PICTURE
    path.write_bytes(jpeg(image, quality=quality))
    sha256, size = digest(path)
    evidence = Evidence(
        event_id=order.order_id,
        kind=EvidenceKind.SNAPSHOT,
        camera=view.camera,
        sha256=sha256,
        bytes=size,
        start_us=frame.captured_at_us,
        end_us=frame.captured_at_us,
        media_type=MediaType.JPEG,
        codec="jpeg",
        plays_in_browser=True,
        is_masked=view.mask is not None,
    )
    take = Take(
        take_id=order.order_id,
        severity=Severity.LOW,
        stored_at_us=stored_at_us,
        bytes=size,
        manifests=(Manifest(file=PICTURE, origin=view.origin, trace_id=order.trace_id, evidence=evidence),),
    )
    shelf.keep(take)
    return take
