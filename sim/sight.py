"""Who is in a camera's picture, by geometry alone: each actor's upright box, projected through pose and lens.

The camera's axes are built here from the words of CameraPose, apart from edge's, so that a mistake in either shows. No
ground, building or actor hides another: what hides whom only a renderer knows.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.labels import Label
from contract.site import CameraPose, Lens
from edge.perception.lens import LensModel, open_lens
from sim.actors import LABELS, Standing

FloatArray = npt.NDArray[np.float64]
NEAREST_M = 0.3
LEAST_PX = 2.0  # of a clipped box; smaller is not in the picture


@dataclass(frozen=True, slots=True)
class Seen:
    """One actor in one picture. `xyxy_px` is clipped to it; `visible_frac`: the share of its pixels nothing hides."""

    actor: str
    label: Label
    xyxy_px: tuple[float, float, float, float]
    visible_frac: float = 1.0

    @property
    def height_px(self) -> float:
        return self.xyxy_px[3] - self.xyxy_px[1]


def axes_of(pose: CameraPose) -> FloatArray:
    """Rows: the camera's right, down and forward in east, north, up."""
    heading, pitch, roll = (math.radians(angle) for angle in (pose.heading_deg, pose.pitch_deg, pose.roll_deg))
    forward = np.array(
        [math.sin(heading) * math.cos(pitch), math.cos(heading) * math.cos(pitch), math.sin(pitch)], np.float64
    )
    level = np.array([math.cos(heading), -math.sin(heading), 0.0])
    below = np.cross(forward, level)
    right = level * math.cos(roll) + below * math.sin(roll)
    down = below * math.cos(roll) - level * math.sin(roll)
    return np.stack([right, down, forward])


class Sight:
    """One camera's lens, asked again and again."""

    def __init__(self, lens: Lens) -> None:
        self._lens = open_lens(lens)
        self._size_px = np.array([lens.width_px, lens.height_px], np.float64)
        self._reach = _reach(self._lens, lens)
        self._pose: CameraPose | None = None  # whose axes are known: a fixed camera has but one
        self._right: list[float] = []
        self._forward: list[float] = []

    def seen(self, standings: Iterable[Standing], pose: CameraPose) -> tuple[Seen, ...]:
        """Everybody in the picture, nearest or not."""
        if pose is not self._pose:
            self._pose, self._axes = pose, axes_of(pose)
            self._here = np.array([pose.east_m, pose.north_m, pose.up_m])
            self._right, _, self._forward = self._axes.tolist()
        around = [standing for standing in standings if self._may_show(standing, pose)]
        if not around:
            return ()
        corners = (_corners(around) - self._here) @ self._axes.T
        is_before = (corners[:, :, 2] >= NEAREST_M).all(axis=1)  # not beside or behind the camera
        before = corners[is_before]
        pixels = self._lens.pixels((before[:, :, :2] / before[:, :, 2:]).reshape(-1, 2)).reshape(-1, 8, 2)
        from_px = np.maximum(pixels.min(axis=1), 0.0)
        to_px = np.minimum(pixels.max(axis=1), self._size_px)
        is_shown = (to_px - from_px >= LEAST_PX).all(axis=1)  # not where a corner is out of the lens's reach: NaN
        boxes = np.concatenate((from_px, to_px), axis=1)
        there = [standing for standing, is_there in zip(around, is_before, strict=True) if is_there]
        return tuple(
            Seen(standing.actor.id, LABELS[standing.actor.kind], (left, top, right, bottom))
            for standing, (left, top, right, bottom), is_seen in zip(there, boxes.tolist(), is_shown, strict=True)
            if is_seen
        )

    def _may_show(self, standing: Standing, pose: CameraPose) -> bool:
        """Roughly, for most are elsewhere: its sphere is not behind, nor farther aside than the lens reaches."""
        height_m, width_m, length_m = standing.size_m
        radius_m = (height_m + width_m + length_m) / 2.0
        away = (standing.east_m - pose.east_m, standing.north_m - pose.north_m, height_m / 2.0 - pose.up_m)
        depth_m = _dot(away, self._forward) + radius_m
        aside_m = abs(_dot(away, self._right)) - radius_m
        return depth_m >= NEAREST_M and aside_m <= depth_m * self._reach


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _reach(model: LensModel, lens: Lens) -> float:
    """The farthest direction x/z of the picture's border, and a little more; infinite where the lens bends too much."""
    across, down = np.linspace(0.0, lens.width_px, 33), np.linspace(0.0, lens.height_px, 33)
    sides = [np.column_stack((np.full(33, x_px), down)) for x_px in (0.0, lens.width_px)]
    sides += [np.column_stack((across, np.full(33, y_px))) for y_px in (0.0, lens.height_px)]
    reach = float(np.abs(model.directions(np.concatenate(sides))[:, 0]).max())
    return reach * 1.05 if math.isfinite(reach) else math.inf


# Of a box's eight corners: half a length ahead or behind, half a width to either side, on the ground or up.
AHEAD = np.array([-1, -1, -1, -1, 1, 1, 1, 1]) / 2.0
ASIDE = np.array([-1, -1, 1, 1, -1, -1, 1, 1]) / 2.0
UP = np.array([0, 1, 0, 1, 0, 1, 0, 1])


def _corners(standings: Sequence[Standing]) -> FloatArray:
    """(n, 8, 3) east, north, up of the boxes that stand on the ground, turned the way they go."""
    rows = [(each.east_m, each.north_m, math.radians(each.heading_deg), *each.size_m) for each in standings]
    east, north, heading, height, width, length = np.array(rows)[:, :, None].transpose(1, 0, 2)
    sin, cos = np.sin(heading), np.cos(heading)
    ahead, aside = length * AHEAD, width * ASIDE
    return np.stack((east + sin * ahead + cos * aside, north + cos * ahead - sin * aside, height * UP), axis=2)
