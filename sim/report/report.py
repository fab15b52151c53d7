"""report.html of a run: one page that needs nothing beside it, the verdict on top and the evidence below.

Pictures in the run's `pictures/` folder are taken into the page, with the captions of `pictures/captions.json`.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sim.report.plots import alarm_times, error_curve, latency
from sim.report.site_map import SiteMap
from sim.report.svg import clock
from sim.report.timeline import draw_timeline
from sim.score.errors import ScoreError
from sim.score.expectations import Outcome, check_expectations
from sim.score.overlap import WhoIsSeen
from sim.score.run_folder import Run
from sim.score.score import Score
from sim.score.sections import Verdict
from sim.score.seeing import fixes

FOLDER = Path(__file__).parent
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure a manager reads. `tone`: good, bad or quiet."""

    name: str
    value: str
    note: str
    tone: str = "quiet"


def write_report(run: Run, score: Score) -> Path:
    """Into the run's folder. Raises ScoreError when the captions of its pictures cannot be read."""
    outcomes = check_expectations(run.scenario, score)
    who = WhoIsSeen(run.views, match_iou=score.parameters.match_iou)
    errors_m: dict[str, list[float]] = {}
    for camera, _, located, stood in fixes(run, who):
        errors_m.setdefault(camera, []).append(located.horizontal_distance_m(stood))
    page = render(
        "report.html.j2",
        run=run,
        scenario=run.scenario,
        score=score,
        outcomes=outcomes,
        headline=headline(outcomes),
        story=story(score),
        tiles=tiles(score),
        cells={**{f"group {name}": cell for name, cell in score.groups.items()}, **score.cells},
        map=_svg(SiteMap(run, score).draw()),
        timeline=_svg(draw_timeline(run, score)),
        plots=[
            (
                "Error on the ground",
                _svg(error_curve(errors_m)),
                "Nothing was located that a truth could be held against.",
            ),
            ("Time to alarm", _svg(alarm_times(score)), "No attack was alarmed."),
            ("Latency budget", _svg(latency(score.latency_ms)), "No latency was recorded."),
        ],
        pictures=_pictures(run.folder / "pictures"),
        feeds=_feeds(run),
        false_alarms=[alarm for alarm in score.alarms if alarm.verdict is Verdict.FALSE],
        when=lambda at_us: clock(run.seconds(at_us)),
    )
    path = run.folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def render(template: str, **values: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = written
    style = Markup((FOLDER / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - ours
    return environment.get_template(template).render(style=style, unknown=UNKNOWN, **values)


def written(value: float | None, unit: str = "", digits: int = 2) -> str:
    """A figure as a person reads it; a dash where there is none."""
    if value is None:
        return UNKNOWN
    words = f"{value:,.{digits}f}".replace(",", " ")
    words = words.rstrip("0").rstrip(".") if "." in words else words
    return f"{words} {unit}".strip()


def headline(outcomes: Sequence[Outcome]) -> str:
    unmet = sum(not outcome.is_met for outcome in outcomes)
    if not outcomes:
        return "Run done; the scenario expects nothing of it"
    if unmet:
        return f"{unmet} of {len(outcomes)} expectations not met"
    return f"All {len(outcomes)} expectations met" if len(outcomes) > 1 else "The one expectation is met"


def story(score: Score) -> str:
    """The run in a sentence or three."""
    attacks, late = len(score.attacks), score.alert.fp - score.false_alarms.count
    parts = []
    if attacks:
        lateness = f", {late} more too late" if late else ""
        parts.append(f"{score.alert.tp} of {attacks} attack{'s' * (attacks != 1)} alarmed in time{lateness}.")
    else:
        parts.append("Nobody attacked.")
    false = score.false_alarms.count
    parts.append("No false alarm." if not false else f"{false} false alarm{'s' * (false != 1)}.")
    response = score.response
    if response.sent:
        scene = response.time_to_scene_s.p50
        reached = f"on scene in {response.on_scene} of {response.incidents}"
        parts.append(
            f"Vehicles answered {response.sent} of {response.incidents} incidents, {reached}"
            f"{'' if scene is None else f' (median {scene:.0f} s after the alarm)'}."
        )
    elif response.incidents:
        parts.append("No vehicle was sent.")
    return " ".join(parts)


def tiles(score: Score) -> list[Tile]:
    alert, alarms, response = score.alert, score.false_alarms, score.response
    rate = written(alarms.per_camera_day, digits=1)
    low, high = (written(each, digits=1) for each in (alarms.per_camera_day_low, alarms.per_camera_day_high))
    bounds = f"{rate} per camera-day, {score.parameters.interval_frac:.0%} between {low} and {high}"
    is_whole = alert.fn == 0
    return [
        Tile(
            "attacks found",
            f"{alert.tp} / {alert.tp + alert.fn}" if score.attacks else UNKNOWN,
            f"F1 {written(alert.f1)} (alert role)",
            _tone(is_whole, bool(score.attacks)),
        ),
        Tile("false alarms", str(alarms.count), bounds, _tone(alarms.count == 0, True)),
        Tile(
            "time to alarm",
            written(alert.time_to_alarm_s.p50, "s", 1),
            f"median; worst {written(alert.time_to_alarm_s.max, 's', 1)}",
        ),
        Tile(
            "time to scene",
            written(response.time_to_scene_s.p50, "s", 1),
            f"median; {written(response.over_minimum.p50)} times the straight line",
        ),
        Tile(
            "error on the ground",
            written(score.geolocation_m.all.p95, "m"),
            f"95 % within; median {written(score.geolocation_m.all.p50, 'm')}",
        ),
        Tile(
            "intruder unseen",
            written(score.longest_unobserved_s.intruder_s, "s", 1),
            f"longest; after its alarm {written(score.longest_unobserved_s.intruder_after_alarm_s, 's', 1)}",
        ),
    ]


def _tone(is_good: bool, is_known: bool) -> str:
    if not is_known:
        return "quiet"
    return "good" if is_good else "bad"


def _svg(drawing: str | None) -> Markup | None:
    return None if drawing is None else Markup(drawing)  # noqa: S704 - escaped where it was drawn


def _feeds(run: Run) -> Mapping[str, str]:
    """Camera to how it saw, with what the scenario says of lens and model."""
    said = {}
    for feed in run.scenario.feeds:
        camera = next((each for each in run.site.cameras if each.id == feed.camera), None)
        lens = "" if camera is None else f", {camera.lens.width_px} x {camera.lens.height_px} px"
        model = getattr(feed.eye, "model", None)
        said[feed.camera] = f"{feed.eye.sees} at {feed.rate_hz:g} Hz{lens}{f', model {model}' if model else ''}"
    return said


def _pictures(folder: Path) -> list[tuple[str, str]]:
    """Each as a data address, with its caption. Raises ScoreError when the captions are no JSON object of texts."""
    captions: dict[str, str] = {}
    path = folder / "captions.json"
    if path.is_file():
        try:
            captions = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as err:
            raise ScoreError(f"{path}: expected JSON: {err}") from err
        if not isinstance(captions, dict):
            raise ScoreError(f"{path}: expected an object of file to caption, got {type(captions).__name__}")
    return [
        (f"data:image/jpeg;base64,{base64.b64encode(each.read_bytes()).decode()}", captions.get(each.name, each.stem))
        for each in sorted(folder.glob("*.jpg"))
    ]
