"""compare.html: what a change did, in sentences for who decides and in tables for who asks why.

Nothing is called a difference that resampling could produce from no difference at all.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from markupsafe import Markup

from sim.report.report import UNKNOWN, render, written
from sim.report.svg import Scale, bottom_axis, element, picture, text, ticks, title
from sim.score.comparing import Comparison, Difference, RateChange, Reading, RunKey, Variant
from sim.score.score import Score

PANEL_PX = 360.0
NAME_PX = 128.0
ROW_PX = 24.0
TOP_PX = 8.0
BOTTOM_PX = 44.0


def _longest_revisit_s(score: Score) -> float | None:
    return max((gap.vehicles_s for gap in score.longest_unobserved_s.zones.values()), default=None)


PANELS = (
    ("attacks found in time", "share of attacks", lambda score: score.alert.recall),
    ("false alarms", "in the run", lambda score: float(score.false_alarms.count)),
    ("time to alarm", "median, s", lambda score: score.alert.time_to_alarm_s.p50),
    ("time to scene", "median, s", lambda score: score.response.time_to_scene_s.p50),
    ("error on the ground", "p95, m", lambda score: score.geolocation_m.all.p95),
    ("no vehicle watches a zone", "longest, s", _longest_revisit_s),
)


def write_comparison(path: Path, comparisons: Sequence[Comparison]) -> None:
    """One page for a variant against each other one."""
    variants = [comparisons[0].a, *(each.b for each in comparisons)]
    runs = sorted(set().union(*(each.runs for each in comparisons)))
    page = render(
        "compare.html.j2",
        comparisons=[
            {
                "of": each,
                "headline": headline(each),
                "sentences": sentences(each),
                "rows": table_rows(each),
            }
            for each in comparisons
        ],
        variants=variants,
        runs=runs,
        run_name=run_name,
        panels=[
            (name, words, Markup(drawing))  # noqa: S704 - escaped where it was drawn
            for name, words, of in PANELS
            if (drawing := _panel(name, words, of, runs, variants)) is not None
        ],
    )
    path.write_text(page, encoding="utf-8")


def run_name(run: RunKey, runs: Sequence[RunKey]) -> str:
    """The scenario, with the seed where one scenario ran with several."""
    scenario, seed = run
    return f"{scenario} #{seed}" if sum(each[0] == scenario for each in runs) > 1 else scenario


def headline(comparison: Comparison) -> str:
    """What is more than chance, in one line."""
    readings = [(each.figure, each.reading) for each in comparison.differences]
    readings.insert(1, ("false alarms", comparison.false_alarms.reading))
    better = [name for name, reading in readings if reading is Reading.BETTER]
    worse = [name for name, reading in readings if reading is Reading.WORSE]
    if not better and not worse:
        return f"{comparison.b.name}: no difference to {comparison.a.name} that could not be chance"
    parts = ([f"better in {_listed(better)}"] if better else []) + ([f"worse in {_listed(worse)}"] if worse else [])
    return f"{comparison.b.name} is {', '.join(parts)}"


def sentences(comparison: Comparison) -> list[tuple[Reading, str]]:
    """A reading and a sentence for each figure that both variants have."""
    said = []
    for each in comparison.differences:
        if each.change is not None:
            words = _mean_words(each, each.change)
            if each.counts is not None:
                counted = each.counts.format(amount=_amount(each.change), pairs=each.pairs)
                words = f"{comparison.b.name} {counted}"
            said.append((each.reading, f"{words}{_interval(each)}."))
    return [*said[:1], (comparison.false_alarms.reading, _rate_sentence(comparison)), *said[1:]]


def _amount(change: float) -> str:
    count = round(abs(change))
    return f"{count} {'more' if change > 0 else 'fewer'}" if count else "as many"


def _mean_words(difference: Difference, change: float) -> str:
    amount = written(abs(change), difference.unit)
    more, less = ("longer", "shorter") if difference.unit == "s" else ("more", "less")
    words = f"{amount} {more if change > 0 else less}" if round(abs(change), 2) else "the same"
    pairs = f"{difference.pairs} pair{'s' * (difference.pairs != 1)}"
    return f"{difference.figure[:1].upper()}{difference.figure[1:]}: {words} on average over {pairs}"


def _rate_sentence(comparison: Comparison) -> str:
    rates, name = comparison.false_alarms, comparison.b.name
    if rates.rate_a is None or rates.rate_b is None:
        return "False alarms have no rate: no camera watched."
    days_a, days_b = (written(days, digits=3) for days in (rates.days_a, rates.days_b))
    counts = f"{rates.count_a} and {rates.count_b} in {days_a} and {days_b} camera-days"
    if rates.low is None:
        return f"Neither raises a false alarm ({counts})."
    change = rates.rate_b - rates.rate_a
    amount = "as many false alarms"
    if change:
        amount = f"{written(abs(change), digits=1)} {'more' if change > 0 else 'fewer'} false alarms per camera-day"
    high = "any number of" if rates.high is None else written(rates.high)
    return f"{name} raises {amount} ({counts}; 95 %: {written(rates.low)} to {high} times the rate)."


def _interval(difference: Difference) -> str:
    limits = _limits(difference)
    return " (one pair, no interval)" if limits is None else f" (95 %: {limits})"


def _limits(difference: Difference) -> str | None:
    if difference.low is None or difference.high is None:
        return None
    return f"{_signed(difference.low)} to {_signed(difference.high)}"


def _signed(value: float) -> str:
    words = written(value)
    return f"+{words}" if value > 0 and words != "0" else words.replace("-0", "0") if words == "-0" else words


def _row(difference: Difference) -> tuple[str, ...]:
    """Figure, both values, change, interval, pairs: as the tables show them."""
    unit = difference.unit
    change = UNKNOWN if difference.change is None else f"{_signed(difference.change)} {unit}".strip()
    before, after = (written(each, unit) for each in (difference.a, difference.b))
    return difference.figure, before, after, change, _limits(difference) or UNKNOWN, str(difference.pairs)


def _rate_row(rates: RateChange) -> tuple[str, ...]:
    """The change is the ratio of the rates; there are no pairs but alarms."""
    interval = UNKNOWN
    if rates.low is not None:
        interval = f"× {written(rates.low)} to {'∞' if rates.high is None else written(rates.high)}"
    ratio = UNKNOWN if rates.ratio is None else f"× {written(rates.ratio)}"
    before, after = (written(each, digits=1) for each in (rates.rate_a, rates.rate_b))
    return "false alarms per camera-day", before, after, ratio, interval, f"{rates.count_a + rates.count_b} alarms"


def table_rows(comparison: Comparison) -> list[tuple[Reading, tuple[str, ...]]]:
    """Each reading with figure, both values, change, interval and pairs."""
    rows = [(each.reading, _row(each)) for each in comparison.differences]
    return [rows[0], (comparison.false_alarms.reading, _rate_row(comparison.false_alarms)), *rows[1:]]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _panel(
    name: str,
    words: str,
    of: Callable[[Score], float | None],
    runs: Sequence[RunKey],
    variants: Sequence[Variant],
) -> str | None:
    """A row for each run with a dot for each variant; None when nothing was measured."""
    values = [[of(variant.runs[run]) if run in variant.runs else None for variant in variants] for run in runs]
    known = [value for row in values for value in row if value is not None]
    if not known:
        return None
    high = max(*known, 1.0) if name == "attacks found in time" else max(known) * 1.08 or 1.0
    x = Scale(0.0, high, NAME_PX, PANEL_PX - 14)
    bottom = TOP_PX + ROW_PX * len(runs)
    drawn = [bottom_axis(x, ticks(0.0, high, about=4), bottom, top=TOP_PX, words=words)]
    for k, (run, row) in enumerate(zip(runs, values, strict=True)):
        y = TOP_PX + ROW_PX * (k + 0.5)
        drawn.append(text(_short(run_name(run, runs)), NAME_PX - 8, y + 4, cls="tick end"))
        shown = [value for value in row if value is not None]
        if len(shown) > 1:
            drawn.append(element("line", x1=x(min(shown)), x2=x(max(shown)), y1=y, y2=y, cls="between"))
        for n, (value, variant) in enumerate(zip(row, variants, strict=True)):
            if value is not None:
                about = f"{variant.name}: {written(value)}"
                drawn.append(
                    element("circle", title(about), cx=x(value), cy=y, r=6.5 - 2 * min(n, 2), cls=f"dot v{n % 6}")
                )
    return picture(PANEL_PX, bottom + BOTTOM_PX, *drawn, label=name)


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"
