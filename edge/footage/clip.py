"""A clip on the disk, written as its packets come: the packets themselves, or masked pictures encoded anew.

MP4 with its index in front, so that a browser plays it; FFmpeg's NUT for a codec that MP4 has no place for.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from contract.evidence import MediaType
from detectors.frame import ImageBgr
from edge.footage.ring import Reel, StoredPacket

BROWSER_CODECS = frozenset({"h264", "vp8", "vp9", "av1"})
BROWSER_PIXELS = frozenset({"yuv420p", "yuvj420p"})
MASKED_FPS, MASKED_HEIGHT_PX = 5, 720  # RULINGS 4: encoded in software, so that a small node keeps up
MILLISECOND = Fraction(1, 1000)
CLIP_ERRORS = (av.error.FFmpegError, OSError, ValueError)  # PyAV refuses codecs with a ValueError


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What was written. start_us, end_us: capture times of its first and last picture."""

    start_us: int
    end_us: int
    media_type: MediaType
    codec: str
    plays_in_browser: bool


class Clip(Protocol):
    """One file that is being written. Raises CLIP_ERRORS."""

    def add(self, packet: StoredPacket) -> None:
        """The next packet of the reel; the first is a key frame."""
        ...

    def close(self) -> ClipFacts | None:
        """The file is whole; None when it holds no picture."""
        ...


class PassedThrough:
    """The packets as the camera sent them."""

    def __init__(self, path: Path, reel: Reel) -> None:
        self._reel = reel
        with av.open(io.BytesIO(reel.seed), format="nut") as seed:
            template = seed.streams.video[0]
            self._codec = template.codec_context.name
            self._pixels = template.codec_context.pix_fmt
            self._container, self._stream, self._media_type = _opened(path, template)
        self._first: StoredPacket | None = None
        self._start_us = self._end_us = 0

    def add(self, packet: StoredPacket) -> None:
        if self._first is None:
            self._first = packet
            self._start_us = packet.captured_at_us
        if packet.pts < self._first.pts:  # shown before the key frame, made from what is not here
            return
        copy = Packet(packet.data)
        copy.time_base = self._reel.time_base
        copy.dts = packet.dts - self._first.dts
        copy.pts = max(packet.pts - self._first.dts, copy.dts)
        copy.duration = self._reel.period  # of the last one there is no other word
        copy.is_keyframe = packet.is_key
        copy.stream = self._stream
        self._container.mux(copy)
        self._end_us = max(self._end_us, packet.captured_at_us)

    def close(self) -> ClipFacts | None:
        self._container.close()
        if self._first is None:
            return None
        plays = self._media_type is MediaType.MP4 and self._codec in BROWSER_CODECS and self._pixels in BROWSER_PIXELS
        return ClipFacts(self._start_us, self._end_us, self._media_type, self._codec, plays)


class Masked:
    """Pictures of the packets, painted over by `mask` (picture and capture time to picture), few and small."""

    def __init__(self, path: Path, reel: Reel, mask: Callable[[ImageBgr, int], ImageBgr]) -> None:
        self._mask = mask
        self._time_base = reel.time_base
        self._seed = av.open(io.BytesIO(reel.seed), format="nut")
        self._decoder: VideoCodecContext = self._seed.streams.video[0].codec_context
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._stream: VideoStream | None = None
        self._first: StoredPacket | None = None
        self._start_us = self._end_us = 0
        self._next_us = 0

    def add(self, packet: StoredPacket) -> None:
        if self._first is None:
            self._first = packet
        copy = cast("Packet[VideoStream]", Packet(packet.data))
        copy.time_base = self._time_base
        copy.pts, copy.dts = packet.pts, packet.dts
        self._decode(copy)

    def close(self) -> ClipFacts | None:
        if self._first is not None:
            self._decode(None)
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
        self._seed.close()
        if self._stream is None:
            return None
        return ClipFacts(self._start_us, self._end_us, MediaType.MP4, "h264", plays_in_browser=True)

    def _decode(self, packet: "Packet[VideoStream] | None") -> None:
        """None: what the decoder still holds."""
        try:
            frames = self._decoder.decode(packet)
        except av.error.InvalidDataError:
            return  # as in the pipeline: a packet that cannot be decoded is passed over
        for frame in frames:
            if frame.pts is not None:
                self._encode(frame, self._captured_at_us(frame.pts))

    def _captured_at_us(self, pts: int) -> int:
        assert self._first is not None
        return self._first.captured_at_us + round((pts - self._first.pts) * self._time_base * 1_000_000)

    def _encode(self, frame: VideoFrame, captured_at_us: int) -> None:
        if self._stream is None:
            self._start_us = self._next_us = captured_at_us
            self._stream = self._add_stream(frame)
        if captured_at_us < self._next_us:
            return
        self._next_us = captured_at_us + 1_000_000 // MASKED_FPS
        small = frame.reformat(width=self._stream.width, height=self._stream.height, format="bgr24")
        image = self._mask(np.asarray(small.to_ndarray(), np.uint8), captured_at_us)
        painted = VideoFrame.from_ndarray(image, format="bgr24")
        painted.pts = round((captured_at_us - self._start_us) / 1000)
        painted.time_base = MILLISECOND
        self._container.mux(self._stream.encode(painted))
        self._end_us = captured_at_us

    def _add_stream(self, frame: VideoFrame) -> VideoStream:
        scale = min(1.0, MASKED_HEIGHT_PX / frame.height)
        stream = self._container.add_stream("libx264", rate=MASKED_FPS, options={"preset": "ultrafast"})
        stream.width, stream.height = (max(round(side * scale) // 2 * 2, 2) for side in (frame.width, frame.height))
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        stream.codec_context.gop_size = 2 * MASKED_FPS
        stream.codec_context.thread_count = 1
        return stream


def _opened(path: Path, template: VideoStream) -> tuple[OutputContainer, VideoStream, MediaType]:
    container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
    try:
        return container, container.add_stream_from_template(template), MediaType.MP4
    except ValueError:
        container.close()
    container = av.open(str(path), "w", format="nut")
    return container, container.add_stream_from_template(template), MediaType.NUT
