"""Who gets the detector: minimum rates first, the rest by weight, and nobody nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.scheduler import Batching, Claim, Scheduler
from tests.conftest import ManualClock

TURN_S = 0.1  # of one inference: ten a second


def _share(
    claims: dict[str, Claim], *, seconds: float = 20.0, frames_hz: dict[str, float] | None = None
) -> Counter[str]:
    """Inferences each feed got while the detector is always busy; feeds send at every turn, or as often as given."""
    clock = ManualClock()
    scheduler: Scheduler[str] = Scheduler(clock)
    for feed, claim in claims.items():
        scheduler.enter(feed, claim=claim)
    got: Counter[str] = Counter()
    sent: Counter[str] = Counter()
    turns = round(seconds / TURN_S)
    for turn in range(turns):
        for feed in claims:
            rate_hz = (frames_hz or {}).get(feed, 1.0 / TURN_S)
            if sent[feed] <= turn * TURN_S * rate_hz:
                scheduler.offer(feed, feed, newest_wins=True)
                sent[feed] += 1
        got.update(scheduler.take())
        clock.advance(TURN_S)
    return got


def test_equal_feeds_share_equally() -> None:
    assert _share(dict.fromkeys("abcd", Claim())) == dict.fromkeys("abcd", 50)


def test_what_is_left_is_shared_by_weight() -> None:
    assert _share({"calm": Claim(weight=1.0), "alarmed": Claim(weight=4.0)}) == {"calm": 40, "alarmed": 160}


def test_more_weight_is_never_taken_from_anothers_minimum() -> None:
    got = _share({"alarmed": Claim(weight=1000.0), "a": Claim(rate_min_hz=2.0), "b": Claim(rate_min_hz=3.0)})
    assert got["a"] >= 39
    assert got["b"] >= 49
    assert got["alarmed"] >= 100


def test_a_feed_of_few_frames_gets_all_of_them() -> None:
    got = _share({"busy": Claim(weight=8.0), "slow": Claim(rate_min_hz=1.0)}, frames_hz={"slow": 0.5})
    assert got["slow"] == 10


def test_minimums_that_the_detector_cannot_keep_are_shared_and_starve_nobody() -> None:
    got = _share({"greedy": Claim(rate_min_hz=50.0), **dict.fromkeys("abc", Claim(rate_min_hz=5.0))})
    assert min(got.values()) >= 20
    assert sum(got.values()) == 200


@given(
    claims=st.dictionaries(
        st.sampled_from("abcdef"),
        st.builds(Claim, st.floats(0.5, 30.0), st.floats(0.1, 100.0)),
        min_size=2,
        max_size=6,
    )
)
def test_nobody_is_starved_whatever_the_others_claim(claims: dict[str, Claim]) -> None:
    assert set(_share(claims, seconds=20.0)) == set(claims)


def test_who_was_away_cannot_claim_the_time_it_missed() -> None:
    clock = ManualClock()
    scheduler: Scheduler[str] = Scheduler(clock)
    for feed in ("here", "away"):
        scheduler.enter(feed)
    for _ in range(100):
        scheduler.offer("here", "here", newest_wins=True)
        scheduler.take()
    got: Counter[str] = Counter()
    for _ in range(20):
        for feed in ("here", "away"):
            scheduler.offer(feed, feed, newest_wins=True)
        got.update(scheduler.take())
    assert got == {"here": 10, "away": 10}


def test_a_claim_that_grows_is_owed_from_the_last_inference(clock: ManualClock) -> None:
    scheduler: Scheduler[str] = Scheduler(clock)
    scheduler.enter("unset", claim=Claim(rate_min_hz=0.1))
    scheduler.enter("busy", claim=Claim(weight=100.0))
    scheduler.offer("unset", "unset", newest_wins=True)
    assert scheduler.take() == ["unset"]
    scheduler.set_claim("unset", Claim(rate_min_hz=2.0, weight=0.01))
    clock.advance(0.5)
    scheduler.offer("busy", "busy", newest_wins=True)
    scheduler.offer("unset", "unset", newest_wins=True)
    assert scheduler.take() == ["unset"]


def test_the_newest_frame_wins_and_the_dropped_are_counted(clock: ManualClock) -> None:
    scheduler: Scheduler[int] = Scheduler(clock)
    scheduler.enter("a")
    assert [scheduler.offer("a", frame, newest_wins=True) for frame in range(4)] == [0, 1, 1, 1]
    assert scheduler.take() == [3]
    assert scheduler.take() == []


def test_a_recording_loses_no_frame(clock: ManualClock) -> None:
    scheduler: Scheduler[int] = Scheduler(clock)
    scheduler.enter("a")
    assert [scheduler.offer("a", frame, newest_wins=False) for frame in range(3)] == [0, 0, 0]
    assert scheduler.waiting("a") == 3
    assert [scheduler.take() for _ in range(4)] == [[0], [1], [2], []]


@pytest.fixture
def batching(clock: ManualClock) -> Scheduler[str]:
    """Three feeds of one detector and one of another; at most two frames a batch, 20 ms to find company."""
    scheduler: Scheduler[str] = Scheduler(clock, Batching(frames_max=2, wait_us=20_000))
    for feed in "abc":
        scheduler.enter(feed, detector="gpu")
    scheduler.enter("x", detector="recorded")
    return scheduler


def test_a_batch_goes_when_it_is_full(batching: Scheduler[str]) -> None:
    for feed in "abc":
        batching.offer(feed, feed, newest_wins=True)
    assert batching.take() == ["a", "b"]
    assert batching.take() == []
    assert batching.take(at_once=True) == ["c"]


def test_a_batch_goes_at_the_deadline_of_its_first_frame(batching: Scheduler[str], clock: ManualClock) -> None:
    batching.offer("a", "old", newest_wins=True)
    clock.advance(0.015)
    batching.offer("a", "new", newest_wins=True)
    assert batching.take() == []
    assert batching.complete_at_us() == clock.monotonic_us() + 5_000
    clock.advance(0.005)
    assert batching.take() == ["new"]
    assert batching.complete_at_us() is None


def test_a_batch_is_of_one_detector_and_filled_up_by_recordings(batching: Scheduler[str]) -> None:
    for frame in ("a1", "a2", "a3"):
        batching.offer("a", frame, newest_wins=False)
    batching.offer("x", "x1", newest_wins=False)
    assert batching.take(at_once=True) == ["a1", "a2"]
    assert batching.take() == ["x1"]
    batching.offer("b", "b1", newest_wins=True)
    assert batching.take() == ["b1", "a3"]
