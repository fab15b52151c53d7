"""The API's thread: uvicorn on a loop of its own, so that coming home works while the coordinator waits or hangs.

The socket is bound before the thread starts: a port in use is one line at start-up. Port 0 takes any free one.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from contract.live import MAX_PICTURE_BYTES
from fleet.errors import SetUpError
from fleet.settings import HttpSettings

START_LIMIT_S = 15.0
LOOK_S = 0.01
STOP_LIMIT_S = 5.0
UNSENT_BYTES = 65_536  # in the kernel for a slow client: live pictures that wait there cannot be thrown away


@contextmanager
def bound(http: HttpSettings) -> Iterator[socket.socket]:
    """The listening socket. Raises SetUpError when the port is taken."""
    try:
        family, _, _, _, address = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as err:
        raise SetUpError(f"http: {http.host}: {err.strerror}") from err
    with listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            listening.bind(address)
        except OSError as err:
            raise SetUpError(f"http: cannot listen on {http.host}:{http.port}: {err.strerror}") from err
        yield listening


def url_of(http: HttpSettings, listening: socket.socket) -> str:
    host = f"[{http.host}]" if ":" in http.host else http.host
    return f"{'https' if http.tls_cert else 'http'}://{host}:{listening.getsockname()[1]}"


def prepared(app: FastAPI, http: HttpSettings) -> uvicorn.Server:
    """Raises SetUpError for certificates that cannot be used."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=MAX_PICTURE_BYTES,
        ws_per_message_deflate=False,  # live pictures are compressed already
        limit_concurrency=256,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        server_header=False,
        ssl_certfile=http.tls_cert,
        ssl_keyfile=http.tls_key,
    )
    try:
        config.load()
    except (OSError, ValueError) as err:
        raise SetUpError(f"http: tls_cert and tls_key cannot be used: {err}") from err
    return uvicorn.Server(config)


@contextmanager
def serving(server: uvicorn.Server, listening: socket.socket) -> Iterator[None]:
    """Served until the block ends."""
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), name="api", daemon=True)
    thread.start()
    for _ in range(round(START_LIMIT_S / 0.01)):
        if server.started or not thread.is_alive():
            break
        time.sleep(0.01)
    if not server.started:
        raise SetUpError("http: the API did not start")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_LIMIT_S)
