"""Recordings: every frame, at its own time; and what is said of a file that is no video or ends too soon."""

import socket
import threading
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from detectors.frame import Frame
from edge.decode import opened_video
from edge.errors import FeedUnreadable, SetUpError
from edge.source import CapturedBy, Source, SourceOptions, open_source, redacted, with_credentials
from tests.conftest import ManualClock
from tests.edge.conftest import MakeVideo
from tests.edge.yard import START_US


def _open(path: Path, clock: ManualClock) -> Source:
    return open_source(SourceOptions(str(path)), clock=clock)


def _read(source: Source) -> list[Frame]:
    return list(source.frames(threading.Event()))


@pytest.mark.parametrize("name", ["square.mp4", "square.avi", "square.mkv", "square.ts"])
def test_a_recording_gives_every_frame_at_its_own_time(name: str, make_video: MakeVideo, clock: ManualClock) -> None:
    source = _open(make_video(name), clock)
    frames = _read(source)
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.pts_us for frame in frames] == pytest.approx([100_000 * n for n in range(20)], abs=1)
    assert frames[3].captured_at_us == START_US + frames[3].pts_us
    assert source.captured_by is CapturedBy.RECORDING
    assert source.remark == ""


def test_the_pixels_are_those_of_the_frame(make_video: MakeVideo, clock: ManualClock) -> None:
    frames = _read(_open(make_video(), clock))
    for frame in frames:
        assert frame.image_bgr.shape == (120, 160, 3)
        columns = np.flatnonzero(frame.image_bgr[20, :, 1] > 128)
        assert columns.mean() == pytest.approx(23.5 + 4 * frame.index, abs=1.0)


def test_the_same_file_gives_the_same_frames_twice(make_video: MakeVideo, clock: ManualClock) -> None:
    path = make_video()
    first, second = _read(_open(path, clock)), _read(_open(path, clock))
    assert [(f.captured_at_us, f.image_bgr.tobytes()) for f in first] == [
        (f.captured_at_us, f.image_bgr.tobytes()) for f in second
    ]


def test_time_stamps_that_begin_anew_go_on_in_ours(make_video: MakeVideo, tmp_path: Path, clock: ManualClock) -> None:
    """As those of MPEG-TS do each 26.5 hours."""
    path = tmp_path / "twice.ts"
    path.write_bytes(make_video("long.ts", frames=120).read_bytes() * 2)
    times_us = [frame.pts_us for frame in _read(_open(path, clock))]
    steps_us = [later - earlier for earlier, later in pairwise(times_us)]
    assert len(times_us) == 240
    assert steps_us == pytest.approx([100_000] * 239, abs=2)


def test_a_start_moves_every_capture_time(make_video: MakeVideo, clock: ManualClock) -> None:
    start = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    source = open_source(SourceOptions(str(make_video()), start=start), clock=clock)
    assert _read(source)[0].captured_at_us == round(start.timestamp() * 1e6)


def test_a_recording_may_start_now(make_video: MakeVideo, clock: ManualClock) -> None:
    clock.advance(1000)
    source = open_source(SourceOptions(str(make_video()), start=None), clock=clock)
    assert _read(source)[0].captured_at_us == clock.wall_us()


def test_in_realtime_a_frame_waits_until_it_is_due(make_video: MakeVideo, clock: ManualClock) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            clock.advance(timeout or 0.0)
            return False

    source = open_source(SourceOptions(str(make_video()), is_realtime=True), clock=clock)
    assert source.is_paced
    assert len(list(source.frames(Stop()))) == 20
    assert waited == pytest.approx([0.1] * 19, abs=1e-3)


def test_a_stop_ends_the_reading(make_video: MakeVideo, clock: ManualClock) -> None:
    stop = threading.Event()
    frames = _open(make_video(), clock).frames(stop)
    next(frames)
    stop.set()
    assert list(frames) == []


def test_a_missing_file_is_said_in_one_line(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(FeedUnreadable, match=r"nothing\.mp4: expected a video file, found none"):
        _read(_open(tmp_path / "nothing.mp4", clock))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"just some text\n" * 200, id="text, which FFmpeg would paint"),
        pytest.param(bytes(range(256)) * 40, id="noise"),
        pytest.param(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", id="only the first box of an mp4"),
    ],
)
def test_a_file_that_is_no_video_is_said_in_one_line(content: bytes, tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "feed.mp4"
    path.write_bytes(content)
    with pytest.raises(FeedUnreadable) as caught:
        _read(_open(path, clock))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"), [("square.mp4", {"movflags": "faststart"}), ("square.avi", {}), ("square.mkv", {})]
)
def test_a_truncated_file_keeps_what_could_be_decoded_and_says_so(
    name: str, options: dict[str, str], make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    whole = make_video(name, frames=60, **options).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 6 // 10])
    source = _open(path, clock)
    frames = _read(source)
    assert 5 < len(frames) < 60
    assert source.remark.startswith(("truncated: expected", "ends early"))


def test_a_damaged_packet_is_passed_over_and_counted(make_video: MakeVideo, tmp_path: Path, clock: ManualClock) -> None:
    data = bytearray(make_video("square.avi", frames=60).read_bytes())
    second_chunk = data.find(b"00dc", data.find(b"movi") + 200)
    data[second_chunk + 8 : second_chunk + 60] = b"\xff" * 52
    path = tmp_path / "damaged.avi"
    path.write_bytes(bytes(data))
    frames = _read(_open(path, clock))
    assert len(frames) >= 55


def test_a_stream_that_nobody_serves_is_unreadable_without_its_password(clock: ManualClock) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    source = open_source(SourceOptions(f"rtsp://guard:s3cret@127.0.0.1:{port}/yard"), clock=clock)
    with pytest.raises(FeedUnreadable) as caught:
        _read(source)
    assert str(caught.value) == f"rtsp://guard@127.0.0.1:{port}/yard: Connection refused"


def test_an_unknown_scheme_names_the_known_ones(clock: ManualClock) -> None:
    with pytest.raises(SetUpError, match="expected a path or one of file, gst, rtp, rtsp, udp, v4l2, got 'ftp'"):
        open_source(SourceOptions("ftp://somewhere/feed"), clock=clock)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://u:p@cam:554/1?x=2", "rtsp://u@cam:554/1?x=2"),
        ("rtsp://u:p%40q@[::1]:554/1", "rtsp://u@[::1]:554/1"),
        ("rtsp://cam/1", "rtsp://cam/1"),
        ("/var/feed@home.mp4", "/var/feed@home.mp4"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_credentials_are_quoted_into_the_address() -> None:
    url = with_credentials("rtsp://cam:554/1", user="guard", password="p@ss/word:1")
    assert url == "rtsp://guard:p%40ss%2Fword%3A1@cam:554/1"
    assert redacted(url) == "rtsp://guard@cam:554/1"


class Undecodable:
    """A packet of a codec that this FFmpeg was built without."""

    def decode(self) -> list[object]:
        raise ValueError("cannot decode unknown codec")


def test_what_there_is_no_decoder_for_is_a_refused_packet(make_video: MakeVideo, clock: ManualClock) -> None:
    with opened_video(str(make_video(frames=2)), monotonic_us=clock.monotonic_us) as video:
        assert video.decode(Undecodable()) == []  # type: ignore[arg-type]
        assert video.corrupt_packets == 1
