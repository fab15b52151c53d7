"""Clips out of the ring: they begin before what they are about, and every player can read them."""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import av
import numpy as np
import pytest

from contract.clock import SystemClock
from contract.evidence import MediaType
from detectors.frame import ImageBgr
from edge.footage.clip import MASKED_HEIGHT_PX, Clip, ClipFacts, Masked, PassedThrough
from edge.footage.ring import Reel, Ring
from edge.source import SourceOptions, open_source
from tests.edge.conftest import MakeVideo
from tests.edge.rtsp_camera import RtspCamera, serving
from tests.edge.yard import START_US

START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def read_through(path: Path, *, seconds: float = 100.0) -> Ring:
    """The ring of a recording that was read to its end."""
    ring = Ring(seconds=seconds, max_bytes=50_000_000)
    source = open_source(SourceOptions(str(path), start=START, ring=ring), clock=SystemClock())
    for _ in source.frames(threading.Event()):
        pass
    return ring


def write(clip_of: Callable[[Path, Reel], Clip], path: Path, ring: Ring, from_us: int) -> ClipFacts:
    cut = ring.cut(from_us)
    assert cut is not None
    clip = clip_of(path, cut.reel)
    for packet in cut.take():
        clip.add(packet)
    facts = clip.close()
    assert facts is not None
    return facts


def pictures(path: Path) -> list[tuple[float, ImageBgr]]:
    """Time (s) and pixels of each picture of a file, as a player shows them."""
    with av.open(str(path)) as container:
        return [
            (frame.time or 0.0, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def left_edge_px(image: ImageBgr) -> int:
    """Of the bright square."""
    return int(np.flatnonzero(image[20, :, 0] > 128)[0])


def test_a_clip_begins_at_the_key_frame_before_the_moment_and_shows_what_was_there(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    ring = read_through(make_video(frames=40, fps=10))  # a key frame every 0.5 s
    moment_us = START_US + 1_700_000
    facts = write(PassedThrough, tmp_path / "clip.mp4", ring, moment_us)
    assert facts.start_us == START_US + 1_500_000 < moment_us
    assert facts.end_us == START_US + 3_900_000
    assert (facts.media_type, facts.codec, facts.plays_in_browser) == (MediaType.MP4, "h264", True)
    shown = pictures(tmp_path / "clip.mp4")
    assert len(shown) == 25
    assert abs(left_edge_px(shown[0][1]) - (8 + 4 * 15)) <= 2
    assert shown[-1][0] - shown[0][0] == pytest.approx(2.4, abs=0.01)


def test_packets_are_passed_through_as_they_came(make_video: MakeVideo, tmp_path: Path) -> None:
    video = make_video(frames=20)
    write(PassedThrough, tmp_path / "clip.mp4", read_through(video), START_US)

    def payloads(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    assert payloads(tmp_path / "clip.mp4") == payloads(video)


def test_a_codec_that_no_browser_plays_is_named_and_not_encoded_anew(make_video: MakeVideo, tmp_path: Path) -> None:
    facts = write(PassedThrough, tmp_path / "clip.mp4", read_through(make_video("square.avi")), START_US)
    assert (facts.media_type, facts.codec, facts.plays_in_browser) == (MediaType.MP4, "mpeg4", False)
    assert len(pictures(tmp_path / "clip.mp4")) == 20


def test_a_codec_that_mp4_has_no_place_for_goes_into_nut(shared: Path, tmp_path: Path) -> None:
    ring = read_through(shared / "feeds" / "tree.avi", seconds=5.0)
    facts = write(PassedThrough, tmp_path / "clip", ring, 0)
    assert (facts.media_type, facts.codec, facts.plays_in_browser) == (MediaType.NUT, "cinepak", False)
    assert pictures(tmp_path / "clip")


def test_pictures_that_were_never_encoded_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "raw.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
    ring = read_through(path)
    assert (ring.cost_bytes, ring.cut(0)) == (0, None)


def test_packets_of_an_rtsp_camera_become_a_clip(tmp_path: Path) -> None:
    ring = Ring(seconds=10.0, max_bytes=1_000_000)
    stamps: list[int] = []
    with serving(RtspCamera()) as camera:
        source = open_source(SourceOptions(camera.url, ring=ring), clock=SystemClock())
        stop = threading.Event()
        for frame in source.frames(stop):
            stamps.append(frame.captured_at_us)
            if frame.index == 25:
                stop.set()
    facts = write(PassedThrough, tmp_path / "clip.mp4", ring, stamps[15])
    assert facts.start_us == pytest.approx(stamps[10], abs=20_000)  # a key frame each tenth
    assert len(pictures(tmp_path / "clip.mp4")) == 16


def test_a_masked_clip_is_small_and_slow_and_black_where_the_mask_is(make_video: MakeVideo, tmp_path: Path) -> None:
    asked: list[int] = []

    def mask(image: ImageBgr, captured_at_us: int) -> ImageBgr:
        asked.append(captured_at_us)
        return np.concatenate((np.zeros_like(image[:, :80]), image[:, 80:]), axis=1)

    ring = read_through(make_video(frames=40, fps=10))
    facts = write(lambda path, reel: Masked(path, reel, mask), tmp_path / "clip.mp4", ring, START_US + 700_000)
    assert (facts.start_us, facts.codec, facts.plays_in_browser) == (START_US + 500_000, "h264", True)
    assert np.diff(asked).min() >= 200_000
    shown = pictures(tmp_path / "clip.mp4")
    assert len(shown) == len(asked) == 18
    assert max(int(image[:, :72].max()) for _, image in shown) < 40  # encoding leaves a little at the edge
    assert shown[8][1][20, 100:120].min() > 200


def test_a_masked_clip_of_a_large_view_has_720_lines(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((1080, 1920, 3), np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    ring = read_through(path)
    write(lambda path, reel: Masked(path, reel, lambda image, _: image), tmp_path / "clip.mp4", ring, START_US)
    assert pictures(tmp_path / "clip.mp4")[0][1].shape == (MASKED_HEIGHT_PX, 1280, 3)
