"""Standard operating procedures as people write them: when one applies, then its steps, each with its timer.

A step that acts (dispatch, notify, escalate, stand_down) says who decides, and a person does unless the file says
otherwise. A step that can fail says where its failure leads: nothing ends in silence.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from contract.documents import parse_document, place_of
from contract.errors import DocumentError
from contract.frozen import Frozen, Identifier
from contract.hours import SetHours
from contract.labels import Label
from contract.site import Site
from fleet.picture.incidents import IncidentKind

END = "end"  # where a step may lead instead of to another
MAX_STEPS = 50
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Target = Annotated[Identifier, Field(description="the id of a step, or end")]
Words = Annotated[str, Field(min_length=3, max_length=300, pattern=r"^\S[^\r\n]*$")]
Handled = Literal[IncidentKind.INTRUSION, IncidentKind.MOVEMENT, IncidentKind.TROUBLE]


class Autonomy(str, Enum):
    """Who decides that a step is done."""

    AUTOMATIC = "automatic"
    UNLESS_VETOED = "unless_vetoed"  # in veto_s, if nobody says no
    APPROVAL = "approval"  # one person
    TWO_PERSONS = "two_persons"  # two of different names


class _Step(Frozen):
    id: Annotated[Identifier, Field(description="names it within its procedure")]
    then: Annotated[Target | None, Field(description="what follows; none: the next in the list, or the end")] = None

    @property
    def within_limit_s(self) -> float | None:
        """How long it may take once it is being done; None: it is done at once."""
        return None

    @property
    def failure(self) -> str | None:
        """Where it leads when it fails; None: it cannot."""
        return None


class _Waiting(_Step):
    """Waits for something to be so, and does nothing meanwhile."""

    within_s: Annotated[Seconds, Field(description="s to wait for it")]
    otherwise: Annotated[Target, Field(description="what follows when it was not so in time")]

    @property
    def within_limit_s(self) -> float | None:
        return self.within_s

    @property
    def failure(self) -> str | None:
        return self.otherwise


class Verify(_Waiting):
    """A second camera or sensor sees it too."""

    do: Literal["verify"]


class Look(_Waiting):
    """A vehicle has had it in view for the site's observe_s."""

    do: Literal["look"]


class Wait(_Waiting):
    """A person acknowledges every alarm of the incident."""

    do: Literal["wait"]
    until: Literal["acknowledged"] = "acknowledged"


class Acting(_Step):
    """Does something, once whoever decides has decided."""

    autonomy: Annotated[Autonomy, Field(description="who decides")] = Autonomy.APPROVAL
    veto_s: Annotated[Seconds | None, Field(description="unless_vetoed: s in which somebody may say no")] = None
    answer_s: Annotated[
        Seconds | None, Field(description="approval, two_persons: s to wait for it; none: as long as it takes")
    ] = None
    otherwise: Annotated[Target | None, Field(description="what follows a no, silence or failure")] = None

    @model_validator(mode="after")
    def _says_how_it_is_decided(self) -> "Acting":
        is_vetoable, is_asked = self.autonomy is Autonomy.UNLESS_VETOED, self.needs_persons > 0
        if is_vetoable != (self.veto_s is not None):
            raise ValueError(f"step '{self.id}': expected veto_s with autonomy unless_vetoed and with no other")
        if self.answer_s is not None and not is_asked and not isinstance(self, DispatchStep):
            raise ValueError(f"step '{self.id}': expected answer_s only where a person is asked")
        can_fail = self.autonomy is not Autonomy.AUTOMATIC or isinstance(self, DispatchStep)
        if can_fail != (self.otherwise is not None):
            raise ValueError(
                f"step '{self.id}': expected {'otherwise: it can' if can_fail else 'no otherwise: it cannot'} fail"
            )
        return self

    @property
    def needs_persons(self) -> int:
        """How many must approve it."""
        return {Autonomy.APPROVAL: 1, Autonomy.TWO_PERSONS: 2}.get(self.autonomy, 0)

    @property
    def failure(self) -> str | None:
        return self.otherwise


class DispatchStep(Acting):
    """A vehicle goes there; done when it has the place in view. The safety gate judges it as any other order, and a
    launch that the site's grants do not cover waits for its pilot. After a restart, and on evidence too old, a person
    is asked whatever the autonomy."""

    do: Literal["dispatch"]
    arrive_s: Annotated[Seconds, Field(description="s until it must be on scene")]
    attempts: Annotated[int, Field(ge=1, le=10, description="vehicles that are tried, one after another")] = 3

    @property
    def within_limit_s(self) -> float | None:
        return self.arrive_s


class Notify(Acting):
    """Somebody is told: a line of the incident, the live feed, webhooks."""

    do: Literal["notify"]
    to: Annotated[Words, Field(description="who, for people")]
    text: Annotated[Words, Field(description="what")]


