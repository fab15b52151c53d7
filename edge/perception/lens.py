"""Lenses: pixels to directions in front of the camera and back.

A direction is (x/z, y/z) in the camera's frame: x right, y down, z forward. OpenCV's model gives the pixel of a
direction in closed form, Tsai's the direction of a pixel; the other way round is iterated. What does not converge, far
outside the picture of a strongly bent lens, is NaN.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from contract.site import Lens, OpenCvLens, TsaiLens

Points = npt.NDArray[np.float64]  # (n, 2)

ITERATIONS = 40
CONVERGED_PX = 0.01
SETTLED = 1e-13  # of a direction: nothing moves any more, long before ITERATIONS with most lenses


class LensModel(Protocol):
    """Two implementations: OpenCV's and Tsai's."""

    def directions(self, pixels: Points) -> Points:
        """(n, 2) pixels of the full frame to (n, 2) directions x/z, y/z."""
        ...

    def pixels(self, directions: Points) -> Points:
        """(n, 2) directions x/z, y/z to (n, 2) pixels of the full frame."""
        ...


def open_lens(lens: Lens) -> LensModel:
    return _OpenCv(lens) if isinstance(lens, OpenCvLens) else _Tsai(lens)


class _OpenCv:
    """Brown's distortion as in OpenCV's calib3d documentation, five coefficients."""

    def __init__(self, lens: OpenCvLens) -> None:
        self._focal = np.array([lens.fx_px, lens.fy_px])
        self._centre = np.array([lens.cx_px, lens.cy_px])
        self._radial = (lens.k1, lens.k2, lens.k3)
        self._tangential = (lens.p1, lens.p2)
        self._bends = any((*self._radial, *self._tangential))

    def pixels(self, directions: Points) -> Points:
        bent = self._bent(directions) if self._bends else directions
        pixels: Points = bent * self._focal + self._centre
        return pixels

    def directions(self, pixels: Points) -> Points:
        bent = (pixels - self._centre) / self._focal
        if not self._bends:
            return np.asarray(bent)
        straight = bent.copy()
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(ITERATIONS):
                step = bent - self._bent(straight)
                straight = straight + step
                if not (np.abs(step) > SETTLED).any():
                    break
            error_px = np.abs(self.pixels(straight) - pixels).max(axis=1, initial=0.0)
        straight[~(error_px < CONVERGED_PX)] = np.nan
        return np.asarray(straight)

    def _bent(self, straight: Points) -> Points:
        x, y = straight[:, 0], straight[:, 1]
        k1, k2, k3 = self._radial
        p1, p2 = self._tangential
        r2 = x * x + y * y
        radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
        return np.column_stack(
            (
                x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
                y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
            )
        )


class _Tsai:
    """R. Tsai, "A versatile camera calibration technique", IEEE J-RA 1987: undistorted = distorted (1 + kappa1 r²)."""

    def __init__(self, lens: TsaiLens) -> None:
        self._mm_per_px = np.array([lens.dpx_mm / lens.sx, lens.dpy_mm])
        self._centre = np.array([lens.cx_px, lens.cy_px])
        self._focal_mm = lens.focal_mm
        self._kappa = lens.kappa1_per_mm2

    def directions(self, pixels: Points) -> Points:
        bent_mm = (pixels - self._centre) * self._mm_per_px
        r2 = (bent_mm**2).sum(axis=1, keepdims=True)
        straight: Points = bent_mm * (1.0 + self._kappa * r2) / self._focal_mm
        return straight

    def pixels(self, directions: Points) -> Points:
        """Newton on the radius: r_straight = r + kappa r³."""
        straight_mm = directions * self._focal_mm
        wanted = np.linalg.norm(straight_mm, axis=1)
        radius = wanted.copy()
        with np.errstate(all="ignore"):
            for _ in range(ITERATIONS):
                radius = radius - (radius + self._kappa * radius**3 - wanted) / (1.0 + 3.0 * self._kappa * radius**2)
            error_mm = np.abs(radius + self._kappa * radius**3 - wanted)
            share = np.where(wanted > 0.0, radius / wanted, 1.0)
            share[~(error_mm < CONVERGED_PX * self._mm_per_px.min()) | (radius < 0.0)] = np.nan
        pixels: Points = straight_mm * share[:, None] / self._mm_per_px + self._centre
        return pixels
