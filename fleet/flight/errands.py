"""What a vehicle does for a task, step by step: investigate, patrol, come home.

Each errand returns when the work is done and raises (see fleet/flight/desk.py) for anything else; every loop in here
has a limit in our monotonic clock.
"""

import math
from dataclasses import dataclass, replace

from contract.geo import GeoPoint, PointEnu
from contract.site import Patrol
from contract.tasks import ON_SCENE, TaskState
from fleet.decision.dispatch import Dispatch, choose
from fleet.decision.legal_paths import legal_corners
from fleet.decision.patrol import mission_of
from fleet.decision.roaming import by_urgency, round_as_patrol
from fleet.errors import Refused
from fleet.flight.desk import Desk, GaveUp, Job
from fleet.flight.dock import Asked, Cover, DockVerb
from fleet.flight.errors import CommandRefused, FlightError
from fleet.flight.footprint import View, view_from
from fleet.flight.gate import slows_down
from fleet.flight.orders import Disarm, FlyMission, GoTo, Hold, Launch, LookAt, ReturnHome, UploadSafety
from fleet.flight.pausing import STANDS, stand_while_paused
from fleet.flight.safety_plan import safety_plan
from fleet.flight.vehicle import FlightMode
from fleet.flight.watch import Route
from fleet.flight.way import Stop, Way, is_airborne, people_too_near, stops_of

ARRIVED_M = 5.0
NO_PROGRESS_US = 25_000_000
PROGRESS_M = 1.0
LOOK_AGAIN_US = 1_000_000
LOOK_SELDOM_US = 10_000_000  # what did not turn once will hardly turn now, and each try takes seconds
NEW_PLACE_AGAIN_US = 500_000  # sooner than the monitor loses its patience
FIND_LIMIT_US = 30_000_000  # at the place and the sighting does not come into view
CLEAR_FOR_US = 3_000_000
PEOPLE_LIMIT_US = 120_000_000
SLOT_LIMIT_US = 60_000_000
WAYPOINTS_AHEAD = 2  # nearer people stop a patrol; farther ones may be gone by then
MISSION_COMPLETE = 5  # MISSION_STATE_COMPLETE
AT_HOME_M = 4.0
LANDED_LIMIT_US = 30_000_000


@dataclass(slots=True)
class Progress:
    """Has anything changed lately?"""

    value: float
    at_us: int

    def raise_if_none(self, value: float, *, now_us: int, limit_us: int, what: str) -> None:
        if abs(value - self.value) >= PROGRESS_M:
            self.value, self.at_us = value, now_us
        elif now_us - self.at_us > limit_us:
            raise GaveUp(f"no progress for {limit_us / 1e6:.0f} s: {what}")


def here_of(desk: Desk) -> PointEnu:
    position = desk.state.position
    if position is None:
        raise GaveUp("position is not known")
    return desk.airspace.enu(position)


async def be_off(desk: Desk, job: Job, height_m: float | None) -> None:
    """Off the ground, or with motors armed. An unknown state is the gate's to refuse."""
    since_us = desk.now_us
    while desk.spec.kind.flies and desk.state.armed and is_airborne(desk.state) is False:
        desk.say(job, "waits: it has just landed and disarms")
        if desk.now_us - since_us > LANDED_LIMIT_US:
            raise GaveUp("on the ground, and the motors stay armed")
        await desk.pause(job)
    if desk.state.armed is not True:
        await open_dock(desk, job)
        desk.say(job, "launching")
        await desk.order(job, Launch(height_m))


async def take_height(desk: Desk, job: Job, preferred_m: float, path: tuple[PointEnu, ...] | None) -> float:
    """A height of its own for this task: the one preferred or the nearest free one. Waits a while for one to be freed;
    raises CommandRefused with who has them."""
    since_us = desk.now_us
    while True:
        found = desk.tools.slots.take(desk.spec.id, preferred_m, path, desk.world().vehicles)
        if not isinstance(found, str):
            return found
        if desk.now_us - since_us > SLOT_LIMIT_US:
            raise CommandRefused(found)
        desk.say(job, f"waits: {found}")
        await desk.pause(job)


