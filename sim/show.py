"""`vedette-sim show RUN`: the console's Replay page over what a run left, on loopback, until Ctrl-C.

It reads and nothing else: there is no vehicle, broker or coordinator behind it, and no route that would order one. The
store is opened as a copy, so that the run's folder stays as it is.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Annotated

import anyio
import typer
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import RedirectResponse

from contract.clock import Clock, SystemClock
from contract.site import Site
from fleet.api.app import add_console
from fleet.api.door import Door
from fleet.api.guard import SUBPROTOCOL, Guard
from fleet.api.history import history_routes
from fleet.api.models import LinkView, Snapshot
from fleet.api.problems import add_problems
from fleet.api.server import bound, prepared, serving, url_of
from fleet.api.signing_in import SessionView
from fleet.app import CONSOLE_DIR
from fleet.errors import FleetError, SetUpError
from fleet.history.reader import HistoryReader
from fleet.records.auth import Role
from fleet.records.store import Store, open_store
from fleet.settings import HttpSettings, read_site
from sim.run_history import HISTORY, STORE

WORD_EACH_S = 1.0
NOTHING = LinkView(broker_connected=True, monitor_age_s=None, heartbeat_allowed=False)


def register(app: typer.Typer) -> None:
    app.command("show")(show)


def show(
    run: Annotated[Path, typer.Argument(help="Folder of a run, as `vedette-sim run --out` left it.")],
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On loopback; 0 takes any free one.")] = 8090,
) -> None:
    """Open a run on the console's Replay page."""
    try:
        with shown(run, port=port) as url:
            typer.echo(f"{run.name} on {url}/replay; Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                Event().wait()
    except (FleetError, OSError) as err:
        typer.echo(f"vedette-sim show: {err}", err=True)
        raise typer.Exit(2) from err


@contextlib.contextmanager
def shown(run: Path, *, port: int) -> Iterator[str]:
    """Its address, until the block ends. Raises SetUpError, StoreError."""
    for name in ("site.yaml", HISTORY, STORE):
        if not (run / name).exists():
            raise SetUpError(f"{run}: expected the folder of a run with {name}; `vedette-sim run --out` writes it")
    site, http = read_site(run / "site.yaml"), HttpSettings(port=port)
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(bound(http))
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedette-show-"))) / STORE
        shutil.copyfile(run / STORE, copy)
        store = stack.enter_context(open_store(copy))
        app = show_api(site, HistoryReader(run / HISTORY), store, clock=SystemClock(), title=run.name)
        stack.enter_context(serving(prepared(app, http), listening))
        yield url_of(http, listening)


def show_api(site: Site, history: HistoryReader, store: Store, *, clock: Clock, title: str) -> FastAPI:
    """What the Replay page asks for."""
    app = FastAPI(title="Vedette, a recording", docs_url=None, redoc_url=None, openapi_url=None)
    rule = Guard(None, nodes=lambda _: None, clock=clock, is_secure=False).requires(Role.VIEWER)
    router = APIRouter()

    @router.get("/session")
    def get_session() -> SessionView:
        return SessionView(is_open=False, name=title, role=Role.VIEWER, may=(Role.VIEWER,), recording=title)

    @router.get("/site")
    def get_site() -> Site:
        return site

    @app.get("/", include_in_schema=False)
    def to_replay() -> RedirectResponse:
        return RedirectResponse("/replay")

    @app.websocket("/api/v1/live")
    async def live(socket: WebSocket) -> None:
        """The site, and a word a second so that the page knows that we are here."""
        offered = socket.headers.get("sec-websocket-protocol", "")
        await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        snapshot = Snapshot(
            at_us=clock.wall_us(),
            site=site,
            link=NOTHING,
            **dict.fromkeys(("vehicles", "alarms", "incidents", "tasks", "tracks", "nodes", "zones"), ()),
        )
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.send_text(snapshot.model_dump_json())
            while True:
                await anyio.sleep(WORD_EACH_S)
                await socket.send_text(f'{{"type":"link","data":{NOTHING.model_dump_json()}}}')

    app.include_router(router, prefix="/api/v1")
    app.include_router(history_routes(history, store, rule), prefix="/api/v1")
    add_problems(app)
    app.add_middleware(Door, is_loopback_only=True)
    add_console(app, CONSOLE_DIR)
    return app
