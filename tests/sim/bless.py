"""Rewrite the golden event logs: `python -m tests.sim.bless [SCENARIO...]` (part of `make bless`); review the diff."""

import logging
import sys
import tempfile
from pathlib import Path

import structlog

from sim.scenario_file import load_scenario
from tests.sim.golden import SCENARIOS, difference, golden_path, has_golden, played, without_hops


def main(names: list[str]) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for scenario in SCENARIOS:
        if not has_golden(scenario) or (names and scenario.stem not in names):
            continue
        loaded = load_scenario(scenario)
        with tempfile.TemporaryDirectory() as folder:
            events = without_hops(played(loaded, Path(folder), seed=loaded.scenario.seed))
        path = golden_path(scenario)
        golden = path.read_text(encoding="utf-8") if path.is_file() else ""
        print((difference(golden, events, scenario=scenario) or "as before") if golden else f"{scenario.stem}: new")
        path.write_text(events, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
