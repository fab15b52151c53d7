"""Attacks as they truly were, and what the alarms made of them, i-LIDS-style.

An alarm belongs to an attack by when its picture was taken and is in time by when a person could hear it: after an
outage the alarm of an old picture is late, and late counts as a miss and as a false alarm at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import shapely

from contract.events import Event, Stage
from contract.geo import PointEnu
from contract.kinds import EventKind
from contract.site import Direction, Line, Site, Zone
from edge.drawn_line import DrawnLine
from edge.rules import loitering
from sim.actors import LABELS, Walk
from sim.drawn_on_ground import places_of
from sim.scenario import Actor, ActorKind
from sim.score.overlap import WhoIsSeen
from sim.score.run_folder import Run
from sim.score.sections import Attack, AttackOutcome, JudgedAlarm, ScoreParameters, Verdict

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
When = Callable[[Walk, Floats], Flags]  # of somebody: is he attacking at these seconds?
CLEAR_M = 0.5  # from a line, to be on a side of it
STEP_S = 0.05  # between looks at where an actor is: 7 cm at a walk


@dataclass(slots=True)
class Stay:
    """One intruder in one set zone, from first entry to last exit, or at one set line, from first crossing to last.
    `alarm`: the first that belongs to it."""

    actor: Actor
    zone: str
    starts_at_us: int
    left_at_us: int
    alarm: "Raised | None" = None


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm. `actor`: who its box shows; None when nobody's box is near enough to say."""

    at_us: int
    captured_at_us: int
    zone: str
    camera: str
    incident: str | None
    actor: str | None = field(default=None)


def judge(run: Run, who: WhoIsSeen, parameters: ScoreParameters) -> tuple[tuple[Attack, ...], tuple[JudgedAlarm, ...]]:
    """Every attack with its outcome, every alarm with its verdict, in the order of time."""
    settled_us = run.start_us + _us(parameters.settling_s)
    stays = stays_of(run, parameters)
    alarms = []
    counted_us: dict[str, int] = {}  # zone: when its last false alarm was counted
    for raised in raised_in(run, who):
        verdict = _verdict(raised, stays, counted_us, parameters, settled_us)
        alarms.append(
            JudgedAlarm(
                at_us=raised.at_us,
                captured_at_us=raised.captured_at_us,
                zone=raised.zone,
                camera=raised.camera,
                incident=raised.incident,
                actor=raised.actor,
                verdict=verdict,
            )
        )
    attacks = tuple(_attack(stay, parameters) for stay in stays if stay.starts_at_us >= settled_us)
    return attacks, tuple(alarms)


def _verdict(
    raised: Raised, stays: Sequence[Stay], counted_us: dict[str, int], parameters: ScoreParameters, settled_us: int
) -> Verdict:
    if raised.at_us < settled_us:
        return Verdict.SETTLING
    mine = [stay for stay in stays if _belongs(raised, stay, parameters)]
    unanswered = [stay for stay in mine if stay.alarm is None]
    if unanswered:
        stay = min(unanswered, key=lambda each: not _in_time(raised, each, parameters))
        stay.alarm = raised
        if stay.starts_at_us < settled_us:
            return Verdict.SETTLING
        return Verdict.DETECTED if _in_time(raised, stay, parameters) else Verdict.LATE
    if mine:
        return Verdict.REPEAT
    last_us = counted_us.get(raised.zone)
    if last_us is not None and raised.at_us - last_us <= _us(parameters.repeats_within_s):
        return Verdict.REPEAT
    counted_us[raised.zone] = raised.at_us
    return Verdict.FALSE


def _belongs(raised: Raised, stay: Stay, parameters: ScoreParameters) -> bool:
    first_us = stay.starts_at_us - _us(parameters.early_s)
    last_us = stay.left_at_us + _us(parameters.left_after_s)
    return (
        raised.zone == stay.zone
        and raised.actor in (None, stay.actor.id)
        and first_us <= raised.captured_at_us <= last_us
    )


