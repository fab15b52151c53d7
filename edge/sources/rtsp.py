"""A camera over RTSP; pictures come over the same TCP connection or, where that was asked for, as UDP."""

from contract.clock import Clock
from edge.live import Dial, LiveVideo
from edge.source import SourceOptions

# First frame after 0.10 s. Never fflags=nobuffer: it throws the first key frame away, a whole group of pictures.
OPTIONS = {"probesize": "32", "analyzeduration": "0"}


def open_source(options: SourceOptions, clock: Clock) -> LiveVideo:
    return LiveVideo(Dial(options.url, {**OPTIONS, "rtsp_transport": options.transport}), options, clock)
