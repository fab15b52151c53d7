"""The sections of score.json and the constants they depend on.

None means "could not be measured" and is never 0: no attack has no recall, no located sighting has no error.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import numpy as np
from pydantic import Field

from contract.frozen import Frozen, TimeUs

Count = Annotated[int, Field(ge=0)]
DIGITS = 4  # of every figure in score.json


class ScoreParameters(Frozen):
    """Every constant of the judgement. The alarm roles are i-LIDS-style (sterile zone, UK Home Office), from memory:
    comparable with figures of that kind, not the official procedure."""

    alert_a: float = 0.65  # i-LIDS-style bias of operational alert, where a false alarm costs more
    recording_a: float = 75.0  # i-LIDS-style bias of event recording, where a miss costs more
    window_s: float = 10.0  # i-LIDS-style: an alarm counts this long after the attack's start
    repeats_within_s: float = 5.0  # i-LIDS-style: further false alarms of a zone in this time count once
    settling_s: float = 0.0  # i-LIDS gives 300 s to systems that learn their background; ours learns none
    early_s: float = 1.0  # ours: a position error at the zone's edge may raise the alarm this much too soon
    left_after_s: float = 2.0  # ours: outside for less, an intruder has not left, and an alarm still means it
    match_iou: float = 0.3  # a sighting shows the actor whose true box it overlaps most, from here on
    least_way_s: float = 1.0  # of a straight line: below, the vehicle was there already and a ratio says nothing
    ground_match_m: float = 2.0  # ours: a site track so near to a person shows him
    visible_frac: float = 0.25  # less of it in sight, an actor is neither to be tracked nor wrong to track
    interval_frac: float = 0.95  # of every confidence interval


class Spread(Frozen):
    """Of n measured values. Percentiles interpolate linearly between neighbours."""

    n: Count = 0
    p50: float | None = None
    p95: float | None = None
    max: float | None = None


class Role(Frozen):
    """fp: false alarms and late ones; fn: attacks alarmed late or never. F = (a+1)RP / (R+aP)."""

    tp: Count
    fp: Count
    fn: Count
    recall: float | None
    precision: float | None
    f1: float | None  # None without an attack
    time_to_alarm_s: Spread  # of every attack that was alarmed at all


class Cell(Frozen):
    """Attacks of one kind. fp: its own late alarms, and the scenario's false alarms, which are nobody's; the F1 of the
    alert role follows from these counts."""

    attacks: Count
    detected: Count
    late: Count
    missed: Count
    fp: Count
    recall: float | None
    f1: float | None
    time_to_alarm_s: Spread


class FalseAlarms(Frozen):
    """Alarms that no attack explains. The interval is the exact one of a Poisson count (Garwood 1936)."""

    count: Count
    camera_days: float
    per_camera_day: float | None
    per_camera_day_low: float | None
    per_camera_day_high: float | None


class Tracked(Frozen):
    mota: float | None
    idf1: float | None
    objects: Count
    misses: Count
    false_positives: Count
    switches: Count


class Tracking(Frozen):
    """Persons, confirmed tracks, IoU 0.5; `all` takes every camera's picture as one long sequence."""

    all: Tracked
    cameras: dict[str, Tracked]


class Geolocation(Frozen):
    """Horizontal error of confirmed sightings, metres."""

    all: Spread
    cameras: dict[str, Spread]


class SiteTracks(Frozen):
    """Site tracks against where persons truly were, each 0.2 s, matched within `ground_match_m`, while any camera had
    each in its sightings in the last second. ids: distinct ones that were confirmed; most: at one moment;
    right_frac: moments with as many as there were persons. error_m: of matched ones."""

    ids: Count
    most: Count
    right_frac: float | None
    mota: float | None
    idf1: float | None
    switches: Count
    error_m: Spread


class IncidentResponse(Frozen):
    """One intrusion. `minimum_s`: the straight line from where the vehicle was at the alarm to the nearest point, at
    its answering height, from which its sensor reaches the intruder, at cruise speed."""

    incident: str
    alarm_at_us: TimeUs
    actor: str | None
    vehicle: str | None
    alarm_to_sent_s: float | None
    sent_to_acknowledged_s: float | None
    time_to_scene_s: float | None  # from the alarm
    minimum_s: float | None
    over_minimum: float | None


