"""One picture of a place: where the camera is, who is about, what the weather and the camera make of it."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from contract.site import CameraPose, OpenCvLens
from sim.actors import GAIT_SPEED_M_S, Standing
from sim.dataset.labels import Labelled, Picture
from sim.dataset.optics import (
    Air,
    chosen_sensor,
    coded,
    flooded,
    sensed,
    through_air,
    with_precipitation,
    with_sky,
)
from sim.dataset.people import carried_otherwise
from sim.dataset.place import ANIMALS, PERSONS, VEHICLES, Body, Place, Sun
from sim.scenario import Actor, Gait, Stop
from sim.sight import FloatArray, axes_of
from sim.world.canvas import Extent
from sim.world.gait import posture_of

Grey = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]
SIZES_PX = ((640, 360), (640, 480), (768, 576), (960, 540))
SIZE_CHANCES = (0.36, 0.3, 0.26, 0.08)
VIEWS, VIEW_CHANCES = ("mast", "robot", "drone"), (0.54, 0.27, 0.19)
EMPTY = 0.13  # some more have nobody by chance
END_ON = 0.4  # animals seen from straight behind or before, when they are as narrow as a person
CLEAR_OF_VISIBILITY = 0.4  # of it: nobody stands where no contrast is left


def shot(place: Place, index: int) -> Picture:
    """The picture of that number of a place; the same each time."""
    rng = np.random.default_rng([place.seed, 1 + index])
    view = str(rng.choice(VIEWS, p=VIEW_CHANCES))
    size = SIZES_PX[rng.choice(4, p=SIZE_CHANCES)]
    finer = 2 if size[0] < 900 and rng.uniform() < 0.8 else 1
    pose, lens = _camera(place, view, size, rng)
    sun, air = _sun(place, rng), _air(place, rng)
    flood_m = (
        float(rng.uniform(9.0, 35.0)) + 0.7 * pose.up_m if place.light == "ir" and not place.is_thermal else math.inf
    )
    most_m = lens.fx_px * 1.75 / 9.0  # a person is 9 px high there
    if not place.is_thermal:
        most_m = min(most_m, CLEAR_OF_VISIBILITY * air.visibility_m, 2.5 * flood_m)
    bodies = _cast(place, view, _Floor(place, pose, lens, rng), most_m, rng)
    image, away_m, extents = place.draw(bodies, pose, _enlarged(lens, finer), sun)
    if finer > 1:
        image, away_m = (_reduced(each, size) for each in (image, away_m))
    if not place.is_thermal:
        image = through_air(with_sky(image, away_m, pose, lens, air), away_m, air)
    if math.isfinite(flood_m):
        image = flooded(image, away_m, flood_m)
    if air.weather in ("rain", "snowfall"):
        image = with_precipitation(image, air.weather, rng, light=0.8 * max(air.haze_bgr) + 30.0)
    if place.is_thermal and rng.uniform() < 0.35:
        image = 255.0 - image  # black is hot
    sensor = chosen_sensor(rng, place.light)
    final = coded(sensed(image, sensor, rng), sensor)
    grey = np.asarray(cv2.GaussianBlur(cv2.cvtColor(final, cv2.COLOR_BGR2GRAY), (0, 0), 1.2), np.uint8)
    labelled = tuple(_labelled(bodies[at], extent, pose, grey, finer) for at, extent in extents.items())
    return Picture(final, labelled, place.light, view, air.weather)


def _labelled(body: Body, extent: Extent, pose: CameraPose, grey: Grey, finer: int) -> Labelled:
    x1, y1, x2, y2 = (edge / finer for edge in extent.xyxy_px)
    within = grey[math.floor(y1) : math.ceil(y2), math.floor(x1) : math.ceil(x2)]
    dark, bright = np.percentile(within, (4, 96))
    away_m = _distance_m(body.standing, pose)
    return Labelled(body.kind, (x1, y1, x2, y2), extent.visible_frac, away_m, round(float(bright - dark), 1))


def _reduced(image: Light, size: tuple[int, int]) -> Light:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _distance_m(standing: Standing, pose: CameraPose) -> float:
    away = (standing.east_m - pose.east_m, standing.north_m - pose.north_m, 0.9 - pose.up_m)
    return round(math.hypot(*away), 2)


def _enlarged(lens: OpenCvLens, by: int) -> OpenCvLens:
    return lens.model_copy(
        update={key: getattr(lens, key) * by for key in ("width_px", "height_px", "fx_px", "fy_px", "cx_px", "cy_px")}
    )


def _camera(place: Place, view: str, size: tuple[int, int], rng: np.random.Generator) -> tuple[CameraPose, OpenCvLens]:
    """It looks at a spot near the middle of the place, and a person there is of a height drawn by chance."""
    width, height = size
    for _ in range(30):
        spot = rng.normal(0.0, 7.0, 2)
        turn = rng.uniform(0.0, math.tau)
        if view == "mast":
            up, flat, tall_px = rng.uniform(3.0, 8.0), rng.uniform(8.0, 40.0), _log_uniform(rng, 18, 130)
        elif view == "robot":
            up, flat, tall_px = rng.uniform(0.4, 1.6), rng.uniform(3.0, 25.0), _log_uniform(rng, 30, 330)
        else:
            up = rng.uniform(10.0, 60.0)
            flat = up / math.tan(math.radians(rng.uniform(18.0, 88.0)))
            flat, tall_px = min(flat, 70.0), _log_uniform(rng, 12, 75)
        away = math.hypot(up, flat)
        fx = tall_px * height / 400.0 * away / 1.75
        fx = float(np.clip(fx, 0.5 * width, 3.2 * width))  # 90 to 18 degrees wide
        east, north = spot[0] - flat * math.sin(turn), spot[1] - flat * math.cos(turn)
        if up > 12.0 or _is_free(place, np.array([east, north]), spot):
            break
    pitch = -math.degrees(math.atan2(up - 0.9, flat)) + rng.normal(0.0, 2.0)
    roll = rng.normal(0.0, 1.2 if view == "mast" else 3.0)
    pose = CameraPose(
        east_m=east,
        north_m=north,
        up_m=up,
        heading_deg=math.degrees(turn) % 360.0,
        pitch_deg=float(np.clip(pitch, -90.0, 20.0)),
        roll_deg=roll,
    )
    lens = OpenCvLens(
        model="opencv", width_px=width, height_px=height, fx_px=fx, fy_px=fx, cx_px=width / 2.0, cy_px=height / 2.0
    )
    return pose, lens


def _is_free(place: Place, eye: FloatArray, spot: FloatArray) -> bool:
    """Nothing stands at the camera, no house before it."""
    way = eye + np.linspace(0.0, 0.9, 12)[:, None] * (spot - eye)
    for taken in place.taken:
        near_m = np.hypot(*(way - (taken.east_m, taken.north_m)).T)
        if near_m[0] < taken.radius_m + taken.eyes_m or (taken.radius_m > 3.0 and near_m.min() < taken.radius_m):
            return False
    return True


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


class _Floor:
    """Free ground in the picture."""

    def __init__(self, place: Place, pose: CameraPose, lens: OpenCvLens, rng: np.random.Generator) -> None:
        self._taken = [(r.east_m, r.north_m, r.radius_m) for r in place.taken]
        self._pose, self._lens, self._rng, self._axes = pose, lens, rng, axes_of(pose)

    def spot(self, radius_m: float, least_m: float, most_m: float) -> tuple[float, float] | None:
        """Somewhere in the picture or just at its edge, so far away; None where there is no room."""
        lens, pose = self._lens, self._pose
        for _ in range(25):
            u, v = self._rng.uniform(-0.04, 1.04) * lens.width_px, self._rng.uniform(-0.02, 1.1) * lens.height_px
            local = np.array([(u - lens.cx_px) / lens.fx_px, (v - lens.cy_px) / lens.fy_px, 1.0])
            ray: FloatArray = local @ self._axes
            if ray[2] > -0.004:
                continue
            east, north = (np.array([pose.east_m, pose.north_m]) + ray[:2] * (pose.up_m / -ray[2])).tolist()
            away_m = math.hypot(east - pose.east_m, north - pose.north_m, pose.up_m)
            if least_m <= away_m <= most_m and self.take(east, north, radius_m):
                return east, north
        return None

    def bearing_deg(self, east_m: float, north_m: float) -> float:
        """Of a spot from the camera, clockwise from north."""
        return math.degrees(math.atan2(east_m - self._pose.east_m, north_m - self._pose.north_m))

    def take(self, east_m: float, north_m: float, radius_m: float) -> bool:
        if any(math.hypot(east_m - e, north_m - n) < radius_m + r for e, n, r in self._taken):
            return False
        self._taken.append((east_m, north_m, radius_m))
        return True


def _cast(place: Place, view: str, floor: "_Floor", most_m: float, rng: np.random.Generator) -> list[Body]:
    bodies = list(_own(floor, rng))
    if rng.uniform() < EMPTY:
        return bodies
    bodies += _movers(place, floor, most_m, rng)
    if view == "mast":
        count = int(rng.integers(5, PERSONS)) if rng.uniform() < 0.7 else int(rng.integers(1, 5))
    else:
        count = int(rng.choice([1, 2, 3, 4, 7, 10], p=[0.26, 0.24, 0.18, 0.14, 0.11, 0.07]))
    if bodies and rng.uniform() < 0.06:
        count = 0
    return bodies + list(_persons(floor, count, most_m, rng))


def _own(floor: _Floor, rng: np.random.Generator) -> Iterator[Body]:
    for kind in ("copter", "rover"):
        if rng.uniform() < 0.08:
            spot = floor.spot(0.6, 3.0, 40.0)
            if spot is not None:
                up_m = 0.1 if kind == "rover" or rng.uniform() < 0.4 else float(rng.uniform(1.0, 9.0))
                yield Body(
                    kind,
                    0,
                    standing_of(Gait.WALK, *spot, heading_deg=rng.uniform(0, 360)),
                    up_m=up_m * (kind == "copter"),
                )


def _movers(place: Place, floor: _Floor, most_m: float, rng: np.random.Generator) -> Iterator[Body]:
    for kind, chance, most in (("vehicle", 0.42, VEHICLES), ("animal", 0.6, ANIMALS)):
        if rng.uniform() > chance:
            continue
        heading = rng.uniform(0, 360)
        for index in rng.permutation(most)[: rng.integers(1, most + 1)]:
            length_m = place.lengths_m[kind][index]
            spot = floor.spot(0.52 * length_m, 4.0 + length_m, most_m * (1.3 if kind == "vehicle" else 0.6))
            if spot is None:
                continue
            if rng.uniform() < 0.4:
                heading = rng.uniform(0, 360)
            if kind == "animal" and rng.uniform() < END_ON:
                heading = floor.bearing_deg(*spot) + rng.choice([0.0, 180.0]) + rng.normal(0.0, 15.0)
            speed = 1.5 if rng.uniform() < 0.6 else 0.0
            yield Body(
                kind,
                int(index),
                standing_of(Gait.WALK, *spot, heading_deg=heading, speed_m_s=speed, walked_m=rng.uniform(0, 9)),
            )


def _persons(floor: _Floor, count: int, most_m: float, rng: np.random.Generator) -> Iterator[Body]:
    """One by one and in groups that go the same way."""
    free = [int(index) for index in rng.permutation(PERSONS)]
    left = count
    while left > 0 and free:
        spot = floor.spot(0.3, 2.2, most_m)
        if spot is None:
            left -= 1
            continue
        gait = [Gait.WALK, Gait.RUN, Gait.CROUCH, Gait.CRAWL][rng.choice(4, p=[0.85, 0.06, 0.055, 0.035])]
        moves, heading, walked = rng.uniform() < 0.74, rng.uniform(0, 360), rng.uniform(0, 9)
        together = int(rng.choice([1, 2, 3, 4], p=[0.6, 0.24, 0.1, 0.06]))
        for member in range(min(together, left, len(free))):
            here = spot
            if member > 0:
                here = (spot[0] + rng.normal(0, 0.75), spot[1] + rng.normal(0, 0.75))
                if not floor.take(*here, 0.22):
                    continue
            own = gait if rng.uniform() < 0.9 else Gait.WALK
            speed = GAIT_SPEED_M_S[own] * rng.uniform(0.6, 1.25) if moves else 0.0
            turned = heading + (rng.normal(0, 8) if moves else rng.uniform(-180, 180))
            standing = standing_of(
                own, *here, heading_deg=turned, speed_m_s=speed, walked_m=walked + rng.uniform(0, 1.6)
            )
            posture = carried_otherwise(posture_of(standing), own, rng, moves=moves)
            yield Body("person", free.pop(), standing, posture=posture)
        left -= together


def standing_of(
    gait: Gait,
    east_m: float,
    north_m: float,
    *,
    heading_deg: float = 0.0,
    speed_m_s: float = 0.0,
    walked_m: float = 0.0,
) -> Standing:
    actor = Actor(id="somebody", gait=gait, route=(Stop(east_m=0.0, north_m=0.0),))
    return Standing(actor, east_m, north_m, float(heading_deg) % 360.0, float(speed_m_s), float(walked_m))


def _sun(place: Place, rng: np.random.Generator) -> Sun:
    if place.light in ("night", "ir"):
        ambient = rng.uniform(0.12, 0.4) if place.has_lamps else rng.uniform(0.4, 0.7)
        from_camera = rng.uniform(0.3, 0.6) if place.light == "ir" else 0.05
        return Sun(45.0, 0.0, float(ambient), 0.0, shadows=False, from_camera=float(from_camera))
    is_overcast = rng.uniform() < 0.3
    elevation = rng.uniform(4.0, 14.0) if place.light == "dusk" else rng.uniform(14.0, 70.0)
    ambient = rng.uniform(0.62, 0.8) if is_overcast else rng.uniform(0.34, 0.58)
    diffuse = rng.uniform(0.02, 0.14) if is_overcast else rng.uniform(0.32, 0.62)
    shadows = not is_overcast and rng.uniform() < 0.8
    return Sun(float(elevation), float(rng.uniform(0, 360)), float(ambient), float(diffuse), shadows, 0.08)


def _air(place: Place, rng: np.random.Generator) -> Air:
    weather = str(rng.choice(["clear", "haze", "rain", "snowfall"], p=[0.75, 0.12, 0.10, 0.03]))
    visibility = {"clear": _log_uniform(rng, 1_500, 20_000), "haze": _log_uniform(rng, 70, 500)}.get(
        weather, _log_uniform(rng, 250, 2_000)
    )
    dark = {"day": 1.0, "dusk": 0.75, "night": 0.14, "ir": 0.2}[place.light]
    grey = rng.uniform(185, 225) * dark
    haze = grey * np.array([1.02, 1.0, 0.98])
    blue = np.array([rng.uniform(190, 230), rng.uniform(140, 175), rng.uniform(90, 130)]) * dark
    if place.light == "dusk" and rng.uniform() < 0.6:
        haze = grey * np.array([0.65, 0.8, 1.1])
    clouds = 1.0 if weather in ("rain", "snowfall") else float(rng.uniform(0.0, 1.0))
    cloud = rng.uniform(170, 235) * dark * np.ones(3)
    return Air(
        weather,
        visibility,
        tuple(haze.tolist()),
        tuple(blue.tolist()),
        tuple(cloud.tolist()),
        clouds,
        place.seed,
    )
