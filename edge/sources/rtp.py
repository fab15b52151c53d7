"""RTP without RTSP: the path of an .sdp file that says what is sent where, or rtp://ADDRESS:PORT.

A bare address says nothing of the pictures, so only what RTP numbers for good can be read there: MPEG-TS (payload type
33). H.264 and H.265 need the file, with their sprop-parameter-sets in it.
"""

from contract.clock import Clock
from edge.live import Dial, LiveVideo
from edge.source import SourceOptions, is_sdp

OPTIONS = {"probesize": "200000", "analyzeduration": "1"}  # as in edge/sources/udp.py
WHITELIST = "file,rtp,udp"  # what the description may make FFmpeg open


def open_source(options: SourceOptions, clock: Clock) -> LiveVideo:
    container = "sdp" if is_sdp(options.url) else None
    return LiveVideo(Dial(options.url, {**OPTIONS, "protocol_whitelist": WHITELIST}, container), options, clock)
