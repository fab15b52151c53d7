"""Every way a live feed comes in: its pictures, its loss, its return, and what a hostile sender can do to it."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
from structlog.testing import capture_logs

from contract.clock import AnchoredClock, Clock, SystemClock
from contract.events import FeedState
from detectors.frame import Frame
from edge import live
from edge.errors import FeedError, FeedUnreadable, SetUpError
from edge.source import CapturedBy, Source, SourceOptions, open_source
from tests.conftest import ManualClock
from tests.edge.reading import reading, taken
from tests.edge.rtsp_camera import NOISE, RtspCamera, serving
from tests.edge.senders import Sender, free_udp_port, sending


@dataclass(frozen=True)
class Way:
    """A sender that can be started and ended again and again, and what reads it."""

    options: SourceOptions
    sending: Callable[[], AbstractContextManager[object]]


def udp_way(folder: Path) -> Way:
    port = free_udp_port()
    sender = Sender(f"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts")
    return Way(SourceOptions(f"udp://127.0.0.1:{port}"), lambda: sending(sender))


def rtp_way(folder: Path) -> Way:
    port = free_udp_port()
    sender = Sender(f"rtp://127.0.0.1:{port}", "rtp_mpegts")
    return Way(SourceOptions(f"rtp://127.0.0.1:{port}"), lambda: sending(sender))


def sdp_way(folder: Path) -> Way:
    path = folder / "drone.sdp"
    sender = Sender(f"rtp://127.0.0.1:{free_udp_port()}", "rtp", sdp=path)
    with sending(sender):  # it writes the description; the file outlives it
        pass
    return Way(SourceOptions(str(path)), lambda: sending(sender))


def rtsp_udp_way(folder: Path) -> Way:
    return _rtsp_way("udp")


def rtsp_tcp_way(folder: Path) -> Way:
    return _rtsp_way("tcp")


def _rtsp_way(transport: str) -> Way:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Way(
        SourceOptions(f"rtsp://127.0.0.1:{port}/yard", transport=transport),
        lambda: serving(RtspCamera(frames=1000, port=port)),
    )


WAYS = [udp_way, rtp_way, sdp_way, rtsp_udp_way, rtsp_tcp_way]


@pytest.fixture
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    made: Way = request.param(tmp_path)
    return made


def take(options: SourceOptions, count: int, *, clock: Clock | None = None) -> tuple[Source, list[Frame]]:
    source = open_source(options, clock=clock or SystemClock())
    return source, taken(source, count)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter time-outs: what is waited for here is their end."""
    monkeypatch.setattr(live, "TIMEOUT_S", (1.5, 0.5))
    monkeypatch.setattr(live, "BLIND_US", 600_000)
    monkeypatch.setattr(live, "FIRST_PICTURE_US", 600_000)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_pictures_arrive_in_order_as_they_are_taken(way: Way) -> None:
    with way.sending():
        source, frames = take(way.options, 15)
        late_us = time.time() * 1e6 - frames[-1].captured_at_us

    assert [frame.index for frame in frames] == list(range(15))
    assert frames[0].image_bgr.shape == (120, 160, 3)
    assert frames[-1].pts_us - frames[0].pts_us == pytest.approx(14 * 40_000, abs=2)
    assert frames[-1].captured_at_us - frames[0].captured_at_us > 200_000  # not held back and given in one burst
    assert 0 <= late_us < 1e6
    assert source.is_live
    assert source.is_paced
    assert source.captured_by is CapturedBy.ARRIVAL


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_a_loss_and_a_recovery_are_a_state_and_a_line_each(way: Way) -> None:
    with ExitStack() as standing, capture_logs() as lines:
        standing.enter_context(way.sending())
        with reading(way.options) as feed:
            feed.wait_for(FeedState.OK)
            standing.close()
            detail = feed.wait_for(FeedState.LOST)
            with way.sending():
                feed.wait_for(FeedState.OK)

    assert [line["state"] for line in lines if line["event"] == "feed state changed"] == ["ok", "lost", "ok"]
    assert detail.startswith(way.options.url)
    assert "\n" not in detail


