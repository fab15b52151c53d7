"""The three plots of a report: error on the ground, time to alarm, and where the time goes between light and command.

Each is None when there is nothing to plot, and the page says so instead of showing an empty frame.
"""

import math
from collections.abc import Mapping, Sequence

from sim.report.svg import Scale, bottom_axis, element, path, picture, text, ticks, title
from sim.score.score import Score
from sim.score.sections import Hop

WIDTH_PX, HEIGHT_PX = 480.0, 280.0
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 46.0, 466.0, 14.0, 236.0
LEAST_DECADE = -1  # shorter than 0.1 ms is drawn as 0.1 ms; by a virtual clock much takes no time at all
COLOURS = 6  # classes c0 to c5 of the style sheet


def error_curve(errors_m: Mapping[str, Sequence[float]]) -> str | None:
    """Which share of each camera's sightings lies within so many metres of the truth."""
    shown = {camera: sorted(each) for camera, each in errors_m.items() if each}
    if not shown:
        return None
    x = Scale(0.0, max(each[-1] for each in shown.values()) * 1.05 or 1.0, LEFT_PX, RIGHT_PX)
    y = Scale(0.0, 1.0, BOTTOM_PX, TOP_PX)
    drawn = [bottom_axis(x, ticks(0.0, x.high), BOTTOM_PX, top=TOP_PX, words="error on the ground, m")]
    for share in (0.0, 0.5, 0.95):
        drawn.append(element("line", x1=LEFT_PX, x2=RIGHT_PX, y1=y(share), y2=y(share), cls="grid"))
        drawn.append(text(f"{share:.0%}", LEFT_PX - 6, y(share) + 4, cls="tick end"))
    for k, (camera, each) in enumerate(shown.items()):
        step = max(1, len(each) // 200)
        ranks = [*range(0, len(each), step), len(each) - 1]
        places = [(x(0.0), y(0.0)), *((x(each[n]), y((n + 1) / len(each))) for n in ranks)]
        drawn.append(path(places, title(f"{camera}: {len(each)} sightings"), cls=f"curve c{k % COLOURS}"))
        drawn.append(text(camera, RIGHT_PX - 4, BOTTOM_PX - 10 - 16 * k, cls=f"key end c{k % COLOURS}"))
    return picture(WIDTH_PX, HEIGHT_PX, *drawn, label="Distribution of position errors")


def alarm_times(score: Score) -> str | None:
    """A dot for each alarmed attack, by cell; the line is the end of the window."""
    cells: dict[str, list[tuple[float, str, str]]] = {}
    for attack in score.attacks:
        if attack.time_to_alarm_s is not None:
            name = attack.cell or attack.zone
            cells.setdefault(name, []).append((attack.time_to_alarm_s, attack.outcome.value, attack.actor))
    if not cells:
        return None
    window_s = score.parameters.window_s
    longest_s = max(time_s for each in cells.values() for time_s, _, _ in each)
    shortest_s = min(time_s for each in cells.values() for time_s, _, _ in each)
    x = Scale(min(0.0, shortest_s), max(window_s, longest_s) * 1.05, 130.0, RIGHT_PX)
    bottom = max(BOTTOM_PX, TOP_PX + 22.0 * len(cells))
    drawn = [bottom_axis(x, ticks(x.low, x.high), bottom, top=TOP_PX, words="from entry to alarm, s")]
    drawn.append(element("line", x1=x(window_s), x2=x(window_s), y1=TOP_PX, y2=bottom, cls="limit"))
    row = (bottom - TOP_PX) / len(cells)
    for k, (name, each) in enumerate(cells.items()):
        y = TOP_PX + row * (k + 0.5)
        drawn.append(text(name[:18], 122, y + 4, cls="tick end"))
        for time_s, outcome, actor in each:
            drawn.append(
                element(
                    "circle", title(f"{actor}: {time_s:.2f} s"), cx=x(time_s), cy=y, r=5, cls=f"mark alarm {outcome}"
                )
            )
    return picture(WIDTH_PX, bottom + 44, *drawn, label="Time to alarm")


def latency(hops: Mapping[str, Hop]) -> str | None:
    """For each hop a bar from its p50 to its p99 with a mark at p95, on a logarithmic axis: they differ by 10 000."""
    if not hops:
        return None
    top_decade = max(math.ceil(math.log10(max(*(hop.p99 for hop in hops.values()), 1.0))), 1)
    x = Scale(LEAST_DECADE, top_decade, 110.0, RIGHT_PX)
    decades = range(LEAST_DECADE, top_decade + 1)
    bottom = max(BOTTOM_PX, TOP_PX + 22.0 * len(hops))
    drawn = [
        element("line", x1=x(decade), x2=x(decade), y1=TOP_PX, y2=bottom, cls="grid")
        + text(f"{10.0**decade:g}", x(decade), bottom + 16, cls="tick middle")
        for decade in decades
    ]
    drawn.append(text("ms: bar from p50 to p99, line at p95", (x.start + x.end) / 2, bottom + 34, cls="axis middle"))
    row = (bottom - TOP_PX) / len(hops)
    for k, (name, hop) in enumerate(hops.items()):
        y = TOP_PX + row * (k + 0.5)
        p50, p95, p99 = (x(math.log10(max(value, 10.0**LEAST_DECADE))) for value in (hop.p50, hop.p95, hop.p99))
        about = f"{name}: p50 {hop.p50:g}, p95 {hop.p95:g}, p99 {hop.p99:g} ms, {hop.n} times"
        drawn.append(text(name, 102, y + 4, cls="tick end"))
        bar = element("rect", title(about), x=p50 - 2, y=y - 6, width=p99 - p50 + 4, height=12, rx=2, cls="hop")
        drawn.append(bar + element("line", x1=p95, x2=p95, y1=y - 8, y2=y + 8, cls="hop-mark"))
    return picture(WIDTH_PX, bottom + 44, *drawn, label="Latency of each hop")
