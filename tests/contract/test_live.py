"""Live pictures on the wire, and what gives way when a link is slow."""

import pytest

from contract.envelope import Origin
from contract.errors import ContractError
from contract.live import (
    LATE_US,
    MAX_PICTURE_BYTES,
    Backlog,
    PictureHead,
    Watch,
    WatchStills,
    head_of,
    pack,
    read_ask,
    read_word,
)

HEAD = PictureHead(
    camera="mast",
    codec="avc1.64001F",
    is_key=True,
    reel=1,
    captured_at_us=5,
    taken_at_us=7,
    origin=Origin.LIVE,
)


def test_a_picture_is_its_head_and_its_bytes() -> None:
    message = pack(HEAD, b"\x00\x00\x00\x01\x67rest")
    assert head_of(message) == HEAD
    assert message.endswith(b"}\x00\x00\x00\x01\x67rest")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(b"", "expected a head", id="empty"),
        pytest.param(b"\x00\x02{}", "expected a head", id="no picture"),
        pytest.param(b"\xff\xff" + b" " * 70_000, "expected a head of at most 1024 bytes", id="a long head"),
        pytest.param(b"\x00\x02[]x", "head of a picture: ", id="another head"),
        pytest.param(pack(HEAD, bytes(MAX_PICTURE_BYTES)), "expected a picture of at most 4000000 bytes", id="too big"),
    ],
)
def test_a_message_that_is_no_picture_is_one_line(message: bytes, reason: str) -> None:
    with pytest.raises(ContractError, match=reason) as caught:
        head_of(message)
    assert "\n" not in str(caught.value)


def test_a_word_is_an_offer_or_a_watch_and_nothing_else() -> None:
    watch = Watch(camera="mast", is_wanted=True)
    assert read_word(watch.model_dump_json()) == watch
    for text in ("", "{", '{"type":"recall"}', '{"type":"watch","camera":"../x","is_wanted":true}', " " * 20_000):
        with pytest.raises(ContractError):
            read_word(text)


def offered(backlog: Backlog, words: str, now_us: int = 0) -> None:
    """`K` and a digit is a key frame, another digit a picture between."""
    for word in words.split():
        backlog.put(word.encode(), is_key=word.startswith("K"), now_us=now_us)


def taken(backlog: Backlog) -> str:
    return " ".join(message.decode() for message in iter(backlog.take, None))


def test_a_backlog_begins_at_a_key_frame() -> None:
    backlog = Backlog(max_bytes=100)
    offered(backlog, "1 2 K3 4 5")
    assert (taken(backlog), backlog.dropped) == ("K3 4 5", 2)


def test_what_waits_too_long_gives_way_to_the_next_key_frame() -> None:
    backlog = Backlog(max_bytes=100)
    offered(backlog, "K1 2 3")
    offered(backlog, "4", now_us=LATE_US)
    offered(backlog, "5 6 K7 8", now_us=LATE_US + 1)
    assert (taken(backlog), backlog.dropped) == ("K7 8", 6)


def test_a_key_frame_that_comes_late_is_the_next_to_go() -> None:
    backlog = Backlog(max_bytes=100)
    offered(backlog, "K1 2")
    offered(backlog, "K3", now_us=LATE_US + 1)
    assert (taken(backlog), backlog.dropped) == ("K3", 2)


def test_too_many_bytes_give_way_too() -> None:
    backlog = Backlog(max_bytes=5)
    offered(backlog, "K1 2 3 4 5 6 K7")
    assert (taken(backlog), backlog.dropped) == ("K7", 6)


def test_a_picture_that_cannot_be_had_costs_those_up_to_the_next_key_frame() -> None:
    backlog = Backlog(max_bytes=100)
    offered(backlog, "K1 2")
    backlog.skip()
    offered(backlog, "3 K4")
    assert (taken(backlog), backlog.dropped) == ("K1 2 K4", 2)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"type":"ask","asked_at_ms":-1}', '{"type":"ask","asked_at_ms":1' + "0" * 2_000]
)
def test_a_question_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="question"):
        read_ask(text)


def test_a_question_for_the_time_says_when_it_was_asked() -> None:
    assert read_ask('{"type":"ask","asked_at_ms":1234}').asked_at_ms == 1234


def test_stills_are_asked_for_by_a_word_of_their_own_that_leaves_the_older_one_as_it_was() -> None:
    assert Watch(camera="mast", is_wanted=True).model_dump() == {"type": "watch", "camera": "mast", "is_wanted": True}
    assert read_word('{"type":"watch_stills","camera":"mast","is_wanted":true}') == WatchStills(
        camera="mast", is_wanted=True
    )
