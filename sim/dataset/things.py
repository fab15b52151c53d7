"""What stands about at a made-up place: houses, fences, plants, lamps. None of it is labelled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from sim.dataset.people import Colour, cloth, tinted
from sim.world.paint import shaded
from sim.world.shapes import SCENE, VEIL, add_bar, add_blob

STEEL: Colour = (0.52, 0.55, 0.56)
WOOD: Colour = (0.34, 0.26, 0.18)


@dataclass(frozen=True, slots=True)
class Round:
    """Ground that is taken: nobody stands there, and no camera within `eyes_m` more."""

    east_m: float
    north_m: float
    radius_m: float
    eyes_m: float = 1.0


def turned_box(
    body: Any, centre: Sequence[float], half: Sequence[float], turn: float, *, group: int = SCENE, **look: Any
) -> None:
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=list(centre),
        size=list(half),
        quat=[math.cos(turn / 2.0), 0.0, 0.0, math.sin(turn / 2.0)],
        group=group,
        contype=0,
        conaffinity=0,
        **look,
    )


def add_house(world: Any, at: tuple[float, float], rng: np.random.Generator, *, wall: str) -> Round:
    half, height, turn = (
        rng.uniform((3.0, 3.0), (13.0, 8.0)),
        float(rng.uniform(2.6, 11.0)),
        float(rng.uniform(0, math.tau)),
    )
    turned_box(world, (*at, height / 2.0), (*half, height / 2.0), turn, material=wall)
    roof = cloth(rng, darkness=0.5)
    turned_box(world, (*at, height), (half[0] + 0.3, half[1] + 0.3, 0.12), turn, rgba=shaded(roof, 1.0))
    cos, sin = math.cos(turn), math.sin(turn)
    glass = shaded((0.14, 0.18, 0.23), rng.uniform(0.6, 1.6))
    for floor in np.arange(1.4, height - 0.8, 3.0):
        for face in range(4):
            length, away = (half[0], half[1]) if face % 2 == 0 else (half[1], half[0])
            for along in np.arange(-length + 1.4, length - 0.9, rng.uniform(2.2, 4.5)):
                x, y = (along, away) if face % 2 == 0 else (away, along)
                x, y = (x, y) if face < 2 else (-x, -y)
                thin = (0.6, 0.04, 0.62) if face % 2 == 0 else (0.04, 0.6, 0.62)
                turned_box(world, (at[0] + cos * x - sin * y, at[1] + sin * x + cos * y, floor), thin, turn, rgba=glass)
    return Round(*at, float(np.hypot(*half)) + 0.6)


def add_fence(world: Any, a: tuple[float, float], b: tuple[float, float], rng: np.random.Generator) -> None:
    """Wire as a veil, bars, boards, a wall or a hedge between two points."""
    length, turn = math.dist(a, b), math.atan2(b[1] - a[1], b[0] - a[0])
    middle = ((a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0)
    kind = str(rng.choice(["wire", "bars", "boards", "rails", "wall", "hedge"], p=[0.42, 0.2, 0.08, 0.16, 0.06, 0.08]))
    high = float(rng.uniform(0.9, 2.5)) if kind != "rails" else float(rng.uniform(0.8, 1.2))
    colour = {"boards": WOOD, "rails": WOOD, "hedge": (0.2, 0.3, 0.12), "wall": (0.6, 0.58, 0.54)}.get(kind, STEEL)
    if rng.uniform() < 0.4 and kind in ("wire", "bars"):
        colour = (0.12, 0.25, 0.16) if rng.uniform() < 0.5 else (0.1, 0.1, 0.11)
    rgba = shaded(colour, float(rng.uniform(0.7, 1.2)))

    def point(share: float, up_m: float) -> tuple[float, float, float]:
        return (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), up_m)

    if kind in ("boards", "wall", "hedge"):
        thick = {"boards": 0.02, "wall": 0.12, "hedge": 0.4}[kind]
        low = min(high, 1.2) if kind == "hedge" else min(high, 1.8)
        turned_box(world, (*middle, low / 2), (length / 2, thick, low / 2), turn, rgba=rgba)
        if kind == "hedge":
            for share in np.arange(0.0, 1.0, 0.6 / length):
                add_blob(
                    world,
                    point(share, low * rng.uniform(0.6, 0.95)),
                    (0.5, 0.5, 0.35),
                    material="leaves",
                    rgba=shaded(colour, rng.uniform(0.8, 1.25)),
                )
        return
    for share in np.linspace(0.0, 1.0, max(round(length / 2.5), 1) + 1):
        add_bar(world, point(share, 0.0), point(share, high), 0.035, rgba=rgba)
    for up in (0.08, high - 0.05) if kind != "rails" else (0.35 * high, 0.65 * high, high - 0.05):
        add_bar(world, point(0, up), point(1, up), 0.02 if kind != "rails" else 0.045, rgba=rgba)
    if kind == "wire":
        turned_box(
            world,
            (*middle, high / 2),
            (length / 2, 0.004, high / 2),
            turn,
            group=VEIL,
            rgba=(*rgba[:3], rng.uniform(0.1, 0.35)),
        )
    elif kind == "bars":
        for share in np.arange(0.0, 1.0, 0.14 / length):
            add_bar(world, point(share, 0.05), point(share, high), 0.011, rgba=rgba)


def add_tree(world: Any, name: str, at: tuple[float, float], rng: np.random.Generator) -> Round:
    high = float(rng.uniform(3.5, 13.0))
    trunk = 0.018 * high
    add_bar(world, (*at, 0.0), (*at, 0.65 * high), trunk, rgba=shaded(WOOD, rng.uniform(0.6, 1.2)))
    crown = world.add_body(name=name, pos=[*at, 0.0])
    kind, colour = rng.choice(["leafy", "conifer", "bare"], p=[0.65, 0.2, 0.15]), leaves(rng)
    if kind == "leafy":
        wide = high * rng.uniform(0.2, 0.34)
        for _ in range(26):
            out, turn, up = wide * math.sqrt(rng.uniform(0, 1)) * 0.8, rng.uniform(0, math.tau), rng.uniform(0.38, 0.92)
            out *= 1.0 - abs(up - 0.6)
            size = wide * rng.uniform(0.28, 0.5)
            centre = (out * math.cos(turn), out * math.sin(turn), up * high)
            add_blob(
                crown,
                centre,
                (size, size, 0.75 * size),
                material="leaves",
                rgba=shaded(colour, rng.uniform(0.65, 1.2) * (0.6 + 0.5 * up)),
            )
    elif kind == "conifer":
        for up in np.linspace(0.18, 0.95, 9):
            size = 0.17 * high * (1.08 - up)
            add_blob(
                crown,
                (0, 0, up * high),
                (size, size, 0.07 * high),
                material="leaves",
                rgba=shaded(colour, rng.uniform(0.5, 0.8)),
            )
    else:
        for _ in range(16):
            up, turn = rng.uniform(0.35, 0.65), rng.uniform(0, math.tau)
            reach = high * rng.uniform(0.12, 0.3)
            tip = (reach * math.cos(turn), reach * math.sin(turn), (up + 0.3) * high)
            add_bar(crown, (0, 0, up * high), tip, 0.004 * high, rgba=shaded(WOOD, 0.8))
    return Round(*at, trunk + 0.4, eyes_m=0.4 * high)


def add_bush(world: Any, name: str, at: tuple[float, float], rng: np.random.Generator) -> Round:
    """Some as tall and narrow as a person."""
    high = float(rng.uniform(0.5, 2.1))
    wide = high * (rng.uniform(0.22, 0.35) if rng.uniform() < 0.3 else rng.uniform(0.4, 0.8))
    body, colour = world.add_body(name=name, pos=[*at, 0.0]), leaves(rng)
    for _ in range(12):
        turn, up, size = rng.uniform(0, math.tau), rng.uniform(0.15, 0.85), rng.uniform(0.3, 0.5)
        out = wide * 0.55 * rng.uniform()
        centre = (out * math.cos(turn), out * math.sin(turn), up * high)
        add_blob(
            body,
            centre,
            (size * wide, size * wide, 0.22 * high),
            material="leaves",
            rgba=shaded(colour, rng.uniform(0.65, 1.25)),
        )
    return Round(*at, wide + 0.2, eyes_m=1.5)


def leaves(rng: np.random.Generator) -> Colour:
    if rng.uniform() < 0.15:  # autumn
        return tinted(float(rng.uniform(0.05, 0.13)), float(rng.uniform(0.4, 0.7)), float(rng.uniform(0.3, 0.55)))
    return tinted(float(rng.uniform(0.19, 0.32)), float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.2, 0.42)))


def add_lamp(world: Any, at: tuple[float, float], high: float, *, is_lit: bool) -> Round:
    add_bar(world, (*at, 0.0), (*at, high), 0.06, rgba=shaded(STEEL, 0.7))
    head = (1.0, 0.96, 0.85) if is_lit else (0.4, 0.41, 0.42)
    turned_box(world, (at[0], at[1], high + 0.05), (0.3, 0.13, 0.06), 0.3, rgba=shaded(head, 1.0))
    return Round(*at, 0.5)
