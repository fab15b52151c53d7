"""Procedures as people see them: where an incident's is, what it waits for, and who may answer."""

import uuid
from typing import Annotated

from pydantic import Field

from contract.frozen import Frozen, Identifier, TimeUs
from fleet.decision.sop import Phase, Run
from fleet.decision.sop_document import Acting, Autonomy, DispatchStep, Step


class StepView(Frozen):
    """One step: `autonomy` null for those that only wait."""

    id: Identifier
    do: str
    autonomy: Autonomy | None
    then: Annotated[str, Field(description="the step that follows, or end")]
    otherwise: Annotated[str | None, Field(description="the step after a no, silence or failure, or end")]


class RunView(Frozen):
    """Where an incident's procedure is. visit: of the step it is at, to be named by an answer; missing: how many must
    still approve; since_us: when its phase began; until_us: when the time for that is over, null never."""

    incident_id: uuid.UUID
    procedure: Identifier
    name: str
    started_at_us: TimeUs
    step: Identifier | None
    visit: int
    phase: Phase
    since_us: TimeUs
    until_us: TimeUs | None
    approved_by: tuple[str, ...]
    missing: int
    needs_pilot: Annotated[bool, Field(description="an approval sends a vehicle: only a pilot may give it")]
    ended_because: str
    steps: tuple[StepView, ...]


def run_view(run: Run) -> RunView:
    step = None if run.is_over else run.at
    missing = run.missing
    return RunView(
        incident_id=run.incident_id,
        procedure=run.procedure.id,
        name=run.procedure.name,
        started_at_us=run.started_at_us,
        step=run.step,
        visit=run.visit,
        phase=run.phase,
        since_us=run.since_us,
        until_us=run.until_us,
        approved_by=run.approved_by,
        missing=missing,
        needs_pilot=missing > 0 and isinstance(step, DispatchStep),
        ended_because=run.ended_because,
        steps=tuple(_step_view(run, each) for each in run.procedure.steps),
    )


def _step_view(run: Run, step: Step) -> StepView:
    return StepView(
        id=step.id,
        do=step.do,
        autonomy=step.autonomy if isinstance(step, Acting) else None,
        then=run.procedure.after(step),
        otherwise=step.failure,
    )