def test_a_stream_joined_long_before_its_next_key_frame_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender's first picture is gone when we come; its next key frame is 2.4 s after that."""
    monkeypatch.setattr(live, "BLIND_US", 200_000)
    port = free_udp_port()
    with sending(Sender(f"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts", gop=60)):
        _, frames = take(SourceOptions(f"udp://127.0.0.1:{port}"), 3)
    assert len(frames) == 3


def test_pictures_come_the_way_that_was_asked_for() -> None:
    for transport in ("udp", "tcp"):
        with serving(RtspCamera()) as camera:
            take(SourceOptions(camera.url, transport=transport), 2)
        assert camera.transports == [transport]


@pytest.mark.parametrize("way", [udp_way, rtp_way], indirect=True)
def test_a_port_is_open_only_at_the_address_that_the_feed_names(way: Way) -> None:
    port = int(way.options.url.rsplit(":", 1)[1])
    with way.sending():
        frames = open_source(way.options, clock=SystemClock()).frames(threading.Event())
        next(frames)
        opened = _addresses_of(port) | _addresses_of(port + 1)  # RTP has its reports there
        frames.close()
    assert opened == {"127.0.0.1"}


def _addresses_of(port: int) -> set[str]:
    """Of this machine's UDP sockets with that port (proc(5), net/udp: little-endian hexadecimal)."""
    rows = [line.split()[1].split(":") for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address, number in rows if int(number, 16) == port}


@pytest.mark.usefixtures("_impatient")
def test_where_nobody_sends_the_feed_is_unreadable_and_says_so() -> None:
    url = f"udp://127.0.0.1:{free_udp_port()}"
    with pytest.raises(FeedUnreadable) as caught:
        take(SourceOptions(url), 1)
    assert str(caught.value) == f"{url}: no video within 1.5 s"


@contextmanager
def shouting(port: int, datagrams: list[bytes]) -> Iterator[None]:
    """The same datagrams again and again, until the end."""
    stop = threading.Event()

    def shout() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not stop.wait(0.002):
                for datagram in datagrams:
                    sender.sendto(datagram, ("127.0.0.1", port))

    thread = threading.Thread(target=shout)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)


def _packets_of_noise() -> list[bytes]:
    """Transport packets that begin as such."""
    return [b"".join(b"\x47" + NOISE[at : at + 187] for at in range(k, k + 7 * 187, 187)) for k in range(0, 2000, 500)]


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    "datagrams",
    [
        pytest.param([NOISE[:1316]], id="noise"),
        pytest.param(_packets_of_noise(), id="noise in packets of 188 bytes"),
        pytest.param([b"\xff\xfb\x90\x64" + bytes(413)], id="what FFmpeg would take for sound"),
        pytest.param([b"", b"\x47"], id="next to nothing"),
    ],
)
def test_garbage_on_the_port_is_no_video_and_one_line(datagrams: list[bytes]) -> None:
    port = free_udp_port()
    with shouting(port, datagrams), pytest.raises(FeedError) as caught:
        take(SourceOptions(f"udp://127.0.0.1:{port}"), 1)
    assert str(caught.value).startswith(f"udp://127.0.0.1:{port}: ")
    assert "\n" not in str(caught.value)


def test_garbage_among_the_pictures_costs_some_of_them_and_not_the_feed() -> None:
    way = udp_way(Path())
    port = int(way.options.url.rsplit(":", 1)[1])
    with way.sending(), shouting(port, [NOISE[:188]]):
        _, frames = take(way.options, 20)
    assert [frame.image_bgr.shape for frame in frames] == [(120, 160, 3)] * 20


def test_a_picture_of_another_size_in_mid_stream_is_a_loss_that_names_both() -> None:
    port = free_udp_port()
    sender = Sender(f"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts")
    with sending(sender), reading(SourceOptions(f"udp://127.0.0.1:{port}")) as feed:
        feed.wait_for(FeedState.OK)
        sender.size_px = (320, 240)
        detail = feed.wait_for(FeedState.LOST)
        sender.size_px = (160, 120)
        feed.wait_for(FeedState.OK)
    assert detail == ("camera 'mast': expected pictures of 160x120 as its lens in the site file says, got 320x240")


