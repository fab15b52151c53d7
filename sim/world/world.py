"""A scenario as pictures, with the truth of each: who is in it, and how much of them is seen.

World axes are the site's east, north, up. Lenses are pinholes with square pixels. `sim.world.opening` opens this.
"""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import mujoco
import numpy as np

from contract.site import CameraPose, OpenCvLens
from detectors.frame import ImageBgr
from sim.actors import LABELS, Standing, Walk, everybody
from sim.scenario import Actor, ActorKind, Loaded
from sim.sight import Seen
from sim.world.air import SKY_M, FloatArray, NoiseBank, hazed, softened
from sim.world.bodies import add_animal, add_motor_vehicle, add_own_vehicle
from sim.world.drawn import Drawn, IntArray, Noise, VehiclePlace, box_of
from sim.world.errors import WorldError
from sim.world.figure import Person, add_person
from sim.world.lighting import add_lights, light_nearest
from sim.world.movement import Animal, Swaying
from sim.world.quaternions import about_x, about_z, heading, product
from sim.world.scenery import add_scenery
from sim.world.shapes import ACTOR, HIDDEN, SCENE, VEIL

NEAR_M, FAR_M = 0.4, 800.0
CARRIES_WITHIN_M = 1.0  # a vehicle this near to the camera carries it and is not in its picture

Box = tuple[int, int, int, int]


