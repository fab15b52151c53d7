"""What a rule gets and gives back; a rule is one file in edge/rules whose name is its key.

A rule watches one zone or line through one camera. It never learns whether that is set: unset, it has no subjects.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

from pydantic import ValidationError

from contract.events import Certainty, Crossed, Sighting, Stage
from contract.geo import PointEnu
from contract.kinds import EventKind, Severity
from contract.site import Line, Zone
from edge.errors import SetUpError
from edge.plane import Plane


@dataclass(frozen=True, slots=True)
class Subject:
    """One believed track at one frame.

    is_seen: False while the tracker only predicts where it is.
    point: `sighting.ground` in the site's frame; None where the track cannot be located.
    """

    sighting: Sighting
    is_seen: bool
    point: PointEnu | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One stage of one event, before anybody signed it. `revision` counts from 0, the start. direction: in which its
    line was crossed."""

    stage: Stage
    revision: int
    certainty: Certainty
    started_at_us: int
    sighting: Sighting
    direction: Crossed | None = None


class Rule(Protocol):
    """A state machine in seconds and metres: values in, values out."""

    def judge(self, subjects: Sequence[Subject], *, captured_at_us: int) -> list[Finding]:
        """What follows from this frame. Whatever was started and has no subject any more is ended here: a rule never
        falls silent about what it started."""
        ...


def watches(kind: EventKind) -> type[Zone] | type[Line]:
    """What the rule of edge/rules/<kind>.py is for."""
    shape: type[Zone] | type[Line] = _module(kind).WATCHES
    return shape


def open_rule(kind: EventKind, watched: Zone | Line, *, plane: Plane, options: Mapping[str, object]) -> Rule:
    """The rule of edge/rules/<kind>.py for one zone or line, judged in the plane it is drawn in. Raises
    SetUpError for options that are not its own, and for a rule of the other."""
    module, who = _module(kind), f"{_noun(type(watched))} '{watched.id}'"
    if not isinstance(watched, module.WATCHES):
        raise SetUpError(
            f"{who}: rules.{kind.value}: expected a rule of a {_noun(type(watched))}, got one of a "
            f"{_noun(module.WATCHES)}"
        )
    try:
        checked = module.Options.model_validate(dict(options))
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SetUpError(f"{who}: rules.{kind.value}.{key}: {first['msg']}, got {first['input']!r}") from err
    rule: Rule = module.open_rule(watched, plane, checked)
    return rule


def is_of_movement(kind: EventKind) -> bool:
    """Its subjects are what moves and has no name, not what the detector found."""
    return bool(getattr(_module(kind), "OF_MOVEMENT", False))


def severity_of(kind: EventKind, watched: Zone | Line) -> Severity:
    """Of its events: the zone's or line's, unless the rule has one of its own."""
    severity: Severity = getattr(_module(kind), "SEVERITY", watched.severity)
    return severity


def _module(kind: EventKind) -> ModuleType:
    return importlib.import_module(f"edge.rules.{kind.value}")


def _noun(shape: type[Zone] | type[Line]) -> str:
    return shape.__name__.lower()
