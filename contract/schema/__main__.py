"""Write the JSON Schema of each document of the contract beside this file."""

import json
from pathlib import Path

from contract.envelope import Envelope
from contract.frozen import Frozen
from contract.site import Site
from contract.tasks import Task

DOCUMENTS: dict[str, type[Frozen]] = {"envelope": Envelope, "site": Site, "task": Task}


def schemas() -> dict[str, str]:
    """File name to its text."""
    return {
        f"{name}.json": json.dumps(model.model_json_schema(mode="validation"), indent=1, sort_keys=True) + "\n"
        for name, model in DOCUMENTS.items()
    }


def main() -> None:
    folder = Path(__file__).parent
    for name, text in schemas().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
