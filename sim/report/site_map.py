"""The site from above: what stands there, who truly went where, what was seen of it and who came.

North is up; everything is drawn from the simulator's truth except sightings and alarms, which stand where the system
believed them, with a line to where they truly were.
"""

import math
from collections.abc import Iterable, Sequence

from contract.events import Event, Stage
from contract.geo import GeoPoint, PointEnu
from contract.site import CameraPose, Zone
from sim.drawn_on_ground import places_of
from sim.report.svg import Place, element, path, picture, text, title
from sim.score.overlap import WhoIsSeen
from sim.score.run_folder import Run, VehicleLine, standing_at
from sim.score.score import Score
from sim.score.seeing import fixes
from sim.score.watching import opening_deg

WIDTH_PX = 1000.0
MARGIN_M = 12.0
MAX_HEIGHT_PX = 760.0
MAX_FIXES = 300  # drawn, evenly chosen
VIEW_M = 45.0  # how far a camera's view is drawn
WAY_STEP_S = 1.0
LEAST_STEP_PX = 1.5
NAME_PX = 60.0  # nearer than this, a second name would lie on the first


class SiteMap:
    def __init__(self, run: Run, score: Score) -> None:
        self._run, self._score = run, score
        self._frame = run.site.local_frame()
        self._walks = run.walks()
        places = list(self._shown())
        self._west_m = min(place.east_m for place in places) - MARGIN_M
        self._north_m = max(place.north_m for place in places) + MARGIN_M
        wide_m = max(place.east_m for place in places) + MARGIN_M - self._west_m
        high_m = self._north_m - min(place.north_m for place in places) + MARGIN_M
        self._px_per_m = min(WIDTH_PX / wide_m, MAX_HEIGHT_PX / high_m)
        self._width_px, self._height_px = wide_m * self._px_per_m, high_m * self._px_per_m

    def draw(self) -> str:
        layers = (
            self._ground(),
            self._scenery(),
            self._cameras(),
            self._ways(),
            self._fixes(),
            self._vehicles(),
            self._scenes(),
            self._alarms(),
            self._scale_bar(),
        )
        return picture(self._width_px, self._height_px, *layers, label="Map of the site and of what happened there")

    def _shown(self) -> Iterable[PointEnu]:
        """What must be in the picture; the rest of the site may reach beyond it."""
        site = self._run.site
        for watched in site.watched:
            yield from places_of(watched, site)
        yield from (self._frame.to_enu(dock.position) for dock in site.docks)
        yield from (PointEnu(c.pose.east_m, c.pose.north_m) for c in site.cameras if c.pose is not None)
        yield from (PointEnu(stop.east_m, stop.north_m) for a in self._run.scenario.actors for stop in a.route)
        yield from (line.place for line in self._run.vehicles)
        if not (site.watched or site.cameras or self._run.scenario.actors):
            yield from map(self._frame.to_enu, site.geofence.polygon)

    def _xy(self, place: PointEnu) -> Place:
        return (place.east_m - self._west_m) * self._px_per_m, (self._north_m - place.north_m) * self._px_per_m

    def _outline(self, polygon: Sequence[GeoPoint], cls: str, name: str) -> str:
        corners = [self._xy(self._frame.to_enu(corner)) for corner in polygon]
        return path(corners, title(name), is_closed=True, cls=cls)

    def _enu(self, polygon: Sequence[GeoPoint]) -> list[PointEnu]:
        return [self._frame.to_enu(corner) for corner in polygon]

    def _label(self, places: Sequence[PointEnu], words: str, cls: str) -> str:
        if not places:
            return ""
        corners = [self._xy(place) for place in places]
        x = sum(corner[0] for corner in corners) / len(corners)
        return text(words, x, sum(corner[1] for corner in corners) / len(corners), cls=f"{cls} middle")

    def _ground(self) -> str:
        site = self._run.site
        drawn = [
            element("rect", x=0, y=0, width=self._width_px, height=self._height_px, cls="ground"),
            self._outline(site.geofence.polygon, "geofence", "geofence"),
        ]
        drawn += [self._outline(c.footprint, "footprint", f"{c.id}: watches") for c in site.cameras if c.footprint]
        drawn += [self._outline(area.polygon, "no-fly", f"no-fly: {area.id}") for area in site.no_fly]
        for watched in site.watched:
            kind = "zone" if isinstance(watched, Zone) else "line"
            where = f", drawn in the picture of {watched.cameras[0]}" if watched.drawn_px else ""
            places = [self._xy(place) for place in places_of(watched, site)]
            if places:
                drawn.append(path(places, title(f"{kind}: {watched.name}{where}"), is_closed=kind == "zone", cls=kind))
        drawn += [self._outline(b.polygon, "building", f"{b.id}, {b.height_m:g} m high") for b in site.buildings]
        drawn += [self._label(self._enu(area.polygon), f"no-fly {area.id}", "no-fly-name") for area in site.no_fly]
        drawn += [self._label(places_of(each, site), each.name, "zone-name") for each in site.watched]
        drawn += [self._label(self._enu(building.polygon), building.id, "building-name") for building in site.buildings]
        for dock in site.docks:
            x, y = self._xy(self._frame.to_enu(dock.position))
            drawn.append(element("rect", title(dock.id), x=x - 5, y=y - 5, width=10, height=10, cls="dock"))
        return "".join(drawn)

    def _scenery(self) -> str:
        scenery = self._run.loaded.scenery
        drawn = [
            path([self._xy(PointEnu(stop.east_m, stop.north_m)) for stop in fence.line], title("fence"), cls="fence")
            for fence in scenery.fences
        ]
        kinds = (
            ("tree", scenery.trees, 6),
            ("bush", scenery.bushes, 4),
            ("lamp", scenery.lamps, 4),
            ("pole", scenery.poles, 3),
        )
        for kind, uprights, radius in kinds:
            for upright in uprights:
                x, y = self._xy(PointEnu(upright.east_m, upright.north_m))
                drawn.append(element("circle", title(kind), cx=x, cy=y, r=radius, cls=kind))
        return "".join(drawn)

    def _cameras(self) -> str:
        drawn = []
        for camera in self._run.site.cameras:
            if camera.pose is not None:
                eye = PointEnu(camera.pose.east_m, camera.pose.north_m)
                x, y = self._xy(eye)
                if camera.footprint is None:
                    wedge = [self._xy(place) for place in _wedge(eye, camera.pose, opening_deg(camera)[0])]
                    drawn.append(path([(x, y), *wedge], is_closed=True, cls="view"))
                drawn.append(element("circle", title(camera.id), cx=x, cy=y, r=6, cls="camera"))
                drawn.append(text(camera.id, x + 9, y + 4, cls="camera-name halo"))
        return "".join(drawn)

    def _ways(self) -> str:
        drawn: list[str] = []
        named: list[Place] = []
        length_s = self._run.scenario.length_s
        for walk in self._walks.values():
            times_s = [k * WAY_STEP_S for k in range(int(length_s / WAY_STEP_S) + 1)]
            places = [place for time_s in times_s if (place := standing_at(walk, time_s)) is not None]
            if not places:
                continue
            cls = "way" if walk.actor.intrudes else "way harmless"
            about = f"{walk.actor.id}: {walk.actor.kind.value} {walk.actor.gait.value}"
            drawn.append(path(_thinned(map(self._xy, places)), title(about), cls=cls))
            x, y = self._xy(places[0])
            drawn.append(element("circle", title(about), cx=x, cy=y, r=4, cls=f"{cls} from"))
            if all(math.dist((x, y), other) > NAME_PX for other in named):
                drawn.append(text(walk.actor.id, x + 7, y - 6, cls="way-name halo"))
                named.append((x, y))
        return "".join(drawn)

    def _fixes(self) -> str:
        who = WhoIsSeen(self._run.views, match_iou=self._score.parameters.match_iou)
        found = fixes(self._run, who)
        drawn = []
        for camera, at_us, located, stood in found[:: max(1, math.ceil(len(found) / MAX_FIXES))]:
            (x, y), (to_x, to_y) = self._xy(located), self._xy(stood)
            error_m = located.horizontal_distance_m(stood)
            about = f"{camera} at {self._run.seconds(at_us):.1f} s: {error_m:.2f} m off"
            drawn.append(element("line", x1=x, y1=y, x2=to_x, y2=to_y, cls="error"))
            drawn.append(element("circle", title(about), cx=x, cy=y, r=2.2, cls="fix"))
        return "".join(drawn)

    def _vehicles(self) -> str:
        tracks: dict[str, list[VehicleLine]] = {}
        for line in self._run.vehicles:
            tracks.setdefault(line.vehicle, []).append(line)
        drawn = []
        for vehicle, lines in tracks.items():
            x, y = self._xy(lines[-1].place)
            drawn.append(path(_thinned(self._xy(line.place) for line in lines), title(vehicle), cls="flown"))
            drawn.append(element("circle", title(vehicle), cx=x, cy=y, r=5, cls="vehicle"))
            drawn.append(text(vehicle, x + 8, y + 4, cls="vehicle-name halo"))
        return "".join(drawn)

    def _scenes(self) -> str:
        """Where a vehicle first truly had its intruder in view, and the stand-off it has to keep then."""
        drawn = []
        stand_off_m = {
            spec.id: self._run.site.response.air_stand_off_m
            if spec.kind.flies
            else self._run.site.response.ground_stop_m
            for spec in self._run.site.vehicles
        }
        for answer in self._score.response.each:
            if answer.time_to_scene_s is None or answer.actor is None or answer.vehicle is None:
                continue
            at_us = answer.alarm_at_us + round(answer.time_to_scene_s * 1e6)
            eye = next(
                (line.place for line in self._run.vehicles if line.vehicle == answer.vehicle and line.at_us >= at_us),
                None,
            )
            target = standing_at(self._walks[answer.actor], self._run.seconds(at_us))
            if eye is None or target is None:
                continue
            (x, y), (to_x, to_y) = self._xy(eye), self._xy(target)
            radius_m = stand_off_m[answer.vehicle]
            about = f"{answer.vehicle} has {answer.actor} in view {answer.time_to_scene_s:.1f} s after the alarm"
            drawn.append(element("line", title(about), x1=x, y1=y, x2=to_x, y2=to_y, cls="sight"))
            drawn.append(element("circle", title(about), cx=x, cy=y, r=5, cls="on-scene"))
            drawn.append(
                element(
                    "circle",
                    title(f"stand-off {radius_m:g} m"),
                    cx=to_x,
                    cy=to_y,
                    r=radius_m * self._px_per_m,
                    cls="stand-off",
                )
            )
        return "".join(drawn)

    def _alarms(self) -> str:
        believed = {
            (envelope.captured_at_us, envelope.body.zone): envelope.body.sighting.ground
            for envelope in self._run.envelopes
            if isinstance(envelope.body, Event) and envelope.body.stage is Stage.START
        }
        drawn = []
        for alarm in self._score.alarms:
            ground = believed.get((alarm.captured_at_us, alarm.zone))
            walk = self._walks.get(alarm.actor or "")
            place = self._frame.to_enu(ground.point) if ground is not None else None
            if place is None and walk is not None:
                place = standing_at(walk, self._run.seconds(alarm.captured_at_us))
            if place is not None:
                x, y = self._xy(place)
                about = f"alarm at {self._run.seconds(alarm.at_us):.1f} s: {alarm.verdict.value}"
                drawn.append(element("circle", title(about), cx=x, cy=y, r=8, cls=f"alarm {alarm.verdict.value}"))
        return "".join(drawn)

    def _scale_bar(self) -> str:
        length_m = next(
            each for each in (5, 10, 20, 50, 100, 200, 500, 1000) if each * self._px_per_m >= 70 or each == 1000
        )
        y = self._height_px - 16
        bar = path(
            [(16.0, y - 5), (16.0, y), (16 + length_m * self._px_per_m, y), (16 + length_m * self._px_per_m, y - 5)],
            cls="bar",
        )
        arrow = path(
            [
                (self._width_px - 24, 14.0),
                (self._width_px - 18, 32.0),
                (self._width_px - 24, 28.0),
                (self._width_px - 30, 32.0),
            ],
            is_closed=True,
            cls="north",
        )
        return (
            bar
            + text(f"{length_m} m", 16, y - 9, cls="halo")
            + arrow
            + text("N", self._width_px - 24, 46, cls="middle halo")
        )


def _wedge(eye: PointEnu, pose: CameraPose, across_deg: float) -> Iterable[PointEnu]:
    steps = 12
    for k in range(steps + 1):
        bearing = math.radians(pose.heading_deg + across_deg * (k / steps - 0.5))
        yield PointEnu(eye.east_m + VIEW_M * math.sin(bearing), eye.north_m + VIEW_M * math.cos(bearing))


def _thinned(places: Iterable[Place]) -> list[Place]:
    """Without what lies on the point before it: a vehicle that stands for an hour is one point."""
    kept: list[Place] = []
    for place in places:
        if not kept or math.dist(place, kept[-1]) >= LEAST_STEP_PX:
            kept.append(place)
    return kept
