"""Attacks as they truly were, and what the alarms made of them, i-LIDS-style.

An alarm belongs to an attack by when its picture was taken and is in time by when a person could hear it: after an
outage the alarm of an old picture is late, and late counts as a miss and as a false alarm at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely

from contract.events import Event, Stage
from contract.site import Zone
from sim.actors import LABELS, Walk
from sim.scenario import Actor, ActorKind, Scenario
from sim.score.overlap import WhoIsSeen
from sim.score.run_folder import Run
from sim.score.sections import Attack, AttackOutcome, JudgedAlarm, ScoreParameters, Verdict

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
STEP_S = 0.05  # between looks at where an actor is: 7 cm at a walk


@dataclass(slots=True)
class Stay:
    """One intruder in one set zone, from first entry to last exit. `alarm`: the first that belongs to it."""

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
    """Every stay of an intruder in a set zone, by time. Shorter than the zone's dwell it is none."""
    frame = run.site.local_frame()
    times_s: Floats = np.arange(round(run.scenario.length_s / STEP_S) + 1, dtype=np.float64) * STEP_S
    stays = []
    for zone in run.site.zones:
        corners = [frame.to_enu(point) for point in zone.polygon]
        polygon = shapely.Polygon([(corner.east_m, corner.north_m) for corner in corners])
        shapely.prepare(polygon)
        is_set = _when_set(zone, run.scenario, times_s)
        for actor in run.scenario.actors:
            if actor.intrudes and actor.kind is ActorKind.PERSON and LABELS[actor.kind] in zone.labels:
                inside = is_set & _when_inside(polygon, Walk(actor), times_s)
                for first, last in _stretches(inside, round(parameters.left_after_s / STEP_S)):
                    if times_s[last] - times_s[first] >= zone.dwell_s:
                        starts_at_us, left_at_us = (run.start_us + _us(times_s[each]) for each in (first, last))
                        stays.append(Stay(actor, zone.id, starts_at_us, left_at_us))
    return sorted(stays, key=lambda stay: (stay.starts_at_us, stay.actor.id, stay.zone))


def _when_inside(polygon: shapely.Polygon, walk: Walk, times_s: Floats) -> Flags:
    """Asked only while it walks; where it comes to its end it stays or is gone."""
    inside = np.zeros(len(times_s), np.bool_)
    first, after = np.searchsorted(times_s, (walk.actor.starts_at_s, walk.ends_at_s))
    places = [walk.at(float(time_s)) for time_s in times_s[first : after + 1]]
    there = [(place.east_m, place.north_m) for place in places if place is not None]
    if there:
        inside[first : first + len(there)] = shapely.intersects_xy(polygon, np.array(there))
        if walk.actor.stays:
            inside[first + len(there) :] = inside[first + len(there) - 1]
    return inside


def _when_set(zone: Zone, scenario: Scenario, times_s: Floats) -> Flags:
    is_set = np.full(len(times_s), zone.initially_set)
    for act in sorted(scenario.operator, key=lambda act: act.at_s):
        if act.target == zone.id and act.do in ("set_zone", "unset_zone"):
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
