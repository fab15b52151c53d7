"""The score of a run: a pure function of its folder, written to score.json.

It judges what the system did by what was true, and reads nothing but the folder: a run can be scored again, later and
elsewhere, with other parameters.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.stats import chi2

from contract.events import Event, Stage
from contract.frozen import Frozen, Identifier
from contract.tasks import TaskKind, TaskState
from sim.score.attacks import judge
from sim.score.conduct import conduct
from sim.score.overlap import WhoIsSeen
from sim.score.response import actors_of, response
from sim.score.run_folder import Run, read_run
from sim.score.sections import (
    Attack,
    AttackOutcome,
    Cell,
    Conduct,
    Events,
    FalseAlarms,
    Geolocation,
    Hop,
    JudgedAlarm,
    Refused,
    Response,
    Role,
    ScoreParameters,
    SiteTracks,
    TaskCounts,
    Tasks,
    Tracking,
    Troubles,
    Unobserved,
    Verdict,
    f_measure,
    ratio,
    rounded,
    spread,
)
from sim.score.seeing import geolocation, longest_unseen_s, tracking
from sim.score.site_picture import site_tracks
from sim.score.watching import Footprints, zone_gaps

DAY_S = 86_400.0
NUMBER = re.compile(r"\d+(\.\d+)?")
BY_HAND = (TaskKind.ORBIT, TaskKind.LOOK)
TROUBLE = "trouble"
RECOVERED = "recovered"


class Score(Frozen):
    """score.json. A figure is null where it could not be measured."""

    schema_version: Literal[1] = 1
    scenario: Identifier
    seed: int
    length_s: float
    parameters: ScoreParameters
    alert: Role
    recording: Role
    cells: dict[str, Cell]
    groups: dict[str, Cell]  # cells judged together, as the scenario names them
    false_alarms: FalseAlarms
    tracking: Tracking
    geolocation_m: Geolocation
    site_tracks: SiteTracks
    response: Response
    longest_unobserved_s: Unobserved
    refused: Refused
    tasks: Tasks
    vehicles: dict[str, Conduct]
    troubles: Troubles
    events: Events
    latency_ms: dict[str, Hop]
    attacks: tuple[Attack, ...]
    alarms: tuple[JudgedAlarm, ...]


def score_run(folder: Path, parameters: ScoreParameters = ScoreParameters()) -> Score:  # noqa: B008 - frozen
    """Raises ScoreError or DocumentError with one line that names file and line."""
    return score_of(read_run(folder), parameters)


def score_of(run: Run, parameters: ScoreParameters) -> Score:
    who = WhoIsSeen(run.views, match_iou=parameters.match_iou)
    footprints = Footprints(run)
    attacks, alarms = judge(run, who, parameters)
    intruder_s, after_alarm_s = longest_unseen_s(run, who, attacks)
    attacked_by = {
        (attack.alarmed_at_us, attack.zone): attack.actor for attack in attacks if attack.alarmed_at_us is not None
    }
    false = sum(alarm.verdict is Verdict.FALSE for alarm in alarms)
    by_cell = {name: (name,) for name in dict.fromkeys(actor.cell for actor in run.scenario.actors) if name is not None}
    return Score(
        scenario=run.scenario.id,
        seed=run.seed,
        length_s=run.scenario.length_s,
        parameters=parameters,
        alert=_role(attacks, false, a=parameters.alert_a),
        recording=_role(attacks, false, a=parameters.recording_a),
        cells=_cells(by_cell, attacks, false, parameters),
        groups=_cells(run.scenario.cell_groups, attacks, false, parameters),
        false_alarms=_false_alarms(run, false, parameters),
        tracking=tracking(run, parameters),
        geolocation_m=geolocation(run, who),
        site_tracks=site_tracks(run, who, parameters),
        response=response(run, alarms, actors_of(alarms, attacked_by), footprints, least_way_s=parameters.least_way_s),
        longest_unobserved_s=Unobserved(
            intruder_s=intruder_s, intruder_after_alarm_s=after_alarm_s, zones=zone_gaps(run, footprints)
        ),
        refused=_refused(run),
        tasks=_tasks(run),
        vehicles=conduct(run),
        troubles=_troubles(run),
        events=_events(run),
        latency_ms=_latency(run),
        attacks=attacks,
        alarms=alarms,
    )


def _cells(
    named: Mapping[str, Sequence[str]], attacks: Sequence[Attack], false: int, parameters: ScoreParameters
) -> dict[str, Cell]:
    cells = {}
    for name, members in named.items():
        mine = [attack for attack in attacks if attack.cell in members]
        role = _role(mine, false, a=parameters.alert_a)
        cells[name] = Cell(
            attacks=len(mine),
            detected=role.tp,
            late=_count(mine, AttackOutcome.LATE),
            missed=_count(mine, AttackOutcome.MISSED),
            fp=role.fp,
            recall=role.recall,
            f1=role.f1,
            time_to_alarm_s=role.time_to_alarm_s,
        )
    return cells


def _role(attacks: Sequence[Attack], false: int, *, a: float) -> Role:
    tp = _count(attacks, AttackOutcome.DETECTED)
    fp = false + _count(attacks, AttackOutcome.LATE)
    fn = len(attacks) - tp
    return Role(
        tp=tp,
        fp=fp,
        fn=fn,
        recall=ratio(tp, tp + fn),
        precision=ratio(tp, tp + fp),
        f1=f_measure(tp=tp, fp=fp, fn=fn, a=a),
        time_to_alarm_s=spread([attack.time_to_alarm_s for attack in attacks if attack.time_to_alarm_s is not None]),
    )


def _count(attacks: Iterable[Attack], outcome: AttackOutcome) -> int:
    return sum(attack.outcome is outcome for attack in attacks)


def _false_alarms(run: Run, count: int, parameters: ScoreParameters) -> FalseAlarms:
    watched_s = max(run.scenario.length_s - parameters.settling_s, 0.0) * len(run.scenario.feeds)
    days = watched_s / DAY_S
    low, high = poisson_interval(count, parameters.interval_frac)
    return FalseAlarms(
        count=count,
        camera_days=round(days, 6),
        per_camera_day=rounded(count / days) if days else None,
        per_camera_day_low=rounded(low / days) if days else None,
        per_camera_day_high=rounded(high / days) if days else None,
    )


def poisson_interval(count: int, interval_frac: float) -> tuple[float, float]:
    """Exact limits of the mean of a Poisson count (Garwood 1936), by quantiles of chi-square."""
    tail = (1.0 - interval_frac) / 2.0
    low = float(chi2.ppf(tail, 2 * count)) / 2.0 if count else 0.0
    return low, float(chi2.ppf(1.0 - tail, 2 * count + 2)) / 2.0


def _refused(run: Run) -> Refused:
    refused = [line for line in run.decisions if line.verdict == "refused"]
    by_reason: dict[str, int] = {}
    for line in refused:
        for reason in dict.fromkeys(NUMBER.sub("#", reason) for reason in line.reasons):
            by_reason[reason] = by_reason.get(reason, 0) + 1
    return Refused(total=len(refused), by_reason=dict(sorted(by_reason.items(), key=lambda item: (-item[1], item[0]))))


def _tasks(run: Run) -> Tasks:
    last = {line.task: line for line in run.tasks}  # a task's latest line stands
    ends = (TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED, TaskState.REFUSED)

    def counts(kind: TaskKind) -> TaskCounts:
        states = [line.state for line in last.values() if line.kind == kind.value]
        ended = {state.value: states.count(state.value) for state in ends}
        return TaskCounts(total=len(states), unfinished=len(states) - sum(ended.values()), **ended)

    return Tasks(**{kind.value: counts(kind) for kind in TaskKind if kind not in BY_HAND})


def _troubles(run: Run) -> Troubles:
    last = {line.incident: line for line in run.incidents if line.kind == TROUBLE}
    by_subject: dict[str, int] = {}
    for line in last.values():
        subject = line.subject or line.title
        by_subject[subject] = by_subject.get(subject, 0) + 1
    recovered = sum(line.disposition == RECOVERED for line in last.values())
    return Troubles(total=len(last), recovered=recovered, by_subject=dict(sorted(by_subject.items())))


def _events(run: Run) -> Events:
    starts = {
        str(envelope.body.event_id)
        for envelope in run.envelopes
        if isinstance(envelope.body, Event) and envelope.body.stage is Stage.START
    }
    messages = [envelope.message_id for envelope in run.envelopes]
    alarmed = [line.event for line in run.alarms if line.event is not None]
    return Events(
        starts=len(starts),
        doubled=len(messages) - len(set(messages)) + len(alarmed) - len(set(alarmed)),
        lost=len(starts - set(alarmed)) if run.had_coordinator else None,
    )


def _latency(run: Run) -> dict[str, Hop]:
    took_ms: dict[str, list[float]] = {}
    for line in run.hops:
        took_ms.setdefault(line.hop, []).append(line.took_us / 1e3)
    hops = {}
    for hop, values in took_ms.items():
        p50, p95, p99 = (round(float(value), 3) for value in np.percentile(values, (50, 95, 99)))
        hops[hop] = Hop(n=len(values), p50=p50, p95=p95, p99=p99)
    return hops


def write_score(path: Path, score: Score) -> None:
    path.write_text(score.model_dump_json(indent=2) + "\n", encoding="utf-8")
