"""The yard of the run benchmarks: cameras in a row, persons before them, vehicles that patrol; or only vehicles.

Each camera looks north over a zone of its own. One person passes behind the zone about once a minute and is in the
picture a third of the time; another comes in from the side every two minutes, into the zone and away: alarms come and
vehicles are sent, and a guard closes what is open. In the crowded yard neither ever leaves the picture. What the
cameras' detector sees was recorded by the modelled eye.
"""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import yaml

from contract.docks import Dock
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import (
    Camera,
    CameraPose,
    Geofence,
    OpenCvLens,
    Origin,
    Patrol,
    Place,
    Site,
    Vehicle,
    VehicleKind,
    Waypoint,
    Zone,
)
from detectors.backends.scripted import NOTHING
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.record import header_of, write_recording
from sim.actors import Walk, everybody
from sim.eyes import ModelledEye, Shot
from sim.scenario import Actor, FeedPlan, Modelled, OperatorAct, Recorded, Scenario, Stop, VehicleStart
from sim.sight import Sight

ORIGIN = Origin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0)
FRAME = LocalFrame(GeoPoint(lat_deg=ORIGIN.lat_deg, lon_deg=ORIGIN.lon_deg), ground_amsl_m=ORIGIN.ground_amsl_m)
WIDTH_PX, HEIGHT_PX, FOCAL_PX = 1280, 720, 1100.0
APART_M = 40.0  # cameras along their row; docks stand 6 m apart
PATROL_EVERY_MIN = 4.0
INTO_ZONE_EACH_S = 120.0  # at each camera, so that one comes in every half minute
IN_ZONE_S = 10.0
AWAY_S = 35.0  # between two passes of 29 s, of which 22 s are in the picture
ASIDE_M = 20.0  # half way to the next camera: in nobody's picture
CLOSED_EACH_S = 15.0  # one incident, the oldest: sooner than new ones open


def write_watched_yard(
    folder: Path, *, length_s: float, rate_hz: float, cameras: int = 4, vehicles: int = 4, is_crowded: bool = False
) -> Path:
    """Site, recordings and scenario; the scenario's path."""
    site = _site(cameras=cameras, vehicles=vehicles)
    persons = _staying if is_crowded else _passing
    actors = [actor for number, camera in enumerate(site.cameras) for actor in persons(camera, number, length_s)]
    for camera in site.cameras:
        _record(folder / _detections(camera), camera, actors, length_s=length_s, rate_hz=rate_hz)
    feeds = [
        FeedPlan(camera=each.id, rate_hz=rate_hz, eye=Recorded(sees="recorded", detections=_detections(each)))
        for each in site.cameras
    ]
    return _write(folder, site, feeds=tuple(feeds), actors=tuple(actors), length_s=length_s)


def write_idle_yard(folder: Path, *, length_s: float, vehicles: int) -> Path:
    """The same with nothing but vehicles that stand."""
    return _write(folder, _site(cameras=0, vehicles=vehicles), feeds=(), actors=(), length_s=length_s)


