"""Hears a node's events and the coordinator's acknowledgements on the bus, and when each came: a process of its own.

`python -m sim.benchmarks.listener PORT SITE NODE FILE` appends a line a message: wall time in us, and the message.
"""

import sys
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from contract.clock import SystemClock
from contract.topics import ACK, EVENTS

LOOPBACK = "127.0.0.1"


def listen(port: int, site: str, node: str, file: Path) -> None:
    """Until it is ended from outside."""
    clock = SystemClock()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=mqtt.MQTTv5)
    with file.open("ab", buffering=0) as out:

        def on_connect(_c: Any, _u: Any, _flags: Any, _reason: Any, _p: Any) -> None:
            client.subscribe([(topic.address(site=site, node=node), SubscribeOptions(qos=1)) for topic in HEARD])

        def on_message(_c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
            out.write(b"%d %s %s\n" % (clock.wall_us(), message.topic.encode(), bytes(message.payload)))

        client.on_connect, client.on_message = on_connect, on_message
        client.connect(LOOPBACK, port)
        client.loop_forever()


HEARD = (EVENTS, ACK)

if __name__ == "__main__":
    listen(int(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
