"""One incident's way through its procedure. Pure: a run, what is so now, and whether its time is over give the next
run, what is to be done and what to write down; the same in a replay, a dry run and after a restart.

Moments are wall time for people and the store. Whether a time is over is the caller's word, by its monotonic clock.
"""

import uuid
from dataclasses import dataclass, field
from enum import Enum

from contract.frozen import Frozen, Identifier, TimeUs
from fleet.decision.sop_document import (
    END,
    Acting,
    Autonomy,
    DispatchStep,
    EscalateStep,
    Look,
    Notify,
    Procedure,
    StandDown,
    Step,
    Verify,
    Wait,
)
from fleet.errors import Refused

MAX_VISITS = 1000  # steps of one run; past that nobody is going to answer


class Phase(str, Enum):
    """Of the step that a run is at."""

    ASKING = "asking"  # persons decide
    ANNOUNCED = "announced"  # it will be done unless somebody says no
    DOING = "doing"
    OVER = "over"


class Run(Frozen):
    """`procedure` is kept as it was when the run began: a file that changes later changes no run. `visit` counts the
    steps entered, so that an answer is to what was asked. `until_us`: when the time of its phase is over; None: never.
    """

    incident_id: uuid.UUID
    procedure: Procedure
    started_at_us: TimeUs
    step: Identifier | None
    visit: int
    phase: Phase
    since_us: TimeUs
    until_us: TimeUs | None = None
    approved_by: tuple[str, ...] = ()
    attempts_before: int = 0  # tasks made for the incident before its last dispatch step
    looks_before: int = 0
    ended_because: str = ""

    @property
    def at(self) -> Step:
        """The step it is at; not of one that is over."""
        assert self.step is not None
        return self.procedure.step(self.step)

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    @property
    def missing(self) -> int:
        """Persons who must still approve."""
        return max(0, _needed(self.at) - len(self.approved_by)) if self.phase is Phase.ASKING else 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so now. sources: cameras and sensors that saw it; attempts: tasks made so far; looks: of these, how many
    have looked; is_stale: too old to send anybody without a person."""

    is_acknowledged: bool = False
    sources: tuple[str, ...] = ()
    attempts: int = 0
    looks: int = 0
    is_under_way: bool = False
    is_on_scene: bool = False
    is_stale: bool = False


Act = Notify | EscalateStep | StandDown


@dataclass(frozen=True, slots=True)
class Move:
    """acts: to be done, each once; lines: for the incident's timeline."""

    run: Run
    acts: list[Act] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def begun(procedure: Procedure, incident_id: uuid.UUID, *, facts: Facts, at_us: int) -> Move:
    """At its first step, and as far beyond as it comes at once."""
    run = Run(
        incident_id=incident_id,
        procedure=procedure,
        started_at_us=at_us,
        step=None,
        visit=0,
        phase=Phase.OVER,
        since_us=at_us,
    )
    move = Move(run, lines=[f"procedure '{procedure.name}' begins"])
    return _onward(_entered(move, procedure.steps[0].id, facts, at_us=at_us), facts, at_us=at_us)


def advanced(run: Run, facts: Facts, *, at_us: int, is_due: bool = False) -> Move:
    """The same run when there is nothing to do."""
    if run.is_over:
        return Move(run)
    move = _judged(Move(run), facts, at_us=at_us, is_due=is_due)
    return move if move.run is run else _onward(move, facts, at_us=at_us)


def approved(run: Run, *, by: str, visit: int, facts: Facts, at_us: int) -> Move:
    """A named person says yes to what the run asked at its `visit`th step. Raises Refused."""
    step = _asked(run, visit, "approve")
    if run.phase is not Phase.ASKING:
        raise Refused(f"step '{step.id}': it is done by itself unless vetoed; there is nothing to approve")
    if by.casefold() in (each.casefold() for each in run.approved_by):
        raise Refused(f"step '{step.id}': expected a second person, {by} approved it already")
    run = run.model_copy(update={"approved_by": (*run.approved_by, by)})
    line = f"{step.id}: approved by {by}" + (f"; {run.missing} more to approve" if run.missing else "")
    return _onward(Move(run, lines=[line]), facts, at_us=at_us)


