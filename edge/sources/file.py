"""A recording: its own time stamps, every frame.

`captured_at_us` is the start given plus PTS, never the time of reading: one file gives the same times on every run.
"""

import threading
from collections.abc import Generator, Iterator
from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream

from contract.clock import Clock
from detectors.frame import Frame
from edge.decode import READ_ERRORS, Picture, Video, opened_video
from edge.errors import FeedUnreadable
from edge.source import CapturedBy, SourceOptions

COMPLETE_FRAC = 0.95  # of the length the header promises, which containers round


class FileSource:
    """Every container that FFmpeg reads."""

    is_live = False
    is_quiet = False
    captured_by = CapturedBy.RECORDING

    def __init__(self, options: SourceOptions, clock: Clock) -> None:
        self._path = Path(options.url)
        self._start_us = None if options.start is None else round(options.start.timestamp() * 1e6)
        self.is_paced = options.is_realtime
        self._ring = options.ring
        self._clock = clock
        self.corrupt_packets = 0
        self.remark = ""

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        if not self._path.is_file():
            raise FeedUnreadable(f"{self._path}: expected a video file, found none")
        with opened_video(str(self._path), monotonic_us=self._clock.monotonic_us, ring=self._ring) as video:
            start_us = self._clock.wall_us() if self._start_us is None else self._start_us
            opened_us = self._clock.monotonic_us()
            index, pts_us = 0, 0
            for index, picture in enumerate(self._pictures(video, start_us), start=1):
                pts_us = picture.pts_us
                early_s = (opened_us + pts_us - self._clock.monotonic_us()) / 1e6
                if self.is_paced and early_s > 0:
                    stop.wait(early_s)
                if stop.is_set():
                    return
                yield Frame(picture.image_bgr, pts_us, start_us + pts_us, index - 1, picture.decode_us)
            if index == 0:
                raise FeedUnreadable(f"{self._path}: not one frame could be decoded")
            self._remark_missing_end(video, read_us=pts_us + video.frame_period_us)

    def _pictures(self, video: Video, start_us: int) -> Iterator[Picture]:
        for packet in self._packets(video):
            video.keep(packet, start_us + video.packet_us(packet))
            yield from video.decode(packet)
            self.corrupt_packets = video.corrupt_packets

    def _packets(self, video: Video) -> Iterator["Packet[VideoStream]"]:
        try:
            yield from video.packets()
        except READ_ERRORS as err:
            self.remark = f"ends early: {err.strerror}"

    def _remark_missing_end(self, video: Video, *, read_us: int) -> None:
        promised_us = video.length_us
        if promised_us is not None and read_us < COMPLETE_FRAC * promised_us:
            self.remark = f"truncated: expected {promised_us / 1e6:.1f} s, got {read_us / 1e6:.1f} s"
        elif self.corrupt_packets and not self.remark:
            self.remark = f"{self.corrupt_packets} packets could not be decoded"


def open_source(options: SourceOptions, clock: Clock) -> FileSource:
    return FileSource(options, clock)
