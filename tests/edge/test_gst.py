"""An RTSP camera through GStreamer: what a Jetson is asked for, by a stand-in; the real one where it is installed."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from contract.clock import SystemClock
from edge.errors import FeedError, FeedLost, FeedUnreadable, SetUpError
from edge.source import SourceOptions, open_source
from edge.sources.gst import GstSource
from tests.conftest import ROOT, ManualClock
from tests.edge.rtsp_camera import RtspCamera, serving

SYSTEM_BINDINGS = Path("/usr/lib/python3/dist-packages")
PADDED = 8  # bytes at the end of each row, as some converters leave them


class StandIn:
    """Just so much of Gst: one pipeline that gives these samples, then this message."""

    State = SimpleNamespace(PLAYING="playing", NULL="null")
    MessageType = SimpleNamespace(ERROR=1, EOS=2)
    MapFlags = SimpleNamespace(READ=1)

    def __init__(self, *, pictures: int, message: Any = None, decoder: str | None = "nvv4l2decoder") -> None:
        self.asked: list[object] = []
        self.mapped = 0
        self._pictures = pictures
        self._message = message
        self._decoder = decoder
        self.ElementFactory = SimpleNamespace(find=lambda name: name if name == self._decoder else None)
        self.on_silence: Callable[[], None] = lambda: None

    def parse_launch(self, description: str) -> Any:
        self.asked.append(description)
        camera = SimpleNamespace(set_property=lambda key, value: self.asked.append((key, value)))
        elements = {"camera": camera, "pictures": SimpleNamespace(emit=self._pull)}
        return SimpleNamespace(
            get_by_name=elements.__getitem__,
            set_state=self.asked.append,
            get_bus=lambda: SimpleNamespace(pop_filtered=lambda _kinds: self._message),
        )

    def util_set_object_arg(self, _element: Any, key: str, value: str) -> None:
        self.asked.append((key, value))

    def _pull(self, _signal: str, _timeout_ns: int) -> Any:
        if not self._pictures:
            self.on_silence()
            return None
        self._pictures -= 1
        rows = np.zeros((2, 4 * 4 + PADDED), np.uint8)
        rows[1, 8:11] = (10, 20, 30)  # the third pixel of the second row: blue, green, red
        memory = SimpleNamespace(data=rows.tobytes())
        size = {"width": 4, "height": 2}
        return SimpleNamespace(
            get_caps=lambda: SimpleNamespace(get_structure=lambda _n: SimpleNamespace(get_value=size.__getitem__)),
            get_buffer=lambda: SimpleNamespace(map=lambda _flags: self._map(memory), unmap=self._unmap),
        )

    def _map(self, memory: Any) -> tuple[bool, Any]:
        self.mapped += 1
        return True, memory

    def _unmap(self, _memory: Any) -> None:
        self.mapped -= 1


def source_of(gst: StandIn, clock: ManualClock, url: str = "gst+rtsp://cam/1") -> GstSource:
    return GstSource(SourceOptions(url, transport="udp"), clock, gst)


def error(text: str) -> Any:
    return SimpleNamespace(type=1, parse_error=lambda: (SimpleNamespace(message=text), "where in GStreamer"))


def test_on_a_jetson_the_accelerator_decodes_and_the_password_is_no_part_of_the_text(clock: ManualClock) -> None:
    gst = StandIn(pictures=1)
    source = source_of(gst, clock, "gst+rtsp://guard:s3%40cret@cam:554/1?x=2")
    frames = source.frames(threading.Event())
    frame = next(frames)
    frames.close()

    assert frame.image_bgr.shape == (2, 4, 3)
    assert frame.image_bgr[1, 2].tolist() == [10, 20, 30]
    assert frame.image_bgr.sum() == 60
    assert gst.mapped == 0
    assert source.remark == ""
    assert gst.asked == [
        (
            "rtspsrc name=camera latency=0 ! application/x-rtp,media=video ! decodebin ! nvvidconv ! "
            "video/x-raw,format=BGRx ! appsink name=pictures max-buffers=1 drop=true sync=false"
        ),
        ("location", "rtsp://cam:554/1?x=2"),
        ("user-id", "guard"),
        ("user-pw", "s3@cret"),
        ("protocols", "udp"),
        "playing",
        "null",
    ]


def test_a_board_without_the_accelerator_says_that_it_decodes_in_software(clock: ManualClock) -> None:
    gst = StandIn(pictures=1, decoder=None)
    source = source_of(gst, clock)
    frames = source.frames(threading.Event())
    next(frames)
    frames.close()

    assert source.remark == "decoded in software: GStreamer has no nvv4l2decoder here"
    assert "videoconvert" in str(gst.asked[0])


@pytest.mark.parametrize(
    ("pictures", "message", "kind", "why"),
    [
        pytest.param(0, error("Not\nauthorized"), FeedUnreadable, "Not authorized", id="refused"),
        pytest.param(2, error("gone"), FeedLost, "gone", id="broken"),
        pytest.param(2, SimpleNamespace(type=2), FeedLost, "the camera closed the connection", id="closed"),
        pytest.param(0, None, FeedUnreadable, "no video within 5 s", id="never began"),
        pytest.param(2, None, FeedLost, "no data within 4 s", id="hung"),
    ],
)
def test_every_end_is_one_line_and_lets_go(
    pictures: int, message: Any, kind: type[FeedError], why: str, clock: ManualClock
) -> None:
    gst = StandIn(pictures=pictures, message=message)
    gst.on_silence = lambda: clock.advance(1.0)
    with pytest.raises(kind) as caught:
        list(source_of(gst, clock, "gst+rtsp://guard:s3cret@cam/1").frames(threading.Event()))

    assert str(caught.value) == f"gst+rtsp://guard@cam/1: {why}"
    assert gst.asked[-1] == "null"


def test_without_the_bindings_the_set_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gi", None)
    with pytest.raises(SetUpError, match=r"expected GStreamer and its bindings of the system's Python"):
        open_source(SourceOptions("gst+rtsp://cam/1"), clock=SystemClock())


READ = """
import json, sys, threading
sys.path.append(sys.argv[1])
from contract.clock import SystemClock
from edge.errors import FeedLost
from edge.source import SourceOptions, open_source
source, found = open_source(SourceOptions(sys.argv[2]), clock=SystemClock()), []
try:
    for frame in source.frames(threading.Event()):
        found.append([*frame.image_bgr.shape, int(frame.image_bgr[20].max())])
except FeedLost as err:
    print(json.dumps([found, str(err)]))
"""
PROBE = """
import sys
sys.path.append(sys.argv[1])
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
"""


@pytest.mark.system
def test_the_real_gstreamer_reads_a_camera_and_sees_it_go() -> None:
    probe = [sys.executable, "-c", PROBE, str(SYSTEM_BINDINGS)]
    if subprocess.run(probe, capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("no GStreamer with bindings for this Python")
    with serving(RtspCamera(frames=40, closes_after=30)) as camera:
        url = f"gst+{camera.url}"
        command = [sys.executable, "-c", READ, str(SYSTEM_BINDINGS), url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    found, why = json.loads(done.stdout)

    assert why == f"{url}: the camera closed the connection"
    assert len(found) > 15
    assert [picture[:3] for picture in found] == [[120, 160, 3]] * len(found)
    assert min(picture[3] for picture in found) > 200