def _write(
    folder: Path, site: Site, *, feeds: tuple[FeedPlan, ...], actors: tuple[Actor, ...], length_s: float
) -> Path:
    scenario = Scenario(
        schema_version=1,
        id=site.id,
        title="Benchmark",
        site="site.yaml",
        length_s=length_s,
        feeds=feeds,
        actors=actors,
        vehicles=tuple(VehicleStart(id=vehicle.id) for vehicle in site.vehicles),
        operator=tuple(
            OperatorAct(at_s=number * CLOSED_EACH_S, by="Guard", do="close")
            for number in range(1, math.ceil(length_s / CLOSED_EACH_S))
            if feeds
        ),
    )
    for name, document in (("site", site), ("scenario", scenario)):
        text = yaml.safe_dump(document.model_dump(mode="json", exclude_defaults=True), sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "scenario.yaml"


def _site(*, cameras: int, vehicles: int) -> Site:
    """Every second vehicle is a copter; the copters of a watched yard patrol."""
    kinds = [VehicleKind.ARDUPILOT_ROVER if n % 2 else VehicleKind.ARDUPILOT_COPTER for n in range(vehicles)]
    names = [f"{'drone' if kind.flies else 'rover'}-{n}" for n, kind in enumerate(kinds, 1)]
    half_m = max(APART_M * cameras / 2, 6.0 * vehicles / 2) + 30.0
    return Site(
        schema_version=1,
        id="yard",
        name="Yard",
        time_zone="Europe/Berlin",
        origin=ORIGIN,
        geofence=Geofence(polygon=_box(-half_m, half_m, -60.0, 60.0)),
        cameras=tuple(_camera(number, _east_m(number, cameras)) for number in range(cameras)),
        zones=tuple(_zone(number, _east_m(number, cameras)) for number in range(cameras)),
        docks=tuple(
            Dock(id=f"dock-{n}", position=_geo(6.0 * (n - (vehicles + 1) / 2), -30.0)) for n in range(1, vehicles + 1)
        ),
        rally_points=(Place(id="rally-1", position=_geo(0.0, -45.0)),),
        vehicles=tuple(
            Vehicle(
                id=name,
                kind=kind,
                connection="udpin:127.0.0.1:14550",
                system_id=number,
                simulated=True,
                dock=f"dock-{number}",
                cruise_speed_m_s=8.0 if kind.flies else 2.0,
                return_altitude_m=20.0 + 35.0 * number / vehicles if kind.flies else None,
            )
            for number, (name, kind) in enumerate(zip(names, kinds, strict=True), 1)
        ),
        patrols=tuple(
            Patrol(
                id=f"round-{name}",
                vehicle=name,
                altitude_m=20.0 + 10.0 * number,
                every_min=PATROL_EVERY_MIN,
                laps=2,
                waypoints=tuple(
                    Waypoint(position=_geo(east_m, north_m - 5.0 * number))
                    for east_m, north_m in ((-half_m + 20.0, 0.0), (half_m - 20.0, 0.0), (half_m - 20.0, -20.0))
                ),
            )
            for number, name in enumerate(each for each in names if each.startswith("drone"))
        )
        if cameras
        else (),
    )


def _east_m(number: int, cameras: int) -> float:
    return APART_M * (number - (cameras - 1) / 2)


def _camera(number: int, east_m: float) -> Camera:
    lens = OpenCvLens.pinhole(WIDTH_PX, HEIGHT_PX, focal_px=FOCAL_PX)
    pose = CameraPose(east_m=east_m, north_m=0.0, up_m=5.0, heading_deg=0.0, pitch_deg=-12.0)
    return Camera(id=f"cam-{number + 1}", node=f"edge-{number // 2 + 1}", lens=lens, pose=pose)


def _zone(number: int, east_m: float) -> Zone:
    polygon = _box(east_m - 8.0, east_m + 8.0, 14.0, 22.0)
    return Zone(id=f"zone-{number + 1}", name=f"Zone {number + 1}", polygon=polygon, cameras=(f"cam-{number + 1}",))


def _passing(camera: Camera, number: int, length_s: float) -> list[Actor]:
    """Who comes and goes; at each camera a little later than at the one before."""
    assert camera.pose is not None
    east_m, later_s = camera.pose.east_m, 7.0 * number
    away = Stop(east_m=east_m - ASIDE_M, north_m=27.0, wait_s=AWAY_S)
    first = Stop(east_m=east_m + ASIDE_M, north_m=27.0)
    back = first.model_copy(update={"wait_s": AWAY_S})
    passes = [stop for _ in range(math.ceil(length_s / 90.0) + 1) for stop in (away, back)]
    inside = Stop(east_m=east_m + 2.0, north_m=18.0, wait_s=IN_ZONE_S)
    aside = Stop(east_m=east_m + ASIDE_M, north_m=25.0, wait_s=INTO_ZONE_EACH_S - IN_ZONE_S - 28.0)  # 28: in and out
    intrusions = [stop for _ in range(math.ceil(length_s / INTO_ZONE_EACH_S) + 1) for stop in (inside, aside)]
    return [
        Actor(id=f"w-{camera.id}", starts_at_s=later_s, route=(first, *passes)),
        Actor(id=f"i-{camera.id}", starts_at_s=later_s, route=(aside, *intrusions)),
    ]


def _staying(camera: Camera, _number: int, length_s: float) -> list[Actor]:
    """One outside the zone, up and down; one that goes in and out again."""
    assert camera.pose is not None
    east_m = camera.pose.east_m
    turns = math.ceil(length_s / 10.0)  # 14 m at a walk
    walker = [Stop(east_m=east_m + (7.0 if turn % 2 else -7.0), north_m=27.0) for turn in range(turns + 1)]
    intruder = [Stop(east_m=east_m + 2.0, north_m=25.0)]
    for _ in range(math.ceil(length_s / INTO_ZONE_EACH_S)):
        intruder.append(Stop(east_m=east_m + 2.0, north_m=25.0, wait_s=INTO_ZONE_EACH_S - 20.0))
        intruder.append(Stop(east_m=east_m + 2.0, north_m=18.0, wait_s=IN_ZONE_S))
    return [Actor(id=f"{name}-{camera.id}", route=tuple(way)) for name, way in (("w", walker), ("i", intruder))]


def _record(path: Path, camera: Camera, actors: list[Actor], *, length_s: float, rate_hz: float) -> None:
    """What the modelled eye sees, a row a frame."""
    assert camera.pose is not None
    pose = camera.pose
    chance = random.Random(camera.id)  # noqa: S311 - jitter of boxes
    eye = ModelledEye(Modelled(sees="modelled"), chance=chance, size_px=(WIDTH_PX, HEIGHT_PX))
    walks, sight = [Walk(actor) for actor in actors], Sight(camera.lens)

    def rows() -> Iterator[tuple[int, Detections]]:
        for number in range(math.ceil(length_s * rate_hz) + 1):
            pts_us = round(number * 1e6 / rate_hz)
            eye.show(pts_us, Shot(pts_us, sight.seen(everybody(walks, pts_us / 1e6), pose)))
            (found,) = eye.detect([Prepared(NOTHING, 1.0, 0.0, 0.0, WIDTH_PX, HEIGHT_PX, pts_us)])
            yield pts_us, found

    header = header_of(eye, width_px=WIDTH_PX, height_px=HEIGHT_PX, source=camera.id)
    write_recording(path, header, rows())


def _detections(camera: Camera) -> str:
    return f"{camera.id}.detections.jsonl"


def _geo(east_m: float, north_m: float) -> GeoPoint:
    return FRAME.to_geo(PointEnu(east_m, north_m))[0]


def _box(west_m: float, east_m: float, south_m: float, north_m: float) -> tuple[GeoPoint, ...]:
    corners = ((west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m))
    return tuple(_geo(*corner) for corner in corners)
