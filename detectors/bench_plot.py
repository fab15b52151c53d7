"""A bench as a picture: one bar for each model and backend, as long as a frame takes, in its steps."""

from collections.abc import Sequence

import cv2
import numpy as np

from detectors.bench import Measured
from detectors.frame import ImageBgr

WIDTH_PX, NAMES_PX, FIGURES_PX = 1100, 300, 210
BAR_PX, GAP_PX, HEAD_PX, FOOT_PX = 22, 10, 84, 34
INK, PALE = (40, 40, 40), (225, 225, 225)
STEPS = (("letterbox", (196, 160, 60)), ("network", (150, 90, 30)), ("boxes", (60, 140, 230)))


def draw(measured: Sequence[Measured], *, title: str) -> ImageBgr:
    """(height, 1100, 3) uint8, BGR."""
    height_px = HEAD_PX + len(measured) * (BAR_PX + GAP_PX) + FOOT_PX
    image = np.full((height_px, WIDTH_PX, 3), 255, np.uint8)
    _write(image, title, x_px=16, y_px=30, scale=0.62)
    left_px = 16
    for name, colour in STEPS:
        cv2.rectangle(image, (left_px, 46), (left_px + 14, 60), colour, -1)
        _write(image, name, x_px=left_px + 20, y_px=58)
        left_px += 130
    bars_px = WIDTH_PX - NAMES_PX - FIGURES_PX
    longest_ms = max(max(each.frame_ms, each.letterbox_ms + each.network_ms + each.boxes_ms) for each in measured)
    step_ms = _round_step(longest_ms)
    px_per_ms = bars_px / (step_ms * 5)
    for tick in range(6):
        x_px = NAMES_PX + round(tick * step_ms * px_per_ms)
        cv2.line(image, (x_px, HEAD_PX - 6), (x_px, height_px - FOOT_PX), PALE, 1)
        _write(image, f"{tick * step_ms:g} ms", x_px=x_px - 14, y_px=height_px - 12)
    for row, each in enumerate(measured):
        y_px = HEAD_PX + row * (BAR_PX + GAP_PX)
        _write(image, f"{each.model}  {each.backend}", x_px=16, y_px=y_px + 16)
        done_ms = 0.0
        for (_, colour), took_ms in zip(STEPS, (each.letterbox_ms, each.network_ms, each.boxes_ms), strict=True):
            from_px = NAMES_PX + round(done_ms * px_per_ms)
            done_ms += took_ms
            to_px = NAMES_PX + round(done_ms * px_per_ms)
            cv2.rectangle(image, (from_px, y_px), (to_px, y_px + BAR_PX), colour, -1)
        figures = f"{each.frame_ms:.1f} ms  {1000 / each.frame_ms:.0f} fps  {each.network_share:.0%} network"
        _write(image, figures, x_px=WIDTH_PX - FIGURES_PX + 8, y_px=y_px + 16)
    return image


def _round_step(longest_ms: float) -> float:
    """A fifth of the axis: 1, 2 or 5 times a power of ten, so that the longest bar fits."""
    steps = (each * 10.0**power for power in range(-3, 6) for each in (1, 2, 5))
    return next(step for step in steps if step * 5 >= longest_ms)


def _write(image: ImageBgr, text: str, *, x_px: int, y_px: int, scale: float = 0.42) -> None:
    cv2.putText(image, text, (x_px, y_px), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, 1, cv2.LINE_AA)
