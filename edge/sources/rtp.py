"""RTP without RTSP: the path of an .sdp file that says what is sent where, or rtp://ADDRESS:PORT.

A bare address says nothing of the pictures, so only what RTP numbers for good can be read there: MPEG-TS (payload type
33). H.264 and H.265 need the file, with their sprop-parameter-sets in it.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from contract.clock import Clock
from edge.live import Dial, LiveVideo
from edge.source import SourceOptions, is_sdp

OPTIONS = {"probesize": "200000", "analyzeduration": "1"}  # as in edge/sources/udp.py
WHITELIST = "file,rtp,udp"  # what the description may make FFmpeg open


def open_source(options: SourceOptions, clock: Clock) -> LiveVideo:
    is_described = is_sdp(options.url)
    address = options.url if is_described else _closed_elsewhere(options.url)
    how = {**OPTIONS, "protocol_whitelist": WHITELIST}
    return LiveVideo(Dial(address, how, container="sdp" if is_described else None), options, clock)


def _closed_elsewhere(url: str) -> str:
    """FFmpeg opens the port of the reports, the next one, on every network, unless it is told the address twice."""
    parts = urlsplit(url)
    try:
        is_own = not ip_address(parts.hostname or "").is_multicast
    except ValueError:  # a name
        is_own = False
    if not is_own or parts.query:
        return url
    return urlunsplit(parts._replace(query=f"localaddr={parts.hostname}"))
