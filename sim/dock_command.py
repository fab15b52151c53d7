"""`vedette-sim dock`: one simulated dock behind HTTP until Ctrl-C, for a coordinator on this machine."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Annotated, Any, Literal

import typer
import uvicorn

from contract.clock import SystemClock
from sim.dock import SimulatedDock

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
JSON = [(b"content-type", b"application/json")]


def register(app: typer.Typer) -> None:
    app.command("dock")(dock)


def dock(
    *,
    dock_id: Annotated[str, typer.Option("--id", help="as in the site file")] = "dock-1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8090,
    pad: Annotated[Literal["empty", "vehicle", "blocked"], typer.Option(help="what stands on it")] = "vehicle",
    stuck: Annotated[bool, typer.Option(help="it takes every command and never moves")] = False,
    fault: Annotated[str, typer.Option(help="what it says is broken")] = "",
) -> None:
    """Run a simulated dock on loopback (docs/adding-a-dock.md)."""
    simulated = SimulatedDock(dock_id, clock=SystemClock(), pad=lambda: pad)
    simulated.is_stuck, simulated.fault = stuck, fault
    with socket.socket() as listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
        except OSError as err:
            typer.echo(f"vedette-sim dock: port {port}: {err.strerror}", err=True)
            raise typer.Exit(2) from err
        typer.echo(f"dock '{dock_id}' on http://127.0.0.1:{port}; Ctrl-C ends it")
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_server(simulated).serve(sockets=[listening]))


def _server(simulated: SimulatedDock) -> uvicorn.Server:
    config = uvicorn.Config(app_of(simulated), log_config=None, access_log=False, lifespan="off", server_header=False)
    return uvicorn.Server(config)


@contextlib.asynccontextmanager
async def served(simulated: SimulatedDock) -> AsyncIterator[str]:
    """Its address, on this loop, until the block ends."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # who dials before the server is up waits for it
        server = _server(simulated)
        task = asyncio.create_task(server.serve(sockets=[listening]), name="dock")
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


def app_of(simulated: SimulatedDock) -> App:
    """The dock as an ASGI application. A silent one says that it is away."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more and len(body) < 65_536:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        try:
            status, answer = await simulated.exchange(scope["method"], scope["path"], body)
        except OSError:
            status, answer = 503, b""
        await send({"type": "http.response.start", "status": status, "headers": JSON})
        await send({"type": "http.response.body", "body": answer})

    return app
