"""Random worlds by the hundred thousand against the slow checker: `python -m tests.fleet.flight.soak_gate`.

Every world is its seed, so a run goes on where another stopped: `--first SEED`. Exit codes: 0 no objection, 1 at least
one (its seed is printed), 2 wrong usage; after Ctrl-C it says where to go on.
"""

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from fleet.flight.gate import Approved
from fleet.flight.orders import FlyMission, GoTo
from tests.fleet.flight.random_worlds import draw, judged
from tests.fleet.flight.world_checker import objections, speed_of

PIECE = 1_000
SAY_EACH = 10_000  # worlds, where there is no terminal for a bar


@dataclass(slots=True)
class Tally:
    """Of a range of seeds. `approved`: orders by kind. `objected`: what the checker says to what the gate approved.
    `reasons`: kinds of refusal. `shared`: refusals looked at, and those to which the checker objects too."""

    worlds: int = 0
    approved: Counter[str] = field(default_factory=Counter)
    objected: dict[int, list[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    shared: Counter[bool] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        self.worlds += other.worlds
        self.approved += other.approved
        self.objected |= other.objected
        self.reasons += other.reasons
        self.shared += other.shared


# A word of the gate's reason for each clause that must have refused somebody, or worlds were too kind to prove it.
CLAUSES = {
    "leaves the geofence": "fence",
    "of the geofence": "margin to the fence",
    "no-fly area": "exclusion",
    "building": "building",
    "the straight way home": "way home",
    "the destination is": "stand-off",
    "from a tracked person": "people on the way",
    "from 'v": "other vehicles",
    "is is not known": "another vehicle of unknown place",
    "home again and the reserve": "battery",
    "makes no way": "headway",
    "m/s, expected at most": "wind",
    "above the ceiling": "height of the return",
}


def tally(first: int, count: int, *, refusals_each: int = 0) -> Tally:
    """Seeds `first` to `first + count`; each `refusals_each`-th refusal is shown to the checker too (0: none)."""
    result = Tally(worlds=count)
    for seed in range(first, first + count):
        world = draw(seed)
        decision = judged(world)
        if isinstance(decision, Approved):
            order = decision.approval.order
            result.approved[type(order).__name__ + (" in the air" if world.vehicle.flies else " on the ground")] += 1
            speed_m_s = order.speed_m_s if isinstance(order, GoTo | FlyMission) else speed_of(world)
            said = objections(world, order, speed_m_s=speed_m_s)
            if said:
                result.objected[seed] = said
            continue
        for words, clause in CLAUSES.items():
            result.reasons[clause] += any(words in reason for reason in decision.reasons)
        if refusals_each and seed % refusals_each == 0:
            result.shared[bool(objections(world, None, speed_m_s=speed_of(world)))] += 1
    return result


def _piece(at: tuple[int, int]) -> Tally:
    return tally(*at)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--worlds", type=int, default=1_000_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args()
    if options.worlds < 1 or options.first < 0 or options.workers < 1:
        parser.error("expected at least one world, one worker and no seed below 0")
    last = options.first + options.worlds
    pieces = [(first, min(PIECE, last - first)) for first in range(options.first, last, PIECE)]
    whole, began_s = Tally(), time.monotonic()
    columns = (TextColumn("seed {task.fields[seed]}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bar,
        ProcessPoolExecutor(options.workers) as pool,
    ):
        task = bar.add_task("worlds", total=options.worlds, seed=options.first)
        try:
            for (first, count), done in zip(pieces, pool.map(_piece, pieces), strict=True):
                whole.add(done)
                bar.update(task, advance=count, seed=first + count)
                if not bar.console.is_terminal and whole.worlds % SAY_EACH == 0:
                    print(
                        f"{whole.worlds} worlds, {len(whole.objected)} objections; next seed {first + count}",
                        flush=True,
                    )
                for seed, said in done.objected.items():
                    bar.console.print(f"seed {seed}: the gate approved, the checker objects: {', '.join(said)}")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            bar.console.print(f"stopped; go on with --first {options.first + whole.worlds}")
    approved = sum(whole.approved.values())
    share = f"{approved / max(whole.worlds, 1):.1%}"
    print(f"{whole.worlds} worlds from seed {options.first} in {time.monotonic() - began_s:.0f} s")
    print(f"approved {approved} ({share}): {dict(sorted(whole.approved.items()))}")
    print(f"refused, by what (several may be): {dict(sorted(whole.reasons.items()))}")
    print(f"the checker objects to {len(whole.objected)} of what was approved")
    return 1 if whole.objected else 0


if __name__ == "__main__":
    sys.exit(main())