def vetoed(run: Run, *, by: str, why: str, visit: int, facts: Facts, at_us: int) -> Move:
    """A named person says no. Raises Refused."""
    step = _asked(run, visit, "veto")
    move = Move(run, lines=[f"{step.id}: vetoed by {by}" + (f": {why}" if why else "")])
    assert step.failure is not None
    return _onward(_entered(move, step.failure, facts, at_us=at_us), facts, at_us=at_us)


def stopped(run: Run, *, because: str, at_us: int) -> Move:
    """Over, wherever it is. Raises Refused when it already is."""
    if run.is_over:
        raise Refused(f"incident {run.incident_id}: its procedure is over: {run.ended_because}")
    return _over(Move(run), because, at_us=at_us)


def resumed(run: Run, *, at_us: int) -> Move:
    """After a restart: nobody is sent again without a person, all else goes on where it was."""
    if run.is_over or run.phase is not Phase.DOING or not isinstance(run.at, DispatchStep):
        return Move(run)
    return _asking(Move(run), run.at, "the coordinator was restarted: a person decides", at_us=at_us)


def _asked(run: Run, visit: int, act: str) -> Step:
    if run.is_over:
        raise Refused(f"incident {run.incident_id}: its procedure is over: {run.ended_because}")
    if run.visit != visit:
        raise Refused(f"incident {run.incident_id}: its procedure went on to step '{run.step}' meanwhile; look again")
    if run.phase not in (Phase.ASKING, Phase.ANNOUNCED):
        raise Refused(f"step '{run.step}': it is under way, there is nothing to {act}")
    return run.at


def _onward(move: Move, facts: Facts, *, at_us: int) -> Move:
    """As far as it comes without waiting."""
    while not move.run.is_over:
        following = _judged(move, facts, at_us=at_us, is_due=False)
        if following.run is move.run:
            return move
        move = following
    return move


def _judged(move: Move, facts: Facts, *, at_us: int, is_due: bool) -> Move:
    """One change, or the same move."""
    run, step = move.run, move.run.at
    if run.phase is not Phase.DOING and isinstance(step, DispatchStep) and facts.is_under_way:
        return _doing(_said(move, f"{step.id}: somebody was sent already"), step, at_us=at_us)
    if run.phase is Phase.ASKING:
        if len(run.approved_by) >= _needed(step):
            return _doing(move, step, at_us=at_us)
        return _failed(move, "nobody approved it in time", facts, at_us=at_us) if is_due else move
    if run.phase is Phase.ANNOUNCED:
        return _doing(_said(move, f"{step.id}: nobody said no"), step, at_us=at_us) if is_due else move
    if isinstance(step, Notify | EscalateStep | StandDown):
        move = Move(run, [*move.acts, step], [*move.lines, f"{step.id}: {_deed(step)}"])
        return _entered(move, run.procedure.after(step), facts, at_us=at_us)
    success = _success(run, step, facts)
    if success:
        move = _said(move, f"{step.id}: {success}")
        return _entered(move, run.procedure.after(step), facts, at_us=at_us)
    if isinstance(step, DispatchStep) and not facts.is_under_way:
        tried = facts.attempts - run.attempts_before
        if tried >= step.attempts:
            return _failed(move, f"{tried} tried, none came on scene", facts, at_us=at_us)
        if len(run.approved_by) < step.needs_persons and not is_due:
            return _asking(move, step, "whoever was sent does not come", at_us=at_us)
        if facts.is_stale and not run.approved_by and not is_due:
            return _asking(move, step, "the evidence is too old to send anybody without a person", at_us=at_us)
    return _failed(move, _FAILURES[step.do], facts, at_us=at_us) if is_due else move


_FAILURES = {
    "verify": "no second camera or sensor saw it in time",
    "dispatch": "nobody was on scene in time",
    "look": "nobody had it in view long enough in time",
    "wait": "nobody acknowledged it in time",
}


def _success(run: Run, step: Step, facts: Facts) -> str:
    """In words; empty: not yet."""
    has_looked = facts.looks > run.looks_before
    if isinstance(step, Verify) and len(facts.sources) >= 2:
        return f"seen by {' and '.join(facts.sources)}"
    if isinstance(step, DispatchStep) and (facts.is_on_scene or has_looked):
        return "on scene"
    if isinstance(step, Look) and has_looked:
        return "looked at"
    if isinstance(step, Wait) and facts.is_acknowledged:
        return "acknowledged"
    return ""


