"""Pictures as a camera might have seen them: four in one, nearer, farther, mirrored, dusk, night, blur, noise, JPEG.

Everything is drawn from the generator that is given: the same one, the same picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from detectors.frame import ImageBgr
from detectors.letterbox import GREY
from detectors.nano.data import Boxes, Pictures

SIDE_MIN_PX = 3.0  # of a box that is learned, in the network's picture
SEEN_MIN_FRAC = 0.3  # of an object that is cut by the edge; less of it is ignored

Draw = tuple[ImageBgr, Boxes]


@dataclass(frozen=True, slots=True)
class Strength:
    """Chances (0 to 1) of each change. `NONE` is for the end of a training, and for tests."""

    mosaic: float = 0.6
    flip: float = 0.5
    colour: float = 0.8
    gray: float = 0.15
    blur: float = 0.1
    noise: float = 0.15
    jpeg: float = 0.2
    scale_most: float = 1.8
    scale_least: float = 0.6


NONE = Strength(0, 0, 0, 0, 0, 0, 0, 1, 1)
MILD = Strength(mosaic=0.0, scale_least=0.8, scale_most=1.4)


def sample(pictures: Pictures, index: int, *, side_px: int, strength: Strength, rng: np.random.Generator) -> Draw:
    """A square picture (side_px, side_px, 3) uint8 and its boxes in it."""
    if rng.random() < strength.mosaic:
        others = rng.integers(len(pictures), size=3)
        image, boxes = _mosaic([pictures[each] for each in (index, *others.tolist())], side_px, strength, rng)
    else:
        image, boxes = _single(pictures[index], side_px, strength, rng)
    if rng.random() < strength.flip:
        image = np.ascontiguousarray(image[:, ::-1])
        xyxy = boxes.xyxy_px.copy()
        xyxy[:, [0, 2]] = side_px - xyxy[:, [2, 0]]
        boxes = Boxes(xyxy, boxes.class_index)
    for chance, change in (
        (strength.colour, _colour),
        (strength.gray, _gray),
        (strength.blur, _blur),
        (strength.noise, _noise),
        (strength.jpeg, _jpeg),
    ):
        if rng.random() < chance:
            image = change(image, rng)
    return image, boxes


def placed(draw: Draw, canvas: ImageBgr, *, scale: float, left_px: float, top_px: float) -> Boxes:
    """Draw a picture onto a canvas, scaled, its corner at (left_px, top_px); its boxes there, cut at the edges.

    Of what is cut, at least `SEEN_MIN_FRAC` of the area must be left, else it counts as ignored.
    """
    image, boxes = draw
    height_px, width_px = canvas.shape[:2]
    matrix = np.array([[scale, 0, left_px], [0, scale, top_px]], np.float64)
    flags = cv2.INTER_LINEAR
    if scale < 0.6:  # else thin things flicker away
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        matrix[0, 0] = matrix[1, 1] = 1.0
        image = small.astype(np.uint8, copy=False)
    cv2.warpAffine(image, matrix, (width_px, height_px), dst=canvas, flags=flags, borderMode=cv2.BORDER_TRANSPARENT)
    whole = boxes.xyxy_px * np.float32(scale) + np.array([left_px, top_px] * 2, np.float32)
    limits = np.array([width_px, height_px] * 2, np.float32)
    cut = np.clip(whole, 0, limits).astype(np.float32)
    sides, whole_sides = cut[:, 2:] - cut[:, :2], whole[:, 2:] - whole[:, :2]
    seen = sides.prod(axis=1) / np.maximum(whole_sides.prod(axis=1), 1e-6)
    is_there = (sides > 0).all(axis=1)
    is_clear = (seen >= SEEN_MIN_FRAC) & (sides.max(axis=1, initial=0) >= SIDE_MIN_PX)
    class_index = np.where(is_clear, boxes.class_index, -1).astype(np.int32)
    return Boxes(cut[is_there], class_index[is_there])


def _single(draw: Draw, side_px: int, strength: Strength, rng: np.random.Generator) -> Draw:
    image, _ = draw
    canvas = np.full((side_px, side_px, 3), GREY, np.uint8)
    scale = side_px / max(image.shape[:2])
    if strength.scale_most > strength.scale_least:
        scale *= float(np.exp(rng.uniform(np.log(strength.scale_least), np.log(strength.scale_most))))
        left_px, top_px = (rng.uniform(*sorted((0.0, side_px - side * scale))) for side in image.shape[1::-1])
    else:
        left_px = top_px = 0.0
    return canvas, placed(draw, canvas, scale=scale, left_px=left_px, top_px=top_px)


def _mosaic(draws: list[Draw], side_px: int, strength: Strength, rng: np.random.Generator) -> Draw:
    """Four quarters that meet somewhere in the middle, each a picture at a scale of its own."""
    canvas = np.full((side_px, side_px, 3), GREY, np.uint8)
    middle_x, middle_y = (int(rng.uniform(0.3, 0.7) * side_px) for _ in range(2))
    found = []
    for index, draw in enumerate(draws):
        columns = slice(0, middle_x) if index % 2 == 0 else slice(middle_x, side_px)
        rows = slice(0, middle_y) if index < 2 else slice(middle_y, side_px)
        quarter = np.ascontiguousarray(canvas[rows, columns])
        height_px, width_px = quarter.shape[:2]
        image = draw[0]
        fit = max(height_px / image.shape[0], width_px / image.shape[1])
        scale = fit * float(np.exp(rng.uniform(np.log(strength.scale_least), np.log(strength.scale_most))))
        left_px = rng.uniform(*sorted((0.0, width_px - image.shape[1] * scale)))
        top_px = rng.uniform(*sorted((0.0, height_px - image.shape[0] * scale)))
        boxes = placed(draw, quarter, scale=scale, left_px=left_px, top_px=top_px)
        canvas[rows, columns] = quarter
        corner = np.array([columns.start, rows.start] * 2, np.float32)
        found.append(Boxes(boxes.xyxy_px + corner, boxes.class_index))
    xyxy = np.concatenate([each.xyxy_px for each in found])
    return canvas, Boxes(xyxy, np.concatenate([each.class_index for each in found]))


def _colour(image: ImageBgr, rng: np.random.Generator) -> ImageBgr:
    """Hue by up to 5 %, saturation and brightness by up to half."""
    hue, saturation, value = rng.uniform(-1, 1, 3) * (0.05, 0.5, 0.5) + (0, 1, 1)
    steps = np.arange(256)
    tables = ((steps + hue * 180) % 180, np.clip(steps * saturation, 0, 255), np.clip(steps * value, 0, 255))
    planes = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV))
    changed = [cv2.LUT(plane, table.astype(np.uint8)) for plane, table in zip(planes, tables, strict=True)]
    return cv2.cvtColor(cv2.merge(changed), cv2.COLOR_HSV2BGR).astype(np.uint8, copy=False)


def _gray(image: ImageBgr, rng: np.random.Generator) -> ImageBgr:
    """As cameras see at night, with a contrast of its own."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    contrasted = np.clip((gray - 128) * rng.uniform(0.6, 1.4) + 128 + rng.uniform(-30, 30), 0, 255)
    return np.repeat(contrasted.astype(np.uint8)[..., None], 3, axis=2)


def _blur(image: ImageBgr, rng: np.random.Generator) -> ImageBgr:
    return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.5))).astype(np.uint8, copy=False)


def _noise(image: ImageBgr, rng: np.random.Generator) -> ImageBgr:
    noise = rng.integers(-128, 128, image.shape, np.int16)
    return np.clip(image + (noise * rng.uniform(0.03, 0.15)).astype(np.int16), 0, 255).astype(np.uint8)


def _jpeg(image: ImageBgr, rng: np.random.Generator) -> ImageBgr:
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
    seen = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert seen is not None  # it was written a line ago
    return seen.astype(np.uint8, copy=False)
