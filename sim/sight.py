"""Who is in a camera's picture, by geometry alone: each actor's upright box, projected through pose and lens.

The camera's axes are built here from the words of CameraPose, apart from edge's, so that a mistake in either shows. No
ground, building or actor hides another: what hides whom only a renderer knows.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.labels import Label
from contract.site import CameraPose, Lens
from edge.perception.lens import open_lens
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
        self._width_px, self._height_px = lens.width_px, lens.height_px

    def seen(self, standings: Iterable[Standing], pose: CameraPose) -> tuple[Seen, ...]:
        """Everybody in the picture, nearest or not."""
        here = np.array([pose.east_m, pose.north_m, pose.up_m])
        axes = axes_of(pose)
        found = (self._one(standing, here, axes) for standing in standings)
        return tuple(seen for seen in found if seen is not None)

    def _one(self, standing: Standing, here: FloatArray, axes: FloatArray) -> Seen | None:
        corners = (_corners(standing) - here) @ axes.T
        if (corners[:, 2] < NEAREST_M).any():  # beside or behind the camera
            return None
        pixels = self._lens.pixels(corners[:, :2] / corners[:, 2:])
        if not np.isfinite(pixels).all():
            return None
        left, top = np.maximum(pixels.min(axis=0), 0.0)
        right, bottom = np.minimum(pixels.max(axis=0), (self._width_px, self._height_px))
        if right - left < LEAST_PX or bottom - top < LEAST_PX:
            return None
        box = (float(left), float(top), float(right), float(bottom))
        return Seen(standing.actor.id, LABELS[standing.actor.kind], box)


def _corners(standing: Standing) -> FloatArray:
    """(8, 3) east, north, up of the box that stands on the ground, turned the way it goes."""
    height_m, width_m, length_m = standing.size_m
    heading = math.radians(standing.heading_deg)
    ahead = np.array([math.sin(heading), math.cos(heading)]) * length_m / 2
    aside = np.array([math.cos(heading), -math.sin(heading)]) * width_m / 2
    centre = np.array([standing.east_m, standing.north_m])
    ground = [centre + a * ahead + b * aside for a in (-1, 1) for b in (-1, 1)]
    return np.array([[*point, up_m] for point in ground for up_m in (0.0, height_m)])
