"""What the gate, dispatch, tasking and monitor judge by: values only, taken at one moment.

Every `*_at_us` is our monotonic clock at receipt; wall time decides nothing here but the hour of a grant.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timezone
from functools import cached_property
from zoneinfo import ZoneInfo

from contract.clock import Clock
from contract.envelope import Origin
from contract.geo import GeoPoint, PointEnu
from contract.site import Site
from contract.site import Vehicle as VehicleSpec
from fleet.flight.airspace import Airspace
from fleet.flight.dock import DockDriver, DockState
from fleet.flight.traffic import Aircraft
from fleet.flight.vehicle import Vehicle, VehicleState

MAX_PEOPLE = 256  # tracked at once; the stalest is forgotten first


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a vehicle should move. `age_at_receipt_s` None: nobody knows how old it was when it came.

    `tasked_at_us` is when this evidence first passed the gate for its task: freshness is judged up to that moment.
    """

    origin: Origin
    received_at_us: int
    age_at_receipt_s: float | None
    zone: str | None = None
    incident: uuid.UUID | None = None
    tasked_at_us: int | None = None

    def age_s(self, now_us: int) -> float | None:
        if self.age_at_receipt_s is None:
            return None
        until_us = now_us if self.tasked_at_us is None else self.tasked_at_us
        return self.age_at_receipt_s + (until_us - self.received_at_us) / 1e6


@dataclass(frozen=True, slots=True)
class Consent:
    """Named persons: who approved this task, and who took the vehicle back from a pilot."""

    approved_by: str | None = None
    taken_back_by: str | None = None


@dataclass(frozen=True, slots=True)
class TrackedPerson:
    """Where somebody was last seen; `sigma_m` is one standard deviation at that moment."""

    point: GeoPoint
    sigma_m: float
    seen_at_us: int


Box = tuple[float, float, float, float, float, float]


def box_of(points: Iterable[tuple[PointEnu, float]]) -> Box:
    """West, east, south, north, bottom and top of places with their heights."""
    east, north, up = zip(*((point.east_m, point.north_m, height_m) for point, height_m in points), strict=True)
    return min(east), max(east), min(north), max(north), min(up), max(up)


@dataclass(frozen=True)  # without slots, so that its box is worked out once
class Course:
    """What one of our vehicles is about to fly or drive: from where it is, places with their heights above home.

    `speed_m_s` is its fastest; `stays_s` the longest it stays at a place on its way."""

    vehicle_id: str
    points: tuple[tuple[PointEnu, float], ...]
    speed_m_s: float
    stays_s: float = 0.0

    @cached_property
    def box(self) -> Box:
        return box_of(self.points)


@dataclass(frozen=True, slots=True)
class World:
    """One moment. `wind_m_s` is a measurement of the site's own, beside what vehicles report; `traffic` is manned."""

    site: Site
    airspace: Airspace
    vehicles: tuple[VehicleState, ...]
    people: tuple[TrackedPerson, ...]
    local_time: time
    wind_m_s: float | None = None
    traffic: tuple[Aircraft, ...] = ()
    courses: tuple[Course, ...] = ()
    docks: tuple[DockState, ...] = ()

    def spec(self, vehicle_id: str) -> VehicleSpec:
        """The site's words about a vehicle. Raises KeyError for one that is not of this site."""
        for spec in self.site.vehicles:
            if spec.id == vehicle_id:
                return spec
        raise KeyError(vehicle_id)

    def wind_for(self, vehicle: VehicleState) -> float | None:
        """The strongest wind anybody measures, m/s; None when nobody does."""
        return max((w for w in (vehicle.wind_m_s, self.wind_m_s) if w is not None), default=None)


class PeopleSeen:
    """The last sighting of each tracked person. Written by ingest, read by the monitor's thread: `snapshot` is a tuple
    replaced as a whole, so no reader waits for a writer."""

    def __init__(self, *, forget_s: float) -> None:
        self._forget_us = round(forget_s * 1e6)
        self._last: dict[tuple[str, int | str], TrackedPerson] = {}
        self.snapshot: tuple[TrackedPerson, ...] = ()

    def see(self, sightings: Iterable[tuple[str, int | str, TrackedPerson]], *, now_us: int) -> None:
        """Take (camera or sensor, its track, person) sightings in and forget who was not seen for `forget_s`."""
        for camera, track, person in sightings:
            self._last[(camera, track)] = person
        alive = {key: p for key, p in self._last.items() if now_us - p.seen_at_us <= self._forget_us}
        newest_first = sorted(alive.items(), key=lambda item: (-item[1].seen_at_us, item[0]))
        self._last = dict(newest_first[:MAX_PEOPLE])
        self.snapshot = tuple(self._last.values())


class WorldView:
    """Makes the World of now; safe from any thread. `people` of now are there without the rest, which costs more."""

    def __init__(
        self,
        site: Site,
        *,
        airspace: Airspace,
        vehicles: Iterable[Vehicle],
        people: Callable[[], tuple[TrackedPerson, ...]],
        clock: Clock,
        traffic: Callable[[], tuple[Aircraft, ...]] = lambda: (),
        courses: Callable[[tuple[VehicleState, ...]], tuple[Course, ...]] = lambda _: (),
        docks: Iterable[DockDriver] = (),
    ) -> None:
        self.site, self.airspace, self.people = site, airspace, people
        self._traffic, self._courses = traffic, courses
        self._vehicles, self._docks, self._clock = tuple(vehicles), tuple(docks), clock
        self._zone = ZoneInfo(site.time_zone)

    def now(self) -> World:
        vehicles = tuple(vehicle.state for vehicle in self._vehicles)
        utc = datetime.fromtimestamp(self._clock.wall_us() / 1e6, timezone.utc)
        return World(
            site=self.site,
            airspace=self.airspace,
            vehicles=vehicles,
            people=self.people(),
            local_time=utc.astimezone(self._zone).time(),
            traffic=self._traffic(),
            courses=self._courses(vehicles),
            docks=tuple(dock.state for dock in self._docks),
        )
