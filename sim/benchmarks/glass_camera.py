"""A camera whose pictures carry the time at which they were taken, as squares that any codec leaves readable.

H.264 over RTP on loopback, described by an .sdp file. Two rows of squares, black or white: the milliseconds since the
Unix epoch, the highest bit first, and last a bit that makes their number even.
"""

import base64
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from contract.clock import Clock
from detectors.frame import ImageBgr
from sim.embedded_broker import free_port

WIDTH_PX, HEIGHT_PX, FRAMES_PER_S, KEY_EACH = 1280, 720, 25, 50
BITS, COLUMNS, SQUARE_PX = 42, 21, 32
OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "30"}
SPS, PPS = 7, 8


def stamped(picture: ImageBgr, wall_ms: int) -> ImageBgr:
    """A copy with the squares in its upper left corner."""
    bits = [wall_ms >> place & 1 for place in reversed(range(BITS - 1))]
    bits.append(sum(bits) % 2)
    squares = np.array(bits, np.uint8).reshape(BITS // COLUMNS, COLUMNS) * 255
    large = squares.repeat(SQUARE_PX, axis=0).repeat(SQUARE_PX, axis=1)
    copy: ImageBgr = picture.copy()
    copy[: large.shape[0], : large.shape[1]] = large[:, :, None]
    return copy


def read_stamp(picture: ImageBgr) -> int | None:
    """What `stamped` wrote; None where the squares make no sense."""
    middles = slice(SQUARE_PX // 2, None, SQUARE_PX)
    squares = picture[middles, middles, 0][: BITS // COLUMNS, :COLUMNS].reshape(-1) > 127
    bits = squares.astype(int).tolist()
    if len(bits) != BITS or sum(bits) % 2:
        return None
    return int("".join(map(str, bits[:-1])), 2)


@contextmanager
def camera(sdp: Path, *, clock: Clock) -> Iterator[None]:
    """It sends until the block ends; `sdp`: the file that describes it."""
    port = free_port() & ~1  # the reports' is the next
    sdp.write_text(_description(port))
    stop = threading.Event()
    thread = threading.Thread(target=_send, args=(port, clock, stop), name="camera")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _ground() -> ImageBgr:
    """Gravel: something for the codec to do."""
    stones = np.random.default_rng(1).integers(90, 160, (HEIGHT_PX // 8, WIDTH_PX // 8), np.uint8)
    return np.repeat(stones.repeat(8, axis=0).repeat(8, axis=1)[:, :, None], 3, axis=2)


def _prepared(context: VideoCodecContext) -> None:
    context.width, context.height, context.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FRAMES_PER_S), Fraction(FRAMES_PER_S)
    context.gop_size, context.max_b_frames, context.thread_count = KEY_EACH, 0, 1
    context.options = OPTIONS


def _picture(image: ImageBgr, number: int) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
    picture.pts, picture.time_base = number, Fraction(1, FRAMES_PER_S)
    return picture


def _description(port: int) -> str:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    _prepared(context)
    first = b"".join(bytes(packet) for packet in context.encode(_picture(_ground(), 0)))
    units = [unit for unit in re.split(b"\x00\x00\x00?\x01", first) if unit]
    sets = ",".join(base64.b64encode(unit).decode() for unit in units if unit[0] & 31 in (SPS, PPS))
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=glass\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\n"
    )


def _send(port: int, clock: Clock, stop: threading.Event) -> None:
    """A picture is stamped before it is encoded: what the camera itself takes counts."""
    ground, number = _ground(), 0
    with av.open(f"rtp://127.0.0.1:{port}?pkt_size=1200", "w", format="rtp") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S)
        _prepared(stream.codec_context)
        next_us = clock.monotonic_us()
        while not stop.wait(max(next_us - clock.monotonic_us(), 0) / 1e6):
            shifted = np.roll(ground, 2 * number, axis=1)
            image = stamped(shifted, clock.wall_us() // 1000)
            container.mux(stream.encode(_picture(image, number)))
            number += 1
            next_us += 1_000_000 // FRAMES_PER_S
