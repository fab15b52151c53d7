"""What fusion on the map brings over one camera, and what it costs (fleet/picture/fusion.py).

Accuracy: people who cross before four cameras that lose, swap, err and come late (`crossing`), several seeds; MOTA and
IDF1 on the ground, a match within 2 m. Speed: 100 people, each seen by two of 50 cameras, 5 times a second. The time is
that of the processor, so that others on the machine disturb it less than they disturb the clock.
"""

import math
import random
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from contract.envelope import Origin
from contract.labels import Label
from fleet.picture.fusion import Fusion
from fleet.picture.observation import Look, Observation
from fleet.picture.site_track import SiteTrackState
from fleet.picture.source_track import density_m2_s3
from sim.benchmarks.crossing import FRAME_US, crossing
from sim.benchmarks.figures import Spread, spread
from sim.score.sections import SiteTracks
from sim.score.site_picture import Row, judged_on_ground

SEEDS, PEOPLE, LENGTH_S, WITHIN_M = 10, 6, 120.0, 2.0
CAMERAS, TRACKS, BATCHES = 50, 200, 50
IDF1_BAR, BATCH_BAR_MS = 0.8, 100.0  # half of the time that there is
FUSED = "fused"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Medians over the seeds; switches: their sum."""

    mota: float
    idf1: float
    switches: int
    error_p50_m: float
    error_p95_m: float


@dataclass(frozen=True, slots=True)
class FusionFigures:
    """by: the picture, and each camera alone; batch: all looks of a fifth of a second."""

    seeds: int
    by: Mapping[str, Accuracy]
    batch: Spread

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        fused, alone = self.by[FUSED], [each for name, each in self.by.items() if name != FUSED]
        words = []
        if fused.idf1 < IDF1_BAR:
            words.append(f"IDF1 of the site tracks: expected at least {IDF1_BAR:g}, got {fused.idf1:.3f}")
        if fused.error_p50_m > min(each.error_p50_m for each in alone):
            words.append(f"error of the site tracks: expected less than of any camera alone, got {fused.error_p50_m} m")
        if self.batch.p50_ms > BATCH_BAR_MS:
            words.append(f"a batch: expected p50 of at most {BATCH_BAR_MS:g} ms, got {self.batch.p50_ms:.1f}")
        return words

    def table(self) -> Table:
        title = f"fusion: {PEOPLE} people, {LENGTH_S:g} s, medians of {self.seeds} seeds"
        speed = (
            f"{TRACKS} tracks of {CAMERAS} cameras, ms of processor time for 0.2 s: p50 {self.batch.p50_ms:.1f} "
            f"(at most {BATCH_BAR_MS:g}), p95 {self.batch.p95_ms:.1f}"
        )
        table = Table("", "MOTA", "IDF1", "switches", "error p50, m", "p95, m", title=title, caption=speed)
        for name, each in self.by.items():
            errors = f"{each.error_p50_m:.2f}", f"{each.error_p95_m:.2f}"
            table.add_row(name, f"{each.mota:.3f}", f"{each.idf1:.3f}", str(each.switches), *errors)
        return table


def measure_fusion(*, console: Console, seeds: int = SEEDS, batches: int = BATCHES) -> FusionFigures:
    judged: dict[str, list[SiteTracks]] = {}
    for seed in range(seeds):
        with console.status(f"fusion: seed {seed + 1} of {seeds}"):
            for name, score in judged_crossing(seed).items():
                judged.setdefault(name, []).append(score)
    with console.status("fusion: speed"):
        times_us = batch_times_us(batches=batches)
    batch = spread(times_us)
    assert batch is not None
    return FusionFigures(seeds, {name: _accuracy(scores) for name, scores in judged.items()}, batch)


def judged_crossing(seed: int, *, length_s: float = LENGTH_S, people: int = PEOPLE) -> dict[str, SiteTracks]:
    """The picture at each moment, of what has come by then; each camera by its own sights as soon as it has them."""
    fusion = Fusion()
    truth: list[Row] = []
    rows: dict[str, list[Row]] = {FUSED: []}
    for moment in crossing(seed=seed, people=people, length_s=length_s):
        now_us = round(moment.at_s * 1e6)
        fusion.take(moment.came, now_us=now_us)
        if moment.number % 5 == 0:
            fusion.forget(now_us=now_us)
        truth += [(moment.number, str(who), place) for who, place in enumerate(moment.places)]
        for each in fusion.tracks(now_us=now_us):
            if each.state is SiteTrackState.CONFIRMED:
                mean = each.motion.predicted(now_us, density_m2_s3=density_m2_s3(each.label)).mean.tolist()
                rows[FUSED].append((moment.number, str(each.id), (mean[0], mean[1])))
        for look in moment.looks:
            mine = rows.setdefault(look.source, [])
            mine += [(moment.number, seen.track, (seen.east_m, seen.north_m)) for seen in look.observations]
    return {
        name: judged_on_ground(truth, found, within_m=WITHIN_M, ids=len({row[1] for row in found}))
        for name, found in rows.items()
    }


def _accuracy(scores: list[SiteTracks]) -> Accuracy:
    return Accuracy(
        mota=statistics.median(each.mota or 0.0 for each in scores),
        idf1=statistics.median(each.idf1 or 0.0 for each in scores),
        switches=sum(each.switches for each in scores),
        error_p50_m=statistics.median(each.error_m.p50 or math.inf for each in scores),
        error_p95_m=statistics.median(each.error_m.p95 or math.inf for each in scores),
    )


def batch_times_us(*, batches: int) -> list[int]:
    """Everybody walks in a circle of 2 m, one in each 15 m, two cameras see him."""
    fusion, chance = Fusion(), random.Random(1)  # noqa: S311
    times_us = []
    for number in range(batches):
        at_us = number * FRAME_US
        looks = [_look(camera, at_us, chance) for camera in range(CAMERAS)]
        before_ns = time.process_time_ns()
        fusion.take(looks, now_us=at_us)
        times_us.append((time.process_time_ns() - before_ns) // 1000)
    return times_us


def _look(camera: int, at_us: int, chance: random.Random) -> Look:
    """Of four people; the next camera sees the same four."""
    each = TRACKS // CAMERAS
    seen = []
    for number in range(each):
        who, turn = camera // 2 * each + number, at_us / 1e6 * 0.7
        east_m, north_m = (
            15.0 * (who % 10) + 2.0 * math.sin(turn + who),
            15.0 * (who // 10) + 2.0 * math.cos(turn + who),
        )
        noise = chance.gauss(0.0, 0.2), chance.gauss(0.0, 0.2)
        seen.append(Observation(str(number), east_m + noise[0], north_m + noise[1], 0.09, 0.0, 0.09, Label.PERSON, 0.8))
    return Look(f"camera-{camera:02d}", at_us, Origin.SIMULATED, tuple(seen))
