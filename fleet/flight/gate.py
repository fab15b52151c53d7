"""The one gate: what a vehicle is asked to do is approved, clipped or refused here, with the reasons in plain words.

Pure: no clock, no I/O; equal inputs are equal decisions. The trap: None is "unknown", and unknown refuses (SAFETY 5);
only coming home is judged by a list that cannot say no (SAFETY 6).
"""

import math
import uuid
from dataclasses import dataclass, replace

from contract.envelope import Origin
from contract.site import Vehicle as VehicleSpec
from fleet.flight.capabilities import lack_refusals
from fleet.flight.docking import dock_refusals, landing_refusals, launch_refusals
from fleet.flight.orbit import orbit_refusals
from fleet.flight.orders import (
    Approval,
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    Land,
    Launch,
    LookAt,
    Orbit,
    Order,
    ReturnHome,
    ToDock,
    UploadSafety,
)
from fleet.flight.safety_plan import safety_plan
from fleet.flight.separation import courses_too_near
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import (
    ON_GROUND_BELOW_M,
    MovingOrder,
    Stop,
    Way,
    is_airborne,
    line_refusals,
    margin_m,
    people_too_near,
    way_of,
    way_refusals,
)
from fleet.flight.world import Consent, Evidence, World
from fleet.flight.yielding import traffic_refusals

GATE_REVISION = 2  # counts up whenever equal inputs may get another answer
NO_FIX_BELOW = 3  # GPS_RAW_INT.fix_type: 3 is a position in space
CRITICAL = 5  # HEARTBEAT.system_status: MAV_STATE_CRITICAL
SLOW_WITHIN = 2.0  # a ground vehicle slows down within this many stop distances of a person


