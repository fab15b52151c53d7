"""An RTSP camera through GStreamer, for boards whose decoder only GStreamer reaches: gst+rtsp://HOST/PATH.

On a Jetson `decodebin` takes nvv4l2decoder and `nvvidconv` brings the pictures from the accelerator's memory; elsewhere
both are software. GStreamer is the system's and so are its bindings: an environment with system site packages
(docs/jetson.md). Frames are stamped on arrival.
"""

import importlib
import threading
from collections.abc import Generator
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import numpy as np

from contract.clock import AnchoredClock, Clock
from detectors.frame import Frame, ImageBgr
from edge.errors import FeedLost, FeedUnreadable, SetUpError
from edge.live import TIMEOUT_S
from edge.source import CapturedBy, SourceOptions, redacted

PULL_NS = 200_000_000  # until a stop is noticed
BYTES_PER_PIXEL = 4  # BGRx: the one packed format that nvvidconv and videoconvert both give
HARDWARE = "nvv4l2decoder"
PIPELINE = (
    "rtspsrc name=camera latency=0 ! application/x-rtp,media=video ! decodebin ! {converter} ! "
    "video/x-raw,format=BGRx ! appsink name=pictures max-buffers=1 drop=true sync=false"
)


class GstSource:
    """One opening of one camera."""

    is_live = True
    is_paced = True
    is_quiet = False
    captured_by = CapturedBy.ARRIVAL

    def __init__(self, options: SourceOptions, clock: Clock, gst: Any) -> None:
        self._options = options
        self._where = redacted(options.url)
        self._clock = clock
        self._anchored = AnchoredClock(clock)
        self._gst = gst
        self._last_us = 0
        self.corrupt_packets = 0
        self.remark = ""

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        gst = self._gst
        has_hardware = gst.ElementFactory.find(HARDWARE) is not None
        self.remark = "" if has_hardware else f"decoded in software: GStreamer has no {HARDWARE} here"
        pipeline = gst.parse_launch(PIPELINE.format(converter="nvvidconv" if has_hardware else "videoconvert"))
        self._address(pipeline.get_by_name("camera"))
        pictures, bus = pipeline.get_by_name("pictures"), pipeline.get_bus()
        opened_us = last_us = self._clock.monotonic_us()
        index = 0
        try:
            pipeline.set_state(gst.State.PLAYING)
            while not stop.is_set():
                sample = pictures.emit("try-pull-sample", PULL_NS)
                now_us = self._clock.monotonic_us()
                if sample is not None:
                    last_us = now_us
                    yield Frame(self._image(sample), now_us - opened_us, self._captured_at_us(), index, 0)
                    index += 1
                    continue
                self._expect_life(bus, silent_s=(now_us - last_us) / 1e6, is_open=index > 0)
        finally:
            pipeline.set_state(gst.State.NULL)

    def _address(self, camera: Any) -> None:
        """Set as properties, not as text of the pipeline, where an address could say more than where."""
        parts = urlsplit(self._options.url)
        host = parts.netloc.rpartition("@")[2]
        camera.set_property("location", urlunsplit(parts._replace(scheme=parts.scheme[len("gst+") :], netloc=host)))
        if parts.username is not None:
            camera.set_property("user-id", unquote(parts.username))
            camera.set_property("user-pw", unquote(parts.password or ""))
        self._gst.util_set_object_arg(camera, "protocols", self._options.transport)

    def _expect_life(self, bus: Any, *, silent_s: float, is_open: bool) -> None:
        """Raises FeedUnreadable before the first picture, FeedLost after."""
        kinds = self._gst.MessageType
        message = bus.pop_filtered(kinds.ERROR | kinds.EOS)
        ended = FeedLost if is_open else FeedUnreadable
        if message is not None and message.type == kinds.ERROR:
            error, _ = message.parse_error()
            raise ended(f"{self._where}: {' '.join(str(error.message).split())}")
        if message is not None:
            raise ended(f"{self._where}: the camera closed the connection")
        limit_s = 2 * TIMEOUT_S[1] if is_open else TIMEOUT_S[0]
        if silent_s > limit_s:
            raise ended(f"{self._where}: {'no data' if is_open else 'no video'} within {limit_s:g} s")

    def _image(self, sample: Any) -> ImageBgr:
        size = sample.get_caps().get_structure(0)
        width_px, height_px = size.get_value("width"), size.get_value("height")
        buffer = sample.get_buffer()
        is_mapped, memory = buffer.map(self._gst.MapFlags.READ)
        if not is_mapped:
            raise FeedLost(f"{self._where}: a picture that cannot be read")
        try:
            rows = np.frombuffer(memory.data, np.uint8).reshape(height_px, -1)  # which may be padded
            packed = rows[:, : width_px * BYTES_PER_PIXEL].reshape(height_px, width_px, BYTES_PER_PIXEL)
            return np.ascontiguousarray(packed[:, :, :3])
        finally:
            buffer.unmap(memory)

    def _captured_at_us(self) -> int:
        self._last_us = max(self._anchored.now_us(), self._last_us + 1)
        return self._last_us


def open_source(options: SourceOptions, clock: Clock) -> GstSource:
    """Raises SetUpError where GStreamer's bindings are not."""
    if urlsplit(options.url).scheme not in ("gst+rtsp", "gst+rtsps"):
        raise SetUpError(f"feed {redacted(options.url)}: expected gst+rtsp://HOST/PATH")
    try:
        gi = importlib.import_module("gi")
        gi.require_version("Gst", "1.0")
        gst = importlib.import_module("gi.repository.Gst")
    except (ImportError, ValueError) as err:
        raise SetUpError(
            f"feed {redacted(options.url)}: expected GStreamer and its bindings of the system's Python "
            f"(docs/jetson.md), got: {err}"
        ) from err
    gst.init(None)
    return GstSource(options, clock, gst)
