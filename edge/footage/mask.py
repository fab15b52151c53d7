"""Privacy masks: areas, and objects, that no stored picture shows. Detection never sees a mask (SAFETY 20).

What the camera's pose or lens leaves open is painted over too: an unknown pixel is a masked one.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
import shapely

from contract.geo import LocalFrame
from contract.labels import Label
from contract.site import CameraPose
from detectors.frame import ImageBgr
from edge.area import PrivacyMask
from edge.footage.covers import Boxes, Covers, Judged
from edge.perception.locate import FARTHEST_M, Locator

CELL_PX = 8  # how finely a ground area is drawn into a view; one cell is added all around
KNOWN_POSES = 4
Cells = npt.NDArray[np.bool_]


class Mask:
    """The masks of one camera, painted black into its pictures of any size. `labels`: of its detector, by class."""

    def __init__(
        self, masks: Sequence[PrivacyMask], *, locator: Locator, frame: LocalFrame, labels: Sequence[Label] = ()
    ) -> None:
        by_class = [mask for mask in masks if mask.labels]
        self._width_px, self._height_px = locator.frame_size_px
        self._whole = _Areas(masks, locator=locator, frame=frame)
        self._always = _Areas([mask for mask in masks if not mask.labels], locator=locator, frame=frame)
        self._covers = Covers(by_class, labels=labels, locator=locator, frame=frame) if by_class else None

    @property
    def follows(self) -> bool:
        """Objects are covered where they are: what was judged around a picture must be known to paint it sparingly."""
        return self._covers is not None

    def meets(self, pose: CameraPose | None) -> bool:
        """Something of the view is masked. `pose` of a camera that does not move; None: it moves, and may meet any."""
        return self._whole.meets(pose)

    def painted(
        self, image: ImageBgr, poses: Sequence[CameraPose], *, at_us: int = 0, judged: Sequence[Judged] = ()
    ) -> ImageBgr:
        """A copy with black where one of the `poses` that the camera may have had has a mask; all black without one,
        where a mask is on the ground.

        at_us, judged: when it was taken, and what pictures around then showed. Where they do not tell where objects
        are, a mask by class is painted as one of its whole area.
        """
        boxes = None if self._covers is None else self._covers.at(at_us, judged)
        areas = self._whole if self._covers is not None and boxes is None else self._always
        painted: ImageBgr = image.copy()
        pixels = areas.pixels(poses)
        if pixels is None:
            painted[:] = 0
            return painted
        height_px, width_px = image.shape[:2]
        if (width_px, height_px) != (self._width_px, self._height_px):
            pixels = np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)
        painted[pixels > 0] = 0
        if boxes is not None:
            self._cover(painted, boxes)
        return painted

    def _cover(self, image: ImageBgr, boxes: Boxes) -> None:
        height_px, width_px = image.shape[:2]
        scale = np.array([width_px / self._width_px, height_px / self._height_px] * 2)
        for left, top, right, bottom in (boxes * scale).tolist():
            rows = slice(max(math.floor(top), 0), max(math.ceil(bottom), 0))
            image[rows, max(math.floor(left), 0) : max(math.ceil(right), 0)] = 0


class _Areas:
    """Masked areas as pixels of the full frame."""

    def __init__(self, masks: Sequence[PrivacyMask], *, locator: Locator, frame: LocalFrame) -> None:
        self._masks = tuple(masks)
        self._locator = locator
        self._width_px, self._height_px = locator.frame_size_px
        self._on_ground = [
            (shapely.Polygon([(enu.east_m, enu.north_m) for enu in map(frame.to_enu, mask.ground)]), mask.height_m)
            for mask in masks
            if mask.ground is not None
        ]
        self._drawn = np.zeros((self._height_px, self._width_px), np.uint8)
        for mask in masks:
            if mask.image_px is not None:
                cv2.fillPoly(self._drawn, [np.array(mask.image_px, np.float64).round().astype(np.int32)], 1)
            elif mask.ground is None:
                self._drawn[:] = 1
        self._grid = _grid(self._width_px, self._height_px)
        self._drawn *= np.uint8(255)
        self._known: dict[CameraPose, npt.NDArray[np.uint8]] = {}  # the last few poses

    def meets(self, pose: CameraPose | None) -> bool:
        if pose is None:
            return bool(self._masks)
        return bool(self._pixels(pose).any())

    def pixels(self, poses: Sequence[CameraPose]) -> npt.NDArray[np.uint8] | None:
        """(height, width): 255 where masked from one of the poses; None: it may be anywhere."""
        if self._on_ground and not poses:
            return None
        pixels: npt.NDArray[np.uint8] = self._drawn
        for pose in poses:
            pixels = np.maximum(pixels, self._pixels(pose))
        return pixels

    def _pixels(self, pose: CameraPose) -> npt.NDArray[np.uint8]:
        """(height, width): 255 where masked."""
        if not self._on_ground:
            return self._drawn
        if pose not in self._known:
            while len(self._known) >= KNOWN_POSES:
                del self._known[next(iter(self._known))]
            cells = self._cells(pose).astype(np.uint8) * np.uint8(255)
            whole = cells.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)
            self._known[pose] = np.maximum(self._drawn, whole[: self._height_px, : self._width_px])
        return self._known[pose]

    def _cells(self, pose: CameraPose) -> Cells:
        """(rows, columns) of cells: masked where the sight through one of its corners passes over an area below its
        height, or through a corner next to it."""
        rays = self._locator.rays(self._grid.reshape(-1, 2), pose)
        corners = ~np.isfinite(rays).all(axis=1)
        for polygon, height_m in self._on_ground:
            corners |= _passes(rays, pose, polygon, height_m=height_m)
        shape = self._grid.shape[:2]
        grown = cv2.dilate(corners.reshape(shape).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        masked: Cells = grown[:-1, :-1] | grown[1:, :-1] | grown[:-1, 1:] | grown[1:, 1:]
        return masked


def _grid(width_px: int, height_px: int) -> npt.NDArray[np.float64]:
    """(rows + 1, columns + 1, 2) corners x, y of cells that cover the picture."""
    across = np.arange(-(-width_px // CELL_PX) + 1, dtype=np.float64) * CELL_PX
    down = np.arange(-(-height_px // CELL_PX) + 1, dtype=np.float64) * CELL_PX
    return np.stack(np.meshgrid(across, down), axis=2)


def _passes(
    rays: npt.NDArray[np.float64], pose: CameraPose, polygon: shapely.Polygon, *, height_m: float
) -> npt.NDArray[np.bool_]:
    """(n,): the ray from the camera is, somewhere over `polygon`, between the ground and `height_m` above it.

    rays: (n, 3) east, north, up, of any length. Between the two heights a ray covers a line on the map.
    """
    up = rays[:, 2]
    level = np.hypot(rays[:, 0], rays[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        farthest = FARTHEST_M / level
        to_ground = np.where(up < 0.0, -pose.up_m / up, np.inf)
        to_top = (height_m - pose.up_m) / up
    if pose.up_m > height_m:
        near, far = np.where(up < 0.0, to_top, np.inf), to_ground
    else:
        near, far = np.zeros_like(up), np.where(up > 0.0, to_top, to_ground)
    far = np.minimum(far, farthest)
    passes = np.zeros(len(rays), np.bool_)
    comes_down = np.isfinite(near) & np.isfinite(far) & (near <= far)
    rays_down = rays[comes_down, :2]
    ends = np.stack((near[comes_down, None] * rays_down, far[comes_down, None] * rays_down), axis=1)
    shapely.prepare(polygon)
    passes[comes_down] = shapely.intersects(polygon, shapely.linestrings(ends + np.array([pose.east_m, pose.north_m])))
    return passes
