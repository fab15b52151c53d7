"""What a hold, a return or a landing would do now. None of them is ever refused (SAFETY 6): there is only what to know.

Pure. The way home is the vehicle's own, worked out as it is taught to fly it; it decides by itself.
"""

from fleet.decision.by_hand import Asking, Foreseen, judged, told
from fleet.decision.dispatch import duration_s
from fleet.flight.energy import home_frac
from fleet.flight.gate import Approved
from fleet.flight.orders import Hold, Land, ReturnHome
from fleet.flight.vehicle import FlightMode, VehicleState
from fleet.flight.way import Stop, Way
from fleet.flight.world import World


def at_rest(order: Hold | ReturnHome | Land, vehicle: VehicleState, asking: Asking) -> Foreseen:
    """What would be flown, and what there is to say about it."""
    world = asking.moment.world
    decision = judged(order, vehicle, world, asking)
    notes = decision.clipped if isinstance(decision, Approved) else decision.reasons
    if vehicle.mode is FlightMode.MANUAL and vehicle.armed:
        notes = (*notes, "a pilot has it: nothing is sent, it is only kept from new tasks")
    if vehicle.armed is False:
        notes = (*notes, "its motors are off: nothing is sent, it is only kept from new tasks")
    if vehicle.position is None:
        return Foreseen(notes=notes)
    here = Stop(world.airspace.enu(vehicle.position), vehicle.above_home_m or 0.0, False)
    if vehicle.armed is False or isinstance(order, Hold):
        return Foreseen(notes=notes, way=told(Way(here, ()), vehicle, world))
    if isinstance(order, Land):
        down = (Stop(here.point, 0.0, False),) if vehicle.kind.flies else ()
        return Foreseen(notes=notes, way=told(Way(here, down), vehicle, world))
    return _home(here, vehicle, world, notes)


def _home(here: Stop, vehicle: VehicleState, world: World, notes: tuple[str, ...]) -> Foreseen:
    """Straight, at its own return height, to home or its rally point, whichever it finds nearer."""
    rally = world.airspace.rally_points.get(vehicle.vehicle_id)
    places = [world.airspace.enu(place) for place in (vehicle.home, rally) if place is not None]
    if not places:
        return Foreseen(notes=(*notes, "where it goes is not known"))
    spec, place = world.spec(vehicle.vehicle_id), min(places, key=here.point.horizontal_distance_m)
    top_m = max(here.height_m, spec.return_altitude_m or 0.0) if vehicle.kind.flies else 0.0
    legs = (Stop(here.point, top_m, False), Stop(place, top_m, False), Stop(place, 0.0, False))
    way = Way(here, legs if vehicle.kind.flies else (Stop(place, 0.0, False),))
    wind_m_s = world.wind_for(vehicle) if spec.kind.flies else 0.0
    spent = None
    if wind_m_s is not None:
        spent = home_frac(
            spec.kind,
            distance_m=here.point.horizontal_distance_m(place),
            height_m=here.height_m,
            return_height_m=spec.return_altitude_m or 0.0,
            speed_m_s=spec.cruise_speed_m_s,
            wind_m_s=wind_m_s,
        )
    is_known = vehicle.battery_frac is not None and spent is not None
    return Foreseen(
        notes=notes,
        way=told(way, vehicle, world),
        length_m=way.length_m,
        arrives_in_s=duration_s(way, vehicle, spec),
        home_frac=(vehicle.battery_frac or 0.0) - (spent or 0.0) if is_known else None,
    )
