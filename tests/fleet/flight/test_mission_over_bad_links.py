"""Fifty waypoints over links that lose, delay, double and reorder: all of them are in the vehicle, or none."""

import pytest

from sim.benchmarks.mission import POINTS, Weather, upload_over

HELD = POINTS + 2  # home and speed go before
BEFORE = 30  # waypoints of the mission that the vehicle holds already


@pytest.mark.parametrize("seed", range(1, 5))
def test_what_was_uploaded_through_everything_reads_back_equal_or_nothing_is_left(seed: int) -> None:
    """20 % lost each way, 300 ms late each way, a tenth doubled and a tenth overtaken."""
    bad = Weather(round_trip_s=0.6, loss_frac=0.2, duplicate_frac=0.1, reorder_frac=0.1)
    told = upload_over(bad, seed=seed, before=BEFORE)
    if told.failed is None:
        assert (told.difference, told.held) == (None, HELD)
    else:
        assert told.held == 0


@pytest.mark.parametrize("away_at_s", [0.05, 1.0, 3.0, 5.2, 6.0], ids=str)
def test_a_link_that_goes_away_meanwhile_costs_a_second_try(away_at_s: float) -> None:
    """From the first moment to the middle of reading back."""
    told = upload_over(Weather(0.1, away_at_s=away_at_s, away_s=7.0), seed=1, before=BEFORE)
    assert (told.failed, told.difference, told.held) == (None, None, HELD)


def test_when_both_tries_fail_the_reason_is_told_and_the_vehicle_is_cleared() -> None:
    told = upload_over(Weather(0.1, away_at_s=1.0, away_s=18.0), seed=1, before=BEFORE)
    assert told.failed == f"drone: Hold: mission: silence at item 0 of {HELD}"
    assert told.held == 0


def test_without_loss_an_upload_takes_a_round_trip_an_item() -> None:
    told = upload_over(Weather(0.1), seed=1)
    assert told.up_s == pytest.approx(0.1 * (HELD + 1), rel=0.02)
    assert told.failed is None
