"""The glass benchmark's arithmetic: the time in a picture survives a codec, and the bar is kept where it is asked."""

import io

import av
import numpy as np

from sim.benchmarks.figures import Spread
from sim.benchmarks.glass import Glass, Way
from sim.benchmarks.glass_camera import HEIGHT_PX, WIDTH_PX, read_stamp, stamped

GREY = np.full((HEIGHT_PX, WIDTH_PX, 3), 120, np.uint8)
NOW_MS = 1_795_442_400_123


def way(name: str, p50_ms: float | None) -> Way:
    glass = None if p50_ms is None else Spread(count=150, p50_ms=p50_ms, p95_ms=p50_ms, p99_ms=p50_ms, max_ms=p50_ms)
    return Way(name, glass, p50_ms, 25.0)


def test_the_time_in_a_picture_is_read_back_and_a_broken_one_is_not() -> None:
    picture = stamped(GREY, NOW_MS)
    assert read_stamp(picture) == NOW_MS
    picture[:32, :32] = 255 - picture[:32, :32]
    assert read_stamp(picture) is None


def test_the_time_survives_a_codec() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stamped(GREY, NOW_MS), format="bgr24")))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, format="mjpeg") as opened:
        shown = next(opened.decode(video=0)).to_ndarray(format="bgr24")
    assert read_stamp(shown) == NOW_MS


def test_a_slow_way_is_missed_and_stills_have_no_bar() -> None:
    good = Glass((way("WebCodecs", 150.0), way("MSE", 80.0), way("JPEG", 900.0)), load=0.0)
    assert good.missed == []
    bad = Glass((way("WebCodecs", 151.0), way("MSE", None)), load=0.0)
    assert bad.missed == ["WebCodecs: expected a p50 of at most 150 ms, got 151", "MSE: expected pictures, got none"]
    assert bad.table().row_count == 2
