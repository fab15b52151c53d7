"""The site file: one map that edge, fleet, simulator and console all load.

A zone or line is drawn once, on the map, and every camera that covers it uses that one drawing. Where a map is no help
(behind a window, on a wall, where the ground is no plane) it may be drawn in one fixed camera's picture instead.
"""

from enum import Enum
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from contract.airspace import SLOT_SEPARATION_M, AirspaceUse
from contract.devices import Sensor
from contract.docks import Dock, refuse_docks_without_way_out
from contract.documents import parse_document
from contract.errors import DocumentError
from contract.frozen import Degrees7, Frozen, Identifier, Metres3
from contract.geo import (
    Altitude,
    AltitudeFrame,
    GeoPath,
    GeoPoint,
    GeoPolygon,
    LocalFrame,
    PixelPath,
    PixelPoint,
    PixelPolygon,
)
from contract.hours import Hours, SetHours, Switch
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.roaming import Heading, RoamingPatrol


def _known_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise ValueError("expected a time zone of the IANA data base such as Europe/Berlin") from err
    return name


class Origin(Frozen):
    """Origin of the site's local ENU frame, on the ground."""

    lat_deg: Annotated[Degrees7, Field(ge=-90.0, le=90.0, description="north is positive")]
    lon_deg: Annotated[Degrees7, Field(ge=-180.0, le=180.0, description="east is positive")]
    ground_amsl_m: Annotated[Metres3, Field(description="height of the site's ground above mean sea level")]


class OpenCvLens(Frozen):
    """Pinhole with Brown distortion as in OpenCV's calib3d: undistorted rays map to distorted pixels."""

    model: Literal["opencv"]
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]
    fx_px: Annotated[float, Field(gt=0)]
    fy_px: Annotated[float, Field(gt=0)]
    cx_px: float
    cy_px: float
    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    @classmethod
    def pinhole(cls, width_px: int, height_px: int, *, focal_px: float) -> "OpenCvLens":
        """Square pixels, no distortion, the optical axis through the middle of the picture."""
        return cls(
            model="opencv",
            width_px=width_px,
            height_px=height_px,
            fx_px=focal_px,
            fy_px=focal_px,
            cx_px=width_px / 2,
            cy_px=height_px / 2,
        )


class TsaiLens(Frozen):
    """Tsai's 1987 model: distorted sensor coordinates map to undistorted ones, the reverse of OpenCV's direction."""

    model: Literal["tsai"]
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]
    focal_mm: Annotated[float, Field(gt=0)]
    kappa1_per_mm2: float
    cx_px: float
    cy_px: float
    sx: Annotated[float, Field(gt=0)]
    dpx_mm: Annotated[float, Field(gt=0)]
    dpy_mm: Annotated[float, Field(gt=0)]


Lens = Annotated[OpenCvLens | TsaiLens, Field(discriminator="model")]


class CameraPose(Frozen):
    """Where a camera is and looks, in the site's ENU frame, with one standard deviation of each.

    heading clockwise from north; pitch above the horizon (down is negative); roll clockwise about the optical axis as
    seen from behind the camera. At roll 0 the image's x axis is level.
    """

    east_m: Metres3
    north_m: Metres3
    up_m: Metres3
    heading_deg: float
    pitch_deg: Annotated[float, Field(ge=-90.0, le=90.0)]
    roll_deg: float = 0.0
    position_sigma_m: Annotated[float, Field(ge=0.0)] = 0.05
    attitude_sigma_deg: Annotated[float, Field(ge=0.0)] = 0.2


class Camera(Frozen):
    """A camera of the site; without `pose` it rides on a vehicle and its pose comes with each frame."""

    id: Identifier
    node: Annotated[Identifier, Field(description="the edge node that reads it")]
    lens: Annotated[Lens, Field(description="what turns pixels into directions")]
    pose: Annotated[CameraPose | None, Field(description="where a fixed camera stands and looks")] = None
    vehicle: Annotated[Identifier | None, Field(description="the vehicle that carries it")] = None
    footprint: Annotated[GeoPolygon | None, Field(description="ground it is meant to watch, for the map")] = None

    @model_validator(mode="after")
    def _is_mounted_somewhere(self) -> "Camera":
        if (self.pose is None) == (self.vehicle is None):
            raise ValueError(f"camera '{self.id}': expected exactly one of pose (fixed) and vehicle (carried)")
        return self


