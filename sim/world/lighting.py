"""Sun by day, lamps by night.

MuJoCo's OpenGL takes eight lights at once, the one at the camera among them: of more lamps, those nearest to where a
camera looks are lit.
"""

import math
from typing import Any

import mujoco
import numpy as np

from contract.site import CameraPose
from sim.scenario import Light, Scenery

LIT_AT_ONCE = 7
LAMP_CONE_DEG = 75.0
LAMP_FALLS_TO_HALF_M = 7.0
LAMP = (2.0, 1.85, 1.5)
LOOKS_AHEAD_M = 60.0  # a level view is taken to end there


def add_lights(spec: Any, scenery: Scenery, light: Light, *, with_shadows: bool) -> None:
    camera = spec.visual.headlight  # what comes from everywhere
    camera.specular = [0.0] * 3
    if light.is_night:
        camera.ambient, camera.diffuse = [0.060, 0.064, 0.076], [0.01] * 3
        if light.lamps_on:
            for index, lamp in enumerate(scenery.lamps):
                _add_lamp(spec.worldbody, f"lamp-{index}", (lamp.east_m, lamp.north_m, lamp.height_m))
        return
    high = math.sin(math.radians(light.sun_elevation_deg))
    camera.ambient, camera.diffuse = [0.50] * 3, [0.08] * 3
    elevation, heading = math.radians(light.sun_elevation_deg), math.radians(light.sun_heading_deg)
    flat = math.cos(elevation)
    warm = max(0.0, 1.0 - 3.0 * high)  # below 20 degrees the light reddens
    sun = 0.48 / max(high, 0.45)  # the camera's exposure follows
    spec.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0, 0, 50],
        dir=[-flat * math.sin(heading), -flat * math.cos(heading), -high],
        diffuse=[sun, sun * (0.97 - 0.15 * warm), sun * (0.90 - 0.40 * warm)],
        specular=[0, 0, 0],
        castshadow=with_shadows,
    )


def _add_lamp(world: Any, name: str, at: tuple[float, float, float]) -> None:
    world.add_light(
        name=name,
        type=mujoco.mjtLightType.mjLIGHT_SPOT,
        pos=at,
        dir=[0, 0, -1],
        cutoff=LAMP_CONE_DEG,
        exponent=1.5,
        attenuation=[1.0, 0.0, 1.0 / LAMP_FALLS_TO_HALF_M**2],
        diffuse=LAMP,
        specular=[0, 0, 0],
        castshadow=False,
    )


def light_nearest(model: Any, pose: CameraPose) -> None:
    """Switch on the lamps that this camera needs most."""
    if model.nlight <= LIT_AT_ONCE:
        return
    down = math.tan(math.radians(max(-pose.pitch_deg, 0.1)))
    ahead_m = min(pose.up_m / down, LOOKS_AHEAD_M)
    heading = math.radians(pose.heading_deg)
    spot = (pose.east_m + ahead_m * math.sin(heading), pose.north_m + ahead_m * math.cos(heading))
    away_m = np.hypot(*(model.light_pos[:, :2] - spot).T)
    model.light_active[:] = 0
    model.light_active[np.argsort(away_m, kind="stable")[:LIT_AT_ONCE]] = 1
