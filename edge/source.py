"""Where frames come from: one file in edge/sources for each way.

A source is read by one thread, which it may block. A recording comes to its end; a live feed only gets lost.
"""

import importlib
import threading
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from contract.clock import Clock
from contract.site import Camera
from detectors.frame import Frame
from edge.errors import FeedUnreadable, SetUpError
from edge.footage.ring import Ring

RECORDING_START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


class CapturedBy(str, Enum):
    """Whose clock stamps the frames."""

    SENDER = "the camera's clock"
    ARRIVAL = "time of arrival"
    RECORDING = "start and PTS of the recording"


class Metadata(Protocol):
    """Who wants what a live feed carries beside its pictures; called on the feed's thread."""

    def begin(self) -> None:
        """The feed is opened anew: its time stamps begin anew too."""
        ...

    def take(self, data: bytes, pts_us: int) -> None:
        """One packet of a data stream; `pts_us` as that of the frames."""
        ...


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """url: a path, or an address with its scheme and, if need be, credentials: show it only through `redacted`.

    start: the moment of a recording's first frame; None: now.
    is_realtime: deliver a recording as slowly as it was taken.
    transport: of an RTSP camera's pictures, tcp or udp.
    metadata: gets the data streams of a live feed.
    ring: keep the encoded packets of the last seconds there.
    """

    url: str
    start: datetime | None = RECORDING_START
    is_realtime: bool = False
    transport: str = "tcp"
    metadata: Metadata | None = None
    ring: Ring | None = None


class Source(Protocol):
    """One feed. Give each opening a new source."""

    @property
    def is_live(self) -> bool:
        """Live: a lost feed is opened again."""
        ...

    @property
    def is_paced(self) -> bool:
        """Frames come whether we are ready or not, so only the newest counts."""
        ...

    is_quiet: bool  # says who reads: nothing happens there, and a picture a second is enough (SAFETY 21)

    @property
    def captured_by(self) -> CapturedBy: ...

    @property
    def corrupt_packets(self) -> int:
        """Packets the decoder refused so far; each was passed over."""
        ...

    @property
    def remark(self) -> str:
        """What a person should know about what was read, in one line; empty when all is well."""
        ...

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        """Frames in order of capture, until the recording ends or `stop` is set. Close the iterator to let go of the
        feed. Raises FeedUnreadable and FeedLost."""
        ...


def expect_lens_size(frame: Frame, camera: Camera) -> None:
    """A picture of another size would be located wrongly without a word. Raises FeedUnreadable."""
    height_px, width_px = frame.image_bgr.shape[:2]
    lens = camera.lens
    if (width_px, height_px) != (lens.width_px, lens.height_px):
        raise FeedUnreadable(
            f"camera '{camera.id}': expected pictures of {lens.width_px}x{lens.height_px} as its lens in the site file "
            f"says, got {width_px}x{height_px}"
        )


def open_source(options: SourceOptions, *, clock: Clock) -> Source:
    """The source for an address. Nothing is opened before its frames are asked for. Raises SetUpError."""
    scheme = urlsplit(options.url).scheme if "://" in options.url else "rtp" if is_sdp(options.url) else "file"
    key = {"rtsps": "rtsp"}.get(scheme, scheme.partition("+")[0])
    known = sorted(path.stem for path in Path(__file__).with_name("sources").glob("[a-z]*.py"))
    if key not in known:
        raise SetUpError(f"feed {redacted(options.url)}: expected a path or one of {', '.join(known)}, got '{scheme}'")
    source: Source = importlib.import_module(f"edge.sources.{key}").open_source(options, clock)
    return source


def is_sdp(url: str) -> bool:
    """A path of a session description (RFC 8866): the file lies here, what it describes is live."""
    return "://" not in url and url.lower().endswith(".sdp")


def is_recording(url: str) -> bool:
    return "://" not in url and not is_sdp(url)


def redacted(url: str) -> str:
    """The address without its password, for people and logs."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{host}"))


def with_credentials(url: str, *, user: str, password: str) -> str:
    """The address that logs in."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))
