"""A real HTTP server on loopback that remembers what it is told and answers as the test says."""

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HUNG_S = 60.0


@dataclass(slots=True)
class Told:
    """One request. status: what it was answered; None: it was left without an answer."""

    headers: dict[str, str]
    body: bytes
    path: str
    status: int | None


@dataclass(slots=True)
class Listener:
    """answers: for one request each; then `after`. `hung` lets go of those that got no answer (None)."""

    answers: list[int | None]
    after: int = 204
    location: str | None = None
    told: list[Told] = field(default_factory=list)
    hung: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook/as-good-as-a-password"

    def taken(self) -> list[Told]:
        with self.lock:
            return [each for each in self.told if each.status is not None and 200 <= each.status < 300]

    def heard(self, headers: dict[str, str], body: bytes, path: str) -> int | None:
        with self.lock:
            status = self.answers.pop(0) if self.answers else self.after
            self.told.append(Told(headers, body, path, status))
        return status


@contextmanager
def listening(
    answers: Sequence[int | None] = (), *, after: int = 204, port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Listener]:
    """Until the block ends. port: 0 takes any."""
    listener = Listener(list(answers), after)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = listener.heard(dict(self.headers), body, self.path)
            if status is None:
                listener.hung.wait(HUNG_S)
                return
            self.send_response(status)
            if listener.location is not None:
                self.send_header("Location", listener.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False

        def handle_error(self, *_: object) -> None:
            """A client that gave up is no fault of ours."""

    with Server(("127.0.0.1", port), Handler) as server:
        listener.port = server.server_address[1]
        if tls is not None:
            listener.scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener
        finally:
            listener.hung.set()
            server.shutdown()
            thread.join()
