"""The last seconds of a camera: bounded, whole groups of pictures, and nothing lost under a cut that keeps up."""

from fractions import Fraction

import pytest

from edge.footage.ring import OVERHEAD_BYTES, Reel, Ring, StoredPacket

REEL = Reel(b"", Fraction(1, 25))
SECOND_US = 1_000_000


def packet(n: int, *, size: int = 1000, gop: int = 10, fps: int = 10) -> StoredPacket:
    return StoredPacket(bytes(size), n, n, is_key=n % gop == 0, captured_at_us=n * SECOND_US // fps)


def ring_of(*numbers: int, seconds: float = 3.0, max_bytes: int = 1_000_000, size: int = 1000) -> Ring:
    ring = Ring(seconds=seconds, max_bytes=max_bytes)
    ring.begin(REEL)
    for n in numbers:
        ring.add(packet(n, size=size))
    return ring


def numbers_from(ring: Ring, from_us: int) -> list[int]:
    cut = ring.cut(from_us)
    if cut is None:
        return []
    taken = [each.pts for each in cut.take()]
    cut.close()
    return taken


def test_a_cut_begins_at_the_key_frame_at_or_before_what_was_asked_for() -> None:
    ring = ring_of(*range(35))
    assert numbers_from(ring, 2_500_000) == list(range(20, 35))
    assert numbers_from(ring, 2_000_000) == list(range(20, 35))


def test_a_cut_from_before_the_oldest_begins_at_the_oldest_key_frame() -> None:
    assert numbers_from(ring_of(*range(3, 35)), 0) == list(range(10, 35))


def test_nothing_before_the_first_key_frame_is_kept() -> None:
    assert numbers_from(ring_of(*range(1, 10)), 0) == []


def test_it_keeps_its_seconds_and_at_most_one_group_of_pictures_more() -> None:
    ring = ring_of(*range(1000), seconds=3.0)
    held = numbers_from(ring, 0)
    assert held == list(range(960, 1000))  # 4 s: 3, and the rest of the group that they begin in
    assert ring.cost_bytes == 40 * (1000 + OVERHEAD_BYTES)


@pytest.mark.parametrize("size", [10, 1000, 30_000])
def test_it_never_holds_more_bytes_than_it_may(size: int) -> None:
    ring = Ring(seconds=1000.0, max_bytes=200_000)
    ring.begin(REEL)
    cut = None
    for n in range(500):
        ring.add(packet(n, size=size))
        cut = cut or ring.cut(0)  # that nobody takes from
        assert ring.cost_bytes <= 200_000


def test_a_group_of_pictures_larger_than_the_ring_is_let_go_whole() -> None:
    ring = Ring(seconds=10.0, max_bytes=5 * (1000 + OVERHEAD_BYTES))
    ring.begin(REEL)
    for n in range(14):
        ring.add(packet(n))
    assert numbers_from(ring, 0) == [10, 11, 12, 13]


def test_a_cut_that_is_taken_bit_by_bit_misses_nothing_however_long() -> None:
    ring = ring_of(*range(10), seconds=1.0)
    cut = ring.cut(0)
    assert cut is not None
    taken = []
    for n in range(10, 500):
        ring.add(packet(n))
        if n % 70 == 0:  # seven times as long as the ring keeps by itself
            taken += [each.pts for each in cut.take()]
    ring.end()
    taken += [each.pts for each in cut.take()]
    assert taken == list(range(500))
    assert cut.is_over


def test_a_cut_that_was_too_slow_is_over_rather_than_torn() -> None:
    ring = ring_of(*range(10), max_bytes=20 * (1000 + OVERHEAD_BYTES))
    cut = ring.cut(0)
    assert cut is not None
    for n in range(10, 100):
        ring.add(packet(n))
    assert cut.take() == []
    assert cut.is_over


def test_a_closed_cut_holds_nothing_any_more() -> None:
    ring = ring_of(*range(10), seconds=1.0)
    cut = ring.cut(0)
    assert cut is not None
    cut.close()
    for n in range(10, 100):
        ring.add(packet(n))
    assert numbers_from(ring, 0)[0] == 80


def test_a_cut_ends_where_the_feed_is_opened_again() -> None:
    ring = ring_of(*range(15))
    cut = ring.cut(0)
    assert cut is not None
    ring.begin(Reel(b"", Fraction(1, 25)))
    for n in range(20, 25):
        ring.add(packet(n))
    assert [each.pts for each in cut.take()] == list(range(15))
    assert cut.is_over
    assert numbers_from(ring, 0) == list(range(20, 25))


def test_what_a_recording_left_can_be_cut_after_its_end() -> None:
    ring = ring_of(*range(15))
    ring.end()
    assert numbers_from(ring, 1_200_000) == list(range(10, 15))
