"""Parts that move on their own: an animal's legs with its way, plants with the wind."""

import math
from typing import Any

import numpy as np

from sim.actors import Standing
from sim.scenario import Weather
from sim.world.bodies import LEG_NAMES
from sim.world.quaternions import about_x, about_y, product
from sim.world.scenery import SWAY_NAME

TROT_CYCLE_M = 0.9
LEG_SWING = 0.55  # radians to either side
LEAN_PER_M_S, SWAY_PER_M_S = 0.004, 0.006  # radians at the foot of what sways: 7 degrees in all at 12 m/s
GUST_HZ = 0.13


class Animal:
    """Diagonal legs swing together."""

    def __init__(self, model: Any, name: str) -> None:
        self._model = model
        self._legs = [model.body(f"{name}/{leg}").id for leg in LEG_NAMES]

    def step(self, standing: Standing) -> None:
        phase = math.tau * standing.walked_m / TROT_CYCLE_M
        wide = LEG_SWING if standing.speed_m_s > 0.0 else 0.0
        for leg, half in zip(self._legs, (0.0, math.pi, math.pi, 0.0), strict=True):
            self._model.body_quat[leg] = about_y(wide * math.sin(phase + half))


class Swaying:
    """Every tree and bush leans with the wind and swings about that, each in its own time."""

    def __init__(self, model: Any, weather: Weather) -> None:
        self._model = model
        self._wind_m_s = weather.wind_m_s
        to = math.radians(weather.wind_from_deg + 180.0)
        self._east, self._north = math.sin(to), math.cos(to)
        names = [model.body(i).name for i in range(model.nbody)]
        self._bodies = [i for i, name in enumerate(names) if name.startswith(SWAY_NAME)]
        seeded = np.random.default_rng(len(self._bodies))
        self._phases = seeded.uniform(0.0, math.tau, (len(self._bodies), 3))
        self._rates_hz = seeded.uniform(0.35, 0.8, len(self._bodies))

    def at(self, time_s: float) -> None:
        for body, phases, rate_hz in zip(self._bodies, self._phases, self._rates_hz, strict=True):
            gust = 1.0 + 0.5 * math.sin(math.tau * GUST_HZ * time_s + phases[0])
            swing = math.sin(math.tau * rate_hz * time_s + phases[1])
            along = self._wind_m_s * gust * (LEAN_PER_M_S + SWAY_PER_M_S * swing)
            across = (
                0.4 * self._wind_m_s * gust * SWAY_PER_M_S * math.sin(math.tau * 1.3 * rate_hz * time_s + phases[2])
            )
            east, north = along * self._east + across * self._north, along * self._north - across * self._east
            self._model.body_quat[body] = product(about_y(east), about_x(-north))