def _in_time(raised: Raised, stay: Stay, parameters: ScoreParameters) -> bool:
    return raised.at_us <= stay.starts_at_us + _us(parameters.window_s)


def _attack(stay: Stay, parameters: ScoreParameters) -> Attack:
    alarm = stay.alarm
    outcome = AttackOutcome.MISSED
    if alarm is not None:
        outcome = AttackOutcome.DETECTED if _in_time(alarm, stay, parameters) else AttackOutcome.LATE
    return Attack(
        actor=stay.actor.id,
        zone=stay.zone,
        cell=stay.actor.cell,
        starts_at_us=stay.starts_at_us,
        left_at_us=stay.left_at_us,
        outcome=outcome,
        alarmed_at_us=None if alarm is None else alarm.at_us,
        time_to_alarm_s=None if alarm is None else round((alarm.at_us - stay.starts_at_us) / 1e6, 3),
    )


def raised_in(run: Run, who: WhoIsSeen) -> list[Raised]:
    """The run's alarms; without a coordinator its events, as soon as their picture was taken."""
    starts: dict[str, Event] = {}
    captured_us: dict[str, int] = {}
    for envelope in run.envelopes:
        body = envelope.body
        if isinstance(body, Event) and body.stage is Stage.START:
            starts.setdefault(str(body.event_id), body)
            captured_us.setdefault(str(body.event_id), envelope.captured_at_us)

    def shown(event_id: str) -> str | None:
        sighting = starts[event_id].sighting
        box = sighting.box
        xyxy_px = (box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px)
        seen = who.of(xyxy_px, camera=sighting.camera, captured_at_us=captured_us[event_id])
        return None if seen is None else seen.actor

    if not run.had_coordinator:
        return [
            Raised(captured_us[key], captured_us[key], event.zone, event.sighting.camera, None, shown(key))
            for key, event in starts.items()
        ]
    return [
        Raised(
            at_us=line.at_us,
            captured_at_us=min(captured_us.get(line.event or "", line.at_us), line.at_us),  # later, a clock is wrong
            zone=line.zone,
            camera=line.camera or "",
            incident=line.incident,
            actor=shown(line.event) if line.event in starts else None,
        )
        for line in sorted(run.alarms, key=lambda line: line.at_us)
        if line.zone is not None
    ]


def stays_of(run: Run, parameters: ScoreParameters) -> list[Stay]:
    """Every stay of an intruder in a set zone and every crossing of a set line, by time. Shorter than the zone's dwell
    it is none; where only loitering counts, it begins when it has lasted for as long as that takes."""
    times_s: Floats = np.arange(round(run.scenario.length_s / STEP_S) + 1, dtype=np.float64) * STEP_S
    stays = []
    for watched in run.site.watched:
        when = _when_inside(watched, run.site) if isinstance(watched, Zone) else _when_across(watched, run.site)
        least_s, allowed_s = _patience_s(watched)
        is_set = _when_set(watched, run, times_s)
        for actor in run.scenario.actors:
            if actor.intrudes and actor.kind is ActorKind.PERSON and LABELS[actor.kind] in watched.labels:
                attacking = is_set & when(Walk(actor), times_s)
                for first, last in _stretches(attacking, round(parameters.left_after_s / STEP_S)):
                    if times_s[last] - times_s[first] >= least_s:
                        starts_at_us = run.start_us + _us(times_s[first] + allowed_s)
                        stays.append(Stay(actor, watched.id, starts_at_us, run.start_us + _us(times_s[last])))
    return sorted(stays, key=lambda stay: (stay.starts_at_us, stay.actor.id, stay.zone))


def _patience_s(watched: Zone | Line) -> tuple[float, float]:
    """How long a stay must last to be an attack, and how much of that is nobody's business."""
    if isinstance(watched, Line):
        return 0.0, 0.0
    if set(watched.rules) == {EventKind.LOITERING}:
        after_s = loitering.Options.model_validate(watched.rules[EventKind.LOITERING]).after_s
        return after_s, after_s
    return watched.dwell_s, 0.0