@dataclass(frozen=True, slots=True)
class GateParameters:
    """Limits that are ours and not the site's; stored with every decision."""

    code_version: str
    ground_station_system_id: int
    link_age_limit_s: float = 3.0  # three heartbeats at 1 Hz
    link_loss_limit_frac: float = 0.5  # each way: seven tries of a command then fail one time in eight (0.75^7)
    round_trip_limit_s: float = 2.0  # a hold is felt later than this, and a harder order follows after 5 s
    position_age_limit_s: float = 3.0
    battery_age_limit_s: float = 15.0  # SYS_STATUS comes each second or two
    gnss_sigma_limit_m: float = 5.0
    approval_lifetime_s: float = 5.0
    may_raise_to_floor: bool = True


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a decision was made of, but the site file itself."""

    decision_id: uuid.UUID
    now_us: int
    order: Order
    vehicle: VehicleState
    world: World
    evidence: Evidence
    consent: Consent
    parameters: GateParameters


@dataclass(frozen=True, slots=True)
class Approved:
    inputs: Inputs
    approval: Approval
    clipped: tuple[str, ...] = ()  # what was asked for and what goes out instead; for coming home, warnings


@dataclass(frozen=True, slots=True)
class RefusedOrder:
    inputs: Inputs
    reasons: tuple[str, ...]


Decision = Approved | RefusedOrder


def judge(
    order: Order,
    *,
    vehicle: VehicleState,
    world: World,
    evidence: Evidence,
    consent: Consent,
    parameters: GateParameters,
    now_us: int,
    decision_id: uuid.UUID,
) -> Decision:
    """May `vehicle` do `order` now? The approval holds the order as clipped."""
    inputs = Inputs(decision_id, now_us, order, vehicle, world, evidence, consent, parameters)
    reasons: list[str] = []
    clipped: list[str] = []
    if isinstance(order, Launch | GoTo | Orbit | FlyMission):
        order, clipped, reasons = _judge_moving(order, inputs)
    elif isinstance(order, Hold | ReturnHome | Land):
        clipped = _warnings(inputs)
    elif isinstance(order, LookAt):
        reasons = [*_stranger_refusals(inputs), *lack_refusals(order, vehicle.lacks)]
        reasons += link_refusals(vehicle, world, parameters, now_us)
        reasons += [*_pilot_refusals(inputs), *_origin_refusals(inputs)]
    elif isinstance(order, ToDock):
        reasons = _to_dock_refusals(order, inputs)
    elif isinstance(order, Disarm):
        reasons = [*_pilot_refusals(inputs), *_disarm_refusals(vehicle)]
    else:
        reasons = _upload_refusals(order, inputs)
    if reasons:
        return RefusedOrder(inputs, tuple(reasons))
    expires_at_us = now_us + round(parameters.approval_lifetime_s * 1e6)
    return Approved(inputs, Approval(decision_id, vehicle.vehicle_id, order, expires_at_us), tuple(clipped))


def _judge_moving(order: MovingOrder, inputs: Inputs) -> tuple[MovingOrder, list[str], list[str]]:
    """The strong list: the order as clipped, what was clipped, why not."""
    vehicle, world, now_us = inputs.vehicle, inputs.world, inputs.now_us
    spec, strange = _spec(vehicle, world), _stranger_refusals(inputs)
    if spec is None or strange:
        return order, [], strange
    malformed = [*lack_refusals(order, vehicle.lacks), *_malformed(order, spec)]
    if malformed:
        return order, [], malformed
    clipped_order, clipped = _clip(order, spec, world, inputs.parameters)
    reasons = [
        *readiness_refusals(vehicle, spec, world, inputs.parameters, now_us),
        *_state_refusals(clipped_order, inputs),
        *_origin_refusals(inputs),
        *_freshness_refusals(inputs),
        *consent_refusals(vehicle, world=world, evidence=inputs.evidence, consent=inputs.consent),
    ]
    if vehicle.position is None or (spec.kind.flies and vehicle.above_home_m is None):
        return clipped_order, clipped, reasons  # said above: without a position there is no way to judge
    way = way_of(
        clipped_order,
        position=world.airspace.enu(vehicle.position),
        height_m=(vehicle.above_home_m or 0.0) if spec.kind.flies else 0.0,
        airspace=world.airspace,
    )
    if not spec.kind.flies:
        clipped_order, slowed = _slow_near_people(clipped_order, way, inputs)
        clipped += slowed
    reasons += way_refusals(way, speed_m_s=_speed(clipped_order, spec), vehicle=vehicle, world=world, now_us=now_us)
    reasons += courses_too_near(way, vehicle, world, speed_m_s=_speed(clipped_order, spec))
    if spec.kind.flies:
        reasons += traffic_refusals(way, world, now_us)
    if spec.kind.flies and isinstance(order, GoTo):  # the legs of a patrol are drawn by the site
        reasons += world.airspace.corridors.refusals(way.start.point, way.stops[-1].point)
    return clipped_order, clipped, reasons


def _spec(vehicle: VehicleState, world: World) -> VehicleSpec | None:
    return next((spec for spec in world.site.vehicles if spec.id == vehicle.vehicle_id), None)


def _stranger_refusals(inputs: Inputs) -> list[str]:
    """Is this the vehicle that the site means, and of the kind by whose limits it will be judged?"""
    vehicle, world = inputs.vehicle, inputs.world
    spec = _spec(vehicle, world)
    if spec is None:
        return [f"'{vehicle.vehicle_id}' is not a vehicle of site '{world.site.id}'"]
    if spec.kind is not vehicle.kind:
        return [f"expected '{vehicle.vehicle_id}' to be of kind {spec.kind.value}, got {vehicle.kind.value}"]
    return []


def _heights(order: MovingOrder) -> list[float | None]:
    if isinstance(order, FlyMission):
        return [item.above_home_m for item in order.items]
    return [order.above_home_m]


def _speed(order: MovingOrder, spec: VehicleSpec) -> float:
    return spec.cruise_speed_m_s if isinstance(order, Launch) else order.speed_m_s


def _malformed(order: MovingOrder, spec: VehicleSpec) -> list[str]:
    """What makes an order no order at all."""
    reasons = []
    speed_m_s = _speed(order, spec)
    if not (math.isfinite(speed_m_s) and speed_m_s > 0.0):
        reasons.append(f"expected a speed above 0 m/s, got {speed_m_s}")
    for height_m in _heights(order):
        if spec.kind.flies and (height_m is None or not math.isfinite(height_m)):
            reasons.append(f"expected a height above home for a flying vehicle, got {height_m}")
            break
        if not spec.kind.flies and height_m is not None:
            reasons.append(f"expected no height for a ground vehicle, got {height_m}")
            break
    if isinstance(order, Orbit):
        reasons += orbit_refusals(order)
    if isinstance(order, FlyMission):
        if not 0 <= order.from_index < len(order.items):
            reasons.append(f"expected a start within {len(order.items)} waypoints, got index {order.from_index}")
        if not all(math.isfinite(item.dwell_s) and item.dwell_s >= 0.0 for item in order.items):
            reasons.append("expected a stay of 0 s or more at every waypoint")
    return reasons


def _clip(
    order: MovingOrder, spec: VehicleSpec, world: World, parameters: GateParameters
) -> tuple[MovingOrder, list[str]]:
    """The order inside speed limit and altitude band, and what was changed. What may not be clipped is left for
    `way_refusals` to refuse."""
    said: list[str] = []
    fence = world.site.geofence

    def height(asked_m: float | None) -> float | None:
        if asked_m is None:
            return None
        floor_m = fence.floor_m if parameters.may_raise_to_floor else asked_m
        given_m = min(max(asked_m, floor_m), fence.ceiling_m)
        if given_m != asked_m:
            said.append(f"height {asked_m:.1f} m above home clipped to {given_m:.1f} m")
        return given_m

    def speed(asked_m_s: float) -> float:
        if asked_m_s > spec.cruise_speed_m_s:
            said.append(f"speed {asked_m_s:.1f} m/s clipped to {spec.cruise_speed_m_s:.1f} m/s")
        return min(asked_m_s, spec.cruise_speed_m_s)

    if isinstance(order, FlyMission):
        items = tuple(replace(item, above_home_m=height(item.above_home_m)) for item in order.items)
        return replace(order, items=items, speed_m_s=speed(order.speed_m_s)), list(dict.fromkeys(said))
    if isinstance(order, GoTo | Orbit):
        changed = replace(order, above_home_m=height(order.above_home_m), speed_m_s=speed(order.speed_m_s))
        return changed, said
    return replace(order, above_home_m=height(order.above_home_m)), said


def slows_down(way: Way, world: World, now_us: int) -> bool:
    """Is somebody near enough to this way for a ground vehicle to go slowly?"""
    response = world.site.response
    wide = response.model_copy(update={"ground_stop_m": SLOW_WITHIN * response.ground_stop_m})
    near = people_too_near(
        replace(way, excuses_start=False),
        world.people,
        airspace=world.airspace,
        response=wide,
        flies=False,
        now_us=now_us,
    )
    return bool(near)


def _slow_near_people(order: MovingOrder, way: Way, inputs: Inputs) -> tuple[MovingOrder, list[str]]:
    limit_m_s = inputs.world.site.response.ground_speed_near_people_m_s
    if isinstance(order, Launch) or order.speed_m_s <= limit_m_s or not slows_down(way, inputs.world, inputs.now_us):
        return order, []
    return replace(order, speed_m_s=limit_m_s), [f"speed clipped to {limit_m_s:.1f} m/s: a person is near the way"]


def link_refusals(vehicle: VehicleState, world: World, parameters: GateParameters, now_us: int) -> list[str]:
    """Is there somebody to talk to, and is it the one we mean?"""
    reasons = _aged("vehicle", vehicle.heard_at_us, parameters.link_age_limit_s, now_us, unknown="not heard yet")
    spec = _spec(vehicle, world)
    if vehicle.autopilot_uid is None:
        reasons.append("the autopilot's identity is not known")
    elif spec is not None and spec.autopilot_uid not in (None, vehicle.autopilot_uid):
        reasons.append(f"expected autopilot {spec.autopilot_uid}, got {vehicle.autopilot_uid}")
    reasons += [reason for reason in vehicle.not_ready_because if "quarantine" in reason]
    return reasons


def _link_quality_refusals(vehicle: VehicleState, parameters: GateParameters) -> list[str]:
    """Does what we say arrive, and in time? Unknown says nothing here: a link just found is judged by its age."""
    loss, most = vehicle.link_loss_frac, parameters.link_loss_limit_frac
    reasons = [] if loss is None or loss <= most else [f"the link loses {loss:.0%}, expected at most {most:.0%}"]
    took_s, limit_s = vehicle.round_trip_s, parameters.round_trip_limit_s
    if took_s is not None and not took_s <= limit_s:
        reasons.append(f"an answer takes {took_s:.1f} s, expected at most {limit_s:.1f} s")
    return reasons


def readiness_refusals(
    vehicle: VehicleState, spec: VehicleSpec, world: World, parameters: GateParameters, now_us: int
) -> list[str]:
    """What forbids this vehicle any movement, wherever to."""
    reasons = [*link_refusals(vehicle, world, parameters, now_us), *_link_quality_refusals(vehicle, parameters)]
    if not vehicle.safety_uploaded:
        reasons.append("fence, rally point and failsafes are not confirmed in the vehicle")
    if vehicle.mode is None:
        reasons.append("flight mode is not known")
    if vehicle.system_status is None:
        reasons.append("system status is not known")
    elif vehicle.system_status >= CRITICAL:
        reasons.append(f"the vehicle reports an emergency (system status {vehicle.system_status})")
    reasons += _position_refusals(vehicle, parameters, now_us)
    reasons += _aged("battery", vehicle.battery_at_us, parameters.battery_age_limit_s, now_us)
    reserve = world.site.response.battery_reserve_frac
    if vehicle.battery_frac is None or not 0.0 <= vehicle.battery_frac <= 1.0:
        reasons.append("battery is not known")
    elif vehicle.battery_frac <= reserve:
        reasons.append(f"battery {vehicle.battery_frac:.0%}, expected more than the reserve of {reserve:.0%}")
    if spec.kind.flies:
        reasons += _wind_refusals(vehicle, world)
    dock = world.site.dock_of(spec.id)
    if dock is not None:
        reasons += dock_refusals(dock, world.docks, vehicle, now_us)
    return reasons


def _aged(what: str, at_us: int | None, limit_s: float, now_us: int, *, unknown: str | None = None) -> list[str]:
    if at_us is None:
        return [f"{what}: {unknown or 'age is not known'}"]
    age_s = (now_us - at_us) / 1e6
    return [] if age_s <= limit_s else [f"{what} not heard for {age_s:.1f} s, expected at most {limit_s:.1f} s"]


def _position_refusals(vehicle: VehicleState, parameters: GateParameters, now_us: int) -> list[str]:
    reasons = _aged("position", vehicle.position_at_us, parameters.position_age_limit_s, now_us)
    if vehicle.position is None:
        reasons.append("position is not known")
    if vehicle.kind.flies and (vehicle.above_home_m is None or not math.isfinite(vehicle.above_home_m)):
        reasons.append("height above home is not known")
    if vehicle.home is None:
        reasons.append("home is not known")
    if vehicle.gnss_fix is None or vehicle.gnss_fix < NO_FIX_BELOW:
        reasons.append(f"expected a GNSS fix of {NO_FIX_BELOW} or more, got {vehicle.gnss_fix}")
    if vehicle.gnss_sigma_m is None or not vehicle.gnss_sigma_m >= 0.0:
        reasons.append("position error is not known")
    elif vehicle.gnss_sigma_m > parameters.gnss_sigma_limit_m:
        limit_m = parameters.gnss_sigma_limit_m
        reasons.append(f"position error {vehicle.gnss_sigma_m:.1f} m, expected at most {limit_m:.1f} m")
    if vehicle.ekf_ready is not True:
        reasons.append("the autopilot's position estimate is not ready")
    return reasons


def _wind_refusals(vehicle: VehicleState, world: World) -> list[str]:
    wind, limit = world.wind_for(vehicle), world.site.response.max_wind_m_s
    if wind is None or not wind >= 0.0:
        return ["wind is not known"]
    return [] if wind <= limit else [f"wind {wind:.1f} m/s, expected at most {limit:.1f} m/s"]


def _state_refusals(order: MovingOrder, inputs: Inputs) -> list[str]:
    """Does the order fit what the vehicle is doing?"""
    vehicle = inputs.vehicle
    if vehicle.armed is None:
        return ["whether the motors are armed is not known"]
    if isinstance(order, Launch):
        dock, docks = inputs.world.site.dock_of(vehicle.vehicle_id), inputs.world.docks
        reasons = [*vehicle.not_ready_because, *(launch_refusals(dock, docks, vehicle) if dock is not None else ())]
        return [*reasons, "the motors are armed already"] if vehicle.armed else reasons
    if not vehicle.armed:
        return ["the motors are not armed"]
    if vehicle.kind.flies and is_airborne(vehicle) is False:
        return ["the vehicle is not in the air"]
    return _pilot_refusals(inputs)


def _pilot_refusals(inputs: Inputs) -> list[str]:
    """We do not fight a pilot (SAFETY 12), not even for where the nose points."""
    if inputs.vehicle.mode is not FlightMode.MANUAL or inputs.vehicle.armed is False:
        return []
    if inputs.consent.taken_back_by:
        return []
    return ["a pilot has the vehicle, and nobody took it back"]


def _origin_refusals(inputs: Inputs) -> list[str]:
    if inputs.vehicle.simulated or inputs.evidence.origin is Origin.LIVE:
        return []
    return [f"a real vehicle moves on live evidence only, and this is {inputs.evidence.origin.value}"]


def _freshness_refusals(inputs: Inputs) -> list[str]:
    if inputs.consent.approved_by:
        return []
    age_s, limit_s = inputs.evidence.age_s(inputs.now_us), inputs.world.site.response.dispatch_max_age_s
    if age_s is None:
        return ["the age of the evidence is not known, and no person approved"]
    if age_s <= limit_s:
        return []
    return [f"the evidence is {age_s:.1f} s old, expected at most {limit_s:.1f} s, and no person approved"]


def consent_refusals(vehicle: VehicleState, *, world: World, evidence: Evidence, consent: Consent) -> list[str]:
    """A real vehicle moves when a named person approved or a written grant covers zone and hour (SAFETY 4)."""
    if vehicle.simulated or consent.approved_by:
        return []
    for grant in world.site.response.autonomy:
        if evidence.zone in grant.zones and grant.hours.contains(world.local_time):
            return []
    return ["waits for a named person's approval: no autonomy is granted for this zone and hour"]


def _warnings(inputs: Inputs) -> list[str]:
    """Coming home is only ever commented on."""
    vehicle, parameters, now_us = inputs.vehicle, inputs.parameters, inputs.now_us
    said = link_refusals(vehicle, inputs.world, parameters, now_us)
    return [*said, *_position_refusals(vehicle, parameters, now_us)]


def own_dock(spec: VehicleSpec, world: World) -> ToDock | None:
    """The only such order there is for a vehicle; None where its dock is open ground, or it does not fly."""
    dock = world.site.dock_of(spec.id)
    if dock is None or spec.return_altitude_m is None:
        return None
    return ToDock(dock.position, spec.return_altitude_m, spec.cruise_speed_m_s)


def _to_dock_refusals(order: ToDock, inputs: Inputs) -> list[str]:
    """May it come into its dock? It is coming home already, so consent, evidence and people decide nothing here, and a
    refusal only means that it returns to the dock's alternate instead."""
    vehicle, world, now_us = inputs.vehicle, inputs.world, inputs.now_us
    spec, dock = _spec(vehicle, world), world.site.dock_of(vehicle.vehicle_id)
    if spec is None or dock is None or order != own_dock(spec, world):
        return ["expected the way to the vehicle's own dock"]
    reasons = [
        *link_refusals(vehicle, world, inputs.parameters, now_us),
        *_position_refusals(vehicle, inputs.parameters, now_us),
        *landing_refusals(dock, world.docks, vehicle, now_us),
    ]
    if vehicle.mode is FlightMode.MANUAL:
        reasons.append("a pilot has the vehicle")
    if is_airborne(vehicle) is not True:
        reasons.append("the vehicle is not known to be in the air")
    if vehicle.position is None or vehicle.above_home_m is None:
        return reasons
    place = world.airspace.enu(order.point)
    way = Way(
        Stop(world.airspace.enu(vehicle.position), vehicle.above_home_m, False),
        (Stop(place, order.above_home_m, False),),
    )
    return reasons + line_refusals(way, margin_m(vehicle, order.speed_m_s), spec, vehicle, world)


