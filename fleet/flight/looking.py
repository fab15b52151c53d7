"""A point that a person wants to see now, from where the copter is: it stands still in the air and turns to it.

Nothing but the turn is new: where it stands is judged as any place to fly to is, and the turn is an order of its own.
A patrol waits for it and goes on afterwards; who had nothing to do goes on coming home.
"""

from fleet.flight.desk import Desk, GaveUp, Job
from fleet.flight.errands import executes, here_of, people_near, take_height
from fleet.flight.errors import CommandRefused
from fleet.flight.orders import GoTo, Hold, LookAt
from fleet.flight.pausing import STANDS
from fleet.flight.vehicle import VehicleState
from fleet.flight.way import Stop, is_airborne

LOOK_FOR_S = 30.0


def turn_refusals(vehicle: VehicleState) -> list[str]:
    """Why this vehicle, as it is, has no place in the air to look from."""
    if not vehicle.kind.flies:
        return ["it does not fly: only what stands in the air is turned to a point"]
    if is_airborne(vehicle) is not True or vehicle.armed is not True:
        return ["it is not in the air: send it to go and look"]
    return []


async def look(desk: Desk, job: Job) -> None:
    """Stop, at a height that no other copter has there, turn, and stay for LOOK_FOR_S."""
    target = job.task.target
    if target is None:
        raise CommandRefused("expected a look with the point to look at")
    if refusals := turn_refusals(desk.state):
        raise CommandRefused("; ".join(refusals))
    place = here_of(desk)
    height_m = await take_height(desk, job, desk.state.above_home_m or 0.0, (place, place))
    stop = Stop(place, height_m, True)
    here = GoTo(desk.airspace.geo(place), height_m, desk.spec.cruise_speed_m_s, look_at=target)
    await desk.order(job, here)
    executes(desk, job, "turns to the point")
    await desk.order(job, LookAt(target))
    since_us = desk.now_us
    while (left_s := LOOK_FOR_S - (desk.now_us - since_us) / 1e6) > 0.0:
        desk.say(job, f"looks at the point, {-(-left_s // 5) * 5:.0f} s left")
        if people_near(desk, (stop,)):  # before the monitor must
            await desk.order(job, Hold())
            desk.route = STANDS
            raise GaveUp("somebody came near")
        await desk.pause(job)
