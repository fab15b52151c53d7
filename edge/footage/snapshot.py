"""The best picture of one event's object: the largest and surest box, in the whole frame."""

from dataclasses import dataclass

import cv2

from contract.events import Sighting
from contract.geo import BoxPx
from contract.site import CameraPose
from detectors.frame import Frame, ImageBgr

BETTER = 1.15  # times the rank of the best so far; else who walks up to a camera is encoded with every frame
CUT_OFF = 0.5  # of the rank of a box that the picture's edge cuts


@dataclass(frozen=True, slots=True)
class Candidate:
    """A frame that shows it. rank: px² times score."""

    frame: Frame
    pose: CameraPose | None
    box: BoxPx
    rank: float


def candidate(sighting: Sighting, frame: Frame, pose: CameraPose | None) -> Candidate:
    height_px, width_px = frame.image_bgr.shape[:2]
    box = sighting.box
    is_cut = (
        min(box.x_px, box.y_px) <= 0 or box.x_px + box.width_px >= width_px or box.y_px + box.height_px >= height_px
    )
    rank = box.width_px * box.height_px * sighting.score * (CUT_OFF if is_cut else 1.0)
    return Candidate(frame, pose, box, rank)


def jpeg(image: ImageBgr, *, quality: int) -> bytes:
    """Raises ValueError for a picture that cannot be encoded."""
    is_done, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not is_done:
        raise ValueError("the snapshot cannot be encoded")
    return encoded.tobytes()
