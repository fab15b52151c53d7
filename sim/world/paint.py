"""Colours and textures: seeded, so that a world looks the same every time it is built."""

from collections.abc import Sequence
from typing import Any

import cv2
import mujoco
import numpy as np
import numpy.typing as npt

SEED = 7
TEXTURE_PX = 512
GRAINS = ((8, 0.35), (32, 0.3), (128, 0.25), (TEXTURE_PX, 0.2))  # cells across, weight


def add_texture(spec: Any, name: str, *, colour: tuple[int, int, int], contrast: float, tile_m: float) -> None:
    """A material of grain in several sizes that tiles without a seam."""
    seeded = np.random.default_rng([SEED, *name.encode()])
    grain = np.zeros((TEXTURE_PX, TEXTURE_PX))
    for cells, weight in GRAINS:
        grain += weight * patches(seeded, cells)
    pixels = np.clip((1.0 + contrast * grain)[:, :, None] * np.array(colour), 0, 255).astype(np.uint8)
    texture = spec.add_texture(
        name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=TEXTURE_PX, height=TEXTURE_PX, nchannel=3
    )
    texture.data = pixels.tobytes()
    material = spec.add_material(name=name, texuniform=True, texrepeat=[1.0 / tile_m] * 2, specular=0.0, shininess=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def patches(seeded: np.random.Generator, cells: int) -> npt.NDArray[np.float64]:
    """Values of -1 to 1 at so many places across, smooth between them, around the edges too."""
    values = np.pad(seeded.uniform(-1.0, 1.0, (cells, cells)), 1, mode="wrap")
    step_px = TEXTURE_PX // cells
    smooth = cv2.resize(values, None, fx=step_px, fy=step_px, interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth[step_px:-step_px, step_px:-step_px], np.float64)


def shaded(colour: Sequence[float], factor: float) -> tuple[float, float, float, float]:
    red, green, blue = (min(part * factor, 1.0) for part in colour)
    return red, green, blue, 1.0