@pytest.mark.usefixtures("_impatient")
def test_a_picture_larger_than_any_camera_gives_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.decode.MOST_PIXELS", 160 * 100)
    way = udp_way(Path())
    with (
        way.sending(),
        pytest.raises(FeedUnreadable, match=r"no picture could be decoded for 0\.6 s \(\d+ packets refused"),
    ):
        take(way.options, 1)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("is_framed", [pytest.param(True, id="as pictures"), pytest.param(False, id="as bytes")])
def test_a_camera_that_begins_to_send_noise_is_lost(is_framed: bool) -> None:
    with serving(RtspCamera(frames=1000, raves_after=5, is_framed=is_framed)) as camera:
        options = SourceOptions(camera.url)
        with pytest.raises(FeedError) as caught:
            take(options, 1000)
    assert str(caught.value).startswith(camera.url)


@pytest.mark.usefixtures("_impatient")
def test_a_camera_whose_pictures_come_byte_by_byte_is_lost() -> None:
    """It never falls silent for as long as a read may wait, and yet no picture of it ever is whole."""
    with serving(RtspCamera(frames=1000, trickles_after=20)) as camera, pytest.raises(FeedError) as caught:
        take(SourceOptions(camera.url), 1000)
    assert str(caught.value).startswith(camera.url)


@pytest.mark.usefixtures("_impatient")
def test_a_camera_that_answers_a_byte_a_second_is_not_waited_for() -> None:
    started_s = time.monotonic()
    with serving(RtspCamera(is_slow=True)) as camera, pytest.raises(FeedUnreadable):
        take(SourceOptions(camera.url), 1)
    assert time.monotonic() - started_s < 5.0


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("v4l2://dev/video0", "expected a device as in v4l2:///dev/video0"),
        ("v4l2:///etc/passwd", "expected a device as in v4l2:///dev/video0"),
        ("v4l2:///dev/video0?size=huge", "expected size=1280x720, rate=25 or pixels=mjpeg, got size=huge"),
        ("v4l2:///dev/video0?gain=3", "expected size=1280x720, rate=25 or pixels=mjpeg, got gain=3"),
    ],
)
def test_an_address_of_no_device_is_refused(url: str, why: str) -> None:
    with pytest.raises(SetUpError) as caught:
        open_source(SourceOptions(url), clock=SystemClock())
    assert str(caught.value) == f"feed {url}: {why}"


@pytest.mark.parametrize("device", ["/dev/null", "/dev/video63"])
def test_a_device_that_is_no_camera_is_unreadable(device: str) -> None:
    with pytest.raises(FeedUnreadable) as caught:
        take(SourceOptions(f"v4l2://{device}"), 1)
    assert str(caught.value).startswith(f"v4l2://{device}: ")


def test_a_device_is_asked_for_what_the_address_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """No camera here: what FFmpeg is asked, with its test picture in the device's place."""
    asked: dict[str, Any] = {}
    av_open = av.open

    def opened(file: str, **how: Any) -> Any:
        asked.update(file=file, **how)
        return av_open("testsrc=size=160x120:rate=25", format="lavfi")

    monkeypatch.setattr(av, "open", opened)
    _, frames = take(SourceOptions("v4l2:///dev/video2?size=160x120&rate=25&pixels=mjpeg"), 3)

    assert (asked["file"], asked["format"]) == ("/dev/video2", "v4l2")
    assert asked["options"] == {"video_size": "160x120", "framerate": "25", "input_format": "mjpeg"}
    assert [frame.pts_us for frame in frames] == [0, 40_000, 80_000]


def test_capture_times_go_on_when_the_wall_clock_steps_back(clock: ManualClock) -> None:
    """Through a reconnect too: one anchor serves all openings of a node."""
    anchored = AnchoredClock(clock)
    times_us = []
    with serving(RtspCamera(frames=40)) as camera:
        for _ in range(2):
            source = open_source(SourceOptions(camera.url), clock=anchored)
            stop = threading.Event()
            for frame in source.frames(stop):
                clock.advance(0.04)
                times_us.append(frame.captured_at_us)
                if frame.index == 5:
                    clock.step_wall(-3600.0)
                if frame.index == 10:
                    stop.set()
    steps_us = [later - earlier for earlier, later in itertools.pairwise(times_us)]
    assert steps_us == pytest.approx([40_000] * 21, abs=2)