class World:
    """Draws any camera at any moment of the scenario."""

    def __init__(self, loaded: Loaded, *, sizes_px: Sequence[tuple[int, int]], with_shadows: bool = False) -> None:
        self._scenario, self._site = loaded.scenario, loaded.site
        self._with_shadows = with_shadows
        self._walks = [Walk(actor) for actor in self._scenario.actors]
        self._model: Any = self._built(loaded, sizes_px)
        self._data: Any = mujoco.MjData(self._model)
        model, actors = self._model, self._scenario.actors
        self._actor_of_geom = np.full(model.ngeom + 1, -1, np.int32)  # the last stands for no geom
        self._geoms_of = [_geoms_under(model, _body_of(actor)) for actor in actors]
        for index, geoms in enumerate(self._geoms_of):
            self._actor_of_geom[geoms] = index
        self._persons = {a.id: Person(model, _body_of(a)) for a in actors if a.kind is ActorKind.PERSON}
        self._animals = {a.id: Animal(model, _body_of(a)) for a in actors if a.kind is ActorKind.ANIMAL}
        self._vehicle_geoms = {v.id: _geoms_under(model, f"own/{v.id}") for v in self._site.vehicles}
        self._swaying = Swaying(model, self._scenario.weather)
        self._scene: Any = mujoco.MjvScene(model, model.ngeom + 10)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = with_shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._eye: Any = mujoco.MjvCamera()
        self._eye.type, self._eye.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        self._banks: dict[tuple[int, int], NoiseBank] = {}
        self._gl: Any = None
        self._context: Any = None

    def __enter__(self) -> "World":
        visual = self._model.vis.global_
        self._gl = mujoco.GLContext(visual.offwidth, visual.offheight)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        return self

    def __exit__(self, *_: object) -> None:
        self._context.free()
        self._gl.free()

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
        _check(lens, self._model.vis.global_)
        self._gl.make_current()
        present = everybody(self._walks, time_s)
        self._place(present, vehicles, pose, time_s)
        self._aim(pose, lens)
        image, away_m = self._picture(lens)
        weather, is_night = self._scenario.weather, self._scenario.light.is_night
        image = softened(hazed(image, away_m, visibility_m=weather.visibility_m, is_night=is_night))
        if noise is not None:
            size = (lens.width_px, lens.height_px)
            bank = self._banks.get(size) or self._banks.setdefault(size, NoiseBank(*size))
            image = bank.noisy(image, noise, at_us=round(time_s * 1e6), is_night=is_night)
        return Drawn(image, self._truth(present, lens) if with_truth else ())

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
            if math.dist((place.east_m, place.north_m, place.up_m), _spot(pose)) > CARRIES_WITHIN_M:
                body = model.body(f"own/{place.vehicle}").id
                model.body_pos[body] = (place.east_m, place.north_m, place.up_m)
                model.body_quat[body] = heading(place.heading_deg)
                model.geom_group[self._vehicle_geoms[place.vehicle]] = SCENE
        mujoco.mj_kinematics(model, self._data)
        for standing in present:
            geoms = self._geoms_of[self._index(standing)]
            model.geom_group[geoms] = ACTOR
            if standing.actor.id in self._persons:
                self._persons[standing.actor.id].stand(_lowest_m(model, self._data, geoms))

    def _aim(self, pose: CameraPose, lens: OpenCvLens) -> None:
        model = self._model
        light_nearest(model, pose)
        model.cam_pos[0] = _spot(pose)
        tilt = about_x(math.radians(90.0 + pose.pitch_deg))  # MuJoCo's camera looks down -z with +y on top
        roll = about_z(-math.radians(pose.roll_deg))
        model.cam_quat[0] = product(about_z(-math.radians(pose.heading_deg)), product(tilt, roll))
        mujoco.mj_kinematics(model, self._data)
        mujoco.mj_comPos(model, self._data)
        mujoco.mj_camlight(model, self._data)

    def _picture(self, lens: OpenCvLens) -> tuple[ImageBgr, FloatArray]:
        """Colours, and metres from the camera."""
        whole = (0, 0, lens.width_px, lens.height_px)
        rgb = np.empty((lens.height_px, lens.width_px, 3), np.uint8)
        depth = np.empty((lens.height_px, lens.width_px), np.float32)
        self._render(lens, whole, (SCENE, VEIL, ACTOR))
        rect = mujoco.MjrRect(0, 0, lens.width_px, lens.height_px)
        mujoco.mjr_readPixels(rgb, depth, rect, self._context)
        cv2.cvtColor(cv2.flip(rgb, 0), cv2.COLOR_RGB2BGR, dst=rgb)
        depth = depth[::-1]
        forward_m: FloatArray = np.float32(NEAR_M * FAR_M) / (np.float32(FAR_M) - depth * np.float32(FAR_M - NEAR_M))
        forward_m[depth >= 1.0] = SKY_M
        return rgb, forward_m

    def _render(self, lens: OpenCvLens, window: Box, groups: Sequence[int]) -> None:
        """Draw a window of the picture, x1, y1, x2, y2 in pixels, with the geoms of these groups."""
        option = mujoco.MjvOption()
        option.geomgroup[:] = 0
        option.geomgroup[list(groups)] = 1
        x1, y1, x2, y2 = window
        scene = self._scene
        mujoco.mjv_updateScene(
            self._model, self._data, option, None, self._eye, mujoco.mjtCatBit.mjCAT_ALL.value, scene
        )
        for camera in scene.camera:
            per_px = camera.frustum_near / lens.fx_px
            camera.frustum_center = ((x1 + x2) / 2.0 - lens.cx_px) * per_px
            camera.frustum_top = (lens.cy_px - y1) * per_px
            camera.frustum_bottom = (lens.cy_px - y2) * per_px
        mujoco.mjr_render(mujoco.MjrRect(0, 0, x2 - x1, y2 - y1), scene, self._context)

    def _truth(self, present: Sequence[Standing], lens: OpenCvLens) -> tuple[Seen, ...]:
        """Who is seen, from pictures in which every geom has its own colour: one of all, and one of each alone."""
        windows = {self._index(each): self._window_of(self._geoms_of[self._index(each)], lens) for each in present}
        reached = np.array([window for window in windows.values() if window is not None])
        if not len(reached):
            return ()
        left, top = reached[:, :2].min(axis=0)
        right, bottom = reached[:, 2:].max(axis=0)
        seen = self._numbered(lens, (int(left), int(top), int(right), int(bottom)), (SCENE, ACTOR))
        boxes = []
        for index, window in windows.items():
            found = box_of(seen, index)
            if found is None or window is None:
                continue
            (x1, y1, x2, y2), count = found
            for other in windows:
                self._model.geom_group[self._geoms_of[other]] = ACTOR if other == index else HIDDEN
            alone = int(np.count_nonzero(self._numbered(lens, window, (ACTOR,)) == index))
            actor = self._scenario.actors[index]
            box = (x1 + int(left), y1 + int(top), x2 + int(left), y2 + int(top))
            boxes.append(Seen(actor.id, LABELS[actor.kind], box, round(count / max(alone, count), 3)))
        return tuple(boxes)

    def _window_of(self, geoms: IntArray, lens: OpenCvLens) -> Box | None:
        """What of the picture these geoms may reach; None where they cannot."""
        turn = self._data.cam_xmat[0].reshape(3, 3)
        right, up, back = ((self._data.geom_xpos[geoms] - self._data.cam_xpos[0]) @ turn).T
        reach_m = self._model.geom_rbound[geoms]
        if (-back + reach_m).max() <= NEAR_M:
            return None
        if (-back - reach_m).min() <= NEAR_M:
            return (0, 0, lens.width_px, lens.height_px)
        reach_px = 1.5 * lens.fx_px * reach_m / -back + 2.0
        x, y = lens.cx_px - lens.fx_px * right / back, lens.cy_px + lens.fy_px * up / back
        x1, y1 = max(math.floor((x - reach_px).min()), 0), max(math.floor((y - reach_px).min()), 0)
        x2 = min(math.ceil((x + reach_px).max()), lens.width_px)
        y2 = min(math.ceil((y + reach_px).max()), lens.height_px)
        return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def _numbered(self, lens: OpenCvLens, window: Box, groups: Sequence[int]) -> IntArray:
        """Index of the actor at each pixel of a window, -1 for anything else."""
        scene, flags = self._scene, mujoco.mjtRndFlag
        width_px, height_px = window[2] - window[0], window[3] - window[1]
        scene.flags[flags.mjRND_SEGMENT] = scene.flags[flags.mjRND_IDCOLOR] = True
        self._render(lens, window, groups)
        scene.flags[flags.mjRND_SEGMENT] = scene.flags[flags.mjRND_IDCOLOR] = False
        rgb = np.empty((height_px, width_px, 3), np.uint8)
        mujoco.mjr_readPixels(rgb, None, mujoco.MjrRect(0, 0, width_px, height_px), self._context)
        actor_of_colour = np.full(scene.ngeom + 1, -1, np.int32)
        for geom in scene.geoms[: scene.ngeom]:
            actor_of_colour[geom.segid + 1] = self._actor_of_geom[geom.objid]
        colour = rgb.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)
        numbered: IntArray = actor_of_colour[colour[::-1]]
        return numbered


