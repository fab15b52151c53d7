"""Senders for tests, on loopback: MPEG-TS over UDP and H.264 over RTP, as a camera or a drone's downlink sends them."""

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream

FPS = 25
GLOBAL_HEADER = 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER: the parameter sets stand in the description, not in the stream


def free_udp_port() -> int:
    """Even, and with its odd neighbour free: RTP takes both."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if port % 2:
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
                try:
                    second.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
                return port


@dataclass
class Sender:
    """Sends pictures in real time until told to stop. `size_px` may be changed while it runs: what comes next is of
    that size, as from a camera that was set up anew."""

    address: str
    container: str
    sdp: Path | None = None
    size_px: tuple[int, int] = (160, 120)
    gop: int = 5  # pictures from one key frame to the next
    told: Callable[[int], bytes] | None = None  # metadata beside each picture, by its number
    _stop: threading.Event = field(default_factory=threading.Event)
    _is_sending: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self._stop.is_set():
            number = self._send(self.size_px, number)

    def _send(self, size_px: tuple[int, int], number: int) -> int:
        """Until the size is another or it is told to stop."""
        with av.open(self.address, "w", format=self.container) as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height = size_px
            stream.pix_fmt, stream.gop_size = "yuv420p", self.gop
            stream.options = {"tune": "zerolatency", "preset": "ultrafast"}
            metadata = container.add_data_stream("klv") if self.told else None
            if self.sdp is not None:
                stream.codec_context.flags |= GLOBAL_HEADER
                stream.codec_context.open()
                self.sdp.write_text(_description(self.address, bytes(stream.codec_context.extradata or b"")))
            while not self._stop.is_set() and self.size_px == size_px:
                image = np.zeros((size_px[1], size_px[0], 3), np.uint8)
                left = number * 4 % (size_px[0] - 40)
                image[8:40, left : left + 32] = 255
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                if metadata is not None and self.told is not None:
                    container.mux(_packet(self.told(number), number, metadata))
                container.mux(stream.encode(frame))
                self._is_sending.set()
                number += 1
                self._stop.wait(1 / FPS)
        return number


@contextmanager
def sending(sender: Sender) -> Iterator[Sender]:
    sender._stop.clear()
    sender._is_sending.clear()
    thread = threading.Thread(target=sender.run)
    thread.start()
    assert sender._is_sending.wait(5.0)
    try:
        yield sender
    finally:
        sender._stop.set()
        thread.join(5.0)


def _packet(content: bytes, number: int, stream: Stream) -> "Packet[Stream]":
    packet = Packet(content)
    packet.stream = stream
    packet.pts = packet.dts = number
    packet.time_base = Fraction(1, FPS)
    return packet


def _description(address: str, extradata: bytes) -> str:
    """RFC 8866 with the parameter sets of RFC 6184."""
    port = address.rsplit(":", 1)[1]
    nals = [nal for nal in re.split(b"\x00\x00\x00?\x01", extradata) if nal and nal[0] & 31 in (7, 8)]
    sprop = ",".join(base64.b64encode(nal).decode() for nal in nals)
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=yard\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
    )
