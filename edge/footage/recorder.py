"""Copies one opening's packets into its camera's ring, on the thread that reads them: a copy of bytes, no more."""

import io

import av
import av.error
import structlog
from av.packet import Packet
from av.video.stream import VideoStream

from edge.footage.ring import Reel, Ring, StoredPacket

NOT_ENCODED = frozenset({"rawvideo"})  # a disk full in minutes: of such a feed there are pictures and no clips
log = structlog.get_logger()


class Recorder:
    """Of one opening. Time stamps that a container leaves out are filled in, and decoding times always grow."""

    def __init__(self, ring: Ring, stream: VideoStream, *, period_us: int) -> None:
        self._ring = ring
        self._stream = stream
        self._time_base = stream.time_base
        self._period = 1 if stream.time_base is None else max(round(period_us / 1e6 / stream.time_base), 1)
        self._last_dts: int | None = None
        self._is_useless = self._time_base is None or stream.codec_context.name in NOT_ENCODED
        self._has_begun = False

    def take(self, packet: "Packet[VideoStream]", captured_at_us: int) -> None:
        if self._is_useless or packet.size == 0:
            return
        if not self._has_begun:
            self._begin(packet)
        if not self._has_begun:
            return
        dts = self._next_dts(packet)
        pts = dts if packet.pts is None else packet.pts
        self._ring.add(StoredPacket(bytes(packet), pts, dts, packet.is_keyframe, captured_at_us))

    def end(self) -> None:
        if self._has_begun:
            self._ring.end()

    def _begin(self, packet: "Packet[VideoStream]") -> None:
        assert self._time_base is not None
        if not packet.is_keyframe:
            return
        try:
            seed = _seed(self._stream, packet)
        except (av.error.FFmpegError, ValueError) as err:
            self._is_useless = True
            log.warning("packets cannot be kept for clips", codec=self._stream.codec_context.name, reason=str(err))
            return
        self._ring.begin(Reel(seed, self._time_base, self._period))
        self._has_begun = True

    def _next_dts(self, packet: "Packet[VideoStream]") -> int:
        dts = packet.pts if packet.dts is None else packet.dts
        if self._last_dts is not None:
            dts = self._last_dts + self._period if dts is None else max(dts, self._last_dts + 1)
        self._last_dts = dts or 0
        return self._last_dts


def _seed(stream: VideoStream, packet: "Packet[VideoStream]") -> bytes:
    """NUT takes every codec with its parameters as they are, which MP4 does not."""
    file = io.BytesIO()
    with av.open(file, "w", format="nut") as container:
        copy = container.add_stream_from_template(stream)
        first = Packet(bytes(packet))
        first.pts = first.dts = 0
        first.time_base = stream.time_base  # type: ignore[assignment]
        first.is_keyframe = True
        first.stream = copy
        container.mux(first)
    return file.getvalue()
