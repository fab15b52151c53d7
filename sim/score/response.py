"""How the fleet answered: from the alarm to the task, to the vehicle's consent, to its sensor truly on the intruder.

On scene is judged by the simulator's truth of vehicle and intruder, not by what the coordinator believes; an incident
that was about nobody has no scene to reach.
"""

import math
from collections.abc import Sequence

from contract.geo import PointEnu
from contract.site import Vehicle
from contract.tasks import TaskKind, TaskState
from sim.actors import Walk
from sim.score.run_folder import Run, TaskLine, VehicleLine, standing_at
from sim.score.sections import IncidentResponse, JudgedAlarm, Response, Verdict, rounded, spread
from sim.score.watching import Footprints

INTRUSION = "intrusion"
FINAL = {state.value for state in TaskState if state.is_final}
SAID_YES = (TaskState.ACCEPTED.value, TaskState.EXECUTING.value)


def response(
    run: Run,
    alarms: Sequence[JudgedAlarm],
    actors: dict[str, str],
    footprints: Footprints,
    *,
    least_way_s: float,
) -> Response:
    """`actors`: incident to the intruder it is about."""
    first_us: dict[str, int] = {}
    for alarm in alarms:
        if alarm.incident is not None:
            first_us.setdefault(alarm.incident, alarm.at_us)
    each = tuple(
        _answer(run, incident, at_us, actors.get(incident), footprints, least_way_s=least_way_s)
        for incident, at_us in first_us.items()
    )
    acknowledged = [
        answer.alarm_to_sent_s + answer.sent_to_acknowledged_s
        for answer in each
        if answer.alarm_to_sent_s is not None and answer.sent_to_acknowledged_s is not None
    ]
    to_scene = [answer.time_to_scene_s for answer in each if answer.time_to_scene_s is not None]
    return Response(
        incidents=len(each),
        sent=sum(answer.alarm_to_sent_s is not None for answer in each),
        acknowledged=len(acknowledged),
        on_scene=len(to_scene),
        alarm_to_acknowledged_s=spread(acknowledged),
        time_to_scene_s=spread(to_scene),
        over_minimum=spread([answer.over_minimum for answer in each if answer.over_minimum is not None]),
        each=each,
    )


def actors_of(alarms: Sequence[JudgedAlarm], attacked_by: dict[tuple[int, str], str]) -> dict[str, str]:
    """Whom each incident is about: who its first alarm's box shows, else whose attack that alarm was counted for."""
    actors: dict[str, str] = {}
    for alarm in alarms:
        actor = alarm.actor or attacked_by.get((alarm.at_us, alarm.zone))
        if alarm.incident is not None and actor is not None and alarm.verdict is not Verdict.FALSE:
            actors.setdefault(alarm.incident, actor)
    return actors


def _answer(
    run: Run, incident: str, alarm_us: int, actor: str | None, footprints: Footprints, *, least_way_s: float
) -> IncidentResponse:
    mine = [line for line in run.tasks if line.incident == incident and line.kind == TaskKind.INVESTIGATE.value]
    sent = _first(mine, (TaskState.SENT.value,), alarm_us)
    vehicle = None if sent is None else sent.vehicle
    yes = None if sent is None else _first([line for line in mine if line.task == sent.task], SAID_YES, sent.at_us)
    scene_us = minimum_s = None
    if sent is not None and actor is not None:
        walk = run.walks()[actor]
        scene_us = _on_scene_us(run, walk, mine, footprints)
        minimum_s = _minimum_s(run, walk, sent.vehicle, alarm_us)
    time_to_scene_s = None if scene_us is None else (scene_us - alarm_us) / 1e6
    over_minimum = None
    if time_to_scene_s is not None and minimum_s is not None and minimum_s >= least_way_s:
        over_minimum = time_to_scene_s / minimum_s
    return IncidentResponse(
        incident=incident,
        alarm_at_us=alarm_us,
        actor=actor,
        vehicle=vehicle,
        alarm_to_sent_s=None if sent is None else rounded((sent.at_us - alarm_us) / 1e6),
        sent_to_acknowledged_s=None if sent is None or yes is None else rounded((yes.at_us - sent.at_us) / 1e6),
        time_to_scene_s=rounded(time_to_scene_s),
        minimum_s=rounded(minimum_s),
        over_minimum=rounded(over_minimum),
    )


def _first(lines: Sequence[TaskLine], states: Sequence[str], from_us: int) -> TaskLine | None:
    return next((line for line in lines if line.state in states and line.at_us >= from_us), None)


def _on_scene_us(run: Run, walk: Walk, tasks: Sequence[TaskLine], footprints: Footprints) -> int | None:
    """When one that was sent first truly had the intruder in view, while its task lasted: who comes by later on
    another errand did not answer."""
    lasted_us: dict[str, tuple[str, int, int]] = {}  # task: vehicle, from, to
    for line in tasks:
        if line.state == TaskState.SENT.value:
            lasted_us.setdefault(line.task, (line.vehicle, line.at_us, run.end_us))
        elif line.task in lasted_us and line.state in FINAL:
            lasted_us[line.task] = (*lasted_us[line.task][:2], line.at_us)
    for seen in run.vehicles:
        if not any(seen.vehicle == who and first <= seen.at_us <= last for who, first, last in lasted_us.values()):
            continue
        target = standing_at(walk, run.seconds(seen.at_us))
        if target is not None and footprints.vehicle_sees(seen, target):
            return seen.at_us
    return None


def _minimum_s(run: Run, walk: Walk, vehicle: str, alarm_us: int) -> float | None:
    """No vehicle of its speed could have been there sooner. None when where it was is not known."""
    spec = next((each for each in run.site.vehicles if each.id == vehicle), None)
    before = [line for line in run.vehicles if line.vehicle == vehicle and line.at_us <= alarm_us]
    target = standing_at(walk, run.seconds(alarm_us))
    if spec is None or not before or target is None:
        return None
    return _straight_m(before[-1], target, spec, _height_m(run, spec)) / spec.cruise_speed_m_s


def _height_m(run: Run, spec: Vehicle) -> float:
    """Where it answers from, above the ground."""
    fence = run.site.geofence
    return min(max(run.site.response.air_altitude_m, fence.floor_m), fence.ceiling_m) if spec.kind.flies else 0.0


def _straight_m(stood: VehicleLine, target: PointEnu, spec: Vehicle, height_m: float) -> float:
    """To the nearest point at that height from which the sensor reaches the target."""
    reach_m = math.sqrt(max(spec.sensor_range_m**2 - height_m**2, 0.0))
    level_m = max(stood.place.horizontal_distance_m(target) - reach_m, 0.0)
    return math.hypot(level_m, height_m - stood.up_m if spec.kind.flies else 0.0)
