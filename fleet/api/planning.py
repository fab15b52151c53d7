"""Routes of what is planned before it is anybody's: procedures checked and tried, patrols planned, plans read.

All of it works on drafts and keeps nothing. The planner runs in a process of its own, one at a time.
"""

import threading
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import Field

from contract.errors import DocumentError
from contract.frozen import Frozen, Identifier
from contract.geo import GeoPoint
from contract.site import Site, Waypoint
from fleet.api.models import JsonObject
from fleet.api.parts import Parts
from fleet.api.site_versions import aside
from fleet.decision.sop_trial import Deed, Happening
from fleet.errors import NotFound, Refused
from fleet.plan_answer import PatrolPlan, PlanAsked
from fleet.plan_exchange import MAX_PLAN_LETTERS, patrol_plan, read_plan
from fleet.plan_worker import planned
from fleet.procedure_check import MAX_PROCEDURES_LETTERS, checked, tried_out
from fleet.records.auth import Role
from fleet.site_document import read_object

ProceduresText = Annotated[str, Field(max_length=MAX_PROCEDURES_LETTERS, description="YAML of a procedures file")]


class ProceduresDraft(Frozen):
    """site: a draft whose zones it names; none: the site in force."""

    text: ProceduresText
    site: JsonObject | None = None


class ProceduresMark(Frozen):
    """line: from 1; null: of the whole text. severity: an error keeps a coordinator from starting."""

    line: int | None
    where: str
    what: str
    severity: Literal["error", "warning"]


class ProceduresVerdict(Frozen):
    marks: tuple[ProceduresMark, ...]
    procedures: tuple[str, ...]


class TrialHappening(Frozen):
    at_s: Annotated[float, Field(ge=0, le=86_400, description="since the incident opened")]
    do: Deed
    by: Annotated[str, Field(max_length=80, description="who approves or vetoes")] = ""


class ProceduresTrial(ProceduresDraft):
    procedure: Identifier | None = None
    happens: Annotated[tuple[TrialHappening, ...], Field(max_length=100)] = ()
    for_s: Annotated[float, Field(ge=1, le=86_400)] = 900.0


class TrialLine(Frozen):
    at_s: float
    what: str


class TrialView(Frozen):
    """is_over: it came to its end; else `step` is where it still waits, null at the end."""

    lines: tuple[TrialLine, ...]
    is_over: bool
    step: str | None
    phase: str


class PatrolQuestion(PlanAsked):
    """site: a draft; none: the site in force."""

    site: JsonObject | None = None


class PlanFile(Frozen):
    """As QGroundControl writes it."""

    text: Annotated[str, Field(max_length=MAX_PLAN_LETTERS)]


class PlanImported(Frozen):
    """waypoints and altitude_m: for a patrol; fence, keep_out: for the site, if the plan has them."""

    waypoints: tuple[Waypoint, ...]
    altitude_m: float | None
    fence: tuple[GeoPoint, ...] | None
    keep_out: tuple[tuple[GeoPoint, ...], ...]
    remarks: tuple[str, ...]


def planning_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    viewer = [Depends(parts.guard.requires(Role.VIEWER))]
    supervisor = [Depends(parts.guard.requires(Role.SUPERVISOR))]
    planner = threading.Lock()

    def drawn(site: JsonObject | None) -> Site:
        if site is None:
            return parts.room.site
        found, faults = read_object(site)
        if found is None:
            raise Refused(f"the draft: {faults[0].line}")
        return found

    @router.post("/procedures/check", dependencies=supervisor)
    async def check_procedures(body: ProceduresDraft) -> ProceduresVerdict:
        """What is wrong with them, or what is surely not meant: dead steps, endless waits, zones without any."""
        found = await aside(lambda: checked(body.text, drawn(body.site)))
        marks = tuple(
            ProceduresMark(line=m.line, where=m.where, what=m.what, severity="error" if m.is_error else "warning")
            for m in found.marks
        )
        return ProceduresVerdict(marks=marks, procedures=found.procedures)

    @router.post("/procedures/try", dependencies=supervisor)
    async def try_procedure(body: ProceduresTrial) -> TrialView:
        """What would happen, and when. Commands nothing."""
        happens = [Happening(each.at_s, each.do, each.by) for each in body.happens]

        def run() -> TrialView:
            site = drawn(body.site)
            trial = tried_out(body.text, site, procedure=body.procedure, happens=happens, for_s=body.for_s)
            lines = tuple(TrialLine(at_s=each.at_s, what=each.what) for each in trial.told)
            state = trial.run
            return TrialView(lines=lines, is_over=state.is_over, step=state.step, phase=state.phase.value)

        return await aside(run)

    @router.post("/patrols/plan", dependencies=supervisor)
    async def plan_patrols(body: PatrolQuestion) -> PatrolPlan:
        """Patrols that keep a longest gap and cannot be foretold: routes, waits, entropy, the ground they show.
        Takes seconds; one at a time."""
        asked = PlanAsked.model_validate(body.model_dump(exclude={"site"}))

        def plan() -> PatrolPlan:
            if not planner.acquire(blocking=False):
                raise Refused("another plan is being made: try again when it is done")
            try:
                return planned(drawn(body.site), asked)
            finally:
                planner.release()

        return await aside(plan)

    @router.post("/patrols/import", dependencies=supervisor)
    async def import_plan(body: PlanFile) -> PlanImported:
        """A plan of QGroundControl as waypoints and fences; it is kept nowhere."""
        try:
            found = await aside(lambda: read_plan(body.text))
        except DocumentError as err:
            raise Refused(str(err)) from err
        stops = tuple(Waypoint(position=each.position, dwell_s=each.dwell_s) for each in found.stops)
        return PlanImported(
            waypoints=stops,
            altitude_m=found.altitude_m,
            fence=found.fence,
            keep_out=found.keep_out,
            remarks=found.remarks,
        )

    @router.get("/site/versions/{number}/patrols/{patrol_id}/plan", dependencies=viewer)
    async def get_patrol_plan(number: int, patrol_id: Identifier) -> Response:
        """A patrol, the fence and the rally points as a plan of QGroundControl."""

        def text() -> str:
            site = parts.versions.get(number).site()
            patrol = next((each for each in site.patrols if each.id == patrol_id), None)
            if patrol is None:
                raise NotFound(f"patrol '{patrol_id}': there is none in version {number}")
            return patrol_plan(site, patrol)

        headers = {"Content-Disposition": f'attachment; filename="{patrol_id}.plan"'}
        return Response(await aside(text), media_type="application/json", headers=headers)

    return router