async def go_around(desk: Desk, job: Job, end: PointEnu, height_m: float | None) -> None:
    """Along a corridor where there are some, else around what must not be crossed, to where it is straight on to `end`.
    Each corner is an order of its own. Without such a way the gate refuses the straight one, with its reason."""
    corners = legal_corners(
        here_of(desk), end, vehicle=desk.state, spec=desk.spec, height_m=height_m, world=desk.world()
    )
    for place in corners or ():
        order = GoTo(point=desk.airspace.geo(place), above_home_m=height_m, speed_m_s=desk.spec.cruise_speed_m_s)
        await desk.order(job, order)
        desk.say(job, "along a corridor" if desk.site.airspace.corridors else "around what must not be crossed")
        progress = Progress(float("inf"), desk.now_us)
        while (left_m := here_of(desk).horizontal_distance_m(place)) > ARRIVED_M:
            progress.raise_if_none(left_m, now_us=desk.now_us, limit_us=NO_PROGRESS_US, what=f"{left_m:.0f} m to go")
            await desk.pause(job)


async def open_dock(desk: Desk, job: Job) -> None:
    """Nothing leaves a dock that does not show open; the gate says so again at the launch."""
    if desk.dock is None or (desk.dock.state.cover is Cover.OPEN and desk.dock.state.doing is not DockVerb.CLOSE):
        return
    desk.say(job, "its dock opens")
    await dock_done(desk, job, desk.ask_dock(job, desk.dock, DockVerb.OPEN))


async def dock_done(desk: Desk, job: Job | None, asked: Asked) -> None:
    """Until the dock shows it. Raises what ended it otherwise; the driver has a limit of its own."""
    while not asked.is_over:
        await desk.pause(job)
    if asked.failure is not None:
        raise CommandRefused(str(asked.failure))


def executes(desk: Desk, job: Job, progress: str) -> None:
    desk.move(job, TaskState.EXECUTING, progress=progress)


@dataclass(slots=True)
class Watching:
    """How the looking goes: since when it is there, since when the sighting is in view without a break."""

    looked_at_us: int
    there_since_us: int | None = None
    in_view_since_us: int | None = None


async def investigate(desk: Desk, job: Job) -> None:
    """To the stand-off point, find the sighting in the footprint, keep it there for `observe_s`, or as a watch until it
    is told that its turn is over."""
    if desk.spec.kind.flies and job.task.stand_off_altitude_m is not None:
        height_m = await take_height(desk, job, job.task.stand_off_altitude_m, None)
        job.task = job.task.model_copy(update={"stand_off_altitude_m": height_m})
    await be_off(desk, job, job.task.stand_off_altitude_m)
    if _needs_new_place(desk, job):  # a launch takes its time, and people walk
        await _find_new_place(desk, job)
    else:
        await _go(desk, job)
    executes(desk, job, "on its way")
    deadline_us = desk.now_us + _limit_us(desk, job)
    progress, watching = Progress(float("inf"), desk.now_us), Watching(desk.now_us)
    placed_at_us = 0
    while True:
        await desk.pause(job)
        now_us = desk.now_us
        if now_us > deadline_us:
            raise GaveUp("the sighting was not looked at in time")
        if now_us - placed_at_us >= NEW_PLACE_AGAIN_US and _needs_new_place(desk, job):
            placed_at_us = now_us
            await _find_new_place(desk, job)
            progress.at_us = now_us
            continue
        left_m = _left_m(desk, job)
        if watching.there_since_us is None and left_m > ARRIVED_M:
            desk.say(job, f"{tens(left_m)} m to the stand-off point")
            progress.raise_if_none(left_m, now_us=now_us, limit_us=NO_PROGRESS_US, what=f"{left_m:.0f} m to go")
        elif await _is_looked_at(desk, job, watching):
            if not job.is_watch:
                return
            deadline_us = now_us + _limit_us(desk, job)


async def _is_looked_at(desk: Desk, job: Job, watching: Watching) -> bool:
    """One look from the place: in view for `observe_s` without a break? Turns the sensor when it points past."""
    now_us, view = desk.now_us, _view(desk, job)
    watching.there_since_us = watching.there_since_us or now_us
    if view is None or not view.is_inside:
        watching.in_view_since_us = None
        if now_us - watching.there_since_us > FIND_LIMIT_US:
            raise GaveUp("at the stand-off point, but the sighting does not come into view")
    else:
        watching.there_since_us = now_us
        watching.in_view_since_us = watching.in_view_since_us or now_us
        if not job.task.is_on_scene:
            desk.say(job, f"{ON_SCENE}: in view from {view.distance_m:.0f} m")
        if (now_us - watching.in_view_since_us) / 1e6 >= desk.site.response.observe_s:
            return True
    if _is_off_axis(desk, view) and now_us - watching.looked_at_us >= LOOK_AGAIN_US and job.target is not None:
        has_turned = await _look(desk, job, job.target)
        watching.looked_at_us = now_us if has_turned else desk.now_us + LOOK_SELDOM_US - LOOK_AGAIN_US
    return False


