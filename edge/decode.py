"""Packets to pictures through PyAV, the same for recordings and live feeds.

A packet the decoder refuses is counted and passed over; a container that cannot be read on raises one of READ_ERRORS,
which means an early end to a recording and a disconnect to a live feed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from detectors.frame import ImageBgr
from edge.errors import FeedUnreadable
from edge.footage.recorder import Recorder
from edge.footage.ring import Ring
from edge.source import redacted

TellData = Callable[[bytes, int], None]  # content; microseconds since the first picture

NOT_VIDEO_FORMATS = frozenset({"tty", "image2"})  # FFmpeg paints text files on a terminal and shows photographs
READ_ERRORS = (av.error.FFmpegError, OSError)
DEFAULT_FRAME_PERIOD_US = 40_000  # 25 fps, for streams that neither stamp their frames nor say their rate
MOST_PIXELS = (
    40_000_000  # of one picture, above 8K; a header that claims more would cost gigabytes before a lens refuses it
)
BEGAN_ANEW_US = 10_000_000  # backwards by more, time stamps were begun anew: the 33 bits of MPEG-TS last 26.5 h


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
        self._stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
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

    def packets(self, *, tell_data: TellData | None = None) -> Iterator["Packet[VideoStream]"]:
        """Until the container ends, with an empty packet last. `tell_data` gets what the data streams beside the video
        hold. Raises READ_ERRORS."""
        if tell_data is None:
            yield from self._container.demux(self._stream)
            return
        for packet in self._container.demux(self._stream, *self._container.streams.data):
            if packet.stream is self._stream:
                yield cast("Packet[VideoStream]", packet)
            elif packet.size and self._first_pts is not None:
                tell_data(bytes(packet), self._moment_us(packet))

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
        except av.error.EOFError:  # the decoder was flushed before
            return []
        except (*READ_ERRORS, ValueError):  # anybody's bytes: they may claim what there is no decoder or memory for
            self.corrupt_packets += 1
            return []
        pictures = []
        for frame in decoded:
            image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            ended_us = self._monotonic_us()
            pictures.append(Picture(image, self._next_pts_us(frame.pts), ended_us - started_us))
            started_us = ended_us
        return pictures

    def since_first_us(self, pts: int) -> int:
        """A time stamp of the stream as microseconds since its first picture, which over RTSP may have had none."""
        base = self._stream.time_base
        if base is None:
            return 0
        if self._first_pts is None:
            expected_us = self._last_pts_us + self.frame_period_us if self._last_pts_us >= 0 else 0
            self._first_pts = pts - round(expected_us / base / 1_000_000)
        since_us = round((pts - self._first_pts) * base * 1_000_000)
        if since_us < self._last_pts_us - BEGAN_ANEW_US:
            since_us = self._last_pts_us + self.frame_period_us
            self._first_pts = pts - round(since_us / base / 1_000_000)
        return since_us

    def _moment_us(self, packet: "Packet[Stream]") -> int:
        """Of a packet beside the pictures; that of the last picture, where it has no time stamp."""
        base = self._stream.time_base
        if packet.pts is None or base is None or self._first_pts is None:
            return max(self._last_pts_us, 0)
        return round((packet.pts * packet.time_base - self._first_pts * base) * 1_000_000)

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
    shown: str | None = None,
    options: Mapping[str, str] | None = None,
    container_format: str | None = None,
    timeout_s: tuple[float, float] | None = None,
    ring: Ring | None = None,
) -> Iterator[Video]:
    """A container with video in it. `shown`: what people call it. Raises FeedUnreadable; the text never holds a
    password."""
    where = shown or redacted(url)
    try:
        container = av.open(url, format=container_format, options=dict(options or {}), timeout=timeout_s)
    except av.error.InvalidDataError as err:
        raise FeedUnreadable(f"{where}: expected a video, got data that is none") from err
    except av.error.ExitError as err:
        given_s = 0.0 if timeout_s is None else timeout_s[0]
        raise FeedUnreadable(f"{where}: no video within {given_s:g} s") from err
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