def _disarm_refusals(vehicle: VehicleState) -> list[str]:
    if not vehicle.kind.flies:
        return []
    if vehicle.above_home_m is None or not math.isfinite(vehicle.above_home_m):
        return ["whether the vehicle is on the ground is not known"]
    if abs(vehicle.above_home_m) >= ON_GROUND_BELOW_M:  # below home too: the ground may fall away
        return [f"the vehicle is {vehicle.above_home_m:.1f} m above home: without motors it falls"]
    if vehicle.is_landed is None:
        return ["the vehicle does not say whether it has landed"]
    return [] if vehicle.is_landed else ["the vehicle says that it has not landed: without motors it falls"]


def _upload_refusals(order: UploadSafety, inputs: Inputs) -> list[str]:
    """Only the site's own plan, only into a vehicle that stands still."""
    vehicle, world, parameters = inputs.vehicle, inputs.world, inputs.parameters
    if strange := _stranger_refusals(inputs):
        return strange
    reasons = link_refusals(vehicle, world, parameters, inputs.now_us)
    if vehicle.armed is not False:
        reasons.append("fence and parameters are written with motors off only")
    plan = safety_plan(
        world.site,
        vehicle.vehicle_id,
        ground_station_system_id=parameters.ground_station_system_id,
        rally=world.airspace.rally_points,
    )
    if order.plan != plan:
        reasons.append("expected the safety plan of this site, got another")
    return reasons
