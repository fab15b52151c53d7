"""Frames read ahead on a thread: in order, bounded, and nothing that goes wrong there is lost."""

import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from detectors.backends.scripted import NOTHING
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from edge.errors import FeedUnreadable
from edge.source import CapturedBy
from sim.read_ahead import ready_frames
from tests.edge.yard import picture


class Recording:
    """A source of `count` frames that then fails with `error`, if any."""

    is_live = is_paced = False
    is_quiet = False
    captured_by = CapturedBy.RECORDING
    corrupt_packets = 0
    remark = ""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self._count = count
        self._error = error
        self.given = 0
        self.is_closed = False

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        try:
            for index in range(self._count):
                if stop.is_set():
                    return
                self.given += 1
                yield picture(index)
            if self._error is not None:
                raise self._error
        finally:
            self.is_closed = True


def prepare(frame: Frame) -> Prepared:
    return Prepared(NOTHING, 1.0, 0.0, 0.0, 640, 480, frame.pts_us)


def test_every_frame_comes_in_order() -> None:
    ready = list(ready_frames(Recording(10), prepare))

    assert [frame.index for frame, _ in ready] == list(range(10))
    assert [prepared.pts_us for _, prepared in ready] == [frame.pts_us for frame, _ in ready]


def test_what_the_source_raises_is_raised_after_the_frames_before_it() -> None:
    frames = ready_frames(Recording(3, FeedUnreadable("gone")), prepare)

    assert [next(frames)[0].index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(FeedUnreadable, match="gone"):
        next(frames)


def test_what_preparing_raises_is_raised() -> None:
    def refuse(frame: Frame) -> Prepared:
        raise InferenceError(f"frame {frame.index}")

    with pytest.raises(InferenceError, match="frame 0"):
        next(ready_frames(Recording(3), refuse))


def test_no_more_is_read_than_there_is_room_for_and_leaving_early_ends_the_thread() -> None:
    recording = Recording(1000)

    with closing(ready_frames(recording, prepare, frames_ahead=2)) as frames:
        next(frames)

    assert recording.given <= 6  # one taken, two waiting, one in hand, and what was drained on the way out
    assert recording.is_closed
    assert "read ahead" not in {thread.name for thread in threading.enumerate()}
