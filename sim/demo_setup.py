"""Who plays in the demo: site, feeds and detector; and the run folder with the configuration of every process."""

import json
import os
import shutil
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console

from contract.clock import Clock, SystemClock
from contract.envelope import Origin
from contract.site import Camera, Site
from detectors.progress import download_with_bar
from detectors.registry import find_model, model_cache, model_folders
from edge.settings import BrokerSettings as EdgeBroker
from edge.settings import CoordinatorSettings, EdgeSettings, FeedSettings, ModelSettings
from edge.source import SourceOptions, expect_lens_size, open_source
from fleet.broker_settings import BrokerSettings
from fleet.records.auth import digest_of, drawn_token
from fleet.records.node_credentials import NodeCredentials
from fleet.records.store import open_store
from fleet.settings import FleetSettings, HttpSettings
from sim.children import Child
from sim.inputs import read_site

CHECKOUT = Path(__file__).parent.parent
DEMO_SITE = CHECKOUT / "deploy" / "sites" / "demo.yaml"
TOKEN_ENV = "VEDETTE_COORDINATOR_TOKEN"  # noqa: S105 - the name of a variable
RECORDINGS = Path(__file__).parent / "recordings"
LOOPBACK = "127.0.0.1"


class DemoError(Exception):
    """One line for a person; exit code 2."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One camera's pictures; `poses` and `detections` are recorded beside them or None."""

    camera: Camera
    url: str
    origin: Origin
    poses: Path | None = None
    detections: Path | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """`model` None: recorded detections are played. `drone_feeds` start when their vehicle is on the scene."""

    site: Site
    site_path: Path
    feed: Feed
    drone_feeds: tuple[Feed, ...]
    model: Path | None


def choose_cast(
    *, feed: str | None, site_path: Path | None, camera: str | None, model: str | None, console: Console
) -> Cast:
    """Raises DemoError, DocumentError, DetectorError or FeedUnreadable with one line."""
    if feed is not None and site_path is None:
        raise DemoError("--feed needs --site: where a camera stands decides where what it sees is")
    path = site_path or DEMO_SITE
    site = read_site(path)
    chosen = site.camera(camera) if camera else _first_fixed_camera(site)
    found = _find_model(model, console=console)
    if feed is None:
        drones = tuple(_recorded(each) for each in site.cameras if each.vehicle and _is_recorded(each))
        return Cast(site, path, _recorded(chosen), drones, found)
    is_file = "://" not in feed
    if is_file and not Path(feed).is_file():
        raise DemoError(f"--feed {feed}: no such file")
    if chosen.pose is None:
        raise DemoError(f"--feed {feed}: camera '{chosen.id}' is carried by '{chosen.vehicle}'; expected a fixed one")
    url = str(Path(feed).resolve()) if is_file else feed
    if is_file:
        _look_at(url, chosen)
    return Cast(site, path, Feed(chosen, url, Origin.REPLAYED if is_file else Origin.LIVE), (), found)


def _look_at(url: str, camera: Camera) -> None:
    """Its first picture now, before anything is started for it. Raises FeedUnreadable with one line."""
    source = open_source(SourceOptions(url), clock=SystemClock())
    with closing(source.frames(threading.Event())) as frames:
        expect_lens_size(next(frames), camera)


def _first_fixed_camera(site: Site) -> Camera:
    for camera in site.cameras:
        if camera.pose is not None:
            return camera
    raise DemoError(f"site '{site.id}': expected a camera with a pose, found none")


def _is_recorded(camera: Camera) -> bool:
    return (RECORDINGS / f"{camera.id}.mp4").is_file()


def _recorded(camera: Camera) -> Feed:
    """The demo's own recording of a camera."""
    if not _is_recorded(camera):
        raise DemoError(f"camera '{camera.id}': the demo has no recording of it; give one with --feed")
    poses = RECORDINGS / f"{camera.id}.poses.jsonl"
    return Feed(
        camera=camera,
        url=str(RECORDINGS / f"{camera.id}.mp4"),
        origin=Origin.SIMULATED,
        poses=poses if camera.pose is None else None,
    )