class Response(Frozen):
    incidents: Count
    sent: Count
    acknowledged: Count
    on_scene: Count
    alarm_to_acknowledged_s: Spread
    time_to_scene_s: Spread
    over_minimum: Spread
    each: tuple[IncidentResponse, ...]


class ZoneGap(Frozen):
    """Longest time that the zone's centroid was in no view. `vehicles_s` is the revisit gap of a patrol; `all_s` counts
    fixed cameras whose feed was well too."""

    vehicles_s: float
    all_s: float


class Unobserved(Frozen):
    """Longest time that an intruder in a set zone was in no camera's sightings: in its whole stay, and in what of it
    came after its alarm."""

    intruder_s: float | None
    intruder_after_alarm_s: float | None
    zones: dict[str, ZoneGap]


class Refused(Frozen):
    """Commands the gate refused; one with two reasons stands under both. Figures in a reason are written as #."""

    total: Count
    by_reason: dict[str, int]


class Conduct(Frozen):
    """One vehicle by the simulator's truth. active: in the air, or on wheels with its motors on. orders: what the gate
    approved. ends_*: when the run ended, from its dock or rally point."""

    active_s: float
    no_fly_s: float
    outside_geofence_s: float
    nearest_person_m: float | None  # horizontally, while active
    commands: Count  # of ours that reached it and could move it; `orders` takes several, the monitor's are none
    overruled: Count  # of these, while a pilot or another ground station had it
    by_hand_s: float  # in a mode in which a pilot's sticks decide
    fence_breaches: Count  # by the vehicle's own fence
    orders: Count
    ends_from_home_m: float
    ends_active: Count  # 0 or 1


class TaskCounts(Frozen):
    total: Count = 0
    done: Count = 0
    failed: Count = 0
    cancelled: Count = 0
    refused: Count = 0
    unfinished: Count = 0


class Tasks(Frozen):
    """No orbits and no looks from where it is: only a person orders them, and no scenario has a person do it."""

    patrol: TaskCounts
    investigate: TaskCounts
    recall: TaskCounts


class Troubles(Frozen):
    total: Count
    recovered: Count
    by_subject: dict[str, int]


class Events(Frozen):
    """starts: distinct events; doubled: messages or alarms that stand there twice; lost: events that never became an
    alarm, None when no coordinator ran."""

    starts: Count
    doubled: Count
    lost: Count | None


class Hop(Frozen):
    n: Count
    p50: float
    p95: float
    p99: float


class AttackOutcome(str, Enum):
    DETECTED = "detected"
    LATE = "late"
    MISSED = "missed"


class Attack(Frozen):
    """One stay of an intruder in a set zone."""

    actor: str
    zone: str
    cell: str | None
    starts_at_us: TimeUs
    left_at_us: TimeUs
    outcome: AttackOutcome
    alarmed_at_us: TimeUs | None
    time_to_alarm_s: float | None


class Verdict(str, Enum):
    """late and detected: the first alarm of an attack; repeat: one more of what was counted."""

    DETECTED = "detected"
    LATE = "late"
    REPEAT = "repeat"
    FALSE = "false"
    SETTLING = "settling"


class JudgedAlarm(Frozen):
    """`actor`: whose box the sighting overlapped, if anybody's."""

    at_us: TimeUs
    captured_at_us: TimeUs
    zone: str
    camera: str
    incident: str | None
    actor: str | None
    verdict: Verdict


def rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), DIGITS)


def spread(values: Sequence[float]) -> Spread:
    if not values:
        return Spread()
    p50, p95 = (round(float(value), DIGITS) for value in np.percentile(values, (50, 95)))
    return Spread(n=len(values), p50=p50, p95=p95, max=round(max(values), DIGITS))


def f_measure(*, tp: int, fp: int, fn: int, a: float) -> float | None:
    """(a+1)RP / (R+aP) written in counts, so that it is 0 and not undefined when nothing was alarmed."""
    if tp + fn == 0:
        return None
    return rounded((a + 1) * tp / (tp + fp + a * (tp + fn)))


def ratio(part: int, whole: int) -> float | None:
    return rounded(part / whole) if whole else None
