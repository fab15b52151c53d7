"""Bytes to frames: garbage is skipped and counted, nothing makes the parser raise."""

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.mavlink_codec import Encoder, FrameParser

VEHICLE = Encoder(1, 1)


def text(said: str = "EKF3 IMU0 is using GPS") -> Any:
    return mavlink.MAVLink_statustext_message(6, said.encode())


def mavlink_1(message: Any) -> bytes:
    return bytes(message.pack(mavlink.MAVLink(None, srcSystem=1, srcComponent=1), force_mavlink1=True))


def test_console_text_before_a_frame_is_skipped_and_counted() -> None:
    parser = FrameParser()
    frames = parser.feed_stream(b"Init ArduCopter V4.7.0\r\n" + VEHICLE.encode(text("hello")))
    assert [frame.message.text for frame in frames] == ["hello"]
    assert parser.bad_bytes == 24


def test_a_frame_broken_over_reads_is_one_frame() -> None:
    parser = FrameParser()
    raw = VEHICLE.encode(text("broken"))
    assert [len(parser.feed_stream(raw[i : i + 1])) for i in range(len(raw))] == [0] * (len(raw) - 1) + [1]
    assert parser.bad_bytes == 0


def test_a_marker_byte_in_garbage_does_not_swallow_the_frames_behind_it() -> None:
    garbage = b"\xfd\xff\x00\x00\x01\x01\x01\xfd\x00\x00"  # claims 255 bytes of a GCS message
    raw = [VEHICLE.encode(text(str(i))) for i in range(30)]
    for feed in (FrameParser().feed_stream, FrameParser().feed_datagram):
        assert [frame.message.text for frame in feed(garbage + b"".join(raw))] == [str(i) for i in range(30)]


def test_a_wrong_checksum_is_no_frame() -> None:
    parser = FrameParser()
    raw = bytearray(VEHICLE.encode(text()))
    raw[12] ^= 1
    assert parser.feed_datagram(bytes(raw)) == []
    assert parser.bad_bytes == len(raw)


def test_mavlink_1_is_understood_and_2_is_sent() -> None:
    frames = FrameParser().feed_datagram(mavlink_1(text("old")))
    assert [(frame.system_id, frame.message.text) for frame in frames] == [(1, "old")]
    assert Encoder().encode(text())[0] == 0xFD


def test_a_message_the_dialect_does_not_know_is_passed_over_whole() -> None:
    parser = FrameParser()
    unknown = bytes([0xFD, 3, 0, 0, 9, 1, 1, 0x34, 0xFF, 0x7F, 1, 2, 3, 0xAA, 0xBB])
    assert [frame.message.text for frame in parser.feed_datagram(unknown + VEHICLE.encode(text("next")))] == ["next"]
    assert (parser.unknown_frames, parser.bad_bytes) == (1, 0)


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_no_bytes_make_the_parser_raise_and_a_frame_behind_them_is_found(chunks: list[bytes]) -> None:
    stream, datagrams = FrameParser(), FrameParser()
    for chunk in chunks:
        stream.feed_stream(chunk)
        datagrams.feed_datagram(chunk)
    assert datagrams.feed_datagram(VEHICLE.encode(text("there")))[0].message.text == "there"
    late = [frame.message.text for _ in range(3) for frame in stream.feed_stream(VEHICLE.encode(text("there")) * 7)]
    assert "there" in late


def test_hostile_bytes_cost_a_bounded_number_of_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = FrameParser()
    tries: list[int] = []
    monkeypatch.setattr(parser, "_decode", lambda raw: tries.append(len(raw)))
    parser.feed_datagram(b"\xfe\x21\x00\x01\x01\x00" * 250)
    assert len(tries) == 64
    assert parser.bad_bytes == 1500


def test_our_system_id_is_245_and_never_255() -> None:
    frame = FrameParser().feed_datagram(Encoder().encode(text()))[0]
    assert (frame.system_id, frame.component_id) == (245, 190)
    with pytest.raises(ValueError, match="got 255"):
        Encoder(255)


def test_sequence_numbers_are_not_shared_by_two_threads() -> None:
    encoder = Encoder()
    frames: list[bytes] = []

    def encode() -> None:
        frames.extend(encoder.encode(text()) for _ in range(64))

    threads = [threading.Thread(target=encode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(raw[4] for raw in frames) == list(range(256))
    assert FrameParser().feed_stream(b"".join(frames))[-1].message.text == "EKF3 IMU0 is using GPS"