def _find_model(name: str | None, *, console: Console) -> Path:
    folders, cache = model_folders(os.environ), model_cache(os.environ)
    file = find_model(name, folders=folders, cache=cache, download=download_with_bar(console))
    console.print(f"detecting live with {file.manifest.name} ({file.path.name}); licence {file.manifest.licence}")
    if file.note:
        console.print(file.note, soft_wrap=True)
    return file.path


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Logs, stores and configuration of one run."""

    path: Path

    @property
    def store(self) -> Path:
        """The coordinator's data base."""
        return self.path / "fleet" / "fleet.db"

    def fleet(self, cast: Cast, *, broker_port: int, http_port: int, mavlink_port: int) -> Child:
        site_file = self.path / "site.yaml"  # a copy: the console may put another version to work
        shutil.copyfile(cast.site_path, site_file)
        settings = FleetSettings(
            site_file=site_file,
            data_dir=self.path / "fleet",
            broker=BrokerSettings(host=LOOPBACK, port=broker_port),
            http=HttpSettings(host=LOOPBACK, port=http_port),
            connections={vehicle.id: f"udpin:{LOOPBACK}:{mavlink_port}" for vehicle in cast.site.vehicles},
        )
        return self._child("fleet", "fleet", settings)

    def edge(self, cast: Cast, feed: Feed, *, broker_port: int, http_port: int) -> Child:
        """Of one node a run, and so the one token of it."""
        settings = EdgeSettings(
            node=feed.camera.node,
            site_file=str(cast.site_path.resolve()),
            data_dir=str(self.path / feed.camera.node),
            broker=EdgeBroker(host=LOOPBACK, port=broker_port),
            coordinator=CoordinatorSettings(url=f"http://{LOOPBACK}:{http_port}", token_env=TOKEN_ENV),
            model=ModelSettings(name=str(cast.model.resolve())) if cast.model else ModelSettings(),
            feeds=(_feed_settings(feed),),
        )
        secrets = {TOKEN_ENV: self._let_in(feed.camera.node)}
        return self._child(feed.camera.node, "edge", settings, secrets=secrets)

    def _let_in(self, node: str) -> str:
        """A token of its own, in the coordinator's store."""
        token = drawn_token()
        self.store.parent.mkdir(exist_ok=True)
        with open_store(self.store) as store:
            at_us = SystemClock().wall_us()
            NodeCredentials(store).add(node, digest_of(token), by="demo", at_us=at_us)
        return token

    def _child(self, name: str, module: str, settings: BaseModel, *, secrets: Mapping[str, str] | None = None) -> Child:
        config = self.path / f"{name}.yaml"
        text = json.dumps(settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True), indent=1)
        config.write_text(text + "\n")  # JSON is YAML
        return Child(name, [module, "run", str(config)], log_path=self.path / f"{name}.log", secrets=secrets)


def _feed_settings(feed: Feed) -> FeedSettings:
    is_file = feed.origin is not Origin.LIVE
    return FeedSettings(
        camera=feed.camera.id,
        url=feed.url,
        origin=feed.origin,
        pose_file=str(feed.poses) if feed.poses else None,
        detections=str(feed.detections) if feed.detections else None,
        **({"realtime": True, "start": "now"} if is_file else {}),
    )


def new_run_folder(parent: Path, *, clock: Clock) -> RunFolder:
    """PARENT/demo-YYYYMMDD-HHMMSS, with a number behind it when two begin in one second."""
    moment = datetime.fromtimestamp(clock.wall_us() / 1e6, tz=timezone.utc)
    for number in range(1, 100):
        suffix = "" if number == 1 else f"-{number}"
        path = parent / f"demo-{moment:%Y%m%d-%H%M%S}{suffix}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return RunFolder(path.resolve())
    raise DemoError(f"{parent}: could not make a new folder there")