def _entered(move: Move, target: str, facts: Facts, *, at_us: int) -> Move:
    run = move.run
    if target == END:
        return _over(move, "finished", at_us=at_us)
    if run.visit >= MAX_VISITS:
        return _over(move, f"gave up after {MAX_VISITS} steps", at_us=at_us)
    step = run.procedure.step(target)
    update: dict[str, object] = {"step": step.id, "visit": run.visit + 1, "approved_by": ()}
    if isinstance(step, DispatchStep):
        update |= {"attempts_before": facts.attempts, "looks_before": facts.looks}
    move = Move(run.model_copy(update=update), move.acts, move.lines)
    if isinstance(step, Verify | Look | Wait) or step.autonomy is Autonomy.AUTOMATIC:
        return _doing(move, step, at_us=at_us)
    if step.autonomy is Autonomy.UNLESS_VETOED:
        assert step.veto_s is not None
        move = _said(move, f"{step.id}: will {_intent(step)} in {step.veto_s:g} s unless somebody says no")
        return _in_phase(move, Phase.ANNOUNCED, step.veto_s, at_us=at_us)
    return _asking(move, step, f"asks whether to {_intent(step)}", at_us=at_us)


def _asking(move: Move, step: Step, why: str, *, at_us: int) -> Move:
    answer_s = step.answer_s if isinstance(step, Acting) else None
    how_many = "two persons' approval" if _needed(step) > 1 else "a person's approval"
    limit = f" within {answer_s:g} s" if answer_s is not None else ""
    run = move.run.model_copy(update={"approved_by": ()})
    move = Move(run, move.acts, [*move.lines, f"{step.id}: {why}; waits for {how_many}{limit}"])
    return _in_phase(move, Phase.ASKING, answer_s, at_us=at_us)


def _doing(move: Move, step: Step, *, at_us: int) -> Move:
    within_s = step.within_limit_s
    if within_s is not None:
        move = _said(move, f"{step.id}: {_AWAITED[step.do]} within {within_s:g} s")
    return _in_phase(move, Phase.DOING, within_s, at_us=at_us)


_AWAITED = {
    "verify": "a second camera or sensor is to see it",
    "dispatch": "a vehicle is to be on scene",
    "look": "a vehicle is to look at it",
    "wait": "somebody is to acknowledge it",
}


def _failed(move: Move, why: str, facts: Facts, *, at_us: int) -> Move:
    step = move.run.at
    assert step.failure is not None
    return _entered(_said(move, f"{step.id}: {why}"), step.failure, facts, at_us=at_us)


def _over(move: Move, because: str, *, at_us: int) -> Move:
    update = {"phase": Phase.OVER, "step": None, "since_us": at_us, "until_us": None, "ended_because": because}
    return Move(move.run.model_copy(update=update), move.acts, [*move.lines, f"procedure over: {because}"])


def _in_phase(move: Move, phase: Phase, lasts_s: float | None, *, at_us: int) -> Move:
    until_us = None if lasts_s is None else at_us + round(lasts_s * 1e6)
    update = {"phase": phase, "since_us": at_us, "until_us": until_us}
    return Move(move.run.model_copy(update=update), move.acts, move.lines)


def _said(move: Move, line: str) -> Move:
    return Move(move.run, move.acts, [*move.lines, line])


def _needed(step: Step) -> int:
    """Persons who must approve it where somebody is asked: at least one, whatever its autonomy."""
    return max(1, step.needs_persons) if isinstance(step, Acting) else 1


def _intent(step: Step) -> str:
    if isinstance(step, Notify):
        return f"notify {step.to}"
    if isinstance(step, EscalateStep):
        return f"escalate to {step.to}"
    return "send a vehicle" if isinstance(step, DispatchStep) else "stand down"


def _deed(step: Act) -> str:
    if isinstance(step, Notify):
        return f"notify {step.to}: {step.text}"
    return f"escalate to {step.to}: {step.why}" if isinstance(step, EscalateStep) else "stand down"
