"""Packets to pictures through PyAV, the same for recordings and live feeds.

A packet the decoder refuses is counted and passed over; a container that cannot be read on raises one of READ_ERRORS,
which means an early end to a recording and a disconnect to a live feed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from detectors.frame import ImageBgr
from edge.errors import FeedUnreadable
from edge.footage.recorder import Recorder
from edge.footage.ring import Ring
from edge.source import redacted

NOT_VIDEO_FORMATS = frozenset({"tty", "image2"})  # FFmpeg paints text files on a terminal and shows photographs
READ_ERRORS = (av.error.FFmpegError, OSError)
DEFAULT_FRAME_PERIOD_US = 40_000  # 25 fps, for streams that neither stamp their frames nor say their rate


@dataclass(frozen=True, slots=True)
class Picture:
    """`pts_us` counts from the first time stamp of the stream and always grows."""

    image_bgr: ImageBgr
    pts_us: int
    decode_us: int


class Video:
    """The first video stream of an open container; what `keep` is told goes into `ring`, where there is one."""

    def __init__(self, container: InputContainer, monotonic_us: Callable[[], int], *, ring: Ring | None = None) -> None:
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "SLICE"  # frame threads would hold frames back
        self._monotonic_us = monotonic_us
        self._first_pts = self._stream.start_time
        self._last_pts_us = -1
        self.corrupt_packets = 0
        self._recorder = None if ring is None else Recorder(ring, self._stream, period_us=self.frame_period_us)

    @property
    def frame_period_us(self) -> int:
        rate = self._stream.average_rate
        return round(1e6 / rate) if rate else DEFAULT_FRAME_PERIOD_US

    @property
    def length_us(self) -> int | None:
        """What the header promises."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return round(self._stream.duration * self._stream.time_base * 1_000_000)
        return self._container.duration

    def packets(self) -> Iterator["Packet[VideoStream]"]:
        """Until the container ends, with an empty packet last. Raises READ_ERRORS."""
        return self._container.demux(self._stream)

    def keep(self, packet: "Packet[VideoStream]", captured_at_us: int) -> None:
        """Copy the packet into the ring, before it is decoded."""
        if self._recorder is not None:
            self._recorder.take(packet, captured_at_us)

    def close(self) -> None:
        """No packet will come any more."""
        if self._recorder is not None:
            self._recorder.end()

    def decode(self, packet: "Packet[VideoStream]") -> list[Picture]:
        started_us = self._monotonic_us()
        try:
            decoded = packet.decode()
        except av.error.InvalidDataError:
            self.corrupt_packets += 1
            return []
        except av.error.EOFError:  # the decoder was flushed before
            return []
        pictures = []
        for frame in decoded:
            image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            ended_us = self._monotonic_us()
            pictures.append(Picture(image, self._next_pts_us(frame.pts), ended_us - started_us))
            started_us = ended_us
        return pictures

    def since_first_us(self, pts: int) -> int:
        """A time stamp of the stream as microseconds since its first."""
        if self._first_pts is None:
            self._first_pts = pts
        base = self._stream.time_base
        return round((pts - self._first_pts) * base * 1_000_000) if base is not None else 0

    def packet_us(self, packet: "Packet[VideoStream]") -> int:
        """When a packet's picture is shown, microseconds since the stream's first; changes nothing here."""
        pts = packet.dts if packet.pts is None else packet.pts
        base = self._stream.time_base
        if pts is None or base is None:
            return self._last_pts_us + self.frame_period_us if self._last_pts_us >= 0 else 0
        return 0 if self._first_pts is None else round((pts - self._first_pts) * base * 1_000_000)

    def _next_pts_us(self, pts: int | None) -> int:
        if pts is None:
            expected_us = self._last_pts_us + self.frame_period_us if self._last_pts_us >= 0 else 0
        else:
            expected_us = self.since_first_us(pts)
        self._last_pts_us = max(expected_us, self._last_pts_us + 1)
        return self._last_pts_us


@contextmanager
def opened_video(
    url: str,
    *,
    monotonic_us: Callable[[], int],
    options: Mapping[str, str] | None = None,
    timeout_s: tuple[float, float] | None = None,
    ring: Ring | None = None,
) -> Iterator[Video]:
    """A container with video in it. Raises FeedUnreadable; the text never holds a password."""
    where = redacted(url)
    try:
        container = av.open(url, options=dict(options or {}), timeout=timeout_s)
    except av.error.InvalidDataError as err:
        raise FeedUnreadable(f"{where}: expected a video, got data that is none") from err
    except READ_ERRORS as err:
        raise FeedUnreadable(f"{where}: {err.strerror or type(err).__name__}") from err
    with container:
        if not container.streams.video or container.format.name in NOT_VIDEO_FORMATS:
            raise FeedUnreadable(f"{where}: expected a video, got {container.format.long_name} without one")
        video = Video(container, monotonic_us, ring=ring)
        try:
            yield video
        finally:
            video.close()
