"""The air about one vehicle: a mean from somewhere, and gusts about it, drawn once a second."""

import math
from collections.abc import Callable

GUST_EACH_S_FRAC = 0.07  # of the mean wind; with the pull below a standard deviation of 12 %: open land at rotor height
GUST_PULL_FRAC = 0.2


class Wind:
    """`m_s` now; `vector` is where the air moves, m/s east and north."""

    def __init__(self, mean_m_s: float, from_deg: float) -> None:
        self.blow(mean_m_s, from_deg)

    def blow(self, mean_m_s: float, from_deg: float) -> None:
        """Another wind, at once."""
        self.mean_m_s, self.from_deg = mean_m_s, from_deg
        self._set(mean_m_s)

    def gust(self, draw: Callable[[float, float], float]) -> None:
        """Once a second; `draw` of a mean and a standard deviation."""
        back_m_s = GUST_PULL_FRAC * (self.mean_m_s - self.m_s)
        self._set(max(0.0, self.m_s + back_m_s + draw(0.0, GUST_EACH_S_FRAC * self.mean_m_s)))

    def _set(self, m_s: float) -> None:
        towards = math.radians(self.from_deg + 180.0)
        self.m_s = m_s
        self.vector = (m_s * math.sin(towards), m_s * math.cos(towards))
