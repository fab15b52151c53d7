"""What stands still: ground, sky, fences, buildings, lamps, poles, and plants that only sway.

By night the ground around the lamps is drawn in small pieces, because OpenGL of MuJoCo's kind lights corners and fills
in between.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import mujoco
import numpy as np
from shapely import Polygon, delaunay_triangles
from shapely.geometry.polygon import orient

from contract.site import Building, Site
from sim.scenario import FenceLine, Light, Scenery, Stop, Upright
from sim.world.lighting import LAMP_CONE_DEG
from sim.world.paint import SEED, add_texture, shaded
from sim.world.shapes import VEIL, add_bar, add_blob

GROUND_M = 400.0  # to each side
LIT_BEYOND = math.tan(math.radians(LAMP_CONE_DEG))  # of a lamp's height: the ground that it lights
LIT_CELLS = 9_000  # corners that are lit one by one
POST_EACH_M, LINE_M = 2.5, 0.018
STEEL, DARK_STEEL, WOOD = (0.52, 0.55, 0.56), (0.22, 0.23, 0.25), (0.32, 0.24, 0.17)
LEAVES, BUSH = (0.20, 0.31, 0.13), (0.25, 0.33, 0.15)
DAY_SKY = ([0.45, 0.62, 0.85], [0.86, 0.89, 0.92])
NIGHT_SKY = ([0.010, 0.012, 0.020], [0.035, 0.037, 0.045])
SWAY_NAME = "sway/"

Rect = tuple[float, float, float, float]  # west, south, east, north, metres


def add_scenery(spec: Any, site: Site, scenery: Scenery, light: Light) -> None:
    _add_sky(spec, light)
    _add_ground(spec, scenery, light)
    world = spec.worldbody
    for fence in scenery.fences:
        _add_fence(world, fence)
    for index, building in enumerate(site.buildings):
        _add_building(spec, f"building-{index}", building, site)
    for pole in scenery.poles:
        add_bar(world, _at(pole, 0.0), _at(pole, pole.height_m), 0.10, rgba=shaded(STEEL, 0.9))
    for lamp in scenery.lamps:
        _add_lamp(world, lamp, is_lit=light.is_night and light.lamps_on)
    for index, tree in enumerate(scenery.trees):
        _add_tree(world, f"{SWAY_NAME}tree-{index}", tree)
    for index, bush in enumerate(scenery.bushes):
        _add_bush(world, f"{SWAY_NAME}bush-{index}", bush)


def _add_sky(spec: Any, light: Light) -> None:
    above, horizon = NIGHT_SKY if light.is_night else DAY_SKY
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=above,
        rgb2=horizon,
        width=256,
        height=256,
    )


def _add_ground(spec: Any, scenery: Scenery, light: Light) -> None:
    """Meadow everywhere, gravel inside the fences' bounds."""
    add_texture(spec, "meadow", colour=(104, 116, 66), contrast=0.30, tile_m=6.0)
    add_texture(spec, "yard", colour=(138, 134, 126), contrast=0.16, tile_m=5.0)
    whole = (-GROUND_M, -GROUND_M, GROUND_M, GROUND_M)
    yard = _bounds([stop for fence in scenery.fences for stop in fence.line])
    lit = _bounds(scenery.lamps, beyond_m=LIT_BEYOND * max((lamp.height_m for lamp in scenery.lamps), default=0.0))
    if not (light.is_night and light.lamps_on):
        lit = None
    for material, rect, up_m in (("meadow", whole, -0.01), ("yard", yard, 0.0)):
        if rect is None:
            continue
        within = _common(rect, lit)
        pieces = [(piece, 2.0 * GROUND_M) for piece in _around(rect, within)]
        if within is not None:
            pieces.append((within, _cell_m(within)))
        for (west, south, east, north), cell_m in pieces:
            spec.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_PLANE,
                size=[(east - west) / 2.0, (north - south) / 2.0, cell_m],
                pos=[(west + east) / 2.0, (south + north) / 2.0, up_m],
                material=material,
                contype=0,
                conaffinity=0,
            )


def _add_fence(world: Any, fence: FenceLine) -> None:
    """Posts, rails, and the wire between them as a veil."""
    for a, b in pairwise(fence.line):
        length_m = math.hypot(b.east_m - a.east_m, b.north_m - a.north_m)
        count = max(math.ceil(length_m / POST_EACH_M), 1)
        for share in np.linspace(0.0, 1.0, count + 1):
            east_m, north_m = a.east_m + share * (b.east_m - a.east_m), a.north_m + share * (b.north_m - a.north_m)
            add_bar(world, (east_m, north_m, 0.0), (east_m, north_m, fence.height_m), 0.035, rgba=shaded(STEEL, 1.0))
        for up_m in (0.1, fence.height_m - 0.04):
            ends = ((a.east_m, a.north_m, up_m), (b.east_m, b.north_m, up_m))
            add_bar(world, *ends, LINE_M, rgba=shaded(STEEL, 1.0))
        along = math.atan2(b.north_m - a.north_m, b.east_m - a.east_m)
        world.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=[(a.east_m + b.east_m) / 2.0, (a.north_m + b.north_m) / 2.0, fence.height_m / 2.0],
            quat=[math.cos(along / 2.0), 0.0, 0.0, math.sin(along / 2.0)],
            size=[length_m / 2.0, 0.004, fence.height_m / 2.0],
            rgba=(*STEEL, 0.16),
            group=VEIL,
            contype=0,
            conaffinity=0,
        )


