"""A drone's camera in flight, and what its instruments tell of it: pure, the same for the same seed.

The drone goes round an ellipse (of no width: to and fro) and its gimbal is aimed at a place on the ground, with the
sway that wind and a gimbal leave, and with looks to the side. Instruments err as real ones do: slowly, so that an error
of one moment is nearly that of the next, and by a little that is new each time.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.site import CameraPose

Floats = npt.NDArray[np.float64]

POSE_PERIOD_US = 100_000  # 10 Hz, as autopilots stream it
POSITION_SIGMA_M, POSITION_TAU_S = 0.6, 20.0  # GNSS with corrections, each axis; how long an error stays
ATTITUDE_SIGMA_DEG, ATTITUDE_TAU_S = 0.3, 6.0  # of a stabilised gimbal, each angle
POSITION_JITTER_M, ATTITUDE_JITTER_DEG = 0.03, 0.05  # new with each pose
STAMP_SIGMA_US = 5_000.0  # when the pose was taken against when it says so
ASIDE_S = 2.4  # of a look to the side and back
ASIDE_DEG = 75.0
SWAY_HZ = (0.11, 0.29, 0.83)
SWAY_M, SWAY_DEG = (0.3, 0.15, 0.03), (1.2, 0.5, 0.2)


@dataclass(frozen=True, slots=True)
class Flight:
    """Metres east and north of the site. across_m, along_m: half axes of the ellipse, east and north; the way begins
    `bearing_deg` from its middle. aims_at: the place on the ground that it looks at, which wanders by `wander_m`.
    looks_aside_s: moments at which it turns away from it and back."""

    middle_m: tuple[float, float]
    across_m: float
    along_m: float
    aims_at_m: tuple[float, float]
    bearing_deg: float = 180.0
    height_m: float = 30.0
    round_s: float = 50.0
    wander_m: float = 3.0
    looks_aside_s: tuple[float, ...] = ()
    seed: int = 1

    def at(self, time_s: float) -> CameraPose:
        """Where it truly is and looks; its sigmas are those that the instruments claim."""
        phases = np.random.default_rng(self.seed).uniform(0.0, math.tau, (8, len(SWAY_HZ)))
        sway = np.sin(math.tau * np.array(SWAY_HZ) * time_s + phases)
        turn = math.radians(self.bearing_deg) + math.tau * time_s / self.round_s
        east_m, north_m, up_m = (sway[:3] @ np.array(SWAY_M)).tolist()
        east_m += self.middle_m[0] + self.across_m * math.sin(turn)
        north_m += self.middle_m[1] + self.along_m * math.cos(turn)
        up_m += self.height_m
        heading_deg, pitch_deg, roll_deg = (sway[3:6] @ np.array(SWAY_DEG)).tolist()
        to_east_m, to_north_m = np.array(self.aims_at_m) + self.wander_m * sway[6:8, 0] - (east_m, north_m)
        return CameraPose(
            east_m=east_m,
            north_m=north_m,
            up_m=up_m,
            heading_deg=(heading_deg + math.degrees(math.atan2(to_east_m, to_north_m)) + self._aside_deg(time_s)) % 360,
            pitch_deg=pitch_deg - math.degrees(math.atan2(up_m, math.hypot(to_east_m, to_north_m))),
            roll_deg=roll_deg,
            position_sigma_m=POSITION_SIGMA_M,
            attitude_sigma_deg=ATTITUDE_SIGMA_DEG,
        )

    def _aside_deg(self, time_s: float) -> float:
        """Out and back, without a jerk."""
        since_s = (time_s - moment for moment in self.looks_aside_s)
        return sum(ASIDE_DEG * math.sin(math.pi * s / ASIDE_S) ** 2 for s in since_s if 0.0 < s < ASIDE_S)


def told_poses(flight: Flight, *, length_s: float, seed: int) -> Iterator[tuple[int, CameraPose]]:
    """What the instruments say: microseconds since the beginning, and the pose; one more than the flight is long."""
    chance = np.random.default_rng(seed)
    count = math.ceil(length_s * 1e6 / POSE_PERIOD_US) + 2
    sigmas = np.array([POSITION_SIGMA_M] * 3 + [ATTITUDE_SIGMA_DEG] * 3)
    taus_s = np.array([POSITION_TAU_S] * 3 + [ATTITUDE_TAU_S] * 3)
    jitter = np.array([POSITION_JITTER_M] * 3 + [ATTITUDE_JITTER_DEG] * 3)
    kept = np.exp(-POSE_PERIOD_US / 1e6 / taus_s)
    error = chance.normal(0.0, sigmas)
    for index in range(count):
        told_us = index * POSE_PERIOD_US
        true = flight.at(told_us / 1e6 + float(chance.normal(0.0, STAMP_SIGMA_US)) / 1e6)
        yield told_us, _wrong_by(true, error + chance.normal(0.0, jitter))
        error = kept * error + chance.normal(0.0, sigmas * np.sqrt(1.0 - kept**2))


def _wrong_by(pose: CameraPose, error: Floats) -> CameraPose:
    names = ("east_m", "north_m", "up_m", "heading_deg", "pitch_deg", "roll_deg")
    moved = {name: getattr(pose, name) + each for name, each in zip(names, error.tolist(), strict=True)}
    moved["pitch_deg"] = max(moved["pitch_deg"], -90.0)
    return CameraPose.model_validate({**pose.model_dump(), **moved})
