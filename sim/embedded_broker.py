"""An MQTT 5 broker in a child process for one box: rumqttd out of the `iotcore` wheel.

It binds 127.0.0.1 and nothing else: its own default is 0.0.0.0, which would be an open door. It keeps sessions and
retained messages in memory only, so what it acknowledged can be lost with it: the outbox does not rely on it.
"""

import os
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType

from iotcore import Broker

from contract.topics import MAX_PAYLOAD_BYTES

LOOPBACK = "127.0.0.1"

_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 64
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v5.1]
name = "v5"
listen = "{host}:{port}"
next_connection_delay_ms = 1
    [v5.1.connections]
    connection_timeout_ms = 5000
    max_payload_size = {max_payload}
    max_inflight_count = 200
    dynamic_filters = true
"""


class EmbeddedBroker:
    """Start, kill as a crash would, start again on the same port. `folder` holds its configuration."""

    def __init__(self, *, folder: Path, port: int = 0) -> None:
        self.port = port or free_port()
        self._config_path = folder / "broker.toml"
        self._broker: Broker | None = None

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        max_payload = MAX_PAYLOAD_BYTES + 4096
        self._config_path.write_text(_CONFIG.format(host=LOOPBACK, port=self.port, max_payload=max_payload))
        self._broker = Broker(config_path=str(self._config_path)).start()

    def stop(self) -> None:
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def kill(self) -> None:
        """As a crash would: it forgets every session and every retained message."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """None while it runs or was not started."""
        process = self._process
        return process.poll() if process else None

    def last_words(self) -> str:
        return "it keeps no log"

    @property
    def is_running(self) -> bool:
        return self._broker is not None and self._broker.is_running

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process else None

    @property
    def _process(self) -> "subprocess.Popen[bytes] | None":
        process: subprocess.Popen[bytes] | None = self._broker._process if self._broker else None
        return process  # the wheel offers no public way to it

    def __enter__(self) -> "EmbeddedBroker":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port nobody listens on now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
