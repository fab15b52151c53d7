"""What in a procedure can be done but surely is not meant: steps that nothing leads to, waits without an end, an
incident that no procedure covers, autonomy that the site has not granted. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from contract.site import Site
from fleet.decision.sop_document import (
    END,
    Acting,
    Autonomy,
    DispatchStep,
    EscalateStep,
    Notify,
    Procedure,
    ProcedureBook,
    Step,
    When,
)
from fleet.picture.incidents import IncidentKind


@dataclass(frozen=True, slots=True)
class Finding:
    """where: `procedure` or `procedure/step`."""

    where: str
    what: str


def findings(book: ProcedureBook, site: Site) -> list[Finding]:
    """In the order of the file."""
    found: list[Finding] = []
    for number, procedure in enumerate(book.procedures):
        found += _of_procedure(procedure, site)
        hider = next((each for each in book.procedures[:number] if _includes(each.when, procedure.when)), None)
        if hider is not None:
            found.append(Finding(procedure.id, f"never applies: '{hider.id}' before it takes all of its incidents"))
    return [*found, *_uncovered(book, site)]


def _of_procedure(procedure: Procedure, site: Site) -> Iterator[Finding]:
    reached = _reached(procedure)
    ends = _that_end(procedure)
    for step in procedure.steps:
        where = f"{procedure.id}/{step.id}"
        if step.id not in reached:
            yield Finding(where, "dead: nothing leads to it")
            continue
        if _waits_for_ever(step):
            yield Finding(where, "endless wait: it asks persons and sets no answer_s")
        if step.id not in ends:
            yield Finding(where, "no way out: from here the procedure goes round until the incident is closed")
        if isinstance(step, DispatchStep) and not step.needs_persons:
            yield from _ungranted(step, procedure, site, where)
        if isinstance(step, EscalateStep | Notify) and step.needs_persons and _after_silence(procedure, step):
            yield Finding(where, "asks for approval after nobody answered: who is silent will not answer this either")


def _ways(procedure: Procedure, step: Step) -> set[str]:
    return {procedure.after(step), *({step.failure} if step.failure is not None else ())}


def _reached(procedure: Procedure) -> set[str]:
    reached, ahead = set[str](), [procedure.steps[0].id]
    while ahead:
        name = ahead.pop()
        if name != END and name not in reached:
            reached.add(name)
            ahead += _ways(procedure, procedure.step(name))
    return reached


def _that_end(procedure: Procedure) -> set[str]:
    """Steps from which the end can be reached."""
    ends = {END}
    while True:
        more = {step.id for step in procedure.steps if _ways(procedure, step) & ends} - ends
        if not more:
            return ends
        ends |= more


def _waits_for_ever(step: Step) -> bool:
    return isinstance(step, Acting) and step.needs_persons > 0 and step.answer_s is None


def _after_silence(procedure: Procedure, step: Step) -> bool:
    return any(other.failure == step.id and other.do == "wait" for other in procedure.steps)


def _ungranted(step: DispatchStep, procedure: Procedure, site: Site, where: str) -> Iterator[Finding]:
    """Launches of a real vehicle that wait for a pilot all the same (SAFETY 4)."""
    if all(vehicle.simulated for vehicle in site.vehicles):
        return
    granted = {zone for grant in site.response.autonomy for zone in grant.zones}
    zones = [each for each in procedure.when.zones or [zone.id for zone in site.watched] if each not in granted]
    if zones:
        how = "automatic" if step.autonomy is Autonomy.AUTOMATIC else "unless vetoed"
        names = ", ".join(zones)
        yield Finding(where, f"{how}, yet a launch waits for its pilot: the site grants no autonomy for {names}")


def _includes(wide: When, narrow: When) -> bool:
    """Whatever `narrow` is for, `wide` is for too."""
    return (
        set(narrow.kinds) <= set(wide.kinds)
        and (not wide.zones or (bool(narrow.zones) and set(narrow.zones) <= set(wide.zones)))
        and (not wide.labels or (bool(narrow.labels) and set(narrow.labels) <= set(wide.labels)))
        and narrow.level <= wide.level
        and (not wide.hours or wide.hours == narrow.hours)
    )


def _uncovered(book: ProcedureBook, site: Site) -> Iterator[Finding]:
    """Zones in which an intrusion at some hour, of some label or urgency, begins no procedure."""
    for zone in site.watched:
        covers = [
            each.when
            for each in book.procedures
            if IncidentKind.INTRUSION in each.when.kinds and (not each.when.zones or zone.id in each.when.zones)
        ]
        if any(not when.labels and not when.hours and when.level == 5 for when in covers):
            continue
        how = "only some intrusions there begin" if covers else "no intrusion there begins"
        yield Finding(f"zone {zone.id}", f"{how} a procedure; the others wait for a person")
