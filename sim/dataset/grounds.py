"""What a place's ground, walls and plants look like: procedural, from a generator."""

import math
from typing import Any

import cv2
import mujoco
import numpy as np
import numpy.typing as npt

from sim.world.paint import TEXTURE_PX, patches, shaded
from sim.world.scenery import GROUND_M

# red, green, blue; how much they vary as one; weight of grain with 8, 32, 128, 512 cells across; contrast; tile, metres
GROUNDS = {
    "meadow": ((98, 112, 58), 0.25, (0.25, 0.2, 0.25, 0.5), (0.25, 0.6), (3.0, 7.0)),
    "dry grass": ((152, 142, 92), 0.2, (0.25, 0.2, 0.25, 0.5), (0.2, 0.5), (3.0, 7.0)),
    "gravel": ((136, 130, 120), 0.25, (0.1, 0.1, 0.3, 0.7), (0.15, 0.5), (2.0, 5.0)),
    "asphalt": ((92, 92, 94), 0.3, (0.35, 0.15, 0.1, 0.5), (0.08, 0.25), (4.0, 10.0)),
    "concrete": ((165, 163, 156), 0.2, (0.4, 0.2, 0.2, 0.3), (0.05, 0.18), (5.0, 12.0)),
    "paving": ((150, 142, 134), 0.25, (0.2, 0.2, 0.2, 0.4), (0.05, 0.2), (2.0, 4.0)),
    "sand": ((192, 172, 132), 0.15, (0.4, 0.3, 0.2, 0.2), (0.08, 0.25), (4.0, 12.0)),
    "snow": ((222, 226, 234), 0.08, (0.5, 0.3, 0.1, 0.1), (0.02, 0.08), (6.0, 15.0)),
    "earth": ((112, 88, 64), 0.25, (0.3, 0.3, 0.3, 0.3), (0.2, 0.5), (3.0, 8.0)),
}
BASES = ("meadow", "dry grass", "gravel", "asphalt", "concrete", "paving", "sand", "snow", "earth")
BASE_CHANCES = (0.36, 0.07, 0.1, 0.19, 0.09, 0.07, 0.04, 0.05, 0.03)
LIT_HALF_M, LIT_CELL_M = 36.0, 0.9  # by night corners are lit one by one


def add_ground(spec: Any, kind: str, name: str, rng: np.random.Generator, *, is_thermal: bool) -> None:
    """The material `name`, which tiles without a seam."""
    colour, varies, weights, (low, high), tile = GROUNDS[kind]
    grain = np.zeros((TEXTURE_PX, TEXTURE_PX))
    for weight, cells in zip(weights, (8, 32, 128, TEXTURE_PX), strict=True):
        grain += weight * patches(rng, cells)
    base = np.array(colour) * (1.0 + rng.uniform(-varies, varies)) * rng.uniform(0.94, 1.06, 3)
    other = base * rng.uniform(0.8, 1.2) * rng.uniform(0.92, 1.08, 3)  # a second hue in the large patches
    mixed = np.clip(0.5 + 0.5 * patches(rng, 8), 0.0, 1.0)[:, :, None] * rng.uniform(0.0, 0.5)
    pixels = (1.0 + rng.uniform(low, high) * grain)[:, :, None] * (base * (1.0 - mixed) + other * mixed)
    if kind == "paving" or (kind == "concrete" and rng.uniform() < 0.5):
        step = TEXTURE_PX // int(rng.choice([4, 8, 16]))
        wide, dark = int(rng.integers(2, 5)), rng.uniform(0.6, 0.9)
        for start in range(0, TEXTURE_PX, step):
            pixels[start : start + wide] *= dark
            pixels[:, start : start + wide] *= dark
    if kind == "gravel":
        pixels *= 1.0 + 0.35 * (rng.uniform(size=(TEXTURE_PX, TEXTURE_PX, 1)) - 0.5)
    if is_thermal:
        pixels = pixels.mean(axis=2, keepdims=True) * np.full(3, 0.25) + rng.uniform(20, 60)
    add_picture(spec, name, pixels, tile_m=float(rng.uniform(*tile)))