class Watched(Frozen):
    """What is set and unset: a zone or a line. Its id names it in events, commands and grants."""

    id: Identifier
    name: Annotated[str, Field(description="for people")]
    labels: Annotated[tuple[Label, ...], Field(min_length=1, description="what it is watched for")] = (Label.PERSON,)
    cameras: Annotated[tuple[Identifier, ...], Field(min_length=1, description="who covers it")]
    severity: Annotated[Severity, Field(description="how loudly its alarms ask for a person")] = Severity.HIGH
    initially_set: Annotated[bool, Field(description="watched from the start, until a command says otherwise")] = True
    hours: Annotated[
        tuple[SetHours, ...],
        Field(description="when it is set by itself; a command holds until they next begin or end; none: at all times"),
    ] = ()
    rules: Annotated[
        dict[EventKind, dict[str, object]],
        Field(description="rules that watch it, each with its own options; none: those of the node"),
    ] = {}  # noqa: RUF012 - pydantic copies it

    @model_validator(mode="after")
    def _is_set_by_one_of_the_two(self) -> "Watched":
        if self.hours and not self.initially_set:
            raise ValueError(f"'{self.id}': expected hours or initially_set: false, got both")
        return self

    def switch(self, time_zone: str) -> Switch:
        return Switch(initially_set=self.initially_set, hours=self.hours, time_zone=time_zone)


class Zone(Watched):
    """A place that must stay empty of `labels` while it is set: on the ground or in one fixed camera's picture."""

    polygon: Annotated[GeoPolygon | None, Field(description="corners on the ground")] = None
    image_px: Annotated[
        PixelPolygon | None,
        Field(description="instead of polygon: corners x, y in the picture of its one camera, px of the full frame"),
    ] = None
    dwell_s: Annotated[float, Field(ge=0.0, le=60.0, description="inside this long before an intrusion starts")] = 0.5

    @model_validator(mode="after")
    def _is_drawn_once(self) -> "Zone":
        if (self.polygon is None) == (self.image_px is None):
            raise ValueError(f"zone '{self.id}': expected exactly one of polygon (on the ground) and image_px")
        return self

    @property
    def drawn(self) -> tuple[GeoPoint, ...]:
        """The way a pen goes on the map: back to the first corner. Nothing of one that is drawn in a picture."""
        return () if self.polygon is None else (*self.polygon, self.polygon[0])

    @property
    def drawn_px(self) -> tuple[PixelPoint, ...]:
        """The same in the picture; nothing of one that is drawn on the ground."""
        return () if self.image_px is None else (*self.image_px, self.image_px[0])


class Direction(str, Enum):
    """Which way a line is crossed, for one who stands at its first point and looks to the next."""

    EITHER = "either"
    LEFT_TO_RIGHT = "left_to_right"
    RIGHT_TO_LEFT = "right_to_left"


class Line(Watched):
    """A line that `labels` must not cross while it is set: on the ground or in one fixed camera's picture."""

    points: Annotated[GeoPath | None, Field(description="on the ground, in their order")] = None
    image_px: Annotated[
        PixelPath | None,
        Field(description="instead of points: x, y in the picture of its one camera, px of the full frame"),
    ] = None
    direction: Annotated[
        Direction, Field(description="the way that counts, standing at the first point and looking to the next")
    ] = Direction.EITHER

    @model_validator(mode="after")
    def _is_drawn_once(self) -> "Line":
        if (self.points is None) == (self.image_px is None):
            raise ValueError(f"line '{self.id}': expected exactly one of points (on the ground) and image_px")
        return self

    @property
    def drawn(self) -> tuple[GeoPoint, ...]:
        """The way a pen goes on the map. Nothing of one that is drawn in a picture."""
        return self.points or ()

    @property
    def drawn_px(self) -> tuple[PixelPoint, ...]:
        """The same in the picture; nothing of one that is drawn on the ground."""
        return self.image_px or ()


class Area(Frozen):
    """A named polygon on the ground."""

    id: Identifier
    polygon: Annotated[GeoPolygon, Field(description="corners on the ground")]


class Building(Area):
    height_m: Annotated[Metres3, Field(gt=0, description="of its roof above the site's ground")]


class Geofence(Frozen):
    """Where our vehicles may be, and how high the flying ones."""

    polygon: Annotated[GeoPolygon, Field(description="corners on the ground")]
    floor_m: Annotated[Metres3, Field(ge=0, description="above home, for copters under way")] = 10.0
    ceiling_m: Annotated[Metres3, Field(gt=0, description="above home")] = 60.0


