"""`vedette-sim demo`: the whole stack on this machine, on one feed, with simulated vehicles, told as it happens.

Broker, coordinator and edge nodes are processes of their own and can be killed; only the simulated vehicles live in
this one. Everything is on loopback.
"""

import asyncio
import os
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from contract.clock import Clock, SystemClock
from contract.envelope import Origin
from contract.errors import DocumentError
from contract.events import FeedState
from contract.geo import PointEnu
from contract.site import Site
from contract.tasks import TaskKind, TaskState
from detectors.errors import DetectorError
from edge.errors import EdgeError
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.udp import SimulatedFleet
from sim.children import Child, pss_bytes
from sim.coordinator_client import Coordinator
from sim.demo_report import accounting, budget_table
from sim.demo_setup import LOOPBACK, Cast, DemoError, Feed, RunFolder, choose_cast, new_run_folder
from sim.embedded_broker import EmbeddedBroker, free_port
from sim.outage import BadOutage, Outage, parse_outage
from sim.story import Scene, Story, Truth

READY_WITHIN_S = 40.0
PATROL_WITHIN_S = 90.0  # then the feed starts without a patrol in the air
STORY_WITHIN_S = 300.0
SETTLE_WITHIN_S = 60.0  # for the last events to be acknowledged
QUIET_S = 10.0  # after the recording: longer than the way from its last event to a vehicle that is sent
LOOK_EACH_S = 0.2
WAYPOINTS_BEFORE_THE_ALARM = 1


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    *,
    feed: Annotated[str | None, typer.Option(help="Video file or rtsp:// address; the demo's own if left out.")] = None,
    site: Annotated[Path | None, typer.Option(help="Site file; the demo's own if left out.")] = None,
    camera: Annotated[str | None, typer.Option(help="The site's camera that the feed is; its first fixed one.")] = None,
    model: Annotated[str | None, typer.Option(help="Name or path of the detector's model.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the console; 0 takes any free one.")] = 8080,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    until_done: Annotated[bool, typer.Option("--until-done", help="End with the story, not with Ctrl-C.")] = False,
    outage: Annotated[
        list[str] | None,
        typer.Option(help="Kill -9 and start again: WHAT@AFTER+FOR in seconds of the feed, e.g. broker,fleet@12+20."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the run's folder goes: logs, stores, tlog.")] = Path("out"),
) -> None:
    """Run broker, coordinator, edge node, console and simulated vehicles here, and watch one alarm being answered.

    Exit code 0 only if the intruder was detected and a vehicle held him in its sensor's view from the stand-off point.
    """
    console = Console(highlight=False)
    run: Demo | None = None
    try:
        outages = [parse_outage(text) for text in outage or []]
        cast = choose_cast(feed=feed, site_path=site, camera=camera, model=model, console=console)
        folder = new_run_folder(out, clock=SystemClock())
        run = Demo(cast, folder, console=console, http_port=_http_port(port), outages=outages, clock=SystemClock())
        is_done = asyncio.run(run.play(open_browser=not headless, until_done=until_done))
    except (DocumentError, DemoError, BadOutage, DetectorError, EdgeError, OSError) as err:
        typer.echo(f"vedette-sim demo: {err}", err=True)
        raise typer.Exit(78 if isinstance(err, DocumentError) else 2) from err
    except KeyboardInterrupt:
        raise typer.Exit(0 if run is not None and run.is_done else 1) from None
    raise typer.Exit(0 if is_done else 1)


class Demo:
    """One run: everything is built here and connected here."""

    def __init__(
        self,
        cast: Cast,
        folder: RunFolder,
        *,
        console: Console,
        http_port: int,
        outages: Sequence[Outage],
        clock: Clock,
    ) -> None:
        self._cast, self._folder, self._console, self._clock = cast, folder, console, clock
        self._outages = outages
        self._began_us = clock.monotonic_us()
        self._url = f"http://{LOOPBACK}:{http_port}"
        self._http_port = http_port
        self._mavlink_port = free_port(socket.SOCK_DGRAM)
        self._broker = EmbeddedBroker(folder=folder.path)
        self._fleet = folder.fleet(
            cast, broker_port=self._broker.port, http_port=http_port, mavlink_port=self._mavlink_port
        )
        self._edge = folder.edge(cast, cast.feed, broker_port=self._broker.port, http_port=http_port)
        self._parts: dict[str, Child | EmbeddedBroker] = {
            "broker": self._broker,
            "fleet": self._fleet,
            "edge": self._edge,
        }
        self._drone_edges: dict[str, Child] = {}
        self._down: set[str] = set()  # killed on purpose
        self._story = Story(cast.site)
        self._quiet_since_s: float | None = None
        self._peak_pss_bytes = 0

    async def play(self, *, open_browser: bool, until_done: bool) -> bool:
        """True when the story came to its good end. Everything started here ends here."""
        async with AsyncExitStack() as stack:
            self._broker.start()
            stack.callback(self._broker.stop)
            specs = autopilot_specs(self._cast.site, udp_port=self._mavlink_port)
            vehicles = await stack.enter_async_context(SimulatedFleet(specs))
            self._fleet.start()
            stack.callback(self._stop_children)
            coordinator = await stack.enter_async_context(self._connected())
            self._say(f"console: [bold]{self._url}[/] · logs, stores and tlog: {self._folder.path}")
            if open_browser:
                webbrowser.open(self._url)
            await self._follow(coordinator, vehicles, until=self._is_patrol_under_way, within_s=PATROL_WITHIN_S)
            self._edge.start()
            self._say(f"{self._cast.feed.camera.id} begins to play")
            outages = asyncio.create_task(self._break_things(), name="outages")
            await self._follow(
                coordinator,
                vehicles,
                until=lambda scene: outages.done() and self._is_over(scene),
                within_s=STORY_WITHIN_S,
            )
            await outages
            await self._follow(coordinator, vehicles, until=_is_settled, within_s=SETTLE_WITHIN_S)
            is_done = self._story.is_done
            await self._report(coordinator, is_done=is_done)
            if not until_done:
                self._say("serving until Ctrl-C")
                await self._follow(coordinator, vehicles, until=lambda _: False, within_s=None)
            return is_done

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Coordinator]:
        async with httpx.AsyncClient(base_url=self._url, timeout=2.0) as http:
            coordinator = Coordinator(http, self._url)
            deadline_us = self._clock.monotonic_us() + int(READY_WITHIN_S * 1e6)
            while not await coordinator.is_ready():
                self._check_children()
                if self._clock.monotonic_us() > deadline_us:
                    raise DemoError(
                        f"the coordinator is not ready after {READY_WITHIN_S:.0f} s: {self._fleet.last_words()}"
                    )
                await asyncio.sleep(LOOK_EACH_S)
            yield coordinator

    async def _follow(
        self,
        coordinator: Coordinator,
        vehicles: SimulatedFleet,
        *,
        until: Callable[[Scene], bool],
        within_s: float | None,
    ) -> None:
        """Tell what happens until `until` says so or time is up."""
        began_s = self._elapsed_s()
        while within_s is None or self._elapsed_s() - began_s < within_s:
            self._check_children()
            known = await coordinator.snapshot()
            if known is not None:
                truth = truth_of(self._cast.site, vehicles)
                scene = Scene(at_s=self._elapsed_s(), known=known, truth=truth)
                for line in self._story.observe(scene):
                    self._say(line)
                self._start_drone_feeds()
                if until(scene):
                    return
            await asyncio.sleep(LOOK_EACH_S)

    @property
    def is_done(self) -> bool:
        """The story came to its good end."""
        return self._story.is_done

    def _is_patrol_under_way(self, scene: Scene) -> bool:
        """Or nobody patrols here and somebody is ready."""
        patrols = [task for task in scene.known.tasks if task.kind is TaskKind.PATROL]
        if not self._cast.site.patrols:
            return any(not vehicle.not_ready_because for vehicle in scene.known.vehicles)
        return any(task.state is TaskState.EXECUTING and "waypoint" in task.progress for task in patrols)

    def _is_over(self, scene: Scene) -> bool:
        """Come to its good end, or nothing is left that could lead there."""
        is_quiet = _is_settled(scene) and is_played(scene, self._cast.feed) and not is_anybody_out(scene)
        if not is_quiet:
            self._quiet_since_s = None
        elif self._quiet_since_s is None:
            self._quiet_since_s = scene.at_s
        has_ended = self._quiet_since_s is not None and scene.at_s - self._quiet_since_s >= QUIET_S
        return self._story.is_done or has_ended

    def _start_drone_feeds(self) -> None:
        """The camera under a vehicle has its own node, which plays once its vehicle is on the scene."""
        for feed in self._cast.drone_feeds:
            if feed.camera.vehicle in self._story.on_scene and feed.camera.id not in self._drone_edges:
                child = self._folder.edge(self._cast, feed, broker_port=self._broker.port, http_port=self._http_port)
                child.start()
                self._drone_edges[feed.camera.id] = child

    async def _break_things(self) -> None:
        began_s = self._elapsed_s()
        for outage in sorted(self._outages, key=lambda each: each.after_s):
            await asyncio.sleep(max(0.0, outage.after_s - (self._elapsed_s() - began_s)))
            names = " and ".join(outage.parts)
            self._down.update(outage.parts)
            for part in outage.parts:
                self._parts[part].kill()
            self._say(f"[bold yellow]killed {names}[/] (kill -9), back in {outage.for_s:g} s")
            await asyncio.sleep(outage.for_s)
            for part in outage.parts:
                self._parts[part].start()
            self._down.difference_update(outage.parts)
            self._say(f"[bold yellow]started {names} again[/]")

    def _check_children(self) -> None:
        """Raises DemoError when a part died that nobody killed on purpose. Measures the others on the way."""
        pss = pss_bytes(os.getpid()) or 0
        for name, part in {**self._parts, **self._drone_edges}.items():
            code = part.exit_code
            if code is not None and name not in self._down:
                raise DemoError(f"{name} ended by itself with exit code {code}: {part.last_words()}")
            pss += (pss_bytes(part.pid) or 0) if part.pid is not None and code is None else 0
        self._peak_pss_bytes = max(self._peak_pss_bytes, pss)

    def _stop_children(self) -> None:
        for child in (*self._drone_edges.values(), self._edge, self._fleet):
            child.stop()

    async def _report(self, coordinator: Coordinator, *, is_done: bool) -> None:
        story = self._story
        trace = await coordinator.trace(story.trace_id) if story.trace_id else None
        if trace is not None:
            self._console.print(budget_table(trace))
        known = await coordinator.snapshot()
        for line in accounting(self._folder.store, known.nodes if known else ()):
            self._say(line)
        self._say(f"memory of all processes together, at most: {self._peak_pss_bytes / 1e6:.0f} MB (PSS)")
        tlogs = ", ".join(str(path) for path in sorted(self._folder.path.rglob("*.tlog")))
        self._say(f"MAVLink capture: {tlogs}")
        self._say("[bold green]done[/]" if is_done else f"[bold red]not done[/]: {story.missing()}")

    def _elapsed_s(self) -> float:
        return (self._clock.monotonic_us() - self._began_us) / 1e6

    def _say(self, line: str) -> None:
        self._console.print(f"[dim]{self._elapsed_s():6.1f} s[/]  {line}", soft_wrap=True)


