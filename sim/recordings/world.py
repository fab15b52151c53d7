"""The demo's site as a picture: ground, fence, hall and one walking figure, drawn by MuJoCo on the CPU.

World axes are the site's east, north, up. The camera's rotation is built here from the words of CameraPose and not
taken from edge, so that a mistake in either shows as a difference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from contract.site import CameraPose, OpenCvLens, Site
from detectors.frame import ImageBgr
from sim.recordings.walk import Stance, limb_angles
from sim.world.quaternions import FloatArray, about_x, about_z, inverse, product, shortest, turned

FIGURE = "locomotion/walkers/assets/humanoid_CMU_V2020.xml"
FIGURE_GROUP, WORLD_GROUP = 2, 0
FACES_EAST = np.array([0.859, 1.0, 1.0, 0.859])  # root quaternion that stands the figure up, facing +x
UNTURNED = np.array([1.0, 0.0, 0.0, 0.0])
SEED = 7
FENCE_NORTH_M, FENCE_HEIGHT_M, POST_EACH_M = 60.0, 1.8, 2.5
GATE_EAST_M = (-1.0, 2.0)
FEET = ("lfoot", "rfoot", "ltoes", "rtoes")
CLOTHES = {
    ("root", "lhip", "rhip", "lfemur", "rfemur", "ltibia", "rtibia"): (0.14, 0.17, 0.27),
    ("lower", "upperback", "thorax", "lclav", "rclav", "lhum", "rhum", "lrad", "rrad"): (0.52, 0.13, 0.10),
    FEET: (0.07, 0.06, 0.06),
}
SKIN, HAIR = (0.78, 0.57, 0.44), (0.12, 0.08, 0.05)
CLOTH_IS_WIDER = 1.12


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the full frame, pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def of_image(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


class World:
    """Place the figure, then draw. Lenses are pinholes with square pixels. Use as a context manager."""

    def __init__(self, site: Site, *, size_px: tuple[int, int]) -> None:
        width_px, height_px = size_px
        spec = _figure()
        spec.visual.global_.offwidth, spec.visual.global_.offheight = width_px, height_px
        spec.visual.quality.shadowsize = 2048
        spec.stat.extent, spec.visual.map.znear, spec.visual.map.zfar = 100.0, 0.01, 6.0
        _add_ground_and_sky(spec)
        _add_fence(spec)
        _add_buildings(spec, site)
        _add_trees(spec)
        spec.worldbody.add_camera(name="eye")
        self._model: Any = spec.compile()
        self._data: Any = mujoco.MjData(self._model)
        self._rest = self._model.body_quat.copy()
        self._feet = [i for i in range(self._model.ngeom) if self._model.geom(i).name.startswith(FEET)]
        self._renderers: dict[tuple[int, int], Any] = {}
        self._only_figure: Any = mujoco.MjvOption()
        self._only_figure.geomgroup[:] = 0
        self._only_figure.geomgroup[FIGURE_GROUP] = 1

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        for renderer in self._renderers.values():
            renderer.close()

    def place(self, stance: Stance) -> None:
        """Pose the limbs and set the lower foot on the ground."""
        model, root = self._model, self._model.body("root").id
        turn = about_z(math.radians(90.0 - stance.heading_deg))
        model.body_quat[root] = product(turn, FACES_EAST / np.linalg.norm(FACES_EAST))
        angles = limb_angles(stance)
        for side, outwards in (("l", 1.0), ("r", -1.0)):
            for upper, lower, splay in (("femur", "tibia", 0.03), ("humerus", "radius", 0.12)):
                held = self._aim(f"{side}{upper}", angles[f"{side}{upper}"], splay * outwards, UNTURNED)
                self._aim(f"{side}{lower}", angles[f"{side}{lower}"], 0.3 * splay * outwards, held)
        model.body_pos[root] = (stance.east_m, stance.north_m, 1.0)
        mujoco.mj_kinematics(model, self._data)
        model.body_pos[root][2] -= min(self._lowest_m(geom) for geom in self._feet)

    def draw(self, lens: OpenCvLens, pose: CameraPose, window: Window) -> ImageBgr:
        renderer = self._aimed(lens, pose, window, option=None)
        renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = True
        return np.ascontiguousarray(renderer.render()[:, :, ::-1])

    def figure_box(self, lens: OpenCvLens, pose: CameraPose, window: Window) -> tuple[int, int, int, int] | None:
        """x1, y1, x2, y2 of the figure in the full frame, as if nothing stood before it; None unless it is whole in the
        window."""
        renderer = self._aimed(lens, pose, window, option=self._only_figure)
        renderer.enable_segmentation_rendering()
        seen = renderer.render()[:, :, 0] >= 0
        renderer.disable_segmentation_rendering()
        columns, rows = np.flatnonzero(seen.any(axis=0)), np.flatnonzero(seen.any(axis=1))
        if not len(columns):
            return None
        x1, y1, x2, y2 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
        is_whole = x1 > 0 and y1 > 0 and x2 < window.width and y2 < window.height
        return (x1 + window.left, y1 + window.top, x2 + window.left, y2 + window.top) if is_whole else None

    def _aimed(self, lens: OpenCvLens, pose: CameraPose, window: Window, *, option: Any) -> Any:
        """A renderer whose frustum is cut to the window, so that it draws the whole frame's picture there."""
        size = (window.height, window.width)
        if size not in self._renderers:
            self._renderers[size] = mujoco.Renderer(self._model, *size)
        self._look(lens, pose)
        renderer = self._renderers[size]
        renderer.update_scene(self._data, "eye", option)
        for camera in renderer.scene.camera:
            per_px = camera.frustum_near / lens.fx_px
            camera.frustum_center = (window.left + window.width / 2.0 - lens.cx_px) * per_px
            camera.frustum_top = (lens.cy_px - window.top) * per_px
            camera.frustum_bottom = (lens.cy_px - window.top - window.height) * per_px
        return renderer

    def _look(self, lens: OpenCvLens, pose: CameraPose) -> None:
        eye = self._model.camera("eye").id
        self._model.cam_pos[eye] = (pose.east_m, pose.north_m, pose.up_m)
        tilt = about_x(math.radians(90.0 + pose.pitch_deg))  # MuJoCo's camera looks down -z with +y on top
        roll = about_z(-math.radians(pose.roll_deg))
        self._model.cam_quat[eye] = product(about_z(-math.radians(pose.heading_deg)), product(tilt, roll))
        self._model.cam_fovy[eye] = math.degrees(2.0 * math.atan(lens.height_px / 2.0 / lens.fy_px))
        mujoco.mj_forward(self._model, self._data)

    def _aim(self, name: str, angle: float, outwards: float, held: FloatArray) -> FloatArray:
        """Point a limb, whose own axis is -y; `held` is its parent against the root (x left, y up, z forward)."""
        body = self._model.body(name).id
        wanted = np.array([math.sin(outwards), -math.cos(angle), math.sin(angle)])
        wanted = turned(inverse(held), wanted / np.linalg.norm(wanted))
        rest = self._rest[body]
        self._model.body_quat[body] = product(shortest(turned(rest, np.array([0.0, -1.0, 0.0])), wanted), rest)
        return product(held, self._model.body_quat[body])

    def _lowest_m(self, geom: int) -> float:
        radius_m, half_m, _ = self._model.geom_size[geom]
        is_sphere = self._model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_SPHERE
        along = 0.0 if is_sphere else abs(self._data.geom_xmat[geom].reshape(3, 3)[2, 2]) * half_m
        return float(self._data.geom_xpos[geom][2] - along - radius_m)


