"""How many events a second become durable and correlated, how soon a console sees one, and a list beside a million.

Broker, coordinator, database and the nodes' sender share this machine; the broker is mosquitto, everything is on disk.
"""

import json
import os
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table
from websockets.sync.client import ClientConnection, connect

from contract.clock import Clock
from fleet.broker_settings import BrokerSettings
from fleet.records.postgres import Database
from fleet.settings import FleetSettings, HttpSettings, StoreSettings
from sim.benchmarks.figures import Spread, spread
from sim.benchmarks.million import fill
from sim.children import Child, processor_s
from sim.demo_setup import LOOPBACK, DemoError
from sim.mosquitto import Mosquitto, find_mosquitto
from sim.postgres import PASSWORD, Postgres
from sim.soak import crowd

PEOPLE = 6_000  # of whom each is four events, as fast as they are taken
PACED_PEOPLE = 4_000
RATE_BAR_HZ, VISIBLE_BAR_MS, LIST_BAR_MS = 2_000.0, 250.0, 50.0
LISTS = 200
PATIENCE_S = 120.0
PASSWORD_VARIABLE = "VEDETTE_BENCH_STORE"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class OfStore:
    """`coordinator_share`: of one core, while it took events as fast as it could; `incidents`: open by then."""

    rate_hz: float
    coordinator_share: float
    incidents: int
    visible: Spread | None
    listed: Spread | None


@dataclass(frozen=True, slots=True)
class Ingested:
    """By kind of store. `load`: of the machine before it began."""

    stores: dict[str, OfStore]
    load: float

    @property
    def missed(self) -> list[str]:
        """What is not as it must be, in words; empty when all is well."""
        wrong = []
        for name, of in self.stores.items():
            visible_ms = of.visible.p99_ms if of.visible else float("inf")
            listed_ms = of.listed.p95_ms if of.listed else float("inf")
            if of.rate_hz < RATE_BAR_HZ:
                wrong.append(f"{name}: expected at least {RATE_BAR_HZ:g} events/s, got {of.rate_hz:.0f}")
            if visible_ms > VISIBLE_BAR_MS:
                wrong.append(f"{name}: expected 99 % visible within {VISIBLE_BAR_MS:g} ms, got {visible_ms:.0f}")
            if listed_ms > LIST_BAR_MS:
                wrong.append(f"{name}: expected 95 % of lists within {LIST_BAR_MS:g} ms, got {listed_ms:.0f}")
        return wrong

    def table(self) -> Table:
        heads = (
            "events/s",
            "coordinator, cores",
            "open incidents",
            "visible p50, ms",
            "p99",
            "list p95, ms",
        )
        table = Table("ingest", *heads, title=f"load before: {self.load:.1f}")
        for column in table.columns[1:]:
            column.justify = "right"
        for name, of in self.stores.items():
            visible = ("-", "-") if of.visible is None else (f"{of.visible.p50_ms:.0f}", f"{of.visible.p99_ms:.0f}")
            listed = "-" if of.listed is None else f"{of.listed.p95_ms:.1f}"
            table.add_row(name, f"{of.rate_hz:.0f}", f"{of.coordinator_share:.2f}", str(of.incidents), *visible, listed)
        return table


def measure_ingest(folder: Path, *, clock: Clock, console: Console) -> Ingested:
    """Some minutes, most of them for filling. Raises DemoError where mosquitto or PostgreSQL is not installed."""
    load = os.getloadavg()[0]
    fast = crowd.messages_of(PEOPLE, seed=1)
    paced = crowd.messages_of(PACED_PEOPLE, seed=2)
    stores = {}
    with Postgres(is_durable=True) as server:
        for name in ("SQLite", "PostgreSQL"):
            made = [Bench(folder / f"{name}-{part}", _place(server, name), clock=clock) for part in ("a", "b", "c")]
            with console.status(f"{name}: as fast as it takes them"):
                rate_hz, share, incidents = made[0].rate(fast)
            with console.status(f"{name}: at half the rate, until it is seen"):
                visible = made[1].visible(paced, rate_hz=RATE_BAR_HZ / 2)
            with console.status(f"{name}: a million events, then the list"):
                listed = made[2].lists()
            stores[name] = OfStore(rate_hz, share, incidents, visible, listed)
    return Ingested(stores, load)


