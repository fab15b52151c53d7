"""Points that a surveyor might have measured, seen through a known camera."""

import numpy as np

from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import CameraPose, Lens, OpenCvLens
from edge.calibration.pairs import Mark
from edge.perception.locate import Locator

FRAME = LocalFrame(GeoPoint(lat_deg=52.0, lon_deg=13.0), ground_amsl_m=60.0)
LENS = OpenCvLens.pinhole(1280, 720, focal_px=1000.0)
POSE = CameraPose(east_m=-4.0, north_m=3.0, up_m=6.0, heading_deg=31.0, pitch_deg=-18.0, roll_deg=1.5)
# (right of the middle of the view, away from the camera), metres
YARD = ((-4, 11), (3, 10), (6, 14), (-8, 17), (0, 18), (9, 22), (-12, 27), (4, 30), (-3, 40), (16, 38))


def ground(pose: CameraPose, *, heights_m: tuple[float, ...] = (0.0,)) -> list[PointEnu]:
    """YARD as the camera at `pose` has it before it; heights in turn."""
    heading = np.radians(pose.heading_deg)
    ahead, right = np.array([np.sin(heading), np.cos(heading)]), np.array([np.cos(heading), -np.sin(heading)])
    places = [(np.array([pose.east_m, pose.north_m]) + x * right + y * ahead).tolist() for x, y in YARD]
    return [PointEnu(east, north, heights_m[n % len(heights_m)]) for n, (east, north) in enumerate(places)]


def seen(
    places: list[PointEnu], *, lens: Lens = LENS, pose: CameraPose = POSE, noise_px: float = 0.0, seed: int = 0
) -> list[Mark]:
    """Where the camera shows them, named p0, p1 and so on."""
    enu = np.array([(place.east_m, place.north_m, place.up_m) for place in places])
    pixels = Locator(lens=lens, frame=FRAME).project(enu, pose)
    pixels = pixels + np.random.default_rng(seed).normal(0.0, noise_px, pixels.shape)
    return [Mark(f"p{n}", x, y, place) for n, ((x, y), place) in enumerate(zip(pixels.tolist(), places, strict=True))]
