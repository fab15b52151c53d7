"""Resident memory over frames as a picture: each look a dot, and the line through them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.errors import EdgeError

WIDTH_PX, HEIGHT_PX = 1000, 420
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 80, 24, 60, 44
INK, PALE, DOT, LINE = (40, 40, 40), (225, 225, 225), (150, 90, 30), (60, 140, 230)
ROOM = 1.3  # of the highest value; the axis begins at 0: what is flat shall look flat
TICKS = 5


def write_plot(
    path: Path, looks: Sequence[tuple[int, float]], *, slope_kb: float, error_kb: float, warm_frames: int
) -> None:
    """`looks`: frames and MB. Raises EdgeError when the file cannot be written."""
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, np.uint8)
    frames_max, mb_max = max(frames for frames, _ in looks), ROOM * max(mb for _, mb in looks)

    def place(frames: float, mb: float) -> tuple[int, int]:
        x = LEFT_PX + frames / frames_max * (WIDTH_PX - LEFT_PX - RIGHT_PX)
        y = HEIGHT_PX - BOTTOM_PX - mb / mb_max * (HEIGHT_PX - TOP_PX - BOTTOM_PX)
        return round(x), round(y)

    for tick in range(TICKS + 1):
        frames, mb = frames_max * tick / TICKS, mb_max * tick / TICKS
        cv2.line(image, place(0, mb), place(frames_max, mb), PALE, 1)
        _write(image, f"{mb:.0f} MB", 12, place(0, mb)[1] + 4)
        _write(image, f"{frames / 1e3:.0f}k", place(frames, 0)[0] - 12, HEIGHT_PX - 18)
    for look in looks:
        cv2.circle(image, place(*look), 2, DOT, -1, cv2.LINE_AA)
    warm = [look for look in looks if look[0] >= warm_frames]
    middle_frames, middle_mb = (sum(column) / len(warm) for column in zip(*warm, strict=True))
    ends = [(at, middle_mb + slope_kb * (at - middle_frames) / 1e6) for at in (warm[0][0], warm[-1][0])]
    cv2.line(image, place(*ends[0]), place(*ends[1]), LINE, 1, cv2.LINE_AA)
    title = f"Resident memory of a node: {slope_kb:+.2f} +- {error_kb:.2f} KB in 1000 frames"
    _write(image, title, 16, 32, scale=0.6)
    if not cv2.imwrite(str(path), image):
        raise EdgeError(f"{path}: expected a place for a picture, it could not be written")


def _write(image: np.ndarray, text: str, x_px: int, y_px: int, *, scale: float = 0.42) -> None:
    cv2.putText(image, text, (x_px, y_px), cv2.FONT_HERSHEY_SIMPLEX, scale, INK, 1, cv2.LINE_AA)
