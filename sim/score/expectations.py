"""What the scenario expects of its score: paths checked before a run, figures after it, JUnit for the machines.

A path names a figure of score.json; where the score is keyed by names (cells, cameras, zones) the name must be one of
this scenario, so that a misspelt expectation stops before hours of simulation and not after.
"""

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from pydantic import BaseModel

from contract.errors import DocumentError
from fleet.hops import NODE_HOPS, OUR_HOPS
from sim.scenario import Expectation, Loaded, SameId, Scenario
from sim.score.score import Score

CELLS = "a cell of an actor"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One expectation and what came. `value` None: could not be measured, which meets no bound."""

    expectation: Expectation
    value: float | None

    @property
    def is_met(self) -> bool:
        low, high = self.expectation.at_least, self.expectation.at_most
        return self.value is not None and (low is None or self.value >= low) and (high is None or self.value <= high)

    @property
    def bounds(self) -> str:
        low, high = self.expectation.at_least, self.expectation.at_most
        bounds = (("at least", low), ("at most", high))
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)

    @property
    def text(self) -> str:
        came = "nothing that could be measured" if self.value is None else f"{self.value:g}"
        return f"{self.expectation.what}: expected {self.bounds}, got {came}"


def check_paths(loaded: Loaded) -> None:
    """Raises DocumentError, naming file, line and key, for an expectation of no figure in a score of this scenario."""
    names = _names(loaded)
    for expectation in loaded.scenario.expectations:
        wrong = _wrong(expectation.what, names)
        if wrong is not None:
            where = f"{loaded.path}{_line(loaded.path, expectation.what)}"
            raise DocumentError(f"{where}: expectations: '{expectation.what}': {wrong}")


def check_expectations(scenario: Scenario, score: Score) -> list[Outcome]:
    return [Outcome(expectation, figure(score, expectation.what)) for expectation in scenario.expectations]


def figure(score: Score, path: str) -> float | None:
    """None when it could not be measured, or nothing of that name was there to be measured."""
    value: object = score
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
    return float(value) if isinstance(value, int | float) else None


def _names(loaded: Loaded) -> dict[str, tuple[str, Sequence[str]]]:
    """What the keys of each dict in a score are called, and which there can be."""
    scenario = loaded.scenario
    feeds = [feed.camera for feed in scenario.feeds]
    strangers = [fault.named for fault in scenario.faults if isinstance(fault, SameId)]
    return {
        "cells": (CELLS, [actor.cell for actor in scenario.actors if actor.cell is not None]),
        "groups": ("one of the scenario's cell_groups", list(scenario.cell_groups)),
        "tracking.cameras": ("a camera with a feed", feeds),
        "geolocation_m.cameras": ("a camera with a feed", feeds),
        "vehicles": ("a vehicle that is switched on", [*(each.id for each in scenario.vehicles), *strangers]),
        "longest_unobserved_s.zones": ("a zone or line of the site", [each.id for each in loaded.site.watched]),
        "latency_ms": ("a hop", [*NODE_HOPS, *OUR_HOPS]),
    }


def _wrong(path: str, names: Mapping[str, tuple[str, Sequence[str]]]) -> str | None:
    """What is wrong with a path, walking the score's own types."""
    kind: object = Score
    walked: list[str] = []
    for part in path.split("."):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(part)
            if field is None:
                return f"expected one of {', '.join(kind.model_fields)}, got '{part}'"
            kind = field.annotation
        elif typing.get_origin(kind) is dict and ".".join(walked) in names:
            what, known = names[".".join(walked)]
            if part not in known:
                return f"expected {what} ({', '.join(dict.fromkeys(known)) or 'there is none'}), got '{part}'"
            kind = typing.get_args(kind)[1]
        else:
            return f"'{'.'.join(walked)}' has no part '{part}'"
        walked.append(part)
    return None if _is_number(kind) else f"expected a figure, and '{path}' is not one"


def _is_number(kind: object) -> bool:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        return _is_number(typing.get_args(kind)[0])
    if origin in (typing.Union, types.UnionType):
        return all(_is_number(each) for each in typing.get_args(kind) if each is not type(None))
    return kind in (int, float)


def _line(path: Path, what: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((f":{number}" for number, line in enumerate(lines, 1) if what in line), "")


def write_junit(path: Path, outcomes: Sequence[Outcome], *, scenario: str, run_failed: str | None = None) -> None:
    """One case for the run itself (`run_failed`: why it did not end) and one for each expectation."""
    failures = sum(not outcome.is_met for outcome in outcomes) + (run_failed is not None)
    counts = {"tests": str(len(outcomes) + 1), "failures": str(failures)}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": scenario, **counts})
    cases = [("run", run_failed), *((o.expectation.what, None if o.is_met else o.text) for o in outcomes)]
    for name, failure in cases:
        case = ET.SubElement(suite, "testcase", {"classname": scenario, "name": name})
        if failure is not None:
            ET.SubElement(case, "failure", {"message": failure})
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
