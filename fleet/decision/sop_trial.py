"""A dry run: what a procedure would do if these things happened at these moments. Pure; nothing but the machine itself
decides, so it shows what will be."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from fleet.decision.sop import Facts, Move, Phase, Run, advanced, approved, begun, vetoed
from fleet.decision.sop_document import DispatchStep, Procedure
from fleet.errors import Refused
from fleet.picture.incidents import TROUBLE_NAMESPACE as NAMESPACE

TICK_US = 1_000_000  # as the coordinator looks
Deed = Literal[
    "acknowledge", "second-sensor", "under-way", "on-scene", "looked", "no-vehicle", "stale", "approve", "veto"
]
DEEDS: tuple[Deed, ...] = get_args(Deed)


@dataclass(frozen=True, slots=True)
class Happening:
    """at_s: seconds since the incident opened. by: who approves or vetoes."""

    at_s: float
    do: Deed
    by: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A line of what would happen."""

    at_s: float
    what: str


@dataclass(slots=True)
class Trial:
    """run: where it stands at the end."""

    run: Run
    told: list[Told] = field(default_factory=list)


def tried(procedure: Procedure, happenings: Sequence[Happening], *, for_s: float) -> Trial:
    """From the incident's first moment until it is over or `for_s` have passed."""
    facts = Facts(sources=("the first camera",))
    move = begun(procedure, NAMESPACE, facts=facts, at_us=0)
    trial = Trial(move.run, [Told(0.0, line) for line in move.lines])
    ahead = sorted(happenings, key=lambda each: each.at_s)
    at_us = 0
    while not trial.run.is_over and at_us < for_s * 1e6:
        moments = [at_us - at_us % TICK_US + TICK_US, *(round(each.at_s * 1e6) for each in ahead[:1])]
        at_us = min(moments)
        while ahead and ahead[0].at_s * 1e6 <= at_us and not trial.run.is_over:
            facts = _happened(trial, ahead.pop(0), facts, at_us=at_us)
        until_us = trial.run.until_us
        is_due = until_us is not None and at_us >= until_us
        _take(trial, advanced(trial.run, facts, at_us=at_us, is_due=is_due), at_us)
    return trial


def _happened(trial: Trial, happening: Happening, facts: Facts, *, at_us: int) -> Facts:
    run = trial.run
    if happening.do in ("approve", "veto"):
        trial.told.append(Told(at_us / 1e6, f"({happening.by}: {happening.do})"))
        try:
            if happening.do == "approve":
                move = approved(run, by=happening.by, visit=run.visit, facts=facts, at_us=at_us)
            else:
                move = vetoed(run, by=happening.by, why="", visit=run.visit, facts=facts, at_us=at_us)
        except Refused as err:
            trial.told.append(Told(at_us / 1e6, f"refused: {err}"))
        else:
            _take(trial, move, at_us)
        return facts
    trial.told.append(Told(at_us / 1e6, f"({happening.do.replace('-', ' ')})"))
    return _facts_after(happening.do, facts, run)


def _facts_after(do: Deed, facts: Facts, run: Run) -> Facts:
    if do == "acknowledge":
        return replace(facts, is_acknowledged=True)
    if do == "second-sensor":
        return replace(facts, sources=(*facts.sources, f"camera {len(facts.sources) + 1}"))
    if do == "under-way":
        return replace(facts, is_under_way=True, attempts=facts.attempts + 1)
    if do == "on-scene":
        return replace(facts, is_under_way=True, is_on_scene=True)
    if do == "looked":
        return replace(facts, is_under_way=False, is_on_scene=False, looks=facts.looks + 1)
    if do == "no-vehicle":
        is_sending = not run.is_over and run.phase is Phase.DOING and isinstance(run.at, DispatchStep)
        more = run.at.attempts if is_sending and isinstance(run.at, DispatchStep) else 1
        return replace(facts, is_under_way=False, attempts=facts.attempts + more)
    return replace(facts, is_stale=True)


def _take(trial: Trial, move: Move, at_us: int) -> None:
    trial.run = move.run
    trial.told += [Told(at_us / 1e6, line) for line in move.lines]