def _is_settled(scene: Scene) -> bool:
    """Every event is with the coordinator."""
    return all(not node.outbox_rows and not node.missing for node in scene.known.nodes)


def is_played(scene: Scene, feed: Feed) -> bool:
    """The recording gives no more pictures; a live feed may always come back."""
    told = [each for node in scene.known.nodes for each in node.feeds if each.camera == feed.camera.id]
    return feed.origin is not Origin.LIVE and any(each.state in (FeedState.ENDED, FeedState.LOST) for each in told)


def is_anybody_out(scene: Scene) -> bool:
    """On an errand, or on a patrol that has yet to go on."""
    return any(
        not (task.state.is_final or (task.kind is TaskKind.PATROL and task.state is TaskState.EXECUTING))
        for task in scene.known.tasks
    )


def _http_port(wanted: int) -> int:
    """Chosen now, so that a coordinator that is started again is found where it was. Raises DemoError when taken."""
    if wanted == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as err:
            raise DemoError(f"--port {wanted}: {err.strerror}; take another, or 0 for any free one") from err
    return wanted


def autopilot_specs(site: Site, *, udp_port: int) -> list[AutopilotSpec]:
    """A simulated autopilot for each vehicle of the site, on its dock, switched on a minute ago."""
    docks = {dock.id: dock.position for dock in site.docks}
    return [
        AutopilotSpec(
            kind=Kind.COPTER if vehicle.kind.flies else Kind.ROVER,
            system_id=vehicle.system_id,
            home=docks[vehicle.dock],
            home_amsl_m=site.origin.ground_amsl_m,
            connect=f"udpout:{LOOPBACK}:{udp_port}",
            boot_s_already=60.0,
            seed=vehicle.system_id,
        )
        for vehicle in site.vehicles
    ]


def truth_of(site: Site, vehicles: SimulatedFleet) -> dict[str, Truth]:
    """Where each simulated vehicle really is, in the site's frame."""
    frame = site.local_frame()
    truth = {}
    for vehicle in site.vehicles:
        autopilot = vehicles.autopilots[vehicle.system_id]
        home, motion = frame.to_enu(autopilot.spec.home), autopilot.machine.motion
        position = PointEnu(home.east_m + motion.east_m, home.north_m + motion.north_m, motion.up_m)
        truth[vehicle.id] = Truth(position=position, heading_deg=motion.heading_deg)
    return truth
