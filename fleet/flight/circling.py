"""Round a point that a person gave: to where the circle begins, then around it, as straight legs that the gate judged.

The centre is what is looked at and never flown to (SAFETY 1). When somebody comes near the circle the vehicle stands,
and the task ends with it: whoever ordered it looks anew.
"""

from dataclasses import replace

from contract.geo import PointEnu, heading_deg
from contract.tasks import Task
from fleet.flight.airspace import Airspace
from fleet.flight.desk import Desk, GaveUp, Job
from fleet.flight.errands import (
    ARRIVED_M,
    MISSION_COMPLETE,
    NO_PROGRESS_US,
    Progress,
    be_off,
    executes,
    go_around,
    here_of,
    people_near,
    take_height,
    tens,
)
from fleet.flight.errors import CommandRefused
from fleet.flight.orbit import mission_of_orbit, orbit_refusals
from fleet.flight.orders import GoTo, Hold, Orbit
from fleet.flight.pausing import STANDS
from fleet.flight.watch import Route
from fleet.flight.way import Stop, stops_of


async def orbit(desk: Desk, job: Job) -> None:
    """As often around as the task says, looking at its middle."""
    order = _order_of(job.task, desk)
    if desk.spec.kind.flies:
        path = (here_of(desk), *(stop.point for stop in ring_of(order, desk.airspace)))
        height_m = await take_height(desk, job, job.task.stand_off_altitude_m or 0.0, path)
        order = replace(order, above_home_m=height_m)
        job.task = job.task.model_copy(update={"stand_off_altitude_m": height_m})
    await be_off(desk, job, order.above_home_m)
    ring = ring_of(order, desk.airspace)
    await _to_circle(desk, job, order, ring[0])
    await desk.order(job, order)
    await _around(desk, job, ring)


def ring_of(order: Orbit, airspace: Airspace) -> tuple[Stop, ...]:
    """Its stops, in their order; people keep the full stand-off from each."""
    return tuple(replace(stop, stays=True) for stop in stops_of(mission_of_orbit(order).items, airspace))


def _order_of(task: Task, desk: Desk) -> Orbit:
    if task.target is None or task.stand_off is None or task.radius_m is None or task.turns is None:
        raise CommandRefused("expected an orbit with its middle, its beginning, a radius and a number of turns")
    order = Orbit(
        centre=task.target,
        radius_m=task.radius_m,
        above_home_m=task.stand_off_altitude_m,
        speed_m_s=desk.spec.cruise_speed_m_s,
        from_deg=heading_deg(desk.airspace.enu(task.target), desk.airspace.enu(task.stand_off)),
        turns=task.turns,
    )
    if refusals := orbit_refusals(order):
        raise CommandRefused("; ".join(refusals))
    return order


async def _to_circle(desk: Desk, job: Job, order: Orbit, begin: Stop) -> None:
    await go_around(desk, job, begin.point, order.above_home_m)
    there = GoTo(desk.airspace.geo(begin.point), order.above_home_m, order.speed_m_s, look_at=order.centre)
    await desk.order(job, there)
    executes(desk, job, "on its way to the circle")
    progress = Progress(float("inf"), desk.now_us)
    while (left_m := _left_m(desk, begin.point)) > ARRIVED_M:
        desk.say(job, f"{tens(left_m)} m to the circle")
        progress.raise_if_none(left_m, now_us=desk.now_us, limit_us=NO_PROGRESS_US, what=f"{left_m:.0f} m to go")
        await _stand_if_people(desk, job, (begin,))
        await desk.pause(job)


async def _around(desk: Desk, job: Job, ring: tuple[Stop, ...]) -> None:
    """Until the vehicle says that the circle is complete."""
    progress = Progress(float("inf"), desk.now_us)
    while True:
        await desk.pause(job)
        if desk.state.mission_state == MISSION_COMPLETE:
            return
        seq = desk.state.mission_seq
        at = 0 if seq is None else min(max(seq, 0), len(ring) - 1)
        desk.say(job, f"on the circle, {100 * at // (len(ring) - 1) // 10 * 10} %")
        desk.route = Route(ring[at:])
        await _stand_if_people(desk, job, ring[at:])
        left_m, what = _left_m(desk, ring[at].point), f"point {at + 1} of the circle"
        progress.raise_if_none(left_m, now_us=desk.now_us, limit_us=NO_PROGRESS_US, what=what)


async def _stand_if_people(desk: Desk, job: Job, ahead: tuple[Stop, ...]) -> None:
    """Before the monitor must. Raises GaveUp."""
    if people_near(desk, ahead):
        await desk.order(job, Hold())
        desk.route = STANDS
        raise GaveUp("somebody came near the circle")


def _left_m(desk: Desk, point: PointEnu) -> float:
    return here_of(desk).horizontal_distance_m(point)
