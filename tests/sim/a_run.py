"""A small scenario of a test's own, and its run in virtual time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sim.run import clock_of, play
from sim.scenario_file import load_scenario
from tests.conftest import ROOT

STERILE = ROOT / "deploy" / "sites" / "sterile.yaml"
Json = dict[str, Any]
# Before the zone (its northern edge is 3 m north), into its middle, and out again.
INTRUDER: Json = {
    "id": "thief",
    "starts_at_s": 2.0,
    "route": [
        {"east_m": 12.0, "north_m": 4.0},
        {"east_m": 12.0, "north_m": 0.0, "wait_s": 6.0},
        {"east_m": 12.0, "north_m": 8.0},
    ],
    "stays": False,
}


def scenario(*, length_s: float = 20.0, **parts: object) -> Json:
    """The sterile zone's fixed camera with a modelled eye; `parts` replace or add keys."""
    return {
        "schema_version": 1,
        "id": "small",
        "title": "A small scenario",
        "site": str(STERILE),
        "length_s": length_s,
        "feeds": [{"camera": "fence-cam", "eye": {"sees": "modelled"}}],
        **parts,
    }


def write_scenario(folder: Path, document: Mapping[str, object], *, name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
    return path


def run(folder: Path, document: Mapping[str, object], *, seed: int = 1) -> Path:
    """The folder of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_scenario(write_scenario(folder, document))
    out = folder / f"run-{seed}"
    play(loaded, out, clock=clock_of(loaded), seed=seed)
    return out


def lines(folder: Path, name: str = "events", **having: object) -> list[Json]:
    """Those of one file with these values; an envelope's `type` is its body's."""
    rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row.setdefault("type", row.get("body", {}).get("type"))
    return [row for row in rows if all(row.get(key) == value for key, value in having.items())]
