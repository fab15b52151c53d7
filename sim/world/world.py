"""A scenario as pictures, with the truth of each: who is in it, and how much of them is seen.

World axes are the site's east, north, up. Lenses are pinholes with square pixels. `sim.world.opening` opens this.
"""

import math
from collections.abc import Sequence
from typing import Any

import mujoco

from contract.site import CameraPose, OpenCvLens
from sim.actors import LABELS, Standing, Walk, everybody
from sim.scenario import Actor, ActorKind, Loaded
from sim.sight import Seen
from sim.world.air import NoiseBank, hazed, softened
from sim.world.bodies import add_animal, add_motor_vehicle, add_own_vehicle
from sim.world.canvas import FAR_M, NEAR_M, Canvas, geoms_under, lowest_m, spot
from sim.world.drawn import Drawn, Noise, VehiclePlace
from sim.world.figure import Person, add_person
from sim.world.lighting import add_lights
from sim.world.movement import Animal, Swaying
from sim.world.quaternions import heading
from sim.world.scenery import add_scenery
from sim.world.shapes import ACTOR, HIDDEN, SCENE

CARRIES_WITHIN_M = 1.0  # a vehicle this near to the camera carries it and is not in its picture


class World:
    """Draws any camera at any moment of the scenario."""

    def __init__(self, loaded: Loaded, *, sizes_px: Sequence[tuple[int, int]], with_shadows: bool = False) -> None:
        self._scenario, self._site = loaded.scenario, loaded.site
        self._with_shadows = with_shadows
        self._walks = [Walk(actor) for actor in self._scenario.actors]
        self._model: Any = self._built(loaded, sizes_px)
        self._data: Any = mujoco.MjData(self._model)
        model, actors = self._model, self._scenario.actors
        self._geoms_of = [geoms_under(model, _body_of(actor)) for actor in actors]
        self._persons = {a.id: Person(model, _body_of(a)) for a in actors if a.kind is ActorKind.PERSON}
        self._animals = {a.id: Animal(model, _body_of(a)) for a in actors if a.kind is ActorKind.ANIMAL}
        self._vehicle_geoms = {v.id: geoms_under(model, f"own/{v.id}") for v in self._site.vehicles}
        self._swaying = Swaying(model, self._scenario.weather)
        self._canvas = Canvas(model, self._data, self._geoms_of, with_shadows=with_shadows)
        self._banks: dict[tuple[int, int], NoiseBank] = {}

    def __enter__(self) -> "World":
        self._canvas.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        self._canvas.__exit__(*what)

    def draw(
        self,
        time_s: float,
        pose: CameraPose,
        lens: OpenCvLens,
        *,
        vehicles: Sequence[VehiclePlace] = (),
        noise: Noise | None = None,
        with_truth: bool = True,
    ) -> Drawn:
        """The picture at `time_s` of the scenario. `vehicles`: those of the site that are to be seen.

        Raises WorldError for a lens with distortion, with pixels that are not square, or larger than announced.
        """
        self._canvas.begin(lens)
        present = everybody(self._walks, time_s)
        self._place(present, vehicles, pose, time_s)
        self._canvas.aim(pose)
        image, away_m = self._canvas.picture(lens)
        weather, is_night = self._scenario.weather, self._scenario.light.is_night
        image = softened(hazed(image, away_m, visibility_m=weather.visibility_m, is_night=is_night))
        if noise is not None:
            size = (lens.width_px, lens.height_px)
            bank = self._banks.get(size) or self._banks.setdefault(size, NoiseBank(*size))
            image = bank.noisy(image, noise, at_us=round(time_s * 1e6), is_night=is_night)
        return Drawn(image, self._truth(present, lens) if with_truth else ())

    def _truth(self, present: Sequence[Standing], lens: OpenCvLens) -> tuple[Seen, ...]:
        extents = self._canvas.truth([self._index(each) for each in present], lens)
        actors = self._scenario.actors
        return tuple(
            Seen(actors[index].id, LABELS[actors[index].kind], extent.xyxy_px, extent.visible_frac)
            for index, extent in extents.items()
        )

    def _index(self, standing: Standing) -> int:
        return self._scenario.actors.index(standing.actor)

    def _built(self, loaded: Loaded, sizes_px: Sequence[tuple[int, int]]) -> Any:
        spec = mujoco.MjSpec()
        spec.visual.global_.offwidth = max(width for width, _ in sizes_px)
        spec.visual.global_.offheight = max(height for _, height in sizes_px)
        spec.visual.quality.numslices, spec.visual.quality.numstacks, spec.visual.quality.numquads = 12, 8, 1
        spec.visual.quality.shadowsize = 2048 if self._with_shadows else 0
        spec.visual.quality.offsamples = 0  # four samples a pixel take three times as long
        spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, 0.0]
        spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M
        spec.worldbody.add_camera(name="eye")
        light = loaded.scenario.light
        add_lights(spec, loaded.scenery, light, with_shadows=self._with_shadows)
        add_scenery(spec, loaded.site, loaded.scenery, light)
        for actor in loaded.scenario.actors:
            if actor.kind is ActorKind.PERSON:
                add_person(spec.worldbody, _body_of(actor), actor)
            elif actor.kind is ActorKind.ANIMAL:
                add_animal(spec.worldbody, _body_of(actor))
            else:
                add_motor_vehicle(spec.worldbody, _body_of(actor))
        for vehicle in loaded.site.vehicles:
            add_own_vehicle(spec.worldbody, f"own/{vehicle.id}", vehicle.kind)
        return spec.compile()

    def _place(
        self, present: Sequence[Standing], vehicles: Sequence[VehiclePlace], pose: CameraPose, time_s: float
    ) -> None:
        """Everybody and everything to its place and posture; hide who is not there."""
        model = self._model
        for geoms in (*self._geoms_of, *self._vehicle_geoms.values()):
            model.geom_group[geoms] = HIDDEN
        self._swaying.at(time_s)
        for standing in present:
            name = standing.actor.id
            if name in self._persons:
                self._persons[name].pose(standing)
            else:
                body = model.body(_body_of(standing.actor)).id
                model.body_pos[body] = (standing.east_m, standing.north_m, 0.0)
                model.body_quat[body] = heading(standing.heading_deg)
            if name in self._animals:
                self._animals[name].step(standing)
        for place in vehicles:
            if math.dist((place.east_m, place.north_m, place.up_m), spot(pose)) > CARRIES_WITHIN_M:
                body = model.body(f"own/{place.vehicle}").id
                model.body_pos[body] = (place.east_m, place.north_m, place.up_m)
                model.body_quat[body] = heading(place.heading_deg)
                model.geom_group[self._vehicle_geoms[place.vehicle]] = SCENE
        mujoco.mj_kinematics(model, self._data)
        for standing in present:
            geoms = self._geoms_of[self._index(standing)]
            model.geom_group[geoms] = ACTOR
            if standing.actor.id in self._persons:
                self._persons[standing.actor.id].stand(lowest_m(model, self._data, geoms))


def _body_of(actor: Actor) -> str:
    return f"actor/{actor.id}"