class Place(Frozen):
    """A named point on the ground: a rally point."""

    id: Identifier
    position: GeoPoint


class VehicleKind(str, Enum):
    """Key of the file in fleet/flight/vehicles that drives it."""

    ARDUPILOT_COPTER = "ardupilot_copter"
    ARDUPILOT_ROVER = "ardupilot_rover"

    @property
    def flies(self) -> bool:
        return self is VehicleKind.ARDUPILOT_COPTER


class Vehicle(Frozen):
    """One of ours. `autopilot_uid` binds it; without one the first UID heard is kept for the run and reported."""

    id: Identifier
    kind: Annotated[VehicleKind, Field(description="what drives it: a file of fleet/flight/vehicles")]
    connection: Annotated[
        str, Field(description="udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT or serial:DEVICE:BAUD")
    ]
    system_id: Annotated[int, Field(ge=1, le=250, description="its MAVLink system id")]
    autopilot_uid: Annotated[str | None, Field(description="hexadecimal, as it reports it")] = None
    simulated: Annotated[bool, Field(description="true: it may act on replayed and simulated evidence")] = False
    dock: Annotated[Identifier, Field(description="where it stands and returns to")]
    cruise_speed_m_s: Annotated[float, Field(gt=0, le=25, description="under way")]
    return_altitude_m: Annotated[
        Annotated[Metres3, Field(gt=0)] | None, Field(description="above home, of a copter; its own, never one for all")
    ] = None
    icao: Annotated[
        str | None,
        Field(pattern=r"^[0-9a-f]{6}$", description="what its own ADS-B transmitter says, so that it is no traffic"),
    ] = None
    sensor_range_m: Annotated[float, Field(gt=0, description="how far its camera shows somebody")] = 60.0
    sensor_fov_deg: Annotated[float, Field(gt=0, lt=180, description="horizontal, for what counts as in view")] = 40.0

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> "Vehicle":
        if self.kind.flies and self.return_altitude_m is None:
            raise ValueError(f"vehicle '{self.id}': a copter needs its own return_altitude_m")
        return self


class Waypoint(Frozen):
    position: GeoPoint
    dwell_s: Annotated[float, Field(ge=0, le=600, description="how long it stays there, all looks together")] = 0.0
    look_deg: Annotated[
        tuple[Heading, ...],
        Field(max_length=8, description="where it looks in turn while it stays, clockwise from north; of what flies"),
    ] = ()


class Patrol(Frozen):
    """A round flown as one MAVLink mission; one starts every `every_min` within `hours`."""

    id: Identifier
    vehicle: Identifier
    altitude_m: Annotated[Metres3, Field(ge=0, description="above home; 0 for a rover")]
    waypoints: Annotated[tuple[Waypoint, ...], Field(min_length=2, max_length=200, description="in their order")]
    every_min: Annotated[float, Field(gt=0, description="minutes from one start to the next")]
    hours: Annotated[Hours, Field(description="when it may start")] = Hours()
    laps: Annotated[int, Field(ge=1, le=50, description="rounds of one flight")] = 1


class AutonomyGrant(Frozen):
    """Written leave to launch without asking, per zone and hour (SAFETY 4)."""

    zones: Annotated[tuple[Identifier, ...], Field(min_length=1, description="for alarms in these")]
    hours: Annotated[Hours, Field(description="and in these hours")] = Hours()
    granted_by: Annotated[str, Field(min_length=3, description="name of who gave it")]
    reference: Annotated[str, Field(min_length=3, description="the paper that says so")]


