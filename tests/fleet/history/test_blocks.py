import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.history.blocks import HEAD_BYTES, Frame, decoded, encoded, place_of

NUMBERS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
THINGS = st.dictionaries(st.text(max_size=8), NUMBERS | st.text(max_size=20), max_size=4)
SCENES = st.dictionaries(
    st.sampled_from(["vehicles", "zones"]), st.dictionaries(st.text(max_size=4), THINGS, max_size=4)
)


@st.composite
def recordings(draw: st.DrawFn) -> list[Frame]:
    moments = sorted(draw(st.sets(st.integers(0, 2**53 - 1), min_size=1, max_size=8)))
    return [(at_us, draw(SCENES)) for at_us in moments]


def told(frames: list[Frame]) -> list[tuple[int, dict[str, dict[str, Any]]]]:
    """A kind of which there is nothing and one that is not named are the same."""
    return [(at_us, {k: dict(v) for k, v in scene.items() if v}) for at_us, scene in frames]


@given(frames=recordings())
def test_what_is_read_is_what_was_written(frames: list[Frame]) -> None:
    read = [(at_us, json.loads(json.dumps(scene))) for at_us, scene in decoded(encoded(frames))]
    assert told(read) == told(frames)


@given(frames=recordings())
def test_the_header_says_how_long_the_block_is_and_what_it_covers(frames: list[Frame]) -> None:
    block = encoded(frames)
    place = place_of(block[:HEAD_BYTES], offset=7)
    assert place is not None
    assert (place.offset, place.length) == (7, len(block))
    assert (place.from_us, place.to_us) == (frames[0][0], frames[-1][0])


def test_blocks_in_a_row_are_a_gzip_file_of_json_lines() -> None:
    first = encoded([(1, {"zones": {"a": {"is_set": True}}}), (2, {"zones": {"a": {"is_set": False}}})])
    second = encoded([(3, {"zones": {}})])
    assert gzip.decompress(first + second).decode().splitlines() == [
        '{"at_us":1,"whole":{"zones":{"a":{"is_set":true}}}}',
        '{"at_us":2,"changed":{"zones":{"a":{"is_set":false}}}}',
        '{"at_us":3,"whole":{"zones":{}}}',
    ]


@pytest.mark.parametrize("at", [HEAD_BYTES + 3, -2])
def test_a_damaged_block_says_so_instead_of_telling_something_else(at: int) -> None:
    block = bytearray(encoded([(at_us, {"zones": {str(at_us): {"is_set": True}}}) for at_us in range(40)]))
    block[at] ^= 0x55
    with pytest.raises(ValueError, match="damaged"):
        list(decoded(bytes(block)))
