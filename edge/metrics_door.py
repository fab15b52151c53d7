"""`/metrics` and `/healthz` over HTTP, for a Prometheus and a curl on this machine.

On any other address it wants certificates of who asks, by an authority of the site (SAFETY 22).
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6, socket
from socketserver import TCPServer
from typing import Any

from edge.errors import SetUpError
from edge.link.uplink import LOOPBACK

ASKING_S = 5.0  # for a request to be made and its answer to be taken
ASKERS = 8  # at once; more are turned away
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # of Prometheus's text format


@dataclass(frozen=True, slots=True)
class Door:
    """Where it stands, and the paths of its PEM files. Raises SetUpError for what SAFETY 22 forbids."""

    host: str
    port: int
    certificate: str | None = None
    key: str | None = None
    client_ca: str | None = None

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and None in (self.certificate, self.key, self.client_ca):
            raise SetUpError(
                f"metrics {self.host}: expected tls with certificate, key and client_ca for an address that is not "
                f"loopback, got none"
            )

    def tls_context(self) -> ssl.SSLContext | None:
        """Raises SetUpError for files that are missing or not what they should be."""
        if self.certificate is None:
            return None
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.client_ca)
            context.load_cert_chain(self.certificate, self.key)
        except OSError as err:
            raise SetUpError(f"metrics {self.host}: tls: {err.strerror or err}") from err
        context.verify_mode = ssl.CERT_REQUIRED if self.client_ca else ssl.CERT_NONE
        return context


@contextmanager
def serving(door: Door, *, figures: Callable[[], bytes], wrong: Callable[[], str]) -> Iterator[int]:
    """The port it stands on, while it is open. `wrong`: why the node is not healthy; empty when it is.

    Raises SetUpError where the address cannot be had.
    """
    context = door.tls_context()
    try:
        server = _Server(door, figures=figures, wrong=wrong, context=context)
    except OSError as err:
        raise SetUpError(f"metrics {door.host}:{door.port}: {err.strerror or err}") from err
    thread = threading.Thread(name="metrics", target=server.serve_forever, args=(0.2,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(ASKING_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, door: Door, *, figures: Callable[[], bytes], wrong: Callable[[], str], context: ssl.SSLContext | None
    ) -> None:
        self.figures, self.wrong, self._context = figures, wrong, context
        self._room = threading.Semaphore(ASKERS)
        self.address_family = AF_INET6 if ":" in door.host else AF_INET
        super().__init__((door.host, door.port), _Answer)

    def server_bind(self) -> None:
        """Without the name look-up of HTTPServer, which a broken DNS makes slow."""
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket, Any]:
        """The handshake is made by the thread that answers: who never finishes it holds up nobody else."""
        connection, address = super().get_request()
        connection.settimeout(ASKING_S)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asks in no HTTP, without a certificate or too slowly gets nothing, and no traceback in our log."""


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "vedette", ""
    timeout = ASKING_S

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._say(200, MEDIA_TYPE, self.server.figures())
        elif self.path == "/healthz":
            wrong = self.server.wrong()
            self._say(503 if wrong else 200, "text/plain; charset=utf-8", f"{wrong or 'ok'}\n".encode())
        else:
            self._say(404, "text/plain; charset=utf-8", b"expected /metrics or /healthz\n")

    def _say(self, status: int, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: it is asked every few seconds."""
