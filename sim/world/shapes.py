"""Boxes, bars and blobs that touch nothing: they are only looked at."""

from collections.abc import Sequence
from typing import Any

import mujoco

# Groups of geoms; a picture draws some of them.
SCENE, VEIL, ACTOR, HIDDEN = 0, 1, 2, 5  # a veil is seen through: it hides nothing in the truth

Look = Any  # rgba= or material=, group=


def add_box(body: Any, low: Sequence[float], high: Sequence[float], *, group: int = SCENE, **look: Look) -> None:
    """Between two opposite corners."""
    centre = [(a + b) / 2.0 for a, b in zip(low, high, strict=True)]
    half = [(b - a) / 2.0 for a, b in zip(low, high, strict=True)]
    _add(body, mujoco.mjtGeom.mjGEOM_BOX, group, pos=centre, size=half, **look)


def add_bar(
    body: Any, a: Sequence[float], b: Sequence[float], radius_m: float, *, group: int = SCENE, **look: Look
) -> None:
    _add(body, mujoco.mjtGeom.mjGEOM_CAPSULE, group, fromto=[*a, *b], size=[radius_m, 0, 0], **look)


def add_disc(
    body: Any, a: Sequence[float], b: Sequence[float], radius_m: float, *, group: int = SCENE, **look: Look
) -> None:
    """A cylinder along a to b: a wheel, a rotor."""
    _add(body, mujoco.mjtGeom.mjGEOM_CYLINDER, group, fromto=[*a, *b], size=[radius_m, 0, 0], **look)


def add_blob(body: Any, centre: Sequence[float], half: Sequence[float], *, group: int = SCENE, **look: Look) -> None:
    _add(body, mujoco.mjtGeom.mjGEOM_ELLIPSOID, group, pos=list(centre), size=list(half), **look)


def _add(body: Any, kind: Any, group: int, **rest: Look) -> None:
    body.add_geom(type=kind, group=group, contype=0, conaffinity=0, **rest)
