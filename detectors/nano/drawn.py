"""A tiny data set out of nothing: persons upright, vehicles flat, animals round, on noise. For `train --smoke`."""

from pathlib import Path

import cv2
import numpy as np

from detectors.frame import ImageBgr

COLOURS_BGR = ((60, 60, 220), (220, 120, 40), (60, 200, 80))
SHAPES = ((0.10, 0.28), (0.34, 0.18), (0.20, 0.16))  # width and height, of the picture's side


def draw_data(folder: Path, *, counts: dict[str, int], side_px: int, seed: int) -> None:
    """images/PART and labels/PART for each part of `counts`, as `data.read_part` reads them."""
    for index, (part, count) in enumerate(counts.items()):
        rng = np.random.default_rng((seed, index))
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image, lines = _scene(side_px, rng)
            cv2.imwrite(str(folder / "images" / part / f"{number:06d}.jpg"), image)
            (folder / "labels" / part / f"{number:06d}.txt").write_text("\n".join(lines), encoding="utf-8")


def _scene(side_px: int, rng: np.random.Generator) -> tuple[ImageBgr, list[str]]:
    coarse = rng.integers(40, 200, (8, 8, 3), np.uint8)
    image = cv2.resize(coarse, (side_px, side_px), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    lines = []
    for index in rng.integers(0, 3, size=int(rng.integers(1, 4))).tolist():
        width, height = np.array(SHAPES[index]) * rng.uniform(0.7, 1.3)
        x, y = rng.uniform(width / 2, 1 - width / 2), rng.uniform(height / 2, 1 - height / 2)
        colour = tuple(int(each) for each in np.clip(np.array(COLOURS_BGR[index]) + rng.integers(-30, 31, 3), 0, 255))
        low = (round((x - width / 2) * side_px), round((y - height / 2) * side_px))
        high = (round((x + width / 2) * side_px), round((y + height / 2) * side_px))
        if index == 2:
            middle, axes = (
                (round(x * side_px), round(y * side_px)),
                (round(width * side_px / 2), round(height * side_px / 2)),
            )
            cv2.ellipse(image, middle, axes, 0, 0, 360, colour, -1)
        else:
            cv2.rectangle(image, low, high, colour, -1)
        lines.append(f"{index} {x:.6f} {y:.6f} {width:.6f} {height:.6f}")
    return image, lines
