"""What it costs to be unpredictable: gap against entropy of patrols of four copters over 60 points.

The best fixed plan is the one that `vedette-fleet plan` finds; the gap is then 15 % longer and the order of rounds ever
more random. The most predictable of the copters counts, and the longest gap of any.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from contract.clock import Clock
from fleet.decision.planning import Plan, Wanted, chance_of, plan
from fleet.decision.predictability import most_bits
from fleet.decision.team import watch
from sim.benchmarks.patrol_site import POINTS, VEHICLES, patrol_points, patrol_site

PLAN_LIMIT_S = 5.0
LONGEST_GAP = 1.15  # of the best fixed plan's
LEAST_SHARE = 0.7  # of the most entropy
RANDOMNESS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
ALLOWED = (1.02, 1.05, 1.1, 1.15, 1.25)  # gaps, of the best fixed plan's, for the second curve
ROUNDS, SEED = 30, 1
CHARGE_S, WIND_M_S, AT_RANDOMNESS = 2400.0, 3.0, 0.9


@dataclass(frozen=True, slots=True)
class Mark:
    """One plan watched over many rounds: gap of the best fixed plan's, bits and shares of the most predictable copter.
    `of_any`: of choosing any other point freely. `counted`: one who only notes which point follows which."""

    randomness: float
    allowed: float
    gap: float
    bits: float
    share: float
    of_any: float
    counted: float


@dataclass(frozen=True, slots=True)
class PatrolCost:
    plan_s: float
    fixed_gap_s: float
    by_randomness: tuple[Mark, ...]
    by_gap: tuple[Mark, ...]

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        said = []
        if self.plan_s > PLAN_LIMIT_S:
            said.append(f"plan: expected at most {PLAN_LIMIT_S:g} s, got {self.plan_s:.1f} s")
        if not any(mark.gap <= LONGEST_GAP and mark.share >= LEAST_SHARE for mark in self.by_randomness):
            best = max(mark.share for mark in self.by_randomness)
            said.append(f"entropy: expected {LEAST_SHARE:.0%} of the most within {LONGEST_GAP:g} gaps, got {best:.0%}")
        return said

    def table(self) -> Table:
        title = (
            f"{VEHICLES} copters, {POINTS} points: planned in {self.plan_s:.1f} s (at most {PLAN_LIMIT_S:g}); "
            f"best fixed plan: gap {self.fixed_gap_s / 60:.1f} min"
        )
        heads = (
            "randomness",
            "allowed gap",
            "longest gap",
            "bits a visit",
            "of the most",
            "of any point",
            "counted, bits",
        )
        table = Table(*heads, title=title, title_justify="left")
        for column in table.columns:
            column.justify = "right"
        for mark in (*self.by_randomness, *self.by_gap):
            table.add_row(
                f"{mark.randomness:.1f}",
                f"{mark.allowed:.2f}",
                f"{mark.gap:.3f}",
                f"{mark.bits:.2f}",
                f"{mark.share:.0%}",
                f"{mark.of_any:.0%}",
                f"{mark.counted:.2f}",
                end_section=mark is self.by_randomness[-1],
            )
        return table


def measure_patrol(picture: Path, *, clock: Clock, console: Console, rounds: int = ROUNDS) -> PatrolCost:
    """Draws both curves into `picture`. Raises OSError where it cannot be written."""
    site, points = patrol_site(), patrol_points()
    wanted = Wanted(
        points=points, vehicles=site.vehicles, charge_s=CHARGE_S, wind_m_s=WIND_M_S, randomness=AT_RANDOMNESS
    )
    with console.status("the patrols are planned") as status:
        before_us = clock.monotonic_us()
        made = plan(site, wanted, say=status.update)
        plan_s = (clock.monotonic_us() - before_us) / 1e6
        by_randomness = []
        for randomness in RANDOMNESS:
            status.update(f"rounds at randomness {randomness:g}")
            by_randomness.append(_mark(made, made.fixed_gap_s, randomness=randomness, rounds=rounds))
        by_gap = []
        for allowed in ALLOWED:
            status.update(f"rounds within {allowed:g} gaps")
            gap_s = allowed * made.fixed_gap_s
            by_gap.append(_mark(made.within(gap_s), made.fixed_gap_s, randomness=AT_RANDOMNESS, rounds=rounds))
    cost = PatrolCost(plan_s, made.fixed_gap_s, tuple(by_randomness), tuple(by_gap))
    _draw(cost, picture)
    return cost


def _mark(made: Plan, fixed_gap_s: float, *, randomness: float, rounds: int) -> Mark:
    watches = [
        watch(team, rounds=rounds, chance=chance_of(SEED, team.patrol.id), randomness=randomness) for team in made.teams
    ]
    least = min(watches, key=lambda each: each.share)
    count = len(least.gaps_s)
    return Mark(
        randomness=randomness,
        allowed=made.gap_s / fixed_gap_s,
        gap=max(each.longest_gap_s for each in watches) / fixed_gap_s,
        bits=least.bits,
        share=least.bits / most_bits(count),
        of_any=least.bits / math.log2(count - 1),
        counted=least.counted,
    )


def _draw(cost: PatrolCost, path: Path) -> None:
    figure = Figure(figsize=(10.0, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _curve(
        left,
        cost.by_randomness,
        "ever more random, gap allowed 1.15",
        [f"{m.randomness:g}" for m in cost.by_randomness],
    )
    _curve(
        right, cost.by_gap, f"ever longer gaps, randomness {AT_RANDOMNESS:g}", [f"{m.allowed:g}" for m in cost.by_gap]
    )
    left.set_ylabel("entropy of the next visit, of the most")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _curve(axes: Axes, marks: Sequence[Mark], title: str, labels: Sequence[str]) -> None:
    axes.axhspan(LEAST_SHARE, 1.0, xmax=1.0, color="#009e73", alpha=0.08)
    axes.axvline(LONGEST_GAP, color="#222222", lw=1.0, ls="--")
    axes.plot([m.gap for m in marks], [m.share for m in marks], "o-", color="#0072b2")
    for number, (mark, label) in enumerate(zip(marks, labels, strict=True)):
        beside, ha = ((-8, 4), "right") if number % 2 == 0 else ((8, -8), "left")
        axes.annotate(label, (mark.gap, mark.share), beside, textcoords="offset points", fontsize=8, ha=ha)
    axes.set(xlabel="longest gap, of the best fixed plan's", ylim=(0.0, 1.0))
    axes.set_title(title, loc="left", fontsize=10)
