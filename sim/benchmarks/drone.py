"""`bench drone`: people under a drone that flies, located and followed through its own pipeline, against the truth.

Both films are drawn once and looked at once by a real detector; then they are played under several seeds of what the
drone's instruments get wrong. The same with boxes of the truth tells what the detector has to do with it.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from detectors.detector import Detector
from sim.benchmarks.drone_follow import (
    Followed,
    ToldPoses,
    claimed_frac,
    counts,
    follow,
    found_frac,
    noisy_truth,
    pipeline_of,
)
from sim.benchmarks.drone_picture import picture_of
from sim.benchmarks.drone_scene import TAKES, Shot, Take, scene_of, shots_of

SEEDS = 6
OFF_BAR_M = 3.0  # p95, what issue 5 asks
CLAIMED_SEEDS = 40
CLAIMED_BARS = (0.92, 0.99)  # about the 0.95 that is claimed
KEPT_BAR = 0.8  # by boxes of the truth
HIDDEN_S = (0.5, 3.0)  # out of sight for a moment: longer than a miss, shorter than the tracker's memory
PICTURED_S = 5.0


@dataclass(frozen=True, slots=True)
class Eyes:
    """Of all flights and seeds. off_*: metres on the ground between a sighting and who it is; claimed_frac: of those,
    with the truth in the claimed 95 % ellipse; kept_frac: of `returns`, times that somebody was out of sight for a
    moment, after which he had his number still; switches, fragmentations: a flight, mean."""

    off_p50_m: float
    off_p95_m: float
    claimed_frac: float
    mota: float
    idf1: float
    switches: float
    fragmentations: float
    returns: int
    kept_frac: float


@dataclass(frozen=True, slots=True)
class DroneFigures:
    """person_px: median height of who is seen well; found_frac: of those, boxes that the detector finds as persons.
    claimed_frac: of exact boxes under many seeds, with the truth in the claimed 95 % ellipse."""

    person_px: float
    found_frac: float
    claimed_frac: float
    detector: Eyes
    truth: Eyes

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        missed = []
        for name, eyes in (("detector", self.detector), ("truth", self.truth)):
            if not eyes.off_p95_m <= OFF_BAR_M:
                missed.append(f"{name}: expected a p95 of at most {OFF_BAR_M:g} m, got {eyes.off_p95_m:.2f} m")
        low, high = CLAIMED_BARS
        if not low <= self.claimed_frac <= high:
            missed.append(f"claimed error: expected {low} to {high} in its 95 % ellipse, got {self.claimed_frac:.3f}")
        if not self.truth.kept_frac >= KEPT_BAR:
            missed.append(f"truth: expected {KEPT_BAR} to keep their number, got {self.truth.kept_frac:.2f}")
        return missed

    def table(self) -> Table:
        table = Table(
            f"drone at 30 m, {len(TAKES)} flights x {SEEDS} seeds", "its detector", "boxes of the truth", "bar"
        )
        pair = (self.detector, self.truth)
        rows = (
            ("located off by, m, median", [f"{each.off_p50_m:.2f}" for each in pair], ""),
            ("located off by, m, p95", [f"{each.off_p95_m:.2f}" for each in pair], f"at most {OFF_BAR_M:g}"),
            ("within the claimed 95 % ellipse", [f"{each.claimed_frac:.3f}" for each in pair], ""),
            (f"the same, {CLAIMED_SEEDS} seeds, exact boxes", ["-", f"{self.claimed_frac:.3f}"], "0.92 to 0.99"),
            ("MOTA", [f"{each.mota:.3f}" for each in pair], ""),
            ("IDF1", [f"{each.idf1:.3f}" for each in pair], ""),
            ("switches a flight", [f"{each.switches:.1f}" for each in pair], ""),
            ("fragmentations a flight", [f"{each.fragmentations:.1f}" for each in pair], ""),
            ("out of sight for a moment", [f"{each.returns}" for each in pair], ""),
            ("of those, the same number after", [f"{each.kept_frac:.2f}" for each in pair], f"- / {KEPT_BAR}"),
            ("persons seen well found by the detector", [f"{self.found_frac:.2f}", "-"], ""),
            ("height of a person, px, median", [f"{self.person_px:.0f}", "-"], ""),
        )
        for name, values, bar in rows:
            table.add_row(name, *values, bar)
        return table


def measure_drone(
    detector: Detector, picture: Path, *, console: Console, takes: Sequence[Take] = TAKES, seeds: int = SEEDS
) -> DroneFigures:
    """Writes `picture`, a PNG. Raises WorldError where nothing can be drawn, DetectorError as the detector does."""
    labels = detector.labels
    by_detector, by_truth, shots = [], [], []
    pictures, claimed = [], []
    for take in takes:
        film = _filmed(take, detector, console)
        site = scene_of(take).site
        for seed in range(seeds):
            followed = []
            for boxes in ([shot.found for shot in film], noisy_truth(film, labels=labels, seed=seed)):
                poses = ToldPoses(take.flight, length_s=take.length_s, seed=seed)
                followed.append(follow(film, boxes, pipeline=pipeline_of(site, poses, labels), labels=labels))
            by_detector.append(followed[0])
            by_truth.append(followed[1])
        pictures.append(picture_of(take, film, by_detector[-seeds]))
        claimed.append(claimed_frac(take, film, site, seeds=CLAIMED_SEEDS))
        shots += film
    picture.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(picture), np.concatenate(pictures))
    heights = [each.height_px for shot in shots for each in shot.seen if counts(each)]
    return DroneFigures(
        person_px=statistics.median(heights),
        found_frac=found_frac(shots, labels),
        claimed_frac=_mean(claimed),
        detector=eyes_of(by_detector),
        truth=eyes_of(by_truth),
    )


def eyes_of(followed: Sequence[Followed]) -> Eyes:
    off_m = [place.off_m for each in followed for place in each.places]
    kept = [is_kept for each in followed for is_kept in _returns(each)]
    return Eyes(
        off_p50_m=float(np.median(off_m)),
        off_p95_m=float(np.quantile(off_m, 0.95)),
        claimed_frac=_mean(place.is_claimed for each in followed for place in each.places),
        mota=_mean(each.score.mota for each in followed),
        idf1=_mean(each.score.idf1 for each in followed),
        switches=_mean(each.score.switches for each in followed),
        fragmentations=_mean(each.score.fragmentations for each in followed),
        returns=len(kept),
        kept_frac=_mean(kept),
    )


def _filmed(take: Take, detector: Detector, console: Console) -> list[Shot]:
    film = []
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"drawing '{take.name}'", total=take.frames)
        for shot in shots_of(take, detector, keep_at_s=PICTURED_S):
            film.append(shot)
            bar.advance(task)
    return film


def _returns(followed: Followed) -> list[bool]:
    """For each time that somebody was out of sight for a moment: had he the same number after?"""
    kept = []
    before: dict[str, tuple[int, int]] = {}
    for place in followed.places:
        if place.actor in before:
            last_us, track = before[place.actor]
            if HIDDEN_S[0] <= (place.pts_us - last_us) / 1e6 <= HIDDEN_S[1]:
                kept.append(place.track == track)
        before[place.actor] = (place.pts_us, place.track)
    return kept


def _mean(values: Iterable[float]) -> float:
    """NaN of none: a figure that could not be measured meets no bar."""
    listed = list(values)
    return float(np.mean(listed)) if listed else float("nan")
