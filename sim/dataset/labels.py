"""A finished picture and what is said about it: plain values, no renderer."""

from dataclasses import dataclass

from detectors.frame import ImageBgr

KINDS = ("person", "vehicle", "animal")  # class 0, 1, 2 of YOLO, category 1, 2, 3 of COCO
# Who is lower, more hidden, or in a box of fewer grey levels is neither learned nor judged.
LEAST_PX, LEARNED_VISIBLE_FRAC, LEAST_LEVELS = 8.0, 0.25, 6.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """One body in the finished picture. `xyxy_px` as fractions of a pixel, within the picture."""

    kind: str
    xyxy_px: tuple[float, float, float, float]
    visible_frac: float
    distance_m: float
    levels: float  # of grey within the box, noise aside

    @property
    def is_learned(self) -> bool:
        is_tall = self.xyxy_px[3] - self.xyxy_px[1] >= LEAST_PX
        return is_tall and self.visible_frac >= LEARNED_VISIBLE_FRAC and self.levels >= LEAST_LEVELS


@dataclass(frozen=True, slots=True)
class Picture:
    image_bgr: ImageBgr
    labelled: tuple[Labelled, ...]
    light: str
    view: str
    weather: str