def _add_building(spec: Any, name: str, building: Building, site: Site) -> None:
    """Walls along the outline, a flat roof, a row of windows on each wall."""
    if not any(material.name == "wall" for material in spec.materials):
        add_texture(spec, "wall", colour=(176, 178, 174), contrast=0.05, tile_m=12.0)
    frame = site.local_frame()
    outline = orient(Polygon([(p.east_m, p.north_m) for p in map(frame.to_enu, building.polygon)]))
    corners = [(float(east), float(north)) for east, north in outline.exterior.coords]
    points: list[tuple[float, float, float]] = []
    for a, b in pairwise(corners):  # seen from outside, counter-clockwise
        low_a, low_b, high_b, high_a = (*a, 0.0), (*b, 0.0), (*b, building.height_m), (*a, building.height_m)
        points += [low_a, low_b, high_b, low_a, high_b, high_a]
        _add_windows(spec.worldbody, a, b, building.height_m)
    for triangle in delaunay_triangles(outline).geoms:
        if isinstance(triangle, Polygon) and outline.covers(triangle.representative_point()):
            points += [(x, y, building.height_m) for x, y in orient(triangle).exterior.coords[:3]]
    mesh = spec.add_mesh(name=name, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL)
    mesh.uservert = np.array(points).ravel()
    mesh.userface = np.arange(len(points))
    mesh.smoothnormal = 0
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, material="wall", contype=0, conaffinity=0)


def _add_windows(world: Any, a: tuple[float, float], b: tuple[float, float], height_m: float) -> None:
    length_m = math.dist(a, b)
    along = math.atan2(b[1] - a[1], b[0] - a[0])
    for start_m in np.arange(1.5, length_m - 3.0, 4.0):
        middle = (start_m + 1.2) / length_m
        world.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=[a[0] + middle * (b[0] - a[0]), a[1] + middle * (b[1] - a[1]), 0.6 * height_m],
            quat=[math.cos(along / 2.0), 0.0, 0.0, math.sin(along / 2.0)],
            size=[1.2, 0.03, 0.1 * height_m],
            rgba=(0.16, 0.20, 0.25, 1.0),
            contype=0,
            conaffinity=0,
        )


def _add_lamp(world: Any, lamp: Upright, *, is_lit: bool) -> None:
    """A pole with a head; a light that really lights is added only by night."""
    top_m = lamp.height_m
    add_bar(world, _at(lamp, 0.0), _at(lamp, top_m), 0.06, rgba=shaded(STEEL, 0.8))
    head = (1.0, 0.95, 0.8) if is_lit else STEEL
    world.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=_at(lamp, top_m + 0.05),
        size=[0.22, 0.22, 0.06],
        rgba=shaded(head, 1.0),
        contype=0,
        conaffinity=0,
    )


def _add_tree(world: Any, name: str, tree: Upright) -> None:
    trunk_m = 0.3 * tree.height_m
    add_bar(world, _at(tree, 0.0), _at(tree, 0.6 * tree.height_m), 0.02 * tree.height_m, rgba=shaded(WOOD, 1.0))
    crown = world.add_body(name=name, pos=_at(tree, trunk_m))
    _add_leaves(crown, name, width_m=0.55 * tree.height_m, height_m=0.7 * tree.height_m, colour=LEAVES, blobs=9)


def _add_bush(world: Any, name: str, bush: Upright) -> None:
    body = world.add_body(name=name, pos=_at(bush, 0.0))
    _add_leaves(body, name, width_m=1.7 * bush.height_m, height_m=bush.height_m, colour=BUSH, blobs=8)


def _add_leaves(
    body: Any, name: str, *, width_m: float, height_m: float, colour: tuple[float, float, float], blobs: int
) -> None:
    """Overlapping blobs that fill an egg standing on the body's origin."""
    seeded = np.random.default_rng([SEED, *name.encode()])
    for index in range(blobs):
        up = (index + 0.5) / blobs
        out = 0.30 * width_m * math.sin(math.pi * (0.15 + 0.8 * up))
        turn = 2.4 * index  # the golden angle: no two above one another
        half = (0.32 + 0.08 * seeded.uniform()) * width_m * (1.1 - 0.5 * up)
        centre = (out * math.cos(turn), out * math.sin(turn), (0.22 + 0.62 * up) * height_m)
        shade = seeded.uniform(0.75, 1.15) * (0.8 + 0.35 * up)
        add_blob(body, centre, (half, half, 0.7 * half), rgba=shaded(colour, shade))


def _at(upright: Upright, up_m: float) -> tuple[float, float, float]:
    return (upright.east_m, upright.north_m, up_m)


def _bounds(places: Sequence[Stop | Upright], *, beyond_m: float = 0.0) -> Rect | None:
    if not places:
        return None
    east = [place.east_m for place in places]
    north = [place.north_m for place in places]
    return (min(east) - beyond_m, min(north) - beyond_m, max(east) + beyond_m, max(north) + beyond_m)


def _common(a: Rect | None, b: Rect | None) -> Rect | None:
    if a is None or b is None:
        return None
    west, south, east, north = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (west, south, east, north) if west < east and south < north else None


def _around(rect: Rect, hole: Rect | None) -> list[Rect]:
    """`rect` without the hole in it."""
    if hole is None:
        return [rect]
    west, south, east, north = rect
    parts = [
        (west, south, east, hole[1]),
        (west, hole[3], east, north),
        (west, hole[1], hole[0], hole[3]),
        (hole[2], hole[1], east, hole[3]),
    ]
    return [part for part in parts if part[0] < part[2] and part[1] < part[3]]


def _cell_m(rect: Rect) -> float:
    west, south, east, north = rect
    return max(0.8, math.sqrt((east - west) * (north - south) / LIT_CELLS))
