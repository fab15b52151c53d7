"""A camera for tests: RTSP with H.264 over interleaved TCP (RFC 2326, 3550, 6184), on loopback, one viewer at once."""

import base64
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np

RTP_HZ = 90_000
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


@dataclass
class RtspCamera:
    """`hangs_after` frames it sends nothing more; `closes_after` frames it closes the connection. `clock_off_s` is how
    wrong its clock is; None: it sends no sender report."""

    frames: int = 40
    hangs_after: int | None = None
    closes_after: int | None = None
    clock_off_s: float | None = None
    requests: list[str] = field(default_factory=list)
    port: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/yard"


@contextmanager
def serving(camera: RtspCamera) -> Iterator[RtspCamera]:
    with socket.create_server(("127.0.0.1", 0)) as server:
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
        with connection:
            connection.settimeout(5.0)
            try:
                _serve(camera, connection)
            except OSError:
                continue  # the viewer left


def _serve(camera: RtspCamera, connection: socket.socket) -> None:
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
        body = sdp if method == "DESCRIBE" else ""
        connection.sendall(
            f"RTSP/1.0 200 OK\r\nCSeq: {sequence[1].decode()}\r\n{answers.get(method, '')}\r\n{body}".encode()
        )
    camera.requests.append("")
    _stream(camera, connection, pictures)


def _stream(camera: RtspCamera, connection: socket.socket, pictures: list[list[bytes]]) -> None:
    sequence = 0
    for index, nals in enumerate(pictures):
        if camera.hangs_after is not None and index >= camera.hangs_after:
            camera._stop.wait(30)
            return
        if camera.closes_after is not None and index >= camera.closes_after:
            return
        if camera._stop.is_set():
            return
        stamp = 1000 + index * RTP_HZ // 25
        if camera.clock_off_s is not None and index % 10 == 0:
            ntp = time.time() + camera.clock_off_s + NTP_EPOCH_S
            report = struct.pack(">BBHIIIIII", 0x80, 200, 6, 1, int(ntp), int(ntp % 1 * 2**32), stamp, index, 0)
            connection.sendall(struct.pack(">cBH", b"$", 1, len(report)) + report)
        for number, nal in enumerate(nals):
            is_last = number == len(nals) - 1
            packet = struct.pack(">BBHII", 0x80, 96 | (128 if is_last else 0), sequence, stamp, 1) + nal
            connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
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
