"""A control room for tests of the console: broker, coordinator with sign-in, a node with a recording, a drone, people.

Every process is real and on loopback. The node is started by the test: then somebody climbs the fence.
"""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from contract.envelope import Origin
from fleet.broker_settings import BrokerSettings
from fleet.settings import FleetSettings, HttpSettings
from fleet.surroundings import ConsoleSettings
from sim.autopilot.udp import SimulatedFleet
from sim.children import Child
from sim.chromium import what_is_missing
from sim.demo import autopilot_specs
from sim.demo_setup import DEMO_SITE, LOOPBACK, RECORDINGS, Cast, Feed, RunFolder
from sim.embedded_broker import free_port
from sim.inputs import read_site
from tests.conftest import ROOT, need
from tests.system.mosquitto import Mosquitto

PASSWORD = "a fence of twelve posts"
ROLES = {
    "Olga Berg": ("operator", "--pilot"),
    "Petra Kern": ("operator", "--pilot"),
    "Vera Lind": ("viewer",),
    "Ada Byron": ("admin",),
}
PROCEDURE = """
schema_version: 1
procedures:
  - id: intruder
    name: Somebody inside the fence
    when: {kinds: [intrusion]}
    steps:
      - {id: send, do: dispatch, autonomy: approval, answer_s: 120, arrive_s: 90, otherwise: call, then: end}
      - {id: call, do: notify, autonomy: automatic, to: shift supervisor, text: no drone has them in view, then: end}
"""
PATIENCE_S = 60.0


def need_console() -> None:
    """A browser, and what it is to show."""
    missing = what_is_missing()
    need(missing is None, missing or "")
    need((ROOT / "fleet/console/dist/index.html").is_file(), "the built console (make console)")


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.1)


@dataclass
class Desk:
    """url: of the console. links: by name, good once, with which a person sets a password."""

    folder: Path
    url: str
    fleet: Child
    edge: Child
    links: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> str:
        """What `vedette-fleet` prints."""
        whole = [sys.executable, "-m", "fleet", *words]
        return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    def let_in(self, name: str, role: str, *options: str) -> None:
        config = str(self.folder / "fleet.yaml")
        self.links[name] = self.command("user", "add", config, name, "--role", role, *options).rpartition(": ")[2]
        if name == "Ada Byron":
            return
        scopes = ["--scope", role if role == "viewer" else "operator", "--scope", "viewer"]
        said = self.command("token", "add", config, name, "test", *scopes)
        self.tokens[name] = said.removeprefix("token: ")

    def get(self, path: str, *, of: str = "Olga Berg") -> Any:
        """Asked with the person's token. What it answers, None while it does not."""
        try:
            answer = httpx.get(self.url + path, headers=self._bearer(of), timeout=5, trust_env=False)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

    def post(self, path: str, body: dict[str, object] | None = None, *, of: str) -> int:
        answer = httpx.post(self.url + path, json=body or {}, headers=self._bearer(of), timeout=5, trust_env=False)
        return answer.status_code

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def vehicle(self, name: str = "drone-1") -> dict[str, Any]:
        """As the API shows it; empty while it does not answer."""
        found = [each for each in self.get("/api/v1/vehicles") or () if each["id"] == name]
        return found[0] if found else {}

    def _bearer(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[name]}"}


@contextmanager
def flying(cast: Cast, *, udp_port: int) -> Iterator[None]:
    """The site's vehicles, simulated, in a thread of their own."""
    is_over, fleet = threading.Event(), SimulatedFleet(autopilot_specs(cast.site, udp_port=udp_port))

    async def fly() -> None:
        async with fleet:
            await asyncio.to_thread(is_over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(fly()), name="vehicles")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(10)


@contextmanager
def open_desk(folder: Path, *, procedure: str = PROCEDURE, console: ConsoleSettings | None = None) -> Iterator[Desk]:
    """Ready, and the drone with it; nothing happens yet."""
    cast, run = write_site(folder, procedure), RunFolder(folder)
    port, mavlink_port = free_port(), free_port()
    (folder / "broker").mkdir()
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "broker"))
        settings = FleetSettings(
            site_file=cast.site_path,
            data_dir=folder / "fleet",
            procedures_file=folder / "procedures.yaml",
            console=console or ConsoleSettings(),
            broker=BrokerSettings(host=LOOPBACK, port=broker.port),
            http=HttpSettings(host=LOOPBACK, port=port, sign_in=True),
            connections={vehicle.id: f"udpin:{LOOPBACK}:{mavlink_port}" for vehicle in cast.site.vehicles},
        )
        config = folder / "fleet.yaml"
        config.write_text(json.dumps(settings.model_dump(mode="json", exclude_none=True, exclude_defaults=True)))
        fleet = Child("fleet", ["fleet", "run", str(config)], log_path=folder / "fleet.log")
        edge = run.edge(cast, cast.feed, broker_port=broker.port, http_port=port)
        shorten_clips(folder / f"{cast.feed.camera.node}.yaml")
        desk = Desk(folder, f"http://{LOOPBACK}:{port}", fleet, edge)
        for name, (role, *options) in ROLES.items():
            desk.let_in(name, role, *options)
        stack.enter_context(flying(cast, udp_port=mavlink_port))
        stack.enter_context(fleet)
        stack.callback(desk.edge.stop)
        wait_until(desk.is_ready, "the coordinator is ready")
        wait_until(lambda: desk.vehicle().get("not_ready_because") == [], "the drone is ready")
        yield desk


def shorten_clips(config: Path) -> None:
    """So that a clip is there while the vehicle is still on its way."""
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "evidence": {"longest_s": 8, "post_roll_s": 2}}))


def write_site(folder: Path, procedure: str) -> Cast:
    """The demo's yard with its drone, which goes on no patrol, and a procedure that asks before it is sent."""
    document = yaml.safe_load(DEMO_SITE.read_text())
    del document["patrols"]
    document["vehicles"] = [each for each in document["vehicles"] if each["id"] == "drone-1"]
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(document))
    (folder / "procedures.yaml").write_text(procedure)
    site = read_site(path)
    detections = RECORDINGS / "fence-cam.detections.jsonl"
    url = str(RECORDINGS / "fence-cam.mp4")
    feed = Feed(site.camera("fence-cam"), url, Origin.SIMULATED, detections=detections)
    return Cast(site, path, feed, (), None)
