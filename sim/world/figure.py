"""A dressed person: the skeleton and shapes of dm_control's CMU humanoid, without fingers and without joints.

Its own axes are x left, y up, z forward. It is posed by turning its bodies, and stands where its lowest point touches.
"""

import math
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zlib import crc32

import mujoco
import numpy as np

from sim.actors import Standing
from sim.scenario import Actor
from sim.world.errors import WorldError
from sim.world.gait import Limbs, Posture, posture_of
from sim.world.paint import shaded
from sim.world.quaternions import FloatArray, about_x, heading, inverse, product, shortest, turned
from sim.world.shapes import ACTOR

FIGURE = "locomotion/walkers/assets/humanoid_CMU_V2020.xml"
FACES_EAST = np.array([0.859, 1.0, 1.0, 0.859]) / math.sqrt(2.0 * (0.859**2 + 1.0))
LEVEL_LEAN = 2.0 * math.atan(1.0 / 0.859) - math.pi / 2.0  # the lean that FACES_EAST brings with it
HANGS = np.array([0.0, -1.0, 0.0])  # a limb's own axis
Colours = Mapping[tuple[str, ...], tuple[float, float, float]]

LEFT_OUT = ("lfinger", "rfinger", "lthumb", "rthumb")
TROUSERS = ("root", "lhip", "rhip", "lfemur", "rfemur", "ltibia", "rtibia")
JACKET = ("lower", "upperback", "thorax", "lclav", "rclav", "lhum", "rhum", "lrad", "rrad")
SHOES = ("lfoot", "rfoot", "ltoes", "rtoes")
SKIN, HAIR, LEATHER = (0.78, 0.57, 0.44), (0.12, 0.08, 0.05), (0.07, 0.06, 0.06)
OUTFITS = {  # trousers, jacket
    "plain": (
        ((0.14, 0.17, 0.27), (0.52, 0.13, 0.10)),
        ((0.20, 0.20, 0.21), (0.13, 0.25, 0.45)),
        ((0.36, 0.31, 0.24), (0.16, 0.32, 0.22)),
        ((0.11, 0.12, 0.16), (0.60, 0.33, 0.08)),
    ),
    "dark": (((0.07, 0.07, 0.08), (0.06, 0.06, 0.07)),),
    "light": (((0.62, 0.58, 0.50), (0.80, 0.79, 0.75)),),
    "camouflage": (((0.27, 0.28, 0.18), (0.31, 0.33, 0.20)),),
}
CLOTH_IS_WIDER = 1.12
LEG_SPLAY, ARM_SPLAY = 0.03, 0.12


def add_person(world: Any, name: str, actor: Actor) -> None:
    """Add the body `name` and, under it, `name/...`. Raises WorldError where dm_control is not installed."""
    outfits = OUTFITS[actor.clothing]
    trousers, jacket = outfits[crc32(actor.id.encode()) % len(outfits)]
    colours = {TROUSERS: trousers, JACKET: jacket, SHOES: LEATHER}
    _copy(world, humanoid().body("root"), name, "", colours)


@cache
def humanoid() -> Any:
    """The spec of the figure. Raises WorldError where dm_control is not installed."""
    package = find_spec("dm_control")
    if package is None or package.origin is None:
        raise WorldError("dm_control: persons are drawn after its humanoid; expected the extra 'sim' (Python < 3.13)")
    return mujoco.MjSpec.from_file(str(Path(package.origin).parent / FIGURE))


def _copy(parent: Any, source: Any, name: str, own_name: str, colours: Colours) -> None:
    body = parent.add_body(name=name + own_name, pos=source.pos, quat=source.quat)
    for geom in source.geoms:
        colour = next((c for names, c in colours.items() if geom.name.startswith(names)), SKIN)
        is_cloth = colour is not SKIN and colour is not LEATHER
        wider = CLOTH_IS_WIDER if is_cloth else 1.0
        body.add_geom(
            type=geom.type,
            pos=geom.pos,
            quat=geom.quat,
            size=[geom.size[0] * wider, *geom.size[1:]],
            rgba=shaded(colour, 1.0),
            group=ACTOR,
            contype=0,
            conaffinity=0,
        )
    if source.name == "head":
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_ELLIPSOID,
            pos=[0.0, 0.085, 0.005],
            size=[0.1, 0.085, 0.115],
            rgba=shaded(HAIR, 1.0),
            group=ACTOR,
            contype=0,
            conaffinity=0,
        )
    for child in source.bodies:
        if not child.name.startswith(LEFT_OUT):
            _copy(body, child, name, f"/{child.name}", colours)


class Person:
    """One figure in a compiled model."""

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self._prefix = f"{name}/"
        self._root = model.body(name).id
        self._rest = model.body_quat.copy()

    def pose(self, standing: Standing, posture: Posture | None = None) -> None:
        """Turn the limbs, as its gait has them if no other posture is given; where its hips are above the ground is set
        by `stand` afterwards."""
        posture = posture or posture_of(standing)
        upright = product(heading(standing.heading_deg), product(FACES_EAST, about_x(-LEVEL_LEAN)))
        self._model.body_quat[self._root] = product(upright, about_x(posture.lean))
        self._model.body_pos[self._root] = (standing.east_m, standing.north_m, 1.0)
        for name, share in (("lowerback", 1 / 3), ("upperback", 1 / 3), ("thorax", 1 / 3)):
            self._set(name, about_x(posture.bend * share))
        for name in ("lowerneck", "upperneck"):
            self._set(name, about_x(posture.neck / 2.0))
        hips, shoulders = about_x(posture.lean), about_x(posture.lean + posture.bend)
        for side, outwards, limbs in (("l", 1.0, posture.left), ("r", -1.0, posture.right)):
            self._pose_limbs(side, outwards, limbs, hips, shoulders)

    def _pose_limbs(self, side: str, outwards: float, limbs: Limbs, hips: FloatArray, shoulders: FloatArray) -> None:
        splay = outwards * LEG_SPLAY
        thigh = self._aim(f"{side}femur", limbs.thigh, splay, hips)
        shin = self._aim(f"{side}tibia", limbs.shin, 0.3 * splay, thigh)
        self._aim(f"{side}foot", limbs.foot, 0.0, shin)
        splay = outwards * ARM_SPLAY
        upper = self._aim(f"{side}humerus", limbs.upper_arm, splay, shoulders)
        self._aim(f"{side}radius", limbs.forearm, 0.3 * splay, upper)

    def stand(self, lowest_m: float) -> None:
        """Down, or up, by where its lowest point was."""
        self._model.body_pos[self._root][2] -= lowest_m

    def _set(self, name: str, quat: FloatArray) -> None:
        self._model.body_quat[self._model.body(self._prefix + name).id] = quat

    def _aim(self, name: str, angle: float, outwards: float, held: FloatArray) -> FloatArray:
        """Point a limb; `held` is its parent, and what comes back the limb itself, against the upright figure."""
        body = self._model.body(self._prefix + name).id
        wanted = np.array([math.sin(outwards), -math.cos(angle), math.sin(angle)])
        wanted = turned(inverse(held), wanted / np.linalg.norm(wanted))
        rest = self._rest[body]
        self._model.body_quat[body] = product(shortest(turned(rest, HANGS), wanted), rest)
        return product(held, self._model.body_quat[body])
