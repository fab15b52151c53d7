"""Boxes after the network: from its picture back to the frame, and one box for one object.

`suppress` wants boxes without negative coordinates (`to_frame` clips): OpenCV keeps classes apart by shifting them.
"""

import cv2
import numpy as np

from detectors.detections import Detections
from detectors.detector import Prepared

MAX_CANDIDATES = 1000  # the best-scoring are kept; more than any scene holds, and it bounds a model gone mad


def to_frame(found: Detections, prepared: Prepared) -> Detections:
    """From input pixels to full-frame pixels, clipped to the frame; what lies outside it is dropped."""
    pad = np.array([prepared.pad_x_px, prepared.pad_y_px] * 2, np.float32)
    limit = np.array([prepared.frame_width_px, prepared.frame_height_px] * 2, np.float32)
    xyxy = np.clip((found.xyxy_px - pad) / np.float32(prepared.scale), 0.0, limit)
    inside = (xyxy[:, 2:] > xyxy[:, :2]).all(axis=1)
    return Detections(xyxy, found.score, found.class_index).where(inside)


def suppress(found: Detections, *, iou_max: float) -> Detections:
    """Greedy non-maximum suppression within each class, best score first.

    A box goes when its IoU with a better one of its class is greater than `iou_max`.
    """
    if not len(found):
        return found
    xywh = found.xyxy_px.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    keep = cv2.dnn.NMSBoxesBatched(
        xywh.tolist(), found.score.tolist(), found.class_index.tolist(), 0.0, iou_max, 1.0, MAX_CANDIDATES
    )
    return found.where(np.asarray(keep, np.int32).reshape(-1))