def _check(lens: OpenCvLens, buffer: Any) -> None:
    if lens.width_px > buffer.offwidth or lens.height_px > buffer.offheight:
        raise WorldError(
            f"camera lens: expected at most {buffer.offwidth}x{buffer.offheight} pixels, "
            f"got {lens.width_px}x{lens.height_px}"
        )
    if any((lens.k1, lens.k2, lens.k3, lens.p1, lens.p2)):
        raise WorldError("camera lens: the world is drawn through a pinhole; expected k1, k2, k3, p1 and p2 of 0")
    if abs(lens.fx_px / lens.fy_px - 1.0) > 0.002:
        raise WorldError(f"camera lens: expected square pixels, got fx_px {lens.fx_px:g} and fy_px {lens.fy_px:g}")


def _body_of(actor: Actor) -> str:
    return f"actor/{actor.id}"


def _spot(pose: CameraPose) -> tuple[float, float, float]:
    return (pose.east_m, pose.north_m, pose.up_m)


def _geoms_under(model: Any, body_name: str) -> IntArray:
    """Geoms of a body and of all that hang on it."""
    top = model.body(body_name).id
    mine = np.zeros(model.nbody, bool)
    for body in range(top, model.nbody):  # parents come first
        mine[body] = body == top or mine[model.body_parentid[body]]
    return np.flatnonzero(mine[model.geom_bodyid]).astype(np.int32)


def _lowest_m(model: Any, data: Any, geoms: IntArray) -> float:
    """Height of the lowest point of capsules and spheres."""
    is_capsule = model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_CAPSULE
    upright = np.abs(data.geom_xmat[geoms][:, 8])
    below_m = model.geom_size[geoms, 0] + np.where(is_capsule, upright * model.geom_size[geoms, 1], 0.0)
    return float((data.geom_xpos[geoms, 2] - below_m).min())
