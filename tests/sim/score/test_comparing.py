"""Comparisons: paired by what is the same in both runs, and cautious about few pairs."""

from pathlib import Path

import numpy as np
import pytest

from sim.score.comparing import Comparison, Difference, Reading, Variant, bootstrap, by_chance, compare, rate_ratio
from sim.score.score import score_run
from tests.sim.score.run_builder import Line, alarm, build, vehicle, walker

HOUR_S = 3600.0


def many(folder: Path, found: range, *, false: int = 0, late_s: float = 2.0, seed: int = 1) -> Path:
    """Twenty attacks a minute apart, those in `found` alarmed `late_s` after entry, and false alarms in between."""
    actors = [walker(f"w{k}", enters_at_s=60.0 * k + 60.0) for k in range(20)]
    events: list[Line] = [alarm(60.0 * k + 60.0 + late_s, number=k) for k in found]
    events += [alarm(60.0 * k + 100.0, number=100 + k) for k in range(false)]
    return build(folder, actors=actors, events=events, length_s=HOUR_S, seed=seed)


def compared(a: Path, b: Path) -> Comparison:
    variants = [Variant(folder.name, {("by-hand", 1): score_run(folder)}) for folder in (a, b)]
    return compare(*variants)


def named(comparison: Comparison, figure: str) -> Difference:
    return next(each for each in comparison.differences if each.figure == figure)


def test_a_variant_that_finds_more_attacks_is_better(tmp_path: Path) -> None:
    found = named(compared(many(tmp_path / "a", range(10)), many(tmp_path / "b", range(18))), "attacks found in time")

    assert (found.pairs, found.a, found.b, found.change) == (20, 10.0, 18.0, 8.0)
    assert found.low is not None
    assert found.high is not None
    assert 3 <= found.low <= 5  # the resampled count is binomial (20, 0.4): 2.5 % below 4
    assert 11 <= found.high <= 13
    assert found.reading is Reading.BETTER


def test_the_same_count_of_other_attacks_is_no_difference(tmp_path: Path) -> None:
    found = named(
        compared(many(tmp_path / "a", range(10)), many(tmp_path / "b", range(5, 15))), "attacks found in time"
    )

    assert found.change == 0.0
    assert found.low == -found.high if found.high is not None else False
    assert found.reading is Reading.CHANCE


def test_who_is_found_late_is_found_more_often_though_not_in_time(tmp_path: Path) -> None:
    comparison = compared(many(tmp_path / "a", range(4)), many(tmp_path / "b", range(4, 16), late_s=11.0))

    in_time, at_all = (named(comparison, name) for name in ("attacks found in time", "attacks found, late ones too"))

    assert (in_time.a, in_time.b) == (4.0, 0.0)
    assert (at_all.pairs, at_all.a, at_all.b) == (20, 4.0, 12.0)


def test_times_are_compared_only_where_both_alarmed(tmp_path: Path) -> None:
    """Both find attacks 5 to 14; b is half a second slower in each."""
    first, second = many(tmp_path / "a", range(15)), many(tmp_path / "b", range(5, 20), late_s=2.5)

    times = named(compared(first, second), "time to alarm")

    assert times.pairs == 10
    assert times.change == pytest.approx(0.5)
    assert times.low == pytest.approx(0.5)
    assert times.high == pytest.approx(0.5)
    assert times.reading is Reading.WORSE


def test_few_pairs_that_agree_prove_little(tmp_path: Path) -> None:
    first, second = many(tmp_path / "a", range(5)), many(tmp_path / "b", range(5), late_s=3.0)

    times = named(compared(first, second), "time to alarm")

    assert times.pairs == 5
    assert times.reading is Reading.UNKNOWN  # five of five one way happens by chance once in 16


def test_one_pair_has_no_interval(tmp_path: Path) -> None:
    times = named(compared(many(tmp_path / "a", range(1)), many(tmp_path / "b", range(1))), "time to alarm")

    assert (times.change, times.low, times.high) == (0.0, None, None)
    assert times.reading is Reading.UNKNOWN


