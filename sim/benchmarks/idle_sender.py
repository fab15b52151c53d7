"""Sends one clip again and again to some UDP ports of this machine, as it was taken: `python -m ... CLIP PORT ...`."""

import sys
import time
from collections.abc import Sequence

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from contract.clock import SystemClock


def send(clip: str, ports: Sequence[str]) -> None:
    """Until it is ended from outside."""
    with av.open(clip) as source:
        stream = source.streams.video[0]
        outputs = [_open(port, stream) for port in ports]
        length = stream.duration or 0
        clock = SystemClock()
        started_us, offset = clock.monotonic_us(), 0
        while True:
            source.seek(0)
            for packet in source.demux(stream):
                if packet.pts is None or packet.dts is None or packet.time_base is None:
                    continue
                pts, dts, base = packet.pts + offset, packet.dts + offset, packet.time_base
                time.sleep(max(0.0, (started_us - clock.monotonic_us()) / 1e6 + float(dts * base)))
                for container, output in outputs:
                    packet.stream = output
                    packet.pts, packet.dts, packet.time_base = pts, dts, base
                    container.mux(packet)
            offset += length


def _open(port: str, stream: VideoStream) -> tuple[OutputContainer, VideoStream]:
    container = av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts", options={"flush_packets": "1"})
    return container, container.add_stream_from_template(stream)


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2:])
