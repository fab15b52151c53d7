"""Pictures on a tape stay as their camera coded them: packets in, packets out, nothing is coded anew.

H.264 and H.265 are stored as Annex B with their parameter sets before each key frame, as a viewer that starts in the
middle needs them; what other codecs need beside their packets stands in the note of the video's topic.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge.decode import READ_ERRORS, Picture, opened_video
from sim.tape.errors import TapeError
from sim.tape.items import Item, Message, Note, VideoPacket, time_us, video, video_topic

_TO_ANNEX_B = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_CODEC_OF_FORMAT = {"h265": "hevc"}


@dataclass(slots=True)
class PacketReader:
    """One reading of a video file. `remark`: what was wrong with it, complete at the end; empty when all is well."""

    path: Path
    camera: str
    remark: str = ""

    def items(self, *, start_us: int, monotonic_us: Callable[[], int]) -> Iterator[Item]:
        """The note, then each packet; the first picture is of `start_us`. Raises FeedUnreadable."""
        with opened_video(str(self.path), monotonic_us=monotonic_us) as opened:
            coder: Recoder | None = None
            last_us = start_us - opened.frame_period_us

            def to_us(pts: int | None) -> int:
                nonlocal last_us
                last_us = last_us + opened.frame_period_us if pts is None else start_us + opened.since_first_us(pts)
                return last_us

            try:
                for packet in opened.packets():
                    if coder is None:
                        coder = Recoder(self.camera, packet.stream)
                        yield coder.note()
                    yield from coder.messages(packet, to_us)
            except READ_ERRORS as err:
                self.remark = f"ends early: {err.strerror}"


class Recoder:
    """Packets of one stream to messages; the codec stays, its framing becomes that of tapes."""

    def __init__(self, camera: str, stream: VideoStream) -> None:
        context = stream.codec_context
        self._camera = camera
        self._codec = context.name
        extra = context.extradata or b""
        self._words = {"codec": self._codec, "width_px": str(context.width), "height_px": str(context.height)}
        self._filter: BitStreamFilterContext | None = None
        self._shown_behind: int | None = None  # pts minus dts of the first packet: how far decoding runs ahead
        if self._codec in _TO_ANNEX_B:
            is_annex_b = extra.startswith((b"\0\0\1", b"\0\0\0\1")) or not extra
            name = "dump_extra=freq=keyframe" if is_annex_b else _TO_ANNEX_B[self._codec]
            self._filter = BitStreamFilterContext(name, stream) if extra else None
        elif extra:
            self._words["extradata_base64"] = base64.b64encode(extra).decode()

    def note(self) -> Note:
        return Note(video_topic(self._camera), self._words)

    def messages(self, packet: "Packet[VideoStream]", to_us: Callable[[int | None], int]) -> Iterator[Message]:
        """`to_us`: moment of a time stamp of the stream, asked once for each packet that has none. An empty packet
        gives nothing."""
        if packet.size == 0:
            return
        for each in self._filter.filter(packet) if self._filter is not None else (packet,):
            dts = each.dts if each.dts is not None else each.pts
            pts = each.pts if each.pts is not None else each.dts
            if pts is None or dts is None:  # the first packet of a live stream, or every one of a bare stream
                at_us = decode_us = to_us(None)
            else:
                if self._shown_behind is None:
                    self._shown_behind = pts - dts
                decode_us, at_us = to_us(dts + self._shown_behind), to_us(pts)
            yield video(self._camera, VideoPacket(self._codec, decode_us, at_us, bytes(each)))


class StoredVideo:
    """Messages of one camera back to pictures. `pts_us` of a picture is its moment since the Unix epoch."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = words
        self._context: VideoCodecContext | None = None
        self.corrupt_packets = 0

    def decode(self, message: Message) -> list[Picture]:
        """Raises TapeError for a codec that this machine cannot decode."""
        try:
            content = message.content()
            data, at_us, codec = base64.b64decode(content["data"]), time_us(content), str(content["format"])
        except (ValueError, KeyError, TypeError):
            self.corrupt_packets += 1
            return []
        if self._context is None:
            self._context = self._open(_CODEC_OF_FORMAT.get(codec, codec))
        packet = cast("Packet[VideoStream]", Packet(data))
        packet.pts = at_us
        return self._pictures(packet)

    def flush(self) -> list[Picture]:
        """What the decoder still holds."""
        return [] if self._context is None else self._pictures(None)

    def _pictures(self, packet: "Packet[VideoStream] | None") -> list[Picture]:
        assert self._context is not None
        try:
            frames = self._context.decode(packet)
        except av.error.InvalidDataError:
            self.corrupt_packets += 1
            return []
        except av.error.EOFError:
            return []
        return [
            Picture(np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8), frame.pts or 0, 0) for frame in frames
        ]

    def _open(self, codec: str) -> VideoCodecContext:
        try:
            context = CodecContext.create(codec, "r")
        except (ValueError, av.error.FFmpegError) as err:
            raise TapeError(f"expected a video codec that FFmpeg decodes, got '{codec}'") from err
        if not isinstance(context, VideoCodecContext):
            raise TapeError(f"expected a video codec, got '{codec}'")
        context.width, context.height = int(self._words.get("width_px", 0)), int(self._words.get("height_px", 0))
        context.extradata = base64.b64decode(self._words.get("extradata_base64", "")) or None
        context.thread_type = "SLICE"
        return context
