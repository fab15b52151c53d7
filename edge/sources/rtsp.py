"""A live camera over RTSP.

Frames are stamped by the camera's own clock once its RTCP sender reports told what it shows and while that agrees
with ours; before, and for a camera whose clock is wrong, by their arrival.
"""

import struct
import threading
from collections.abc import Generator, Iterator

from av.packet import Packet
from av.video.stream import VideoStream

from contract.clock import AnchoredClock, Clock
from detectors.frame import Frame
from edge.decode import READ_ERRORS, Picture, Video, opened_video
from edge.errors import FeedLost
from edge.source import CapturedBy, SourceOptions, redacted

# First frame after 0.10 s. Never fflags=nobuffer: it throws the first key frame away, a whole group of pictures.
OPTIONS = {"rtsp_transport": "tcp", "probesize": "32", "analyzeduration": "0"}
TIMEOUT_S = (5.0, 2.0)  # open, read; a hung server is noticed after twice the second
CLOCK_AGREES_US = 2_000_000  # further off than this, a camera's clock is wrong rather than its network slow


class RtspSource:
    """One opening of one camera."""

    is_live = True
    is_paced = True

    def __init__(self, options: SourceOptions, clock: Clock) -> None:
        self._url = options.url
        self._ring = options.ring
        self._clock = clock
        self._anchored = AnchoredClock(clock)
        self._sender_offset_us: int | None = None  # camera's clock minus PTS
        self._last_us = 0
        self.captured_by = CapturedBy.ARRIVAL
        self.corrupt_packets = 0
        self.remark = ""

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        where = redacted(self._url)
        with opened_video(
            self._url, monotonic_us=self._clock.monotonic_us, options=OPTIONS, timeout_s=TIMEOUT_S, ring=self._ring
        ) as video:
            index = 0
            for packet in self._packets(video):
                self._read_sender_clock(packet, video)
                video.keep(packet, self._packet_us(packet, video))
                for picture in video.decode(packet):
                    if stop.is_set():
                        return
                    captured_at_us = self._captured_at_us(picture)
                    yield Frame(picture.image_bgr, picture.pts_us, captured_at_us, index, picture.decode_us)
                    index += 1
                self.corrupt_packets = video.corrupt_packets
                if stop.is_set():
                    return
        raise FeedLost(f"{where}: the camera closed the connection")

    def _packets(self, video: Video) -> Iterator["Packet[VideoStream]"]:
        try:
            for packet in video.packets():
                if packet.size == 0:  # how FFmpeg says that a live stream is gone
                    return
                yield packet
        except READ_ERRORS as err:
            raise FeedLost(f"{redacted(self._url)}: {err.strerror or 'no data'}") from err

    def _read_sender_clock(self, packet: "Packet[VideoStream]", video: Video) -> None:
        """Producer reference time: microseconds since the Unix epoch as int64, then flags (AVProducerReferenceTime)."""
        if packet.pts is None or not packet.has_sidedata("prft"):
            return
        (sender_us, _flags) = struct.unpack("<qi", bytes(packet.get_sidedata("prft"))[:12])
        off_us = sender_us - self._anchored.now_us()
        if abs(off_us) <= CLOCK_AGREES_US:
            self._sender_offset_us = sender_us - video.since_first_us(packet.pts)
            self.captured_by, self.remark = CapturedBy.SENDER, ""
        else:
            self._sender_offset_us = None
            self.captured_by = CapturedBy.ARRIVAL
            self.remark = f"the camera's clock is off by {off_us / 1e6:.0f} s; frames are stamped on arrival"

    def _packet_us(self, packet: "Packet[VideoStream]", video: Video) -> int:
        if self._sender_offset_us is None:
            return self._anchored.now_us()
        return self._sender_offset_us + video.packet_us(packet)

    def _captured_at_us(self, picture: Picture) -> int:
        if self._sender_offset_us is None:
            now_us = self._anchored.now_us() - picture.decode_us
        else:
            now_us = self._sender_offset_us + picture.pts_us
        self._last_us = max(now_us, self._last_us + 1)
        return self._last_us


def open_source(options: SourceOptions, clock: Clock) -> RtspSource:
    return RtspSource(options, clock)
