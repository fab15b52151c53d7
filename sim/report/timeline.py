"""One time axis for everything: attacks, alarms, incidents, tasks, faults, nodes, vehicles' modes.

Times are seconds since the scenario began; a bar that was still open reaches the end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.report.svg import Scale, clock, element, picture, text, time_ticks, title
from sim.score.run_folder import Run
from sim.score.score import Score

WIDTH_PX = 1000.0
LABEL_PX = 150.0
ROW_PX = 22.0
HEAD_PX = 26.0
MAX_ROWS = 16  # of one kind; a longer list is cut and says so


@dataclass(frozen=True, slots=True)
class Bar:
    """From one second to another, or a mark at one when they are equal."""

    from_s: float
    to_s: float
    cls: str
    about: str


@dataclass(frozen=True, slots=True)
class Row:
    group: str
    name: str
    bars: tuple[Bar, ...]


def draw_timeline(run: Run, score: Score) -> str:
    rows: list[Row] = []
    for group in (
        _attacks(run, score),
        _alarms(run, score),
        _incidents(run),
        _tasks(run),
        _faults(run),
        _nodes(run),
        _modes(run),
    ):
        rows += group[:MAX_ROWS]
        if len(group) > MAX_ROWS:
            rows.append(Row(group[0].group, f"and {len(group) - MAX_ROWS} more", ()))
    length_s = run.scenario.length_s
    scale = Scale(0.0, length_s, LABEL_PX, WIDTH_PX - 20)
    height_px = HEAD_PX + sum(ROW_PX + (8 if is_first else 0) for is_first in _firsts(rows)) + 8
    drawn = [
        element("line", x1=scale(each), x2=scale(each), y1=HEAD_PX - 4, y2=height_px, cls="grid")
        + text(clock(each), scale(each), HEAD_PX - 10, cls="tick middle")
        for each in time_ticks(length_s)
    ]
    y = HEAD_PX
    for row, is_first in zip(rows, _firsts(rows), strict=True):
        if is_first:
            drawn.append(element("line", x1=0, x2=WIDTH_PX, y1=y + 3, y2=y + 3, cls="rule"))
            y += 8
        drawn.append(text(_short(row.name), 4, y + 14, cls="row-name"))
        drawn += [_drawn(bar, scale, y) for bar in row.bars]
        y += ROW_PX
    return picture(WIDTH_PX, height_px, *drawn, label="Timeline of the run")


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _firsts(rows: Sequence[Row]) -> list[bool]:
    return [k == 0 or rows[k - 1].group != row.group for k, row in enumerate(rows)]


def _drawn(bar: Bar, scale: Scale, y: float) -> str:
    if bar.from_s == bar.to_s:
        return element("circle", title(bar.about), cx=scale(bar.from_s), cy=y + 10, r=5.5, cls=f"mark {bar.cls}")
    width = max(scale(bar.to_s) - scale(bar.from_s), 2.0)
    return element(
        "rect", title(bar.about), x=scale(bar.from_s), y=y + 3, width=width, height=14, rx=3, cls=f"span {bar.cls}"
    )


def _attacks(run: Run, score: Score) -> list[Row]:
    rows = []
    for attack in score.attacks:
        bar = Bar(
            run.seconds(attack.starts_at_us),
            run.seconds(attack.left_at_us),
            f"attack {attack.outcome.value}",
            f"{attack.actor} in {attack.zone}: {attack.outcome.value}",
        )
        marks = []
        if attack.alarmed_at_us is not None:
            at_s = run.seconds(attack.alarmed_at_us)
            marks.append(
                Bar(at_s, at_s, f"alarm {attack.outcome.value}", f"alarm {attack.time_to_alarm_s:.1f} s after entry")
            )
        rows.append(Row("attacks", f"attack: {attack.actor}", (bar, *marks)))
    return rows


def _alarms(run: Run, score: Score) -> list[Row]:
    marks = tuple(
        Bar(
            run.seconds(alarm.at_us),
            run.seconds(alarm.at_us),
            f"alarm {alarm.verdict.value}",
            f"{alarm.zone} by {alarm.camera}: {alarm.verdict.value}",
        )
        for alarm in score.alarms
    )
    return [Row("alarms", "alarms", marks)] if marks else []


def _incidents(run: Run) -> list[Row]:
    changes: dict[str, list[tuple[float, str, str]]] = {}
    for line in run.incidents:
        name = f"{line.kind}: {line.subject}" if line.subject else line.kind
        changes.setdefault(f"{line.incident}|{name}", []).append((run.seconds(line.at_us), line.state, line.title))
    return [
        Row("incidents", key.split("|", 1)[1], tuple(_spans(each, run.scenario.length_s, "incident", ends=("closed",))))
        for key, each in changes.items()
    ]


def _tasks(run: Run) -> list[Row]:
    changes: dict[str, list[tuple[float, str, str]]] = {}
    names: dict[str, str] = {}
    for line in run.tasks:
        changes.setdefault(line.task, []).append((run.seconds(line.at_us), line.state, line.reason))
        names.setdefault(line.task, f"{line.kind}: {line.vehicle}")
    ends = ("done", "failed", "cancelled", "refused")
    return [
        Row("tasks", names[task], tuple(_spans(each, run.scenario.length_s, "task", ends=ends)))
        for task, each in changes.items()
    ]


def _faults(run: Run) -> list[Row]:
    changes: dict[str, list[tuple[float, str, str]]] = {}
    for line in run.faults:
        name = f"fault: {line.kind.replace('_', ' ')}{f' {line.of}' if line.of else ''}"
        changes.setdefault(name, []).append((run.seconds(line.at_us), line.phase, ""))
    return [
        Row("faults", name, tuple(_spans(each, run.scenario.length_s, "fault", ends=("ends",))))
        for name, each in changes.items()
    ]


def _nodes(run: Run) -> list[Row]:
    changes: dict[str, list[tuple[float, str, str]]] = {}
    for line in run.nodes:
        feeds = ", ".join(f"{camera} {state}" for camera, state in line.feeds.items())
        bad = line.state == "online" and any(state not in ("ok", "starting") for state in line.feeds.values())
        changes.setdefault(line.node, []).append((run.seconds(line.at_us), "degraded" if bad else line.state, feeds))
    return [
        Row("nodes", f"node: {node}", tuple(_spans(each, run.scenario.length_s, "node", ends=())))
        for node, each in changes.items()
    ]


def _modes(run: Run) -> list[Row]:
    changes: dict[str, list[tuple[float, str, str]]] = {}
    for line in run.vehicles:
        mine = changes.setdefault(line.vehicle, [])
        state = f"{line.mode or 'mode unknown'}{'' if line.armed else ', disarmed'}"
        if not mine or mine[-1][2] != state:
            mine.append((run.seconds(line.at_us), "armed" if line.armed else "disarmed", state))
    return [
        Row("vehicles", f"{vehicle}", tuple(_spans(each, run.scenario.length_s, "mode", ends=())))
        for vehicle, each in changes.items()
    ]


def _spans(
    changes: Sequence[tuple[float, str, str]], length_s: float, cls: str, *, ends: Sequence[str]
) -> Iterable[Bar]:
    """A bar for each state until the next; a state that ends something is a mark."""
    starts_s = [change[0] for change in changes[1:]]
    for (from_s, state, about), to_s in zip(changes, [*starts_s, length_s], strict=True):
        words = f"{state} from {clock(from_s)}{f': {about}' if about else ''}"
        if state in ends:
            yield Bar(from_s, from_s, f"{cls} {state}", words)
        elif to_s > from_s:
            yield Bar(from_s, to_s, f"{cls} {state}", words)
