"""One opening of a live feed through PyAV: what all schemes have in common. A file of edge/sources says how to dial.

Frames are stamped by the camera's own clock once its RTCP sender reports told what it shows and while that agrees
with ours; before, and for a camera that tells none or whose clock is wrong, by their arrival.
"""

import struct
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import av.error
from av.packet import Packet
from av.video.stream import VideoStream

from contract.clock import AnchoredClock, Clock
from detectors.frame import Frame
from edge.decode import READ_ERRORS, Picture, Video, opened_video
from edge.errors import FeedLost, FeedUnreadable
from edge.source import CapturedBy, SourceOptions, redacted
from edge.thinning import Thinning

TIMEOUT_S = (5.0, 2.0)  # open, read; a hung sender is noticed after twice the second
CLOCK_AGREES_US = 2_000_000  # further off than this, a camera's clock is wrong rather than its network slow
# Packets that give no picture for so long are no video. The first one waits for a key frame, in some streams each 10 s;
# after it, less than the stall of edge/camera.py.
FIRST_PICTURE_US, BLIND_US = 20_000_000, 4_000_000


@dataclass(frozen=True, slots=True)
class Dial:
    """How FFmpeg opens one feed. `address` may hold a password. `container`: the demuxer, where it must not be guessed
    from the bytes, because anybody may send them."""

    address: str
    options: Mapping[str, str] = field(default_factory=dict)
    container: str | None = None


class LiveVideo:
    """One opening of one live feed."""

    is_live = True
    is_paced = True

    def __init__(self, dial: Dial, options: SourceOptions, clock: Clock) -> None:
        self._dial = dial
        self._where = redacted(options.url)
        self._metadata = options.metadata
        self._ring = options.ring
        self._thinning = Thinning()
        self.is_quiet = False
        self._clock = clock
        self._anchored = AnchoredClock(clock)
        self._sender_offset_us: int | None = None  # camera's clock minus PTS
        self._last_us = 0
        self._last_picture_us = 0  # monotonic
        self.captured_by = CapturedBy.ARRIVAL
        self.corrupt_packets = 0
        self.remark = ""

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        if self._metadata is not None:
            self._metadata.begin()
        with self.opened() as video:
            index = 0
            self._last_picture_us = self._clock.monotonic_us()
            for packet in self._packets(video):
                self._read_sender_clock(packet, video)
                video.keep(packet, self._packet_us(packet, video))
                for picture in self._pictures(packet, video):
                    if stop.is_set():
                        return
                    self._last_picture_us = self._clock.monotonic_us()
                    captured_at_us = self._captured_at_us(picture)
                    yield Frame(picture.image_bgr, picture.pts_us, captured_at_us, index, picture.decode_us)
                    index += 1
                self.corrupt_packets = video.corrupt_packets
                if stop.is_set():
                    return
                self._expect_pictures(BLIND_US if index else FIRST_PICTURE_US)
        raise FeedLost(f"{self._where}: the camera closed the connection")

    def _pictures(self, packet: "Packet[VideoStream]", video: Video) -> Sequence[Picture]:
        """None for a packet that may be passed over; what was passed over before is old by now."""
        pictures: Sequence[Picture] = ()
        for due in self._thinning.due(packet, is_quiet=self.is_quiet):
            pictures = video.decode(due)
        return pictures

    def opened(self) -> AbstractContextManager[Video]:
        """The container, for who wants packets and no pictures. Raises FeedUnreadable."""
        return opened_video(
            self._dial.address,
            shown=self._where,
            monotonic_us=self._clock.monotonic_us,
            options=self._dial.options,
            container_format=self._dial.container,
            timeout_s=TIMEOUT_S,
            ring=self._ring,
        )

    def _packets(self, video: Video) -> Iterator["Packet[VideoStream]"]:
        take = None if self._metadata is None else self._metadata.take
        try:
            for packet in video.packets(tell_data=take):
                if packet.size == 0:  # how FFmpeg says that a live stream is gone
                    return
                yield packet
        except av.error.ExitError as err:
            raise FeedLost(f"{self._where}: no data for more than {TIMEOUT_S[1]:g} s") from err
        except READ_ERRORS as err:
            raise FeedLost(f"{self._where}: {err.strerror or 'no data'}") from err

    def _expect_pictures(self, within_us: int) -> None:
        if self._clock.monotonic_us() - self._last_picture_us > within_us:
            raise FeedUnreadable(
                f"{self._where}: packets come, but no picture could be decoded for {within_us / 1e6:g} s"
                f" ({self.corrupt_packets} packets refused)"
            )

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
