import uuid

from hypothesis import given
from hypothesis import strategies as st

from contract.commands import SequenceRange
from fleet.picture.sequence import MAX_RANGES, Stream

OUTBOX = uuid.UUID(int=7)


def stored(*numbers: int) -> Stream:
    stream = Stream()
    for number in numbers:
        stream = stream.with_stored(number)
    return stream


def test_a_gap_asks_for_resend() -> None:
    ack = stored(1, 2, 5, 6, 9).ack(OUTBOX)
    assert ack.contiguous == 2
    assert ack.stored_beyond == (SequenceRange(first=5, last=6), SequenceRange(first=9, last=9))
    assert ack.missing == (SequenceRange(first=3, last=4), SequenceRange(first=7, last=8))


def test_a_filled_gap_moves_the_contiguous_number_past_what_lay_beyond() -> None:
    assert stored(1, 3, 2) == Stream(contiguous=3)


def test_what_the_node_no_longer_holds_is_named_and_passed_over() -> None:
    stream, lost = stored(1, 4, 5, 9).given_up_below(8)
    assert lost == ((2, 3), (6, 7))
    assert stream == Stream(contiguous=7, beyond=((9, 9),))


def test_a_node_that_still_holds_the_gap_loses_nothing() -> None:
    stream = stored(1, 4)
    assert stream.given_up_below(2) == (stream, ())


def test_too_many_islands_are_not_remembered_and_so_asked_for_again() -> None:
    stream = stored(*range(2, 2 * MAX_RANGES + 2, 2))
    assert len(stream.beyond) == MAX_RANGES
    assert stream.with_stored(10 * MAX_RANGES) == stream


@given(st.lists(st.integers(min_value=1, max_value=30), max_size=40))
def test_the_stream_knows_exactly_what_was_stored_in_any_order(numbers: list[int]) -> None:
    stream = stored(*numbers)
    assert {n for n in range(1, 31) if stream.holds(n)} == set(numbers)
    assert not stream.holds(stream.contiguous + 1)
    missing = {n for each in stream.ack(OUTBOX).missing for n in range(each.first, each.last + 1)}
    assert missing == set(range(1, max(numbers, default=0) + 1)) - set(numbers)
