"""A camera on this machine: v4l2:///dev/video0, with ?size=1280x720&rate=25&pixels=mjpeg to choose what it delivers.

Nothing is asked of a device that is not named: without `size` it gives what it last gave.
"""

import re
from urllib.parse import parse_qsl, urlsplit

from contract.clock import Clock
from edge.errors import SetUpError
from edge.live import Dial, LiveVideo
from edge.source import SourceOptions

FORMS = {  # of a value: what FFmpeg calls it, how it looks
    "size": ("video_size", r"[1-9]\d{1,4}x[1-9]\d{1,4}"),
    "rate": ("framerate", r"[1-9]\d{0,2}"),
    "pixels": ("input_format", r"[a-z0-9]{2,12}"),
}


def open_source(options: SourceOptions, clock: Clock) -> LiveVideo:
    """Raises SetUpError for an address that names no device, or asks for what there is not."""
    parts = urlsplit(options.url)
    if parts.netloc or not parts.path.startswith("/dev/"):
        raise SetUpError(f"feed {options.url}: expected a device as in v4l2:///dev/video0")
    asked = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in FORMS or not re.fullmatch(FORMS[key][1], value):
            raise SetUpError(f"feed {options.url}: expected size=1280x720, rate=25 or pixels=mjpeg, got {key}={value}")
        asked[FORMS[key][0]] = value
    return LiveVideo(Dial(parts.path, asked, container="v4l2"), options, clock)