def add_wall(spec: Any, name: str, rng: np.random.Generator, *, is_thermal: bool) -> None:
    """Plaster, brick or sheet metal."""
    base = np.array([(178, 176, 168), (150, 92, 74), (120, 128, 132), (205, 196, 172), (90, 96, 100)][rng.integers(5)])
    base = base * rng.uniform(0.8, 1.15)
    pixels = (1.0 + 0.07 * (patches(rng, 8) + patches(rng, 128)))[:, :, None] * base
    style = rng.integers(3)
    if style == 0:
        for row, top in enumerate(range(0, TEXTURE_PX, 32)):
            pixels[top : top + 3] *= 0.8
            for left in range(32 * (row % 2), TEXTURE_PX, 64):
                pixels[top : top + 32, left : left + 3] *= 0.8
    elif style == 1:
        pixels *= (1.0 + 0.12 * np.sin(np.arange(TEXTURE_PX) * math.tau / 16))[None, :, None]
    if is_thermal:
        pixels = pixels.mean(axis=2, keepdims=True) * np.full(3, 0.3) + 20
    add_picture(spec, name, pixels, tile_m=float(rng.uniform(3.0, 6.0)))


def add_leaves(spec: Any, rng: np.random.Generator) -> None:
    """The material `leaves`, tinted by the colour of what wears it."""
    grain = 0.5 * patches(rng, 128) + 0.35 * patches(rng, 32) + 0.4 * rng.uniform(-1, 1, (TEXTURE_PX, TEXTURE_PX))
    add_picture(spec, "leaves", np.repeat((165 * (1.0 + 0.9 * grain))[:, :, None], 3, axis=2), tile_m=2.5)


def add_cloths(spec: Any, rng: np.random.Generator) -> None:
    """The materials `cloth-0` and so on: creased, striped, checked, blotched; tinted by what wears them."""
    creases = 1.0 + 0.15 * patches(rng, 8) + 0.15 * patches(rng, 32)
    plain = np.ones((TEXTURE_PX, TEXTURE_PX))
    stripes = plain + 0.35 * np.sign(np.sin(np.arange(TEXTURE_PX) * math.tau / 64))[:, None]
    blots = np.where(patches(rng, 16) > 0.1, 1.25, 0.7)
    for index, pattern in enumerate((plain, plain, plain, stripes, stripes * stripes.T, blots)):
        pixels = 205 * creases * pattern
        add_picture(spec, f"cloth-{index}", np.repeat(pixels[:, :, None], 3, axis=2), tile_m=0.7)


def add_picture(spec: Any, name: str, pixels: npt.NDArray[Any], *, tile_m: float) -> None:
    small = cv2.resize(pixels.clip(0, 255).astype(np.uint8), (TEXTURE_PX, TEXTURE_PX))
    texture = spec.add_texture(
        name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=TEXTURE_PX, height=TEXTURE_PX, nchannel=3
    )
    texture.data = small.tobytes()
    material = spec.add_material(name=name, texuniform=True, texrepeat=[1.0 / tile_m] * 2, specular=0.0, shininess=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def lay(spec: Any, material: str, *, up_m: float, is_lit: bool) -> None:
    """The whole ground; in small pieces about the middle where lamps light it."""
    inner = LIT_HALF_M if is_lit else 0.0
    if is_lit:
        _plane(spec, material, (0.0, 0.0, up_m), (inner, inner), LIT_CELL_M)
    beyond = (GROUND_M - inner) / 2.0
    middle = inner + beyond
    if not is_lit:
        _plane(spec, material, (0.0, 0.0, up_m), (GROUND_M, GROUND_M), 2 * GROUND_M)
        return
    for sign in (-1.0, 1.0):
        _plane(spec, material, (0.0, sign * middle, up_m), (GROUND_M, beyond), 2 * GROUND_M)
        _plane(spec, material, (sign * middle, 0.0, up_m), (beyond, inner), 2 * GROUND_M)


def _plane(
    spec: Any, material: str, centre: tuple[float, float, float], half: tuple[float, float], cell_m: float
) -> None:
    _flat(spec, centre, half, 0.0, cell_m, material=material)


def add_strip(
    spec: Any,
    material: str,
    centre: tuple[float, float, float],
    half: tuple[float, float],
    turn: float,
    *,
    is_lit: bool,
) -> None:
    """A road, a path or a square on the ground; `turn` radians about its centre."""
    _flat(spec, centre, half, turn, LIT_CELL_M if is_lit else 2 * GROUND_M, material=material)


def add_line(
    spec: Any, centre: tuple[float, float, float], half: tuple[float, float], turn: float, grey: float
) -> None:
    """Paint on a road."""
    _flat(spec, centre, half, turn, 2 * GROUND_M, rgba=shaded((grey, grey, grey), 1.0))


def _flat(
    spec: Any, centre: tuple[float, float, float], half: tuple[float, float], turn: float, cell_m: float, **look: Any
) -> None:
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[*half, cell_m],
        pos=centre,
        quat=[np.cos(turn / 2.0), 0.0, 0.0, np.sin(turn / 2.0)],
        contype=0,
        conaffinity=0,
        **look,
    )
