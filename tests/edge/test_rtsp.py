"""A live camera: first frame at once, whose clock stamps it, and that its end is a loss."""

import threading
import time

import pytest

from contract.clock import SystemClock
from edge.errors import FeedLost
from edge.source import CapturedBy, Source, SourceOptions, open_source
from tests.edge.reading import taken
from tests.edge.rtsp_camera import RtspCamera, serving


def _source(camera: RtspCamera) -> Source:
    return open_source(SourceOptions(camera.url), clock=SystemClock())


def test_frames_arrive_in_order_and_at_once() -> None:
    with serving(RtspCamera()) as camera:
        source = _source(camera)
        started_s = time.monotonic()
        first = next(frames := source.frames(threading.Event()))
        assert time.monotonic() - started_s < 1.0
        frames.close()
        assert first.index == 0
        assert first.image_bgr.shape == (120, 160, 3)
        assert abs(first.captured_at_us - time.time() * 1e6) < 1e6
    assert source.is_live
    assert source.captured_by is CapturedBy.ARRIVAL


def test_capture_times_always_grow() -> None:
    with serving(RtspCamera(clock_off_s=-0.5)) as camera:
        frames = taken(_source(camera), 20)
    times_us = [frame.captured_at_us for frame in frames]
    assert times_us == sorted(set(times_us))
    assert [frame.index for frame in frames] == list(range(20))


def test_a_camera_whose_clock_agrees_stamps_its_frames() -> None:
    with serving(RtspCamera(clock_off_s=-1.0)) as camera:
        source = _source(camera)
        frames = taken(source, 25)
        now_us = time.time() * 1e6
    assert source.captured_by is CapturedBy.SENDER
    assert now_us - frames[-1].captured_at_us == pytest.approx(1e6, abs=0.4e6)


def test_a_camera_whose_clock_is_wrong_does_not() -> None:
    with serving(RtspCamera(clock_off_s=3600.0)) as camera:
        source = _source(camera)
        frames = taken(source, 25)
        assert abs(time.time() * 1e6 - frames[-1].captured_at_us) < 1e6
    assert source.captured_by is CapturedBy.ARRIVAL
    assert source.remark == "the camera's clock is off by 3600 s; frames are stamped on arrival"


def test_a_camera_that_closes_the_connection_is_lost() -> None:
    with serving(RtspCamera(closes_after=10)) as camera, pytest.raises(FeedLost, match="closed the connection"):
        list(_source(camera).frames(threading.Event()))


def test_a_camera_that_hangs_is_lost_within_ten_seconds() -> None:
    with serving(RtspCamera(hangs_after=10)) as camera:
        started_s = time.monotonic()
        with pytest.raises(FeedLost):
            list(_source(camera).frames(threading.Event()))
        assert time.monotonic() - started_s < 8.0
