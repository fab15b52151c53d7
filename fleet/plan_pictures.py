"""A plan as pictures: the rounds on the map, what is seen how often, and how long points wait."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contract.site import Site
from fleet.decision.planning import Plan
from fleet.decision.team import Team, Watch
from fleet.plan_coverage import coverage, ring

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d4a9c", "#7a7a00")  # Okabe and Ito
INK, PALE, FENCE, FORBIDDEN, ROOF = "#222222", "#dddddd", "#444444", "#c0392b", "#9a9a9a"
DPI = 110


def draw(plan: Plan, watches: Sequence[Watch], folder: Path) -> tuple[Path, ...]:
    """Writes plan.png, coverage.png and idleness.png. Raises OSError."""
    with mpl.rc_context({"font.size": 9, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False}):
        figures = {"plan": _map(plan), "coverage": _coverage(plan, watches), "idleness": _idleness(plan, watches)}
        paths = tuple(folder / f"{name}.png" for name in figures)
        for path, figure in zip(paths, figures.values(), strict=True):
            figure.savefig(path, dpi=DPI)
    return paths


def _site(axes: Axes, site: Site) -> None:
    fence = ring(site, site.geofence.polygon)
    axes.plot(*np.vstack([fence, fence[:1]]).T, color=FENCE, lw=1.5, label="fence")
    for number, area in enumerate(site.no_fly):
        label = "no-fly area" if number == 0 else None
        axes.fill(*ring(site, area.polygon).T, fc=FORBIDDEN, alpha=0.25, ec=FORBIDDEN, hatch="//", label=label)
    for number, building in enumerate(site.buildings):
        label = "building" if number == 0 else None
        axes.fill(*ring(site, building.polygon).T, fc=ROOF, ec=FENCE, label=label)
    axes.set(aspect="equal", xlabel="metres east", ylabel="metres north")
    axes.margins(0.03)


def _map(plan: Plan) -> Figure:
    figure = Figure(figsize=(9.5, 8.0), layout="constrained")
    axes = figure.add_subplot()
    _site(axes, plan.site)
    for number, team in enumerate(plan.teams):
        _round(axes, team, COLOURS[number % len(COLOURS)])
    gap, fixed = plan.gap_s / 60.0, plan.fixed_gap_s / 60.0
    points = sum(len(team.patrol.points) for team in plan.teams)
    axes.set_title(
        f"{plan.site.name}: shortest rounds over {points} points\n"
        f"each seen again within {gap:.1f} min (best fixed plan {fixed:.1f} min)",
        loc="left",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    return figure


def _round(axes: Axes, team: Team, colour: str) -> None:
    paths, docks, points = team.legs.paths, len(team.legs.vehicles), len(team.patrol.points)
    stops = [0, *range(docks, docks + points)]
    for start, end in pairwise(stops):
        way = np.array([(p.east_m, p.north_m) for p in paths.way(start, end)])
        axes.plot(*way.T, color=colour, lw=1.6, alpha=0.5 if start == 0 else 0.95, ls=":" if start == 0 else "-")
    places = np.array([(p.east_m, p.north_m) for p in paths.places])
    axes.plot(*places[docks:].T, "o", color=colour, ms=5, label=", ".join(v.id for v in team.legs.vehicles))
    axes.plot(*places[:docks].T, "s", color=colour, ms=9, mec=INK)
    for place, point in zip(places[docks:], team.patrol.points, strict=True):
        for look_deg in point.look_deg:
            towards = 7.0 * np.array([np.sin(np.radians(look_deg)), np.cos(np.radians(look_deg))])
            axes.plot(*np.array([place, place + towards]).T, color=colour, lw=0.9, alpha=0.8)


def _coverage(plan: Plan, watches: Sequence[Watch]) -> Figure:
    """Looks an hour at each cell."""
    seen = coverage(plan, watches)
    figure = Figure(figsize=(9.5, 8.0), layout="constrained")
    axes = figure.add_subplot()
    shown = np.where(seen.looks_per_h > 0.0, seen.looks_per_h, np.nan)
    image = axes.pcolormesh(seen.x, seen.y, shown, cmap="viridis", shading="nearest", vmin=0.0)
    _site(axes, plan.site)
    figure.colorbar(image, ax=axes, label="looks an hour", shrink=0.8)
    axes.set_title(
        f"What the stays show, and how often: {seen.covered_frac:.0%} of the ground in the fence; white: nothing of it",
        loc="left",
    )
    return figure


def _idleness(plan: Plan, watches: Sequence[Watch]) -> Figure:
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    axes = figure.add_subplot()
    gaps = [np.concatenate(watch.gaps_s) / 60.0 for watch in watches]
    edges = np.linspace(min(g.min() for g in gaps), plan.gap_s / 60.0, 40)
    names = [", ".join(team.patrol.vehicles) for team in plan.teams]
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(gaps))]
    axes.hist(gaps, bins=edges.tolist(), stacked=True, color=colours, label=names)
    axes.axvline(plan.gap_s / 60.0, color=INK, lw=1.5)
    axes.axvline(plan.fixed_gap_s / 60.0, color=INK, lw=1.0, ls="--")
    top = axes.get_ylim()[1]
    axes.text(plan.gap_s / 60.0, top, "longest allowed ", ha="right", va="top", rotation=90)
    axes.text(plan.fixed_gap_s / 60.0, top, "best fixed plan ", ha="right", va="top", rotation=90)
    worst = max(g.max() for g in gaps)
    axes.set(xlabel="minutes from one visit of a point to the next", ylabel="visits")
    axes.set_title(f"How long points wait: at most {worst:.1f} min", loc="left")
    axes.legend(frameon=False, loc="upper left")
    return figure