class Bench:
    """One coordinator on one fresh store."""

    def __init__(self, folder: Path, place: Database | None, *, clock: Clock) -> None:
        folder.mkdir(parents=True)
        self._folder, self._place, self._clock = folder, place, clock

    def rate(self, said: list[crowd.Said]) -> tuple[float, float, int]:
        """Events a second, cores of the coordinator, incidents that are open then."""
        with self._running() as (port, child, url):
            assert child.pid is not None
            with crowd.Crowd(said, port=port, clock=self._clock) as nodes:
                began_us, began_s = self._clock.monotonic_us(), processor_s(child.pid)
                nodes.start()
                if not nodes.wait(lambda: nodes.done == len(said), timeout_s=PATIENCE_S):
                    raise DemoError(f"of {len(said)} events {nodes.done} were stored within {PATIENCE_S:.0f} s")
                took_s = (self._clock.monotonic_us() - began_us) / 1e6
                share = (processor_s(child.pid) - began_s) / took_s
            return len(said) / took_s, share, len(_get(f"{url}/api/v1/incidents?limit=500"))

    def visible(self, said: list[crowd.Said], *, rate_hz: float) -> Spread | None:
        """From the moment a node sends to the moment a console has it or something newer of the same alarm."""
        with (
            self._running() as (port, _, url),
            crowd.Crowd(said, port=port, clock=self._clock, rate_hz=rate_hz) as nodes,
        ):
            address = url.replace("http", "ws") + "/api/v1/live"
            with closing(connect(address, max_size=None)) as socket:
                seen: dict[tuple[uuid.UUID, int], int] = {}
                watcher = threading.Thread(target=self._watch, args=(socket, seen), name="console")
                watcher.start()
                try:
                    nodes.start()
                    nodes.wait(lambda: nodes.done == len(said), timeout_s=PATIENCE_S)
                    nodes.wait(lambda: len(seen) == len(said), timeout_s=5.0)
                finally:
                    socket.close()
                    watcher.join()
            missing = len(said) - len(seen)
            if missing:
                raise DemoError(f"of {len(said)} events {missing} were never seen")
            return spread(seen[key] - sent_us for key, sent_us in nodes.sent_at_us.items())

    def lists(self) -> Spread | None:
        """Of incidents, while a million events are stored."""
        fill(self._place or self._folder / "fleet" / "fleet.db")
        with self._running() as (_, _, url):
            return spread(self._timed(f"{url}/api/v1/incidents?limit=100") for _ in range(LISTS))

    def _timed(self, url: str) -> int:
        began_us = self._clock.monotonic_us()
        _get(url)
        return self._clock.monotonic_us() - began_us

    def _watch(self, socket: ClientConnection, seen: dict[tuple[uuid.UUID, int], int]) -> None:
        for text in socket:
            now_us = self._clock.wall_us()
            message = json.loads(text)
            if message["type"] == "alarm":
                alarms = [message["data"]]
            elif message["type"] == "snapshot":
                alarms = message["alarms"]
            else:
                continue
            for alarm in alarms:
                for revision in range(alarm["revision"] + 1):
                    seen.setdefault((uuid.UUID(alarm["alarm_id"]), revision), now_us)

    @contextmanager
    def _running(self) -> Iterator[tuple[int, Child, str]]:
        """Broker's port, coordinator, its address."""
        binary = find_mosquitto()
        if binary is None:
            raise DemoError("ingest needs the mosquitto binary (apt-get install mosquitto)")
        broker_folder = self._folder / "broker"
        broker_folder.mkdir()
        (self._folder / "site.yaml").write_text(yaml.safe_dump(crowd.site().model_dump(mode="json", exclude_none=True)))
        with ExitStack() as parts:
            broker = parts.enter_context(Mosquitto(binary, folder=broker_folder, clock=self._clock))
            child = coordinator(self._folder, self._place, port=broker.port)
            parts.enter_context(child)
            url = address_of(child)
            _await_ready(url, clock=self._clock)
            yield broker.port, child, url


def coordinator(folder: Path, place: Database | None, *, port: int) -> Child:
    """Not started yet; `place` None: SQLite in its folder."""
    settings = FleetSettings(
        site_file=folder / "site.yaml",
        data_dir=folder / "fleet",
        broker=BrokerSettings(host=LOOPBACK, port=port),
        http=HttpSettings(host=LOOPBACK, port=0),
        store=StoreSettings() if place is None else StoreSettings(url=place.url, password_env=PASSWORD_VARIABLE),
    )
    config = folder / "fleet.yaml"
    config.write_text(json.dumps(settings.model_dump(mode="json", exclude_none=True)))
    secrets = {PASSWORD_VARIABLE: PASSWORD}
    return Child("fleet", ["fleet", "run", str(config)], log_path=folder / "fleet.log", secrets=secrets)


def address_of(child: Child, *, starts: int = 1) -> str:
    """As it said when it was started that many times. Raises DemoError."""
    for _ in range(round(PATIENCE_S / 0.02)):
        text = child.log_path.read_text(errors="replace") if child.log_path.exists() else ""
        said = [line for line in text.splitlines() if line.startswith("listening on ")]
        if len(said) >= starts:
            return said[-1].removeprefix("listening on ").strip()
        if child.exit_code is not None:
            break
        time.sleep(0.02)
    raise DemoError(f"the coordinator did not start: {child.last_words()}")


def _await_ready(url: str, *, clock: Clock) -> None:
    """Connected to its broker. Raises DemoError."""
    until_us = clock.monotonic_us() + round(PATIENCE_S * 1e6)
    while clock.monotonic_us() < until_us:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=PATIENCE_S).close()  # noqa: S310 - loopback
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise DemoError("the coordinator did not become ready")


def _place(server: Postgres, name: str) -> Database | None:
    return server.database() if name == "PostgreSQL" else None


def _get(url: str) -> list[object]:
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - loopback
        found: list[object] = json.loads(answer.read())
        return found