async def _look(desk: Desk, job: Job, target: GeoPoint) -> bool:
    """Has it turned? One that cannot may still have the sighting in view: its refusal ends nothing."""
    try:
        await desk.order(job, LookAt(target))
    except FlightError as err:
        desk.say(job, f"does not turn: {err}")
        return False
    return True


def _limit_us(desk: Desk, job: Job) -> int:
    """Twice the way at cruise speed, and time to find, look and look again."""
    way_s = _left_m(desk, job) / desk.spec.cruise_speed_m_s
    return round((2.0 * way_s + 90.0 + 4.0 * desk.site.response.observe_s) * 1e6)


def _stand_off(job: Job) -> GeoPoint:
    if job.task.stand_off is None or job.task.stand_off == job.target:
        raise CommandRefused("a sighting is never a destination, and there is no stand-off point")
    return job.task.stand_off


def _left_m(desk: Desk, job: Job) -> float:
    return here_of(desk).horizontal_distance_m(desk.airspace.enu(_stand_off(job)))


async def _go(desk: Desk, job: Job) -> None:
    await go_around(desk, job, desk.airspace.enu(_stand_off(job)), job.task.stand_off_altitude_m)
    order = GoTo(
        point=_stand_off(job),
        above_home_m=job.task.stand_off_altitude_m,
        speed_m_s=desk.spec.cruise_speed_m_s,
        look_at=job.target,
    )
    await desk.order(job, order)


def _view(desk: Desk, job: Job) -> View | None:
    """How the target is in view; None when heading or target is not known."""
    here_of(desk)
    return None if job.target is None else view_from(desk.state, desk.spec, job.target, desk.airspace)


def _is_off_axis(desk: Desk, view: View | None) -> bool:
    return view is None or abs(view.off_axis_deg) > desk.spec.sensor_fov_deg / 4.0


def _needs_new_place(desk: Desk, job: Job) -> bool:
    """Does it stand and wait, have people come too near the place or the way, or has the sighting left it?"""
    if job.target is None:
        return False
    if desk.route == STANDS:
        return True
    airspace, response = desk.airspace, desk.site.response
    place, target = airspace.enu(_stand_off(job)), airspace.enu(job.target)
    stand_off_m = response.air_stand_off_m if desk.spec.kind.flies else response.ground_stop_m
    apart_m = place.horizontal_distance_m(target)
    if not stand_off_m + job.sigma_m <= apart_m <= stand_off_m + job.sigma_m + 20.0:
        return True
    height_m = job.task.stand_off_altitude_m or 0.0
    return people_near(desk, (Stop(place, height_m, True),)) or _is_too_fast(desk, (Stop(place, height_m, True),))


async def _find_new_place(desk: Desk, job: Job) -> None:
    """Around the target as it is now; stand still while there is none."""
    assert job.target is not None
    found = choose(
        job.target,
        job.sigma_m,
        vehicles=(desk.state,),
        tasks=(),
        world=desk.world(),
        parameters=desk.tools.parameters,
        now_us=desk.now_us,
        heights={} if job.task.stand_off_altitude_m is None else {desk.spec.id: job.task.stand_off_altitude_m},
    )
    if isinstance(found, Dispatch):
        changes = {"stand_off": found.stand_off, "stand_off_altitude_m": found.above_home_m, "target": job.target}
        job.task = job.task.model_copy(update=changes)
        desk.move(job, job.task.state, reason=job.task.reason)
        try:
            await _go(desk, job)
        except CommandRefused as err:
            desk.say(job, f"waits: {err}")
        else:
            return
    else:
        desk.say(job, f"waits: {found.reason}")
    if desk.route != STANDS:
        await desk.order(job, Hold())
        desk.route = STANDS


