"""A compiled world through a camera: aim it, take colours and distances, count who is seen. Whatever the world shows,
it is drawn here. Lenses are pinholes with square pixels; an actor is a number and its geoms.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import mujoco
import numpy as np

from contract.site import CameraPose, OpenCvLens
from detectors.frame import ImageBgr
from sim.world.air import SKY_M, FloatArray
from sim.world.drawn import IntArray, box_of
from sim.world.errors import WorldError
from sim.world.lighting import light_nearest
from sim.world.quaternions import about_x, about_z, product
from sim.world.shapes import ACTOR, HIDDEN, SCENE, VEIL

NEAR_M, FAR_M = 0.4, 800.0

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Extent:
    """An actor's own visible pixels, right and lower edge exclusive, and their share of those it would have alone."""

    xyxy_px: Box
    visible_frac: float


class Canvas:
    """Use as a context manager; `data.cam...` and the geoms' groups are the caller's to set."""

    def __init__(self, model: Any, data: Any, geoms_of: Sequence[IntArray], *, with_shadows: bool) -> None:
        self._model, self._data, self._geoms_of = model, data, geoms_of
        self._actor_of_geom = np.full(model.ngeom + 1, -1, np.int32)  # the last stands for no geom
        for index, geoms in enumerate(geoms_of):
            self._actor_of_geom[geoms] = index
        self._scene: Any = mujoco.MjvScene(model, model.ngeom + 10)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = with_shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._eye: Any = mujoco.MjvCamera()
        self._eye.type, self._eye.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
        self._gl: Any = None
        self._context: Any = None

    def __enter__(self) -> "Canvas":
        visual = self._model.vis.global_
        self._gl = mujoco.GLContext(visual.offwidth, visual.offheight)
        self._gl.make_current()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        return self

    def __exit__(self, *_: object) -> None:
        self._context.free()
        self._gl.free()

    def begin(self, lens: OpenCvLens) -> None:
        """Before anything of a picture. Raises WorldError for a lens that cannot be drawn."""
        _check(lens, self._model.vis.global_)
        self._gl.make_current()

    def aim(self, pose: CameraPose) -> None:
        model = self._model
        light_nearest(model, pose)
        model.cam_pos[0] = spot(pose)
        tilt = about_x(math.radians(90.0 + pose.pitch_deg))  # MuJoCo's camera looks down -z with +y on top
        roll = about_z(-math.radians(pose.roll_deg))
        model.cam_quat[0] = product(about_z(-math.radians(pose.heading_deg)), product(tilt, roll))
        mujoco.mj_kinematics(model, self._data)
        mujoco.mj_comPos(model, self._data)
        mujoco.mj_camlight(model, self._data)

    def picture(self, lens: OpenCvLens) -> tuple[ImageBgr, FloatArray]:
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

    def truth(self, present: Sequence[int], lens: OpenCvLens) -> Mapping[int, Extent]:
        """Who of these is seen, from pictures in which every geom has its own colour: one of all, and one of each
        alone. Who has no visible pixel is left out."""
        windows = {index: self._window_of(self._geoms_of[index], lens) for index in present}
        reached = np.array([window for window in windows.values() if window is not None])
        if not len(reached):
            return {}
        left, top = reached[:, :2].min(axis=0)
        right, bottom = reached[:, 2:].max(axis=0)
        seen = self._numbered(lens, (int(left), int(top), int(right), int(bottom)), (SCENE, ACTOR))
        extents = {}
        for index, window in windows.items():
            found = box_of(seen, index)
            if found is None or window is None:
                continue
            (x1, y1, x2, y2), count = found
            for other in windows:
                self._model.geom_group[self._geoms_of[other]] = ACTOR if other == index else HIDDEN
            alone = int(np.count_nonzero(self._numbered(lens, window, (ACTOR,)) == index))
            box = (x1 + int(left), y1 + int(top), x2 + int(left), y2 + int(top))
            extents[index] = Extent(box, round(count / max(alone, count), 3))
        return extents

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


def spot(pose: CameraPose) -> tuple[float, float, float]:
    return (pose.east_m, pose.north_m, pose.up_m)


def geoms_under(model: Any, body_name: str) -> IntArray:
    """Geoms of a body and of all that hang on it."""
    top = model.body(body_name).id
    mine = np.zeros(model.nbody, bool)
    for body in range(top, model.nbody):  # parents come first
        mine[body] = body == top or mine[model.body_parentid[body]]
    return np.flatnonzero(mine[model.geom_bodyid]).astype(np.int32)


def lowest_m(model: Any, data: Any, geoms: IntArray) -> float:
    """Height of the lowest point of capsules and spheres."""
    is_capsule = model.geom_type[geoms] == mujoco.mjtGeom.mjGEOM_CAPSULE
    upright = np.abs(data.geom_xmat[geoms][:, 8])
    below_m = model.geom_size[geoms, 0] + np.where(is_capsule, upright * model.geom_size[geoms, 1], 0.0)
    return float((data.geom_xpos[geoms, 2] - below_m).min())