class Response(Frozen):
    """How the fleet answers an alarm."""

    air_stand_off_m: Annotated[
        Metres3, Field(ge=10, description="horizontal distance a copter keeps from every tracked person where it stays")
    ] = 25.0
    air_altitude_m: Annotated[Metres3, Field(gt=0, description="above home, where it looks from")] = 25.0
    ground_stop_m: Annotated[
        Metres3, Field(ge=5, description="distance at which a ground vehicle stops before a person")
    ] = 12.0
    ground_speed_near_people_m_s: Annotated[float, Field(gt=0, le=3, description="its greatest speed near them")] = 1.0
    dispatch_max_age_s: Annotated[float, Field(gt=0, le=300, description="older evidence sends nobody")] = 15.0
    observe_s: Annotated[float, Field(gt=0, description="held in view this long before it counts as looked at")] = 10.0
    watch_s: Annotated[
        float,
        Field(ge=0, le=86_400, description="then held in view this long, by one vehicle after the other; 0: no watch"),
    ] = 0.0
    battery_reserve_frac: Annotated[
        float, Field(ge=0.1, le=0.9, description="charge left after the way home, 0 to 1")
    ] = 0.25
    max_wind_m_s: Annotated[float, Field(gt=0, le=20, description="in more, copters stay on the ground")] = 10.0
    autonomy: Annotated[
        tuple[AutonomyGrant, ...], Field(description="launches that need nobody's approval; without, each does")
    ] = ()


