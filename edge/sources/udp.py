"""MPEG-TS over UDP, unicast or multicast: udp://ADDRESS:PORT. Whoever can reach the port can send pictures to it.

The demuxer is named, never guessed: of garbage FFmpeg makes sound, subtitles or a games console's video.
"""

from contract.clock import Clock
from edge.live import Dial, LiveVideo
from edge.source import SourceOptions

OPTIONS = {
    "probesize": "200000",  # bytes at most until the streams are known
    # us, beyond that; 0 would mean FFmpeg's default, and what it holds back meanwhile comes in one burst (m: 1 s of it)
    "analyzeduration": "1",
    "overrun_nonfatal": "1",  # a burst that does not fit is lost packets, not a lost feed
    "fifo_size": "20000",  # of 188 bytes
}


def open_source(options: SourceOptions, clock: Clock) -> LiveVideo:
    return LiveVideo(Dial(options.url, OPTIONS, container="mpegts"), options, clock)