def _when_inside(zone: Zone, site: Site) -> When:
    """Asked only while it walks; where it comes to its end it stays or is gone."""
    corners = [(corner.east_m, corner.north_m) for corner in places_of(zone, site)]
    polygon = shapely.Polygon(corners) if len(corners) > 2 else shapely.Polygon()
    shapely.prepare(polygon)

    def when(walk: Walk, times_s: Floats) -> Flags:
        inside = np.zeros(len(times_s), np.bool_)
        first, there = _way(walk, times_s)
        if there:
            places = np.array([(place.east_m, place.north_m) for place in there])
            inside[first : first + len(there)] = shapely.intersects_xy(polygon, places)
            if walk.actor.stays:
                inside[first + len(there) :] = inside[first + len(there) - 1]
        return inside

    return when


def _when_across(line: Line, site: Site) -> When:
    """The moments at which it stepped over the line the way that counts, to be clear of it on the other side."""
    ground = DrawnLine([(place.east_m, place.north_m) for place in places_of(line, site)])

    def when(walk: Walk, times_s: Floats) -> Flags:
        across = np.zeros(len(times_s), np.bool_)
        first, way = _way(walk, times_s)
        there = [(place.east_m, place.north_m) for place in way]
        crossings, stepped = 0, first
        was_clear = bool(there) and ground.distance(there[0]) >= CLEAR_M
        for index, (before, place) in enumerate(pairwise(there), first + 1):
            step = ground.crossings(before, place)
            crossings, stepped = crossings + step, index if step else stepped
            if ground.distance(place) >= CLEAR_M:
                if was_clear and crossings:
                    went = Direction.LEFT_TO_RIGHT if crossings > 0 else Direction.RIGHT_TO_LEFT
                    across[stepped] = line.direction in (Direction.EITHER, went)
                crossings, was_clear = 0, True
        return across

    return when


def _way(walk: Walk, times_s: Floats) -> tuple[int, list[PointEnu]]:
    """The first step at which it is there, and where it is from then on until it stands for good or is gone."""
    first, after = np.searchsorted(times_s, (walk.actor.starts_at_s, walk.ends_at_s))
    places = [walk.at(float(time_s)) for time_s in times_s[first : after + 1]]
    return int(first), [PointEnu(place.east_m, place.north_m) for place in places if place is not None]


def _when_set(watched: Zone | Line, run: Run, times_s: Floats) -> Flags:
    """As the node has it; asked at each step only where there are hours."""
    acts = sorted(run.scenario.operator, key=lambda act: act.at_s)
    acts = [act for act in acts if act.target == watched.id and act.do in ("set_zone", "unset_zone")]
    if watched.hours:
        switch = watched.switch(run.site.time_zone)
        is_set = np.zeros(len(times_s), np.bool_)
        for step, time_s in enumerate(times_s.tolist()):
            while acts and acts[0].at_s <= time_s:
                switch.say(is_set=acts.pop(0).do == "set_zone")
            is_set[step] = switch.at(run.start_us + _us(time_s))
        return is_set
    is_set = np.full(len(times_s), watched.initially_set)
    for act in acts:
        is_set[times_s >= act.at_s] = act.do == "set_zone"
    return is_set


def _stretches(inside: Flags, bridge: int) -> Iterable[tuple[int, int]]:
    """First and last index of each run of True; gaps of less than `bridge` steps are none."""
    indices = np.flatnonzero(inside)
    if not len(indices):
        return
    breaks = np.flatnonzero(np.diff(indices) >= bridge)
    for part in np.split(indices, breaks + 1):
        yield int(part[0]), int(part[-1])


def _us(seconds: float) -> int:
    return round(float(seconds) * 1e6)
