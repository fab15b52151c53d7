"""A camera for tests: RTSP with H.264 (RFC 2326, 3550, 6184) over its own connection or UDP, on loopback, one viewer at
once.

As a process of its own, to be killed or stopped: python -m tests.edge.rtsp_camera PORT
"""

import base64
import random
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np

Send = Callable[[int, bytes], None]  # channel (0 pictures, 1 reports), packet

NOISE = random.Random(5).randbytes(4000)
RTP_HZ = 90_000
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


@dataclass
class RtspCamera:
    """`hangs_after` frames it sends nothing more; `closes_after` frames it closes the connection; `raves_after` frames
    it sends noise, framed as pictures if `is_framed`; `trickles_after` frames the next comes a byte at a time.
    `is_slow`: it answers a byte a second. `clock_off_s` is how wrong its clock is; None: it sends no sender report."""

    frames: int = 40
    hangs_after: int | None = None
    closes_after: int | None = None
    raves_after: int | None = None
    trickles_after: int | None = None
    is_framed: bool = True
    is_slow: bool = False
    clock_off_s: float | None = None
    requests: list[str] = field(default_factory=list)
    transports: list[str] = field(default_factory=list)
    port: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/yard"


@contextmanager
def serving(camera: RtspCamera) -> Iterator[RtspCamera]:
    with socket.create_server(("127.0.0.1", camera.port)) as server:
        server.settimeout(0.1)
        camera.port = server.getsockname()[1]
        thread = threading.Thread(target=_accept, args=(camera, server))
        thread.start()
        try:
            yield camera
        finally:
            camera._stop.set()
            thread.join(5.0)


def _accept(camera: RtspCamera, server: socket.socket) -> None:
    while not camera._stop.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        with connection, ExitStack() as stack:
            connection.settimeout(5.0)
            try:
                _serve(camera, connection, stack)
            except OSError:
                continue  # the viewer left


def _serve(camera: RtspCamera, connection: socket.socket, stack: ExitStack) -> None:
    pictures = list(_encode(camera.frames))
    nals = [nal for nal in pictures[0] if nal[0] & 31 in (7, 8)]
    sprop = ",".join(base64.b64encode(nal).decode() for nal in nals)
    sdp = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=yard\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
        f"a=rtpmap:96 H264/{RTP_HZ}\r\na=control:track1\r\n"
        f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
    )
    answers = {
        "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n",
        "PLAY": "Session: 1\r\nRange: npt=0-\r\n",
    }
    buffer = b""
    send = _interleaved(connection)
    sockets = stack.enter_context(_udp()), stack.enter_context(_udp())
    while "PLAY" not in camera.requests[-1:]:
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(4096)
            if not data:
                return
            buffer += data
        request, _, buffer = buffer.partition(b"\r\n\r\n")
        method = request.split(b" ", 1)[0].decode()
        sequence = re.search(rb"CSeq: *(\d+)", request)
        assert sequence is not None
        camera.requests.append(method)
        ports = re.search(rb"client_port=(\d+)-(\d+)", request)
        if ports is not None:
            viewer = int(ports[1]), int(ports[2])
            said = "-".join(str(each.getsockname()[1]) for each in sockets)
            answers["SETUP"] = (
                f"Transport: RTP/AVP;unicast;client_port={viewer[0]}-{viewer[1]};server_port={said}\r\n"
                "Session: 1;timeout=60\r\n"
            )
            send = _datagrams(sockets, viewer)
        if method == "SETUP":
            camera.transports.append("tcp" if ports is None else "udp")
        body = sdp if method == "DESCRIBE" else ""
        answer = f"RTSP/1.0 200 OK\r\nCSeq: {sequence[1].decode()}\r\n{answers.get(method, '')}\r\n{body}".encode()
        if camera.is_slow:
            _trickle(camera, connection, answer)
        connection.sendall(answer)
    camera.requests.append("")
    _stream(camera, send, pictures)
    if camera.trickles_after is not None:
        packet = struct.pack(">cBH", b"$", 0, 1000) + bytes(1000)
        for at in range(len(packet)):
            if camera._stop.wait(0.1):
                return
            connection.sendall(packet[at : at + 1])
    if camera.raves_after is not None and not camera.is_framed:
        while not camera._stop.is_set():
            connection.sendall(NOISE)


def _trickle(camera: RtspCamera, connection: socket.socket, answer: bytes) -> None:
    for at in range(len(answer)):
        if camera._stop.wait(1.0):
            return
        connection.sendall(answer[at : at + 1])


def _udp() -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound


def _interleaved(connection: socket.socket) -> Send:
    def send(channel: int, packet: bytes) -> None:
        connection.sendall(struct.pack(">cBH", b"$", channel, len(packet)) + packet)

    return send


def _datagrams(sockets: tuple[socket.socket, socket.socket], ports: tuple[int, int]) -> Send:
    def send(channel: int, packet: bytes) -> None:
        with suppress(ConnectionRefusedError):  # the viewer left: what a camera hears of it comes over TCP
            sockets[channel].sendto(packet, ("127.0.0.1", ports[channel]))

    return send


def _stream(camera: RtspCamera, send: Send, pictures: list[list[bytes]]) -> None:
    sequence = 0
    for index, nals in enumerate(pictures):
        if camera.hangs_after is not None and index >= camera.hangs_after:
            camera._stop.wait(30)
            return
        if camera.closes_after is not None and index >= camera.closes_after:
            return
        if camera._stop.is_set() or (camera.raves_after == index and not camera.is_framed):
            return
        if camera.trickles_after == index:
            return
        stamp = 1000 + index * RTP_HZ // 25
        if camera.clock_off_s is not None and index % 10 == 0:
            ntp = time.time() + camera.clock_off_s + NTP_EPOCH_S
            report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 1, int(ntp), int(ntp % 1 * 2**32), stamp, index, 0)
            send(1, report)
        for number, nal in enumerate(nals):
            is_last = number == len(nals) - 1
            raves = camera.raves_after is not None and index >= camera.raves_after
            content = nal[:1] + NOISE[: len(nal)] if raves else nal
            send(0, struct.pack(">BBHII", 0x80, 96 | (128 if is_last else 0), sequence, stamp, 1) + content)
            sequence += 1
        camera._stop.wait(0.04)


def _encode(frames: int) -> Iterator[list[bytes]]:
    """Each picture as its NAL units."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = 160, 120, "yuv420p"
    codec.framerate, codec.gop_size = Fraction(25), 10
    codec.options = {"tune": "zerolatency", "preset": "ultrafast"}
    for index in range(frames):
        image = np.zeros((120, 160, 3), np.uint8)
        image[8:40, index * 2 : 32 + index * 2] = 255
        picture = av.VideoFrame.from_ndarray(image, format="bgr24")
        picture.pts = index
        for packet in codec.encode(picture):
            yield [nal for nal in re.split(b"\x00\x00\x00?\x01", bytes(packet)) if nal]


if __name__ == "__main__":
    with serving(RtspCamera(port=int(sys.argv[1]), frames=3000)) as standing:
        print(standing.port, flush=True)
        standing._stop.wait(120)