def test_what_was_measured_in_neither_is_unknown_and_not_zero(tmp_path: Path) -> None:
    errors = named(compared(many(tmp_path / "a", range(1)), many(tmp_path / "b", range(1))), "error on the ground, p95")

    assert (errors.pairs, errors.a, errors.change, errors.reading) == (0, None, None, Reading.UNKNOWN)


def test_a_patrol_that_comes_by_less_often_is_worse(tmp_path: Path) -> None:
    """Of 60 s the zone's middle is in view from 25 s to 35 s, and in the other plan from 45 s to 55 s, in six seeds."""

    def patrol(folder: Path, from_s: float, seed: int) -> Path:
        vehicles = [vehicle(0.0, 10, -80, 0), vehicle(from_s, 10, -20, 30), vehicle(from_s + 10.0, 10, -80, 0)]
        return build(folder, actors=[], vehicles=vehicles, seed=seed)

    plans = [
        Variant(name, {("by-hand", k): score_run(patrol(tmp_path / f"{name}-{k}", from_s, k)) for k in range(6)})
        for name, from_s in (("often", 25.0), ("rarely", 45.0))
    ]

    gap = named(compare(*plans), "longest time no vehicle watches a zone")

    assert (gap.pairs, gap.a, gap.b, gap.change) == (6, 25.0, 45.0, 20.0)
    assert gap.reading is Reading.WORSE


def test_false_alarm_rates_are_compared_as_counts_over_time(tmp_path: Path) -> None:
    rates = compared(many(tmp_path / "a", range(3), false=2), many(tmp_path / "b", range(3), false=12)).false_alarms

    assert (rates.count_a, rates.count_b) == (2, 12)
    assert rates.rate_b == pytest.approx(12 * 24, rel=1e-3)
    assert rates.ratio == pytest.approx(6.0)
    assert rates.reading is Reading.WORSE


def test_the_interval_of_a_rate_ratio_is_exact() -> None:
    """b has 12 of 14 alarms; the textbook's binomial limits for 12 of 14 are 0.5719 and 0.9822."""
    ratio, low, high = rate_ratio(2, 12, 1.0, 1.0)

    assert ratio == 6.0
    assert low == pytest.approx(0.5719 / 0.4281, rel=2e-3)
    assert high == pytest.approx(0.9822 / 0.0178, rel=1e-2)


def test_a_rate_of_zero_has_one_limit() -> None:
    """Four against none: the limits for 4 of 4 are 0.3976 and 1, those for 0 of 4 are 0 and 0.6024."""
    _, low, _ = rate_ratio(0, 4, 1.0, 1.0)
    _, _, high = rate_ratio(4, 0, 1.0, 1.0)

    assert rate_ratio(0, 0, 1.0, 1.0) == (None, None, None)
    assert low == pytest.approx(0.3976 / 0.6024, rel=1e-3)
    assert rate_ratio(0, 4, 1.0, 1.0) == (None, low, None)
    assert high == pytest.approx(0.6024 / 0.3976, rel=1e-3)
    assert rate_ratio(4, 0, 1.0, 1.0) == (0.0, 0.0, high)


def test_twice_the_time_watched_halves_the_rate() -> None:
    assert rate_ratio(5, 5, 1.0, 2.0)[0] == pytest.approx(0.5)


def test_only_runs_that_both_have_are_compared(tmp_path: Path) -> None:
    one, two = (score_run(many(tmp_path / f"s{seed}", range(3), seed=seed)) for seed in (1, 2))
    a = Variant("a", {("by-hand", 1): one, ("by-hand", 2): two})
    b = Variant("b", {("by-hand", 1): one})

    comparison = compare(a, b)

    assert comparison.runs == (("by-hand", 1),)
    assert comparison.only_in_one == (("by-hand", 2),)
    assert comparison.differences[0].pairs == 20


def test_resampling_is_seeded() -> None:
    changes = np.array([0.0, 1.0, 1.0, -1.0, 2.0, 0.5])

    assert bootstrap(changes) == bootstrap(changes)
    assert by_chance(changes) == by_chance(changes)


def test_swapping_six_pairs_that_agree_succeeds_twice_in_sixty_four() -> None:
    assert by_chance(np.ones(6)) == pytest.approx(2 / 64, abs=0.006)
    assert by_chance(np.zeros(6)) == 1.0