def _figure() -> Any:
    """dm_control's CMU humanoid, dressed."""
    package = find_spec("dm_control")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("dm_control: expected the extra 'sim' to be installed")
    spec = mujoco.MjSpec.from_file(str(Path(package.origin).parent / FIGURE))
    for light in list(spec.lights):
        spec.delete(light)
    for geom in spec.geoms:
        colour = next((c for names, c in CLOTHES.items() if geom.name.startswith(names)), SKIN)
        geom.material, geom.group, geom.rgba = "", FIGURE_GROUP, (*colour, 1.0)
        if colour != SKIN and not geom.name.startswith(FEET):
            geom.size = [geom.size[0] * CLOTH_IS_WIDER, *geom.size[1:]]
    spec.body("head").add_geom(
        name="hair",
        type=mujoco.mjtGeom.mjGEOM_ELLIPSOID,
        pos=[0.0, 0.085, 0.005],
        size=[0.1, 0.085, 0.115],
        group=FIGURE_GROUP,
        rgba=(*HAIR, 1.0),
    )
    return spec


def _add_texture(spec: Any, name: str, *, colour: tuple[int, int, int], contrast: float, tile_m: float) -> None:
    """A material of grain in several sizes that tiles without a seam."""
    size_px = 512
    seeded = np.random.default_rng([SEED, *name.encode()])
    grain = np.zeros((size_px, size_px))
    for cells, weight in ((8, 0.35), (32, 0.3), (128, 0.25), (size_px, 0.2)):
        grain += weight * np.kron(seeded.uniform(-1.0, 1.0, (cells, cells)), np.ones((size_px // cells,) * 2))
    pixels = np.clip((1.0 + contrast * grain)[:, :, None] * np.array(colour), 0, 255).astype(np.uint8)
    texture = spec.add_texture(
        name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=size_px, height=size_px, nchannel=3
    )
    texture.data = pixels.tobytes()
    material = spec.add_material(name=name, texuniform=True, texrepeat=[1.0 / tile_m] * 2, specular=0.0, shininess=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def _add_box(spec: Any, low: Sequence[float], high: Sequence[float], **look: object) -> None:
    centre = [(a + b) / 2.0 for a, b in zip(low, high, strict=True)]
    half = [(b - a) / 2.0 for a, b in zip(low, high, strict=True)]
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=centre, size=half, group=WORLD_GROUP, **look)


def _add_ground_and_sky(spec: Any) -> None:
    _add_texture(spec, "meadow", colour=(104, 116, 66), contrast=0.30, tile_m=6.0)
    _add_texture(spec, "yard", colour=(138, 134, 126), contrast=0.16, tile_m=5.0)
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_PLANE, size=[400, 400, 1], pos=[0, 0, -0.02], group=WORLD_GROUP, material="meadow"
    )
    _add_box(spec, (-70.0, -50.0, -0.2), (70.0, FENCE_NORTH_M + 0.3, 0.0), material="yard")
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.45, 0.62, 0.85],
        rgb2=[0.86, 0.89, 0.92],
        width=256,
        height=256,
    )
    light = spec.visual.headlight
    light.ambient, light.diffuse, light.specular = [0.42] * 3, [0.1] * 3, [0.0] * 3
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0, 50, 30],
        dir=[0.45, 0.35, -0.8],
        diffuse=[0.62, 0.6, 0.55],
        specular=[0, 0, 0],
        castshadow=True,
    )


