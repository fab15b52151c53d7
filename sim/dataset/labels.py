"""A finished picture and what is said about it: plain values, no renderer."""

from dataclasses import dataclass

from detectors.frame import ImageBgr

KINDS = ("person", "vehicle", "animal")  # class 0, 1, 2 of YOLO, category 1, 2, 3 of COCO
LEAST_PX, LEARNED_VISIBLE_FRAC = 8.0, 0.25  # smaller or more hidden ones are neither learned nor judged


@dataclass(frozen=True, slots=True)
class Labelled:
    """One body in the finished picture. `xyxy_px` as fractions of a pixel, within the picture."""

    kind: str
    xyxy_px: tuple[float, float, float, float]
    visible_frac: float
    distance_m: float

    @property
    def is_learned(self) -> bool:
        return self.visible_frac >= LEARNED_VISIBLE_FRAC and self.xyxy_px[3] - self.xyxy_px[1] >= LEAST_PX


@dataclass(frozen=True, slots=True)
class Picture:
    image_bgr: ImageBgr
    labelled: tuple[Labelled, ...]
    light: str
    view: str
    weather: str
