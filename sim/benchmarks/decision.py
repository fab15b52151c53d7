"""What a decision of the safety gate (fleet/flight/gate.py) costs on a large site.

100 vehicles in the air, a fence of 200 corners, 20 no-fly areas, a rally point for each vehicle, people who stand
about; every vehicle is asked in turn. Each order is one that is approved, so that no check is left out. The time is
that of the processor, so that others on the machine disturb it less than they disturb the clock.
"""

import math
import statistics
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import time as time_of_day

from rich.console import Console
from rich.table import Table

from contract.docks import Dock
from contract.envelope import Origin
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Area, Geofence, Place, Site, Vehicle
from contract.site import Origin as SiteOrigin
from fleet.flight.airspace import Airspace
from fleet.flight.gate import Approved, GateParameters, judge
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID
from fleet.flight.orders import FlyMission, GoTo, Hold, Launch, MissionItem, Order, UploadSafety
from fleet.flight.safety_plan import safety_plan
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.world import Consent, Evidence, TrackedPerson, World
from sim.benchmarks.copters import copters
from sim.benchmarks.figures import Spread, spread

VEHICLES, CORNERS, AREAS, PEOPLE = 100, 200, 20, 20
BAR_MS = 1.0
ROUNDS = 5  # in which every vehicle is asked once
FENCE_M, WAVE_M, AREAS_OUT_M, AREA_M, AREA_CORNERS = 800.0, 20.0, 500.0, 25.0, 12
APART_M, STEP_M, HEIGHT_M = 40.0, 12.0, 30.0
PATROL_POINTS = 10
NOW_US = 1_000_000_000
FRAME = LocalFrame(GeoPoint(lat_deg=52.1, lon_deg=13.2), ground_amsl_m=45.0)
PARAMETERS = GateParameters(code_version="bench", ground_station_system_id=OUR_SYSTEM_ID)
PATROL = f"a patrol of {PATROL_POINTS} points"
Ask = tuple[Order, VehicleState]


