"""A made-up place, compiled once and drawn many times: everything in it follows from its seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from contract.site import CameraPose, OpenCvLens, VehicleKind
from sim.actors import Standing
from sim.dataset.clutter import add_row, add_thing
from sim.dataset.grounds import (
    BASE_CHANCES,
    BASES,
    add_cloths,
    add_ground,
    add_leaves,
    add_line,
    add_strip,
    add_wall,
    lay,
)
from sim.dataset.movers import add_quadruped, add_vehicle
from sim.dataset.people import add_human, chosen_dress
from sim.dataset.things import Round, add_bush, add_fence, add_house, add_lamp, add_tree
from sim.world.air import FloatArray
from sim.world.bodies import add_own_vehicle
from sim.world.canvas import FAR_M, NEAR_M, Canvas, Extent, geoms_under, lowest_m
from sim.world.figure import Person
from sim.world.gait import Posture
from sim.world.movement import Animal
from sim.world.quaternions import heading
from sim.world.shapes import ACTOR, HIDDEN, SCENE

LIGHTS = ("day", "dusk", "night", "ir")
LIGHT_CHANCES = (0.62, 0.09, 0.17, 0.12)
PERSONS, VEHICLES, ANIMALS = 16, 4, 4
LARGEST_PX = (1920, 1152)  # of what is drawn, before it is made smaller
SHADOW_HALF_M, SUN_AWAY_M = 28.0, 60.0
OWN = {"copter": VehicleKind.ARDUPILOT_COPTER, "rover": VehicleKind.ARDUPILOT_ROVER}


@dataclass(frozen=True, slots=True)
class Body:
    """Who is to be drawn where. kind: person, vehicle, animal, copter, rover; `posture`: of a person."""

    kind: str
    index: int  # of its kind
    standing: Standing
    up_m: float = 0.0
    posture: Posture | None = None


@dataclass(frozen=True, slots=True)
class Sun:
    """ambient and diffuse: of full light; no shadow where `shadows` is False."""

    elevation_deg: float
    heading_deg: float
    ambient: float
    diffuse: float
    shadows: bool
    from_camera: float


class Place:
    """Use as a context manager."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        self.light = str(rng.choice(LIGHTS, p=LIGHT_CHANCES))
        self.is_thermal = self.light == "ir" and rng.uniform() < 0.4
        self.has_lamps = self.light == "night" and rng.uniform() < 0.75
        self.has_shadows = self.light in ("day", "dusk") and rng.uniform() < 0.7
        self.taken: list[Round] = []
        self.lengths_m: dict[str, list[float]] = {"vehicle": [], "animal": []}
        self._model: Any = self._built(rng)
        self._data: Any = mujoco.MjData(self._model)
        names = [f"person/{i}" for i in range(PERSONS)]
        names += [f"vehicle/{i}" for i in range(VEHICLES)] + [f"animal/{i}" for i in range(ANIMALS)]
        self._number = {name: index for index, name in enumerate(names)}
        self._geoms_of = [geoms_under(self._model, name) for name in names]
        self._own = {name: geoms_under(self._model, name) for name in OWN}
        self._persons = [Person(self._model, f"person/{i}") for i in range(PERSONS)]
        self._animals = [Animal(self._model, f"animal/{i}") for i in range(ANIMALS)]
        self._canvas = Canvas(self._model, self._data, self._geoms_of, with_shadows=self.has_shadows)

    def __enter__(self) -> "Place":
        self._canvas.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        self._canvas.__exit__(*what)

    def draw(
        self, bodies: Sequence[Body], pose: CameraPose, lens: OpenCvLens, sun: Sun
    ) -> tuple[FloatArray, FloatArray, dict[int, Extent]]:
        """Colours of 0 to 255, metres from the camera's plane, and the extent of each labelled body that is seen, by
        its place in `bodies`."""
        self._canvas.begin(lens)
        self._stand(bodies)
        self._shine(sun, pose)
        self._canvas.aim(pose)
        image, away_m = self._canvas.picture(lens)
        labelled = {self._number[f"{b.kind}/{b.index}"]: at for at, b in enumerate(bodies) if b.kind not in OWN}
        extents = self._canvas.truth(list(labelled), lens)
        return image.astype(np.float32), away_m, {labelled[number]: extent for number, extent in extents.items()}

    def _stand(self, bodies: Sequence[Body]) -> None:
        model = self._model
        for geoms in (*self._geoms_of, *self._own.values()):
            model.geom_group[geoms] = HIDDEN
        for body in bodies:
            here = body.standing
            if body.kind == "person":
                self._persons[body.index].pose(here, body.posture)
                continue
            name = body.kind if body.kind in OWN else f"{body.kind}/{body.index}"
            which = model.body(name).id
            model.body_pos[which] = (here.east_m, here.north_m, body.up_m)
            model.body_quat[which] = heading(here.heading_deg)
            if body.kind == "animal":
                self._animals[body.index].step(here)
        mujoco.mj_kinematics(model, self._data)
        for body in bodies:
            if body.kind in OWN:
                model.geom_group[self._own[body.kind]] = SCENE
                continue
            geoms = self._geoms_of[self._number[f"{body.kind}/{body.index}"]]
            model.geom_group[geoms] = ACTOR
            if body.kind == "person":
                self._persons[body.index].stand(lowest_m(model, self._data, geoms))

    def _shine(self, sun: Sun, pose: CameraPose) -> None:
        """The sun's shadows are drawn about the place where the camera looks."""
        model, lamp = self._model, self._model.vis.headlight
        lamp.ambient[:], lamp.diffuse[:] = sun.ambient, sun.from_camera
        if self.light not in ("day", "dusk"):
            return
        elevation, turn = math.radians(sun.elevation_deg), math.radians(sun.heading_deg)
        flat = math.cos(elevation)
        to_sun = np.array([flat * math.sin(turn), flat * math.cos(turn), math.sin(elevation)])
        warm = max(0.0, 1.0 - 3.0 * to_sun[2])
        model.light_dir[0] = -to_sun
        ahead_m = min(pose.up_m / math.tan(math.radians(max(-pose.pitch_deg, 4.0))), 25.0)
        look = math.radians(pose.heading_deg)
        spot = np.array([pose.east_m + ahead_m * math.sin(look), pose.north_m + ahead_m * math.cos(look), 0.0])
        model.light_pos[0] = spot + SUN_AWAY_M * to_sun
        model.light_diffuse[0] = sun.diffuse * np.array([1.0, 0.97 - 0.15 * warm, 0.92 - 0.35 * warm])
        model.light_castshadow[0] = sun.shadows and self.has_shadows

    def _built(self, rng: np.random.Generator) -> Any:
        spec = mujoco.MjSpec()
        spec.visual.global_.offwidth, spec.visual.global_.offheight = LARGEST_PX
        quality = spec.visual.quality
        quality.numslices, quality.numstacks, quality.numquads = 12, 8, 1
        quality.shadowsize, quality.offsamples = (2048 if self.has_shadows else 0), 0
        spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, 0.0]
        spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M
        spec.visual.map.shadowclip = SHADOW_HALF_M
        spec.worldbody.add_camera(name="eye")
        spec.visual.headlight.specular = [0.0] * 3
        if self.light in ("day", "dusk"):
            spec.worldbody.add_light(
                type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
                pos=[0, 0, 50],
                dir=[0, 0, -1],
                diffuse=[0.5] * 3,
                specular=[0, 0, 0],
                castshadow=True,
            )
        self._furnish(spec, rng)
        self._people(spec, rng)
        return spec.compile()

    def _furnish(self, spec: Any, rng: np.random.Generator) -> None:
        base = str(rng.choice(BASES, p=BASE_CHANCES))
        add_ground(spec, base, "base", rng, is_thermal=self.is_thermal)
        lay(spec, "base", up_m=-0.03, is_lit=self.has_lamps)
        for index in range(int(rng.integers(0, 4))):
            kind = str(
                rng.choice(
                    ["asphalt", "gravel", "concrete", "paving", "earth", "meadow"],
                    p=[0.4, 0.12, 0.15, 0.13, 0.08, 0.12],
                )
            )
            add_ground(spec, kind, f"strip-{index}", rng, is_thermal=self.is_thermal)
            turn, up = float(rng.uniform(0, math.pi)), -0.02 + 0.004 * index
            centre = (*rng.uniform(-18, 18, 2), up)
            half = (float(rng.choice([60.0, 200.0, 18.0])), float(rng.uniform(0.8, 9.0)))
            add_strip(spec, f"strip-{index}", centre, half, turn, is_lit=self.has_lamps)
            if kind == "asphalt" and rng.uniform() < 0.6:
                add_line(
                    spec, (centre[0], centre[1], up + 0.002), (half[0], 0.06), turn, 0.3 if self.is_thermal else 0.8
                )
        self._plant(spec, rng)
        self._build_up(spec, rng)

    def _build_up(self, spec: Any, rng: np.random.Generator) -> None:
        world = spec.worldbody
        if rng.uniform() < 0.65:
            add_wall(spec, "wall", rng, is_thermal=self.is_thermal)
            for _ in range(int(rng.integers(1, 5))):
                self.taken.append(add_house(world, _around(rng, 16.0, 70.0), rng, wall="wall"))
        for _ in range(int(rng.integers(0, 3))):
            a = rng.uniform(-25, 25, 2)
            for _ in range(int(rng.integers(1, 4))):
                turn, length = rng.uniform(0, math.tau), rng.uniform(6, 40)
                b = a + length * np.array([math.cos(turn), math.sin(turn)])
                add_fence(world, (float(a[0]), float(a[1])), (float(b[0]), float(b[1])), rng)
                a = b
        for _ in range(int(rng.integers(2, 14))):
            self.taken.append(add_thing(world, _around(rng, 1.0, 30.0), rng))
        if rng.uniform() < 0.5:
            self.taken += add_row(world, _around(rng, 1.0, 22.0), rng)
        for index in range(int(rng.integers(2, 7)) if self.has_lamps else int(rng.integers(0, 4))):
            at, high = _around(rng, 2.0, 22.0), float(rng.uniform(4.0, 8.0))
            self.taken.append(add_lamp(world, at, high, is_lit=self.has_lamps))
            if self.has_lamps:
                _light(world, f"lamp-{index}", (*at, high), rng)

    def _plant(self, spec: Any, rng: np.random.Generator) -> None:
        world = spec.worldbody
        add_leaves(spec, rng)
        for index in range(int(rng.integers(0, 10))):
            self.taken.append(add_tree(world, f"tree-{index}", _around(rng, 6.0, 50.0), rng))
        if rng.uniform() < 0.5:  # a wood's edge
            for index in range(14):
                add_tree(world, f"far-{index}", _around(rng, 70.0, 160.0), rng)
        for index in range(int(rng.integers(0, 9))):
            self.taken.append(add_bush(world, f"bush-{index}", _around(rng, 2.0, 35.0), rng))

    def _people(self, spec: Any, rng: np.random.Generator) -> None:
        add_cloths(spec, rng)
        for index in range(PERSONS):
            add_human(spec.worldbody, f"person/{index}", chosen_dress(rng, is_thermal=self.is_thermal))
        for index in range(VEHICLES):
            self.lengths_m["vehicle"].append(add_vehicle(spec, f"vehicle/{index}", rng, is_thermal=self.is_thermal))
        for index in range(ANIMALS):
            length_m = add_quadruped(spec.worldbody, f"animal/{index}", rng, is_thermal=self.is_thermal)
            self.lengths_m["animal"].append(length_m)
        for name, kind in OWN.items():
            add_own_vehicle(spec.worldbody, name, kind)


def _around(rng: np.random.Generator, from_m: float, to_m: float) -> tuple[float, float]:
    """A spot so far from the middle."""
    away_m, turn = rng.uniform(from_m, to_m), rng.uniform(0, math.tau)
    return float(away_m * math.cos(turn)), float(away_m * math.sin(turn))


def _light(world: Any, name: str, at: tuple[float, float, float], rng: np.random.Generator) -> None:
    warm = rng.uniform(0.45, 1.0)
    world.add_light(
        name=name,
        type=mujoco.mjtLightType.mjLIGHT_SPOT,
        pos=at,
        dir=[0, 0, -1],
        cutoff=75.0,
        exponent=1.5,
        attenuation=[1.0, 0.0, 1.0 / 7.0**2],
        diffuse=np.array([1.0, 0.5 + 0.5 * warm, 0.2 + 0.8 * warm]) * rng.uniform(0.9, 1.8),
        specular=[0, 0, 0],
        castshadow=False,
    )
