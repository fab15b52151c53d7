"""A quiet feed is decoded by its key frames alone, as long as they come each second; nothing is lost when it wakes."""

from dataclasses import dataclass
from fractions import Fraction

import pytest

from edge.thinning import Thinning

RATE = 25


@dataclass(frozen=True)
class Stamped:
    pts: int | None
    is_keyframe: bool
    dts: int | None
    time_base: Fraction = Fraction(1, RATE)


def stream(frames: int, *, key_every: int = RATE, reordered: bool = False) -> list[Stamped]:
    return [Stamped(n, n % key_every == 0, n - 2 if reordered else n) for n in range(frames)]


def decoded(packets: list[Stamped], *, quiet: range = range(10**6)) -> list[list[int | None]]:
    """What is due at each packet, by its number."""
    thinning = Thinning()
    return [
        [each.pts for each in thinning.due(packet, is_quiet=index in quiet)] for index, packet in enumerate(packets)
    ]


def test_until_two_key_frames_told_their_distance_everything_is_decoded_then_only_key_frames() -> None:
    due = decoded(stream(100))
    assert due[:25] == [[n] for n in range(25)]
    assert [n for each in due[25:] for n in each] == [25, 50, 75]


def test_a_feed_that_wakes_gives_the_decoder_what_it_missed_and_goes_on() -> None:
    due = decoded(stream(100), quiet=range(60))
    assert due[50:60] == [[50], *[[]] * 9]
    assert due[60] == [51, 52, 53, 54, 55, 56, 57, 58, 59, 60]
    assert due[61:] == [[n] for n in range(61, 100)]


@pytest.mark.parametrize(
    "packets",
    [
        pytest.param(stream(200, key_every=50), id="a key frame each two seconds"),
        pytest.param(stream(200, reordered=True), id="pictures out of order"),
        pytest.param([Stamped(None, n % RATE == 0, None) for n in range(200)], id="without stamps"),
    ],
)
def test_safety_21_where_key_frames_are_not_enough_everything_is_decoded(packets: list[Stamped]) -> None:
    assert decoded(packets) == [[packet.pts] for packet in packets]


def test_safety_21_a_key_frame_that_does_not_come_ends_it_within_the_tenth_of_a_second() -> None:
    packets = stream(50) + [Stamped(n, n == 50, n) for n in range(50, 120)]
    due = decoded(packets)
    assert due[50:78] == [[50], *[[]] * 27]
    assert due[78] == list(range(51, 79))
    assert due[79:] == [[n] for n in range(79, 120)]


def test_a_stream_whose_stamps_jump_is_decoded_until_its_key_frames_are_known_again() -> None:
    jumped = [Stamped(10_000 + n, n % RATE == 0, 10_000 + n) for n in range(10, 85)]
    due = decoded(stream(60) + jumped)
    assert due[60] == [51, 52, 53, 54, 55, 56, 57, 58, 59, 10_010]
    assert due[61:75] == [[10_000 + n] for n in range(11, 25)]
    assert [n for each in due[100:] for n in each] == [10_050, 10_075]


def test_what_was_passed_over_is_counted() -> None:
    thinning = Thinning()
    for packet in stream(101):
        thinning.due(packet, is_quiet=True)
    assert thinning.passed_over == 3 * 24