class EscalateStep(Acting):
    """Somebody above is asked; it shows at the incident."""

    do: Literal["escalate"]
    to: Annotated[Words, Field(description="who, for people")]
    why: Annotated[Words, Field(description="what for")]


class StandDown(Acting):
    """Calls off whoever is on the way or there."""

    do: Literal["stand_down"]


Step = Annotated[Verify | Look | Wait | DispatchStep | Notify | EscalateStep | StandDown, Field(discriminator="do")]


class When(Frozen):
    """What a procedure is for; what is left out is not asked for."""

    kinds: Annotated[tuple[Handled, ...], Field(min_length=1, description="kinds of incident")] = (
        IncidentKind.INTRUSION,
    )
    zones: Annotated[tuple[Identifier, ...], Field(description="any of these zones or lines; none: all")] = ()
    labels: Annotated[tuple[Label, ...], Field(description="what was seen; none: anything")] = ()
    hours: Annotated[tuple[SetHours, ...], Field(description="on the site's clock; none: at all times")] = ()
    level: Annotated[int, Field(ge=1, le=5, description="priority at least so urgent; 1 is the most urgent")] = 5


class Procedure(Frozen):
    id: Identifier
    name: Annotated[Words, Field(description="for people")]
    when: When = When()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS, description="the first begins it")]

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Procedure":
        ids = [step.id for step in self.steps]
        double = next((each for each in ids if ids.count(each) > 1), None)
        if double is not None:
            raise ValueError(f"procedure '{self.id}': step '{double}' stands here twice")
        if END in ids:
            raise ValueError(f"procedure '{self.id}': a step cannot be called '{END}'")
        for step in self.steps:
            for target in (step.then, step.failure):
                if target is not None and target not in (*ids, END):
                    raise ValueError(f"step '{step.id}': expected a step of '{self.id}' or {END}, got '{target}'")
        return self

    @model_validator(mode="after")
    def _sends_with_a_person_where_it_must(self) -> "Procedure":
        for step in self.steps:
            if not isinstance(step, DispatchStep):
                continue
            if IncidentKind.TROUBLE in self.when.kinds:
                raise ValueError(f"step '{step.id}': nobody is sent to a trouble, which has no place")
            if IncidentKind.MOVEMENT in self.when.kinds and not step.needs_persons:
                raise ValueError(
                    f"step '{step.id}': movement without a name sends nobody without a person: expected autonomy "
                    f"approval or two_persons, got {step.autonomy.value}"
                )
        return self

    def step(self, step_id: str) -> Step:
        return next(step for step in self.steps if step.id == step_id)

    def after(self, step: Step) -> str:
        """What follows its success: a step's id or END."""
        if step.then is not None:
            return step.then
        place = self.steps.index(step) + 1
        return self.steps[place].id if place < len(self.steps) else END


class ProcedureBook(Frozen):
    """All procedures of a site; the first that applies to an incident is its."""

    schema_version: Literal[1]
    procedures: Annotated[tuple[Procedure, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _names_each_once(self) -> "ProcedureBook":
        ids = [each.id for each in self.procedures]
        double = next((each for each in ids if ids.count(each) > 1), None)
        if double is not None:
            raise ValueError(f"procedure '{double}' stands here twice")
        return self


def parse_procedures(text: str, *, source: str, site: Site) -> ProcedureBook:
    """From YAML text. Raises DocumentError with one line that names source, line and key; also for a zone that the site
    has not, and for steps that would go round without time passing."""
    book = parse_document(text, ProcedureBook, source=source)
    known = [each.id for each in site.watched]
    for number, procedure in enumerate(book.procedures):
        for at, zone in enumerate(procedure.when.zones):
            if zone not in known:
                place = place_of(text, ["procedures", number, "when", "zones", at])
                got = f"expected a zone or line of site '{site.id}' ({', '.join(known)}), got '{zone}'"
                raise DocumentError(f"{source}:{place}: {got}")
        spinning = _spinning(procedure)
        if spinning:
            at = procedure.steps.index(procedure.step(spinning[0]))
            place = place_of(text, ["procedures", number, "steps", at])
            raise DocumentError(f"{source}:{place}: {' -> '.join(spinning)} goes round without any time passing")
    return book


def _spinning(procedure: Procedure) -> Sequence[str]:
    """A way round through steps that are all done at once; empty: there is none."""
    instant = {
        step.id: procedure.after(step)
        for step in procedure.steps
        if step.within_limit_s is None and isinstance(step, Acting) and step.autonomy is Autonomy.AUTOMATIC
    }
    for start in instant:
        way = [start]
        while instant.get(way[-1], END) != END:
            following = instant[way[-1]]
            if following in way:
                return [*way[way.index(following) :], following]
            way.append(following)
    return ()
