"""The published JSON Schema takes what the simulator takes, and refuses what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from sim.scenario_schema import FOLDER, schemas
from tests.sim.a_run import INTRUDER, scenario

SCHEMA = json.loads(schemas()["scenario.schema.json"])
Json = dict[str, Any]


def test_the_committed_schemas_are_fresh() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.schema.json")}

    assert committed == schemas(), "run `python -m sim.scenario_schema` (part of `make bless`)"


@pytest.mark.parametrize("name", list(schemas()))
def test_a_published_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(schemas()[name]))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_file_fits_its_schema(path: Path) -> None:
    kind = "scenery" if path.name.endswith(".scenery.yaml") else "scenario"
    schema = json.loads(schemas()[f"{kind}.schema.json"])

    text = json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str)  # to an editor a date is a string

    errors = [error.message for error in Draft202012Validator(schema).iter_errors(json.loads(text))]

    assert errors == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="little"),
        pytest.param({"actors": [INTRUDER], "faults": [{"kind": "broker_down", "at_s": 3}]}, id="more"),
    ],
)
def test_a_scenario_that_can_be_run_fits(parts: Json) -> None:
    assert list(Draft202012Validator(SCHEMA).iter_errors(scenario(**parts))) == []


@pytest.mark.parametrize(
    ("parts", "at"),
    [
        pytest.param({"wheather": {}}, [], id="unknown key"),
        pytest.param({"length_s": 0}, ["length_s"], id="no length"),
        pytest.param({"faults": [{"kind": "earthquake", "at_s": 1}]}, ["faults", 0], id="no such fault"),
        pytest.param({"faults": [{"kind": "node_kill", "at_s": 1}]}, ["faults", 0], id="a fault of nobody"),
        pytest.param({"feeds": [{"camera": "c", "eye": {"sees": "dreamt"}}]}, ["feeds", 0, "eye"], id="no such eye"),
    ],
)
def test_a_scenario_that_cannot_be_run_does_not(parts: Json, at: list[str | int]) -> None:
    errors = list(Draft202012Validator(SCHEMA).iter_errors(scenario(**parts)))

    assert [list(error.absolute_path) for error in errors] == [at]
