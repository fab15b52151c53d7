"""What a node shows to people who look: packets as they came, masked pictures, or JPEG, and nothing unless asked."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from contract.clock import Clock
from contract.envelope import Origin
from contract.live import JPEG, MAX_PICTURE_BYTES, PictureHead, head_of
from detectors.frame import Frame
from edge.area import PrivacyMask
from edge.decode import opened_video
from edge.footage.live_picture import Passed
from edge.footage.live_view import LiveCamera
from edge.footage.mask import Mask
from edge.footage.recording import View
from edge.footage.ring import Reel, Ring, StoredPacket
from edge.perception.locate import Locator
from edge.pipeline import StepResult
from tests.conftest import ManualClock
from tests.edge.conftest import MakeVideo
from tests.edge.yard import FRAME, START_US, site


def filmed(make_video: MakeVideo, name: str = "square.mp4", *, ring: Ring | None = None, frames: int = 12) -> Ring:
    """A ring with an opened feed of ten pictures a second."""
    ring = ring or Ring(seconds=60.0, max_bytes=10_000_000)
    with opened_video(str(make_video(name, frames=frames)), monotonic_us=lambda: 0, ring=ring) as video:
        for packet in video.packets():
            if packet.size:
                video.keep(packet, START_US + video.packet_us(packet))
    return ring


def view(ring: Ring | None, *, mask: Mask | None = None, origin: Origin = Origin.LIVE) -> View:
    return View("mast", origin, ring, mask, site().cameras[0].pose)


def watched(view: View, clock: Clock) -> LiveCamera:
    camera = LiveCamera(view, clock)
    camera.watch(is_wanted=True)
    return camera


def sent(camera: LiveCamera) -> list[tuple[PictureHead, bytes]]:
    """All that is due."""
    messages = list(iter(camera.next, None))
    return [(head_of(message), message[2 + int.from_bytes(message[:2], "big") :]) for message in messages]


def judged(image: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", at_us: int) -> tuple[StepResult, Frame]:
    return StepResult(at_us, "0" * 32, (), (), (), {}), Frame(image, at_us - START_US, at_us, 0, 0)


def decoded(codec: str, pictures: list[bytes]) -> list[av.VideoFrame]:
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    packets = [*map(av.Packet, pictures), None]
    return [frame for packet in packets for frame in context.decode(packet)]


def test_the_newest_group_of_pictures_comes_first_as_the_camera_sent_it(
    make_video: MakeVideo, clock: ManualClock
) -> None:
    pictures = sent(watched(view(filmed(make_video)), clock))
    assert [head.is_key for head, _ in pictures] == [True, False]  # 10 and 11 of twelve
    assert {head.codec for head, _ in pictures} == {"avc1.64000A"}
    frames = decoded("h264", [data for _, data in pictures])
    assert [frame.width for frame in frames] == [160, 160]


def test_nothing_is_made_of_a_camera_that_nobody_looks_through(make_video: MakeVideo, clock: ManualClock) -> None:
    camera = LiveCamera(view(filmed(make_video)), clock)
    camera.saw(*judged(np.zeros((120, 160, 3), np.uint8), START_US))
    assert sent(camera) == []
    camera.watch(is_wanted=True)
    assert len(sent(camera)) == 2
    camera.watch(is_wanted=False)
    assert (sent(camera), camera.figures().is_watched) == ([], False)


def test_a_feed_that_is_opened_anew_goes_on_with_its_new_codec(make_video: MakeVideo, clock: ManualClock) -> None:
    ring = filmed(make_video)
    camera = watched(view(ring), clock)
    first = sent(camera)
    filmed(make_video, "again.ts", ring=ring, frames=7)
    second = sent(camera)
    assert [head.is_key for head, _ in second] == [True, False]
    assert {head.reel for head, _ in second}.isdisjoint(head.reel for head, _ in first)
    assert camera.offered().codec == "avc1.64000A"
    assert len(decoded("h264", [data for _, data in second])) == 2


def test_a_recordings_delay_counts_from_when_its_pictures_came(make_video: MakeVideo, clock: ManualClock) -> None:
    clock.advance(1_000_000.0)
    ring = filmed(make_video)
    ring._is_ended = False  # as while it is being played
    taken = [head.taken_at_us for head, _ in sent(watched(view(ring, origin=Origin.REPLAYED), clock))]
    assert taken == [clock.wall_us() - 100_000, clock.wall_us()]


def test_a_masked_camera_never_sends_what_it_got(make_video: MakeVideo, clock: ManualClock) -> None:
    yard = site()
    left_half = PrivacyMask(id="window", image_px=((0, 0), (320, 0), (320, 480), (0, 480)))
    mask = Mask((left_half,), locator=Locator(lens=yard.cameras[0].lens, frame=FRAME), frame=FRAME)
    ring = filmed(make_video)
    camera = watched(view(ring, mask=mask), clock)
    assert sent(camera) == []
    white = np.full((480, 640, 3), 255, np.uint8)
    shown = []
    for n in range(30):
        camera.saw(*judged(white, START_US + n * 100_000))
        shown += sent(camera)
        clock.advance(0.1)
    frames = decoded("h264", [data for _, data in shown])
    assert len(frames) == 15  # five a second of the ten that were judged
    for frame in frames:
        grey = frame.to_ndarray(format="gray")
        assert grey[:, :312].max() < 30
        assert grey[:, 328:].min() > 200
    assert all(head.is_masked for head, _ in shown)
    assert [n for n, (head, _) in enumerate(shown) if head.is_key] == [0, 10]  # each two seconds


def test_what_no_browser_decodes_is_shown_as_jpeg_of_judged_frames(make_video: MakeVideo, clock: ManualClock) -> None:
    for ring in (None, filmed(make_video, "square.avi")):
        camera = watched(view(ring), clock)
        for n in range(10):
            camera.saw(*judged(np.full((1080, 1920, 3), 25 * n, np.uint8), START_US + n * 100_000))
            clock.advance(0.02)
        ((head, picture),) = sent(camera)
        assert (head.codec, head.is_key, head.captured_at_us) == (JPEG, True, START_US + 900_000)
        with av.open(io.BytesIO(picture), format="mjpeg") as opened:
            frame = next(opened.decode(video=0))
        assert (frame.width, frame.height) == (1280, 720)
        assert frame.to_ndarray(format="gray").mean() == pytest.approx(225, abs=2)


def test_stills_are_made_of_what_is_video_too_a_few_a_second(make_video: MakeVideo, clock: ManualClock) -> None:
    stills = LiveCamera(view(filmed(make_video)), clock, is_stills=True)
    stills.saw(*judged(np.zeros((120, 160, 3), np.uint8), START_US))
    assert sent(stills) == []
    stills.watch(is_wanted=True)
    heads = []
    for n in range(20):
        stills.saw(*judged(np.full((120, 160, 3), 10 * n, np.uint8), START_US + n * 50_000))
        heads += [head for head, _ in sent(stills)]
        clock.advance(0.05)
    assert [(head.codec, head.captured_at_us - START_US) for head in heads] == [(JPEG, n * 200_000) for n in range(5)]


def test_stills_of_a_masked_camera_are_masked(make_video: MakeVideo, clock: ManualClock) -> None:
    yard = site()
    left_half = PrivacyMask(id="window", image_px=((0, 0), (320, 0), (320, 480), (0, 480)))
    mask = Mask((left_half,), locator=Locator(lens=yard.cameras[0].lens, frame=FRAME), frame=FRAME)
    stills = LiveCamera(view(filmed(make_video), mask=mask), clock, is_stills=True)
    stills.watch(is_wanted=True)
    stills.saw(*judged(np.full((480, 640, 3), 255, np.uint8), START_US))
    ((head, picture),) = sent(stills)
    with av.open(io.BytesIO(picture), format="mjpeg") as opened:
        grey = next(opened.decode(video=0)).to_ndarray(format="gray")
    assert (head.codec, head.is_masked) == (JPEG, True)
    assert (grey[:, :304].max() < 40, grey[:, 336:].min() > 200) == (True, True)


def test_a_picture_too_large_for_the_wire_costs_its_group_and_no_more(
    make_video: MakeVideo, clock: ManualClock
) -> None:
    ring = filmed(make_video, "square.ts")
    ring._is_ended = False
    camera = watched(view(ring), clock)
    sent(camera)
    for n, size in enumerate((MAX_PICTURE_BYTES, 10, 10)):
        unit = b"\x00\x00\x00\x01" + (b"\x65" if n != 1 else b"\x41") + b"\x55" * size
        ring.add(StoredPacket(unit, 10**6 + n, 10**6 + n, n != 1, START_US + 10**7))
    assert [head.is_key for head, _ in sent(camera)] == [True]
    assert camera.figures().dropped == 2


def test_h265_is_offered_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "yard.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=10, options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    ring = Ring(seconds=9.0, max_bytes=1_000_000)
    with opened_video(str(path), monotonic_us=lambda: 0, ring=ring) as video:
        for packet in video.packets():
            video.keep(packet, START_US)
    cut = ring.cut(START_US)
    assert cut is not None
    passed = Passed(cut.reel)
    assert passed.codec == "hev1.1.6.L30.90"
    assert len(decoded("hevc", [passed.annex_b(packet) for packet in cut.take()])) == 3


def test_parameter_sets_from_beside_the_stream_are_put_before_key_frames(make_video: MakeVideo) -> None:
    """As over RTP, where a description may hold them and the packets not."""
    cut = filmed(make_video, "square.ts").cut(0)
    assert cut is not None
    key = cut.take()[0]
    at = key.data.index(b"\x00\x00\x01\x65")
    bare = StoredPacket(key.data[at:], 0, 0, is_key=True, captured_at_us=0)
    passed = Passed(Reel(cut.reel.seed, cut.reel.time_base))
    assert len(decoded("h264", [passed.annex_b(bare)])) == 1