@dataclass(frozen=True, slots=True)
class DecisionCost:
    """orders: processor time of one decision, by what was asked; mean_ms: the same, as a core pays it.

    A patrol is as many ways as it has points, and as many ways home: it is shown without a bar.
    """

    orders: Mapping[str, Spread]
    mean_ms: Mapping[str, float]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        return [
            f"a decision of the gate, {name}: expected p50 and mean of at most {BAR_MS:g} ms, "
            f"got {took.p50_ms:.2f} and {self.mean_ms[name]:.2f} ms"
            for name, took in self.orders.items()
            if name != PATROL and max(took.p50_ms, self.mean_ms[name]) > BAR_MS
        ]

    def table(self) -> Table:
        title = f"a decision of the gate, ms of processor time; {VEHICLES} vehicles, {CORNERS} corners, {AREAS} areas"
        table = Table("order", "decisions", "p50", "mean", "p99", "at most", title=title, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for name, took in self.orders.items():
            times = (f"{each:.2f}" for each in (took.p50_ms, self.mean_ms[name], took.p99_ms))
            table.add_row(name, str(took.count), *times, "" if name == PATROL else f"{BAR_MS:g}")
        return table


def measure_decision(*, console: Console, rounds: int = ROUNDS, asked: int = VEHICLES) -> DecisionCost:
    """`asked`: how many of the vehicles are.

    Raises AssertionError when an order is refused: then it was not all of the gate that was measured.
    """
    site = large_site()
    airspace = Airspace(site)
    flying = tuple(_flying(spec, number) for number, spec in enumerate(site.vehicles))
    world = World(site, airspace, flying, _people(), time_of_day(12))
    asks: Mapping[str, Callable[[int], Ask]] = {
        "go to": lambda number: (GoTo(_beside(number, 0), HEIGHT_M, 5.0), flying[number]),
        "launch": lambda number: (Launch(HEIGHT_M), replace(flying[number], armed=False, above_home_m=0.0)),
        "hold": lambda number: (Hold(), flying[number]),
        "safety plan": lambda number: (_upload(world, number), replace(flying[number], armed=False)),
        PATROL: lambda number: (_patrol(number), flying[number]),
    }
    orders: dict[str, Spread] = {}
    mean_ms: dict[str, float] = {}
    for name, ask in asks.items():
        with console.status(f"the gate decides: {name}"):
            times_us = [_timed_us(*ask(number), world) for _ in range(rounds) for number in range(asked)]
        took = spread(times_us)
        assert took is not None
        orders[name], mean_ms[name] = took, statistics.fmean(times_us) / 1e3
    return DecisionCost(orders, mean_ms)


def _timed_us(order: Order, vehicle: VehicleState, world: World) -> int:
    evidence = Evidence(Origin.SIMULATED, NOW_US, 0.0)
    before_ns = time.process_time_ns()
    decision = judge(
        order,
        vehicle=vehicle,
        world=world,
        evidence=evidence,
        consent=Consent(),
        parameters=PARAMETERS,
        now_us=NOW_US,
        decision_id=uuid.UUID(int=1),
    )
    took_us = (time.process_time_ns() - before_ns) // 1000
    assert isinstance(decision, Approved), decision.reasons
    return took_us


def large_site() -> Site:
    bearings = [2.0 * math.pi * number / AREAS for number in range(AREAS)]
    return Site(
        schema_version=1,
        id="bench",
        name="Site of the decision benchmark",
        time_zone="UTC",
        origin=SiteOrigin(lat_deg=52.1, lon_deg=13.2, ground_amsl_m=45.0),
        geofence=Geofence(polygon=_ring(0.0, 0.0, FENCE_M, CORNERS, wave_m=WAVE_M)),
        no_fly=tuple(
            Area(
                id=f"area-{number}",
                polygon=_ring(AREAS_OUT_M * math.sin(b), AREAS_OUT_M * math.cos(b), AREA_M, AREA_CORNERS),
            )
            for number, b in enumerate(bearings)
        ),
        docks=tuple(Dock(id=f"dock-{n}", position=_geo(*_dock_m(n))) for n in range(VEHICLES)),
        rally_points=tuple(
            Place(id=f"rally-{n}", position=_geo(_dock_m(n)[0] + 5.0, _dock_m(n)[1] - 5.0)) for n in range(VEHICLES)
        ),
        vehicles=copters(20.0 + 0.3 * n for n in range(VEHICLES)),
    )


def _ring(east_m: float, north_m: float, radius_m: float, corners: int, *, wave_m: float = 0.0) -> tuple[GeoPoint, ...]:
    """A circle of so many corners; every second one is `wave_m` farther out."""
    turns = [2.0 * math.pi * number / corners for number in range(corners)]
    outs_m = [radius_m + wave_m * (number % 2) for number in range(corners)]
    return tuple(
        _geo(east_m + out_m * math.sin(turn), north_m + out_m * math.cos(turn))
        for turn, out_m in zip(turns, outs_m, strict=True)
    )


def _geo(east_m: float, north_m: float) -> GeoPoint:
    return FRAME.to_geo(PointEnu(east_m, north_m))[0]


def _dock_m(number: int) -> tuple[float, float]:
    return APART_M * (number % 10 - 4.5), APART_M * (number // 10 - 4.5)


def _beside(number: int, turn: int) -> GeoPoint:
    """A point near the vehicle's dock; another one with each `turn`."""
    east_m, north_m = _dock_m(number)
    bearing = 2.0 * math.pi * turn / PATROL_POINTS
    return _geo(east_m + STEP_M * math.sin(bearing), north_m + STEP_M * math.cos(bearing))


def _patrol(number: int) -> FlyMission:
    items = tuple(MissionItem(_beside(number, turn), HEIGHT_M) for turn in range(PATROL_POINTS))
    return FlyMission(items, from_index=0, speed_m_s=5.0)


def _upload(world: World, number: int) -> UploadSafety:
    rally = world.airspace.rally_points
    return UploadSafety(safety_plan(world.site, f"drone-{number}", ground_station_system_id=OUR_SYSTEM_ID, rally=rally))


def _flying(spec: Vehicle, number: int) -> VehicleState:
    home = _geo(*_dock_m(number))
    return VehicleState(
        vehicle_id=spec.id,
        kind=spec.kind,
        system_id=spec.system_id,
        simulated=True,
        heard_at_us=NOW_US,
        autopilot_uid=f"{number:024x}",
        mode=FlightMode.GUIDED,
        armed=True,
        system_status=4,
        position=home,
        position_at_us=NOW_US,
        above_home_m=HEIGHT_M,
        home=home,
        battery_frac=0.9,
        battery_at_us=NOW_US,
        gnss_fix=3,
        gnss_sigma_m=0.5,
        ekf_ready=True,
        wind_m_s=2.0,
        safety_uploaded=True,
        not_ready_because=(),
    )


def on_pad(spec: Vehicle, number: int) -> VehicleState:
    """The same vehicle at its dock, motors off."""
    return replace(_flying(spec, number), armed=False, above_home_m=0.0)


def _people() -> tuple[TrackedPerson, ...]:
    """North of all docks, where nobody is too near to a vehicle."""
    return tuple(
        TrackedPerson(_geo(APART_M * (n % 10 - 4.5), 300.0 + APART_M * (n // 10)), 0.5, NOW_US) for n in range(PEOPLE)
    )
