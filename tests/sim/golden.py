"""Golden event logs of the shipped scenarios, and in words how a new one differs.

A golden is events.jsonl without its `hop` lines: how long something took changes with every detail, what happened
should not. `python -m tests.sim.bless` rewrites them. A scenario whose pictures are judged has none: another processor
rounds otherwise; it is held to its expectations, and to itself played twice.
"""

import json
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from sim.run import clock_of, play
from sim.scenario import Loaded
from tests.conftest import ROOT

SCENARIOS = sorted(
    path for path in (ROOT / "sim" / "scenarios").glob("*.yaml") if not path.name.endswith(".scenery.yaml")
)
GOLDEN = Path(__file__).parent / "golden"
SHOWN_FIELDS = 8
Json = dict[str, Any]

HINTS = {
    "track": "detections, the modelled eye or the tracker changed (sim/eyes, edge/perception/tracking)",
    "event": "rule, zones, locating or the numbering of events changed (edge/rules, edge/perception/locate, contract)",
    "node": "what a node says of itself, and when, changed (edge/node, edge/camera)",
    "alarm": "ingest changed, or when messages come (fleet/picture/ingest, sim/memory_bus)",
    "incident": "correlation or troubles changed (fleet/picture/incidents, fleet/picture/coverage)",
    "decision": "the gate changed, or what it is asked and when (fleet/flight/gate, fleet/decision/dispatch)",
    "task": "dispatch or tasking changed (fleet/response, fleet/decision/dispatch, fleet/flight/tasking)",
    "vehicle": "vehicle or telemetry changed (sim/autopilot, fleet/flight/telemetry)",
    "operator": "the scenario's persons changed, or what their orders are answered with (fleet/control_room)",
    "fault": "the scenario's faults changed",
}


def played(loaded: Loaded, folder: Path, *, seed: int) -> str:
    """One run; its events.jsonl."""
    play(loaded, folder, clock=clock_of(loaded), seed=seed)
    return (folder / "events.jsonl").read_text(encoding="utf-8")


def has_golden(scenario: Path) -> bool:
    return "sketched: true" not in scenario.read_text(encoding="utf-8")


def golden_path(scenario: Path) -> Path:
    return GOLDEN / f"{scenario.stem}.jsonl"


def without_hops(events: str) -> str:
    return "".join(line for line in events.splitlines(keepends=True) if not line.startswith('{"type":"hop"'))


def difference(golden: str, events: str, *, scenario: Path) -> str:
    """In words: how much differs, the first place where, and why it might. Empty when nothing does."""
    if golden == events:
        return ""
    old, new = golden.splitlines(), events.splitlines()
    changes = [each for each in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if each[0] != "equal"]
    gone = [json.loads(line) for _, first, last, _, _ in changes for line in old[first:last]]
    come = [json.loads(line) for _, _, _, first, last in changes for line in new[first:last]]
    _, old_first, old_last, new_first, new_last = changes[0]
    was = json.loads(old[old_first]) if old_first < old_last else None
    now = json.loads(new[new_first]) if new_first < new_last else None
    first = [each for each in (was, now) if each is not None]
    started_us = min(_at_us(json.loads(line)) for line in (old[0], new[0]))
    seconds = (min(_at_us(each) for each in first) - started_us) / 1e6
    earliest = min(first, key=_at_us)
    return "\n".join(
        [
            f"{scenario.stem}: {len(gone)} of {len(old)} lines are gone, {len(come)} are new ({_by_type(gone, come)})",
            f"first at line {old_first + 1}, {seconds:.3f} s after the first line: {_told(was, now)}",
            f"why it might: {HINTS.get(_type(earliest), 'the log itself changed (sim/run_log)')}",
            f"if it should be so: python -m tests.sim.bless {scenario.stem}",
        ]
    )


def _type(line: Json) -> str:
    return str(line["body"]["type"] if "body" in line else line["type"])


def _at_us(line: Json) -> int:
    return int(line["at_us"] if "at_us" in line else line["captured_at_us"])


def _by_type(gone: Sequence[Json], come: Sequence[Json]) -> str:
    minus, plus = (Counter(_type(line) for line in lines) for lines in (gone, come))
    return ", ".join(f"{kind} -{minus[kind]} +{plus[kind]}" for kind in sorted({*minus, *plus}))


def _told(was: Json | None, now: Json | None) -> str:
    """A line that changed by its fields, one that came or went whole."""
    if was is not None and now is not None and _type(was) == _type(now):
        old, new = dict(_flat(was)), dict(_flat(now))
        fields = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        shown = [f"    {key}: expected {old.get(key)!r}, got {new.get(key)!r}" for key in fields[:SHOWN_FIELDS]]
        more = [f"    and {len(fields) - SHOWN_FIELDS} more"] if len(fields) > SHOWN_FIELDS else []
        return "\n".join([f"{_type(was)} changed", *shown, *more])
    return "\n".join(
        f"    {word} {_type(line)}: {json.dumps(line)}"
        for word, line in (("expected", was), ("got", now))
        if line is not None
    ).lstrip()


def _flat(line: Json, prefix: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, value in line.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return pairs
