"""Write the JSON Schema of scenario and scenery files beside the shipped scenarios: `python -m sim.scenario_schema`.

An editor that is told of it in a file's first line (`# yaml-language-server: $schema=scenario.schema.json`) completes
keys and marks what is wrong. What takes two files to see, the site's names above all, only a run checks.
"""

import json
from pathlib import Path

from contract.frozen import Frozen
from sim.scenario import Scenario, Scenery

FOLDER = Path(__file__).parent / "scenarios"
DOCUMENTS: dict[str, type[Frozen]] = {"scenario": Scenario, "scenery": Scenery}


def schemas() -> dict[str, str]:
    """File name to its text."""
    return {f"{name}.schema.json": _schema(model) for name, model in DOCUMENTS.items()}


def _schema(model: type[Frozen]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(mode="validation")}
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def main() -> None:
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