async def patrol(desk: Desk, job: Job) -> None:
    """Fly the mission from `job.from_index` to its end; stand still while people are near the way."""
    site = desk.site
    plan = next((p for p in site.patrols if p.id == job.task.patrol), None) or _what_is_left(desk, job)
    if plan is None:
        raise CommandRefused(f"expected a patrol of this site, got '{job.task.patrol}'")
    if desk.spec.kind.flies:
        path = (here_of(desk), *(desk.airspace.enu(waypoint.position) for waypoint in plan.waypoints))
        height_m = await take_height(desk, job, plan.altitude_m, (*path, path[1]))  # and round again
        plan = plan.model_copy(update={"altitude_m": height_m})
    mission = mission_of(plan, flies=desk.spec.kind.flies, speed_m_s=desk.spec.cruise_speed_m_s)
    await stand_while_paused(desk, job, _waypoint(job, mission))
    await be_off(desk, job, plan.altitude_m if desk.spec.kind.flies else None)
    await stand_while_paused(desk, job, _waypoint(job, mission))
    start = desk.airspace.enu(mission.items[job.from_index].point)
    await go_around(desk, job, start, mission.items[job.from_index].above_home_m)
    await _go_on(desk, job, mission)
    executes(desk, job, _waypoint(job, mission))
    try:
        await _follow(desk, job, mission, stops_of(mission.items, desk.airspace))
        _note_visits(job, len(mission.items))
    finally:
        _note_waypoint(desk, job, mission)  # where it goes on, whatever ended it


def _what_is_left(desk: Desk, job: Job) -> Patrol | None:
    """The visits that a roaming patrol has yet to make, by legal ways from here; None: the site has no such patrol."""
    roaming = next((p for p in desk.site.roaming if p.id == job.task.patrol), None)
    if roaming is None or not job.task.visits:
        return None
    now_us = desk.tools.clock.wall_us()
    ends_us = now_us + round(roaming.round_min * 60e6)
    visits = by_urgency(job.task.visits, ends_us=ends_us) if job.was_acknowledged else job.task.visits
    try:
        plan, job.visit_ends = round_as_patrol(desk.site, roaming, desk.spec, visits, here=here_of(desk))
    except Refused as err:
        raise CommandRefused(str(err)) from err
    job.task, job.from_index = job.task.model_copy(update={"visits": visits}), 0
    return plan


def _note_visits(job: Job, done: int) -> None:
    """So many waypoints are behind it: visits that ended there were made."""
    made = sum(1 for end in job.visit_ends if end < done)
    if made:
        job.task = job.task.model_copy(update={"visits": job.task.visits[made:]})
        job.visit_ends = job.visit_ends[made:]


def _note_waypoint(desk: Desk, job: Job, mission: FlyMission) -> bool:
    seq = desk.state.mission_seq
    is_further = seq is not None and job.from_index < seq < len(mission.items)
    if seq is not None and is_further:
        job.from_index = seq
        _note_visits(job, seq)
    return is_further


async def _follow(desk: Desk, job: Job, mission: FlyMission, stops: tuple[Stop, ...]) -> None:
    """Watch the mission over all its `stops` until the vehicle says it is complete."""
    progress = Progress(float("inf"), desk.now_us)
    limit_us = NO_PROGRESS_US + round(max(item.dwell_s for item in mission.items) * 1e6)
    while True:
        await desk.pause(job)
        if desk.state.mission_state == MISSION_COMPLETE:
            return
        if _note_waypoint(desk, job, mission):
            progress.at_us = desk.now_us
        if job.paused_by is not None:
            await stand_while_paused(desk, job, _waypoint(job, mission))
            await _go_on_if_clear(desk, job, mission, stops)
            progress = Progress(float("inf"), desk.now_us)
            continue
        if job.is_skipping:
            await _skip(desk, job, mission)
            progress = Progress(float("inf"), desk.now_us)
        ahead = stops[job.from_index :]
        left_m = here_of(desk).horizontal_distance_m(ahead[0].point)
        desk.say(job, f"{_waypoint(job, mission)}, {tens(left_m)} m to go")
        desk.route = Route(ahead, (limit_us - NO_PROGRESS_US) / 1e6)
        if people_near(desk, ahead[:WAYPOINTS_AHEAD]):
            await _stand_until_clear(desk, job, mission, stops)
            progress = Progress(float("inf"), desk.now_us)
            continue
        if _is_too_fast(desk, ahead[:WAYPOINTS_AHEAD]):
            await _go_on(desk, job, mission)
        progress.raise_if_none(left_m, now_us=desk.now_us, limit_us=limit_us, what=_waypoint(job, mission))


def _waypoint(job: Job, mission: FlyMission) -> str:
    return f"waypoint {job.from_index + 1} of {len(mission.items)}"