class Site(Frozen):
    """Everything that stands still, and what may move in it."""

    schema_version: Literal[1]
    id: Identifier
    name: Annotated[str, Field(description="for people")]
    time_zone: Annotated[str, AfterValidator(_known_time_zone), Field(description="of the IANA data base, for hours")]
    origin: Annotated[Origin, Field(description="of the local east-north-up frame")]
    geofence: Annotated[Geofence, Field(description="what every vehicle stays within")]
    cameras: Annotated[tuple[Camera, ...], Field(description="fixed and carried")] = ()
    zones: Annotated[tuple[Zone, ...], Field(description="what must be empty")] = ()
    lines: Annotated[tuple[Line, ...], Field(description="what must not be crossed")] = ()
    sensors: Annotated[tuple[Sensor, ...], Field(description="what else tells: fences, doors, radars")] = ()
    no_fly: Annotated[tuple[Area, ...], Field(description="what copters never cross")] = ()
    buildings: Annotated[tuple[Building, ...], Field(description="what vehicles go round, or above")] = ()
    docks: Annotated[tuple[Dock, ...], Field(description="where vehicles stand")] = ()
    rally_points: Annotated[tuple[Place, ...], Field(description="where copters go when home is farther")] = ()
    vehicles: Annotated[tuple[Vehicle, ...], Field(description="what may be sent")] = ()
    patrols: Annotated[tuple[Patrol, ...], Field(description="rounds by the clock")] = ()
    roaming: Annotated[tuple[RoamingPatrol, ...], Field(description="rounds in an order that nobody can foretell")] = ()
    response: Annotated[Response, Field(description="how alarms are answered")] = Response()
    airspace: Annotated[AirspaceUse, Field(description="how copters share the air")] = AirspaceUse()

    @model_validator(mode="after")
    def _names_what_exists(self) -> "Site":
        groups = {
            "camera": [c.id for c in self.cameras],
            "zone": [z.id for z in self.watched],
            "dock": [d.id for d in self.docks],
            "rally point": [p.id for p in self.rally_points],
            "vehicle": [v.id for v in self.vehicles],
            "patrol": [*(p.id for p in self.patrols), *(p.id for p in self.roaming)],
            "sensor": [s.id for s in self.sensors],
            "system id": [str(v.system_id) for v in self.vehicles],
        }
        for what, ids in groups.items():
            double = next((i for i in ids if ids.count(i) > 1), None)
            if double is not None:
                raise ValueError(f"{what} '{double}' stands here twice")
        references = [
            *((f"zone '{z.id}'", "camera", c) for z in self.watched for c in z.cameras),
            *((f"sensor '{s.id}'", "zone", z) for s in self.sensors for z in s.zones),
            *((f"vehicle '{v.id}'", "dock", v.dock) for v in self.vehicles),
            *((f"dock '{d.id}'", "rally point", d.alternate) for d in self.docks if d.alternate),
            *((f"camera '{c.id}'", "vehicle", c.vehicle) for c in self.cameras if c.vehicle),
            *((f"patrol '{p.id}'", "vehicle", p.vehicle) for p in self.patrols),
            *((f"patrol '{p.id}'", "vehicle", v) for p in self.roaming for v in p.vehicles),
            *(("response.autonomy", "zone", z) for g in self.response.autonomy for z in g.zones),
        ]
        for who, what, name in references:
            if name not in groups[what]:
                raise ValueError(f"{who}: expected a {what} of this site, got '{name}'")
        return self

    @model_validator(mode="after")
    def _draws_in_pictures_that_stay(self) -> "Site":
        for watched in self.watched:
            if not watched.drawn_px:
                continue
            who = f"{type(watched).__name__.lower()} '{watched.id}'"
            if len(watched.cameras) > 1:
                raise ValueError(
                    f"{who}: image_px is drawn in one camera's picture, got {len(watched.cameras)} cameras"
                )
            camera = self.camera(watched.cameras[0])
            if camera.pose is None:
                raise ValueError(f"{who}: image_px needs a fixed camera, '{camera.id}' is carried by a vehicle")
            size_px = (camera.lens.width_px, camera.lens.height_px)
            for x_px, y_px in watched.drawn_px:
                if not (0 <= x_px <= size_px[0] and 0 <= y_px <= size_px[1]):
                    raise ValueError(
                        f"{who}: expected corners within the {size_px[0]}x{size_px[1]} of camera '{camera.id}', "
                        f"got [{x_px:g}, {y_px:g}]"
                    )
        return self

    @model_validator(mode="after")
    def _has_one_name_for_each_who_speaks(self) -> "Site":
        taken = {camera.node: "node" for camera in self.cameras} | {camera.id: "camera" for camera in self.cameras}
        for sensor in self.sensors:
            if sensor.id in taken:
                raise ValueError(f"sensor '{sensor.id}': a {taken[sensor.id]} has that name")
        return self

    @model_validator(mode="after")
    def _roams_with_one_kind(self) -> "Site":
        kinds = {vehicle.id: vehicle.kind for vehicle in self.vehicles}
        for patrol in self.roaming:
            found = sorted({kinds[name].value for name in patrol.vehicles})
            if len(found) > 1:
                raise ValueError(f"patrol '{patrol.id}': expected vehicles of one kind, got {' and '.join(found)}")
        return self

    @model_validator(mode="after")
    def _always_has_somewhere_to_land(self) -> "Site":
        refuse_docks_without_way_out(self.docks, [(v.id, v.dock, v.kind.flies) for v in self.vehicles])
        return self

    @model_validator(mode="after")
    def _heights_keep_apart(self) -> "Site":
        returns = [v.return_altitude_m for v in self.vehicles if v.return_altitude_m is not None]
        if len(set(returns)) < len(returns):
            raise ValueError("vehicles: every copter needs a return_altitude_m of its own")
        for slot_m in self.airspace.slots_m:
            if not self.geofence.floor_m <= slot_m <= self.geofence.ceiling_m:
                raise ValueError(f"airspace: expected slots_m within the geofence's band, got {slot_m:g} m")
            near_m = next((r for r in returns if abs(r - slot_m) < SLOT_SEPARATION_M), None)
            if len(returns) > 1 and near_m is not None:
                raise ValueError(
                    f"airspace: expected slots_m {SLOT_SEPARATION_M:g} m from every return_altitude_m, "
                    f"got {slot_m:g} m beside {near_m:g} m"
                )
        return self

    def dock_of(self, vehicle_id: str) -> Dock | None:
        """The machine that a vehicle stands in; None for one on open ground, or not of this site."""
        named = next((vehicle.dock for vehicle in self.vehicles if vehicle.id == vehicle_id), None)
        return next((dock for dock in self.docks if dock.id == named and dock.kind is not None), None)

    def local_frame(self) -> LocalFrame:
        point = GeoPoint(lat_deg=self.origin.lat_deg, lon_deg=self.origin.lon_deg)
        return LocalFrame(point, ground_amsl_m=self.origin.ground_amsl_m)

    def camera(self, camera_id: str) -> Camera:
        """Raises DocumentError when the site has no such camera."""
        for camera in self.cameras:
            if camera.id == camera_id:
                return camera
        known = ", ".join(c.id for c in self.cameras) or "none"
        raise DocumentError(f"site '{self.id}': expected a camera of this site ({known}), got '{camera_id}'")

    @property
    def watched(self) -> tuple[Zone | Line, ...]:
        """Whatever is set and unset; no two have one id."""
        return (*self.zones, *self.lines)

    def watched_by(self, camera_id: str) -> tuple[Zone | Line, ...]:
        return tuple(each for each in self.watched if camera_id in each.cameras)


def above_home(height_m: float) -> Altitude:
    return Altitude(m=height_m, frame=AltitudeFrame.ABOVE_HOME)


def parse_site(text: str, *, source: str) -> Site:
    """A site from YAML text. Raises DocumentError with one line that names source, line and key."""
    return parse_document(text, Site, source=source)