def _add_fence(spec: Any) -> None:
    """Posts and rails, with a gate left open where he comes through."""

    def add_bar(a: Sequence[float], b: Sequence[float], radius_m: float) -> None:
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[*a, *b],
            size=[radius_m, 0, 0],
            group=WORLD_GROUP,
            rgba=(0.52, 0.55, 0.56, 1.0),
        )

    def add_rails(a: tuple[float, float], b: tuple[float, float]) -> None:
        for height_m in (0.25, 1.0, FENCE_HEIGHT_M - 0.05):
            add_bar((*a, height_m), (*b, height_m), 0.018)

    for start, end in ((GATE_EAST_M[0], -48.5), (GATE_EAST_M[1], 69.5)):
        step = math.copysign(POST_EACH_M, end - start)
        for east_m in np.arange(start, end + step / 2, step):
            add_bar((east_m, FENCE_NORTH_M, 0.0), (east_m, FENCE_NORTH_M, FENCE_HEIGHT_M), 0.035)
        add_rails((start, FENCE_NORTH_M), (end, FENCE_NORTH_M))
    leaf_end = (GATE_EAST_M[1] + 0.6, FENCE_NORTH_M + 2.8)
    add_bar((*leaf_end, 0.1), (*leaf_end, FENCE_HEIGHT_M), 0.03)
    add_rails((GATE_EAST_M[1], FENCE_NORTH_M), leaf_end)


def _add_buildings(spec: Any, site: Site) -> None:
    """Each as the box around its outline, with windows to the west, and a container in the yard."""
    _add_texture(spec, "wall", colour=(176, 178, 174), contrast=0.05, tile_m=12.0)
    frame = site.local_frame()
    for building in site.buildings:
        corners = [frame.to_enu(corner) for corner in building.polygon]
        west, east = min(c.east_m for c in corners), max(c.east_m for c in corners)
        south, north = min(c.north_m for c in corners), max(c.north_m for c in corners)
        _add_box(spec, (west, south, 0.0), (east, north, building.height_m), material="wall")
        for along in np.arange(south + 2.0, north - 3.0, 4.0):
            _add_box(spec, (west - 0.03, along, 3.6), (west, along + 2.4, 4.8), rgba=(0.16, 0.2, 0.25, 1.0))
    _add_box(spec, (22.0, 46.0, 0.0), (24.4, 52.1, 2.6), rgba=(0.16, 0.33, 0.36, 1.0))


def _add_trees(spec: Any) -> None:
    """A line of them far outside, too coarse to be taken for people."""
    seeded = np.random.default_rng(SEED)
    for east_m in np.arange(-60.0, 260.0, 7.0):
        north_m, height_m = 150.0 - 0.25 * east_m + seeded.uniform(-8.0, 8.0), seeded.uniform(7.0, 12.0)
        shade = seeded.uniform(0.75, 1.1)
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_ELLIPSOID,
            pos=[east_m, north_m, height_m * 0.5],
            size=[5.0, 5.0, height_m * 0.55],
            group=WORLD_GROUP,
            rgba=(0.2 * shade, 0.3 * shade, 0.14 * shade, 1.0),
        )