async def _go_on(desk: Desk, job: Job, mission: FlyMission) -> None:
    job.is_skipping = False
    await desk.order(job, replace(mission, from_index=job.from_index))


async def _go_on_if_clear(desk: Desk, job: Job, mission: FlyMission, stops: tuple[Stop, ...]) -> None:
    if people_near(desk, stops[job.from_index :]):
        await _stand_until_clear(desk, job, mission, stops)
    else:
        await _go_on(desk, job, mission)


async def _skip(desk: Desk, job: Job, mission: FlyMission) -> None:
    """Straight to the waypoint behind. A way that the gate refuses is not taken, and the vehicle stays on the old."""
    try:
        await _go_on(desk, job, mission)
    except CommandRefused as err:
        if desk.state.mode is not FlightMode.AUTO:
            raise
        job.from_index = max(desk.state.mission_seq or 0, 0)
        desk.move(job, job.task.state, reason=f"not skipped: {err}")


def tens(distance_m: float) -> int:
    """Metres as people are told them: not a new text with every metre."""
    return math.ceil(distance_m / 10.0) * 10


def people_near(desk: Desk, ahead: tuple[Stop, ...]) -> bool:
    way = Way(Stop(here_of(desk), desk.state.above_home_m or 0.0, False), ahead)
    return bool(
        people_too_near(
            way,
            desk.tools.view.people(),
            airspace=desk.airspace,
            response=desk.site.response,
            flies=desk.spec.kind.flies,
            now_us=desk.now_us,
        )
    )


def _is_too_fast(desk: Desk, ahead: tuple[Stop, ...]) -> bool:
    """Has somebody come near a ground vehicle since its speed was approved?"""
    limit_m_s = desk.site.response.ground_speed_near_people_m_s
    if desk.spec.kind.flies or desk.speed_m_s <= limit_m_s:
        return False
    return slows_down(Way(Stop(here_of(desk), 0.0, False), ahead), desk.world(), desk.now_us)


async def _stand_until_clear(desk: Desk, job: Job, mission: FlyMission, stops: tuple[Stop, ...]) -> None:
    """Hold before the monitor must, and go on when nobody was near for a while."""
    await desk.order(job, Hold())
    desk.route = STANDS
    since_us = desk.now_us
    clear_since_us: int | None = None
    while True:
        await desk.pause(job)
        if job.paused_by is not None:
            return
        desk.say(job, "waits: somebody is near the way")
        if desk.now_us - since_us > PEOPLE_LIMIT_US:
            raise GaveUp("people stayed near the way")
        if people_near(desk, stops[job.from_index :]):
            clear_since_us = None
            continue
        clear_since_us = clear_since_us or desk.now_us
        if desk.now_us - clear_since_us >= CLEAR_FOR_US:
            await _go_on(desk, job, mission)
            return


async def recall(desk: Desk, job: Job) -> None:
    """Home; done when the vehicle shows that it is coming."""
    await desk.order(job, ReturnHome())
    executes(desk, job, "coming home")


async def bring_home(desk: Desk) -> None:
    """Nothing to do: bring it home and end with motors off. A copter lands and disarms by itself."""
    if not desk.spec.kind.flies:
        await bring_home_on_wheels(desk)
    elif desk.state.mode is not FlightMode.RETURN:
        await desk.order(None, ReturnHome())


async def bring_home_on_wheels(desk: Desk) -> None:
    if _is_at_home(desk):
        await desk.order(None, Disarm())
    elif desk.state.mode is not FlightMode.RETURN:
        await desk.order(None, ReturnHome())


def _is_at_home(desk: Desk) -> bool:
    state = desk.state
    if state.position is None or state.home is None:
        return False
    airspace = desk.airspace
    slow = abs(state.velocity_east_m_s or 0.0) + abs(state.velocity_north_m_s or 0.0) < 0.3
    return slow and airspace.enu(state.position).horizontal_distance_m(airspace.enu(state.home)) <= AT_HOME_M


async def prepare(desk: Desk) -> None:
    """Fence, rally point and failsafes into the vehicle, at connection and after each reboot (SAFETY 10)."""
    site, system_id = desk.site, desk.tools.parameters.ground_station_system_id
    rally = desk.airspace.rally_points
    plan = safety_plan(site, desk.spec.id, ground_station_system_id=system_id, rally=rally)
    await desk.order(None, UploadSafety(plan))
