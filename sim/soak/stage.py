"""The processes of a fault series: mosquitto, a coordinator and a watched node, each to be killed and started again."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import yaml

from contract.clock import Clock
from contract.envelope import Envelope, Origin
from edge.settings import BrokerSettings, EdgeSettings, EvidenceSettings, FeedSettings
from fleet.broker_settings import BrokerSettings as FleetBroker
from fleet.settings import FleetSettings, HttpSettings
from sim.children import Child
from sim.demo_setup import LOOPBACK, DemoError
from sim.embedded_broker import free_port
from sim.mosquitto import find_mosquitto
from sim.soak import yard
from sim.soak.ledger import Judged
from sim.soak.life import PATIENCE_S, Life

LOOK_EACH_S = 0.02
QUIET_FRAMES = 30
DRAINS = 20  # each acknowledges a thousand rows at least


class Mosquitto:
    """The real broker on a loopback port, with nothing kept over a kill but what is on the disk."""

    def __init__(self, folder: Path, *, port: int) -> None:
        binary = find_mosquitto()
        if binary is None:
            raise DemoError("a fault series needs the mosquitto binary (apt-get install mosquitto)")
        folder.mkdir()
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {port} {LOOPBACK}\nallow_anonymous true\nlog_type none\n")
        self._command = [binary, "-c", str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the broker
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Stage:
    """A context: the broker and the coordinator run in it; the node runs when told to, one life after the other.

    `data_dir`: of the node, where it must not be an ordinary folder. `length_s`: of a life at most.
    """

    def __init__(self, folder: Path, *, clock: Clock, length_s: float = 60.0, data_dir: Path | None = None) -> None:
        self.folder = folder
        self.clock = clock
        self.data_dir = data_dir or folder / "node"
        self.store_path = folder / "fleet" / "fleet.db"
        self._frames = round(length_s * yard.FRAMES_PER_S)
        self._port = free_port()
        self.broker = Mosquitto(folder / "broker", port=self._port)
        self.coordinator = self._coordinator()
        self.site = yard.site()
        self.began_us = clock.wall_us() // yard.FRAME_US * yard.FRAME_US  # the world's time 0
        self._world_us = dict.fromkeys(yard.CAMERAS, 0)  # of each camera's next frame
        self.lives: list[tuple[Judged, ...]] = []
        self._life: Life | None = None
        self._parts = ExitStack()

    def __enter__(self) -> "Stage":
        (self.folder / "site.yaml").write_text(yaml.safe_dump(self.site.model_dump(mode="json", exclude_none=True)))
        yard.write_video(self.folder / "yard.mp4", self._frames)
        yard.write_video(self.folder / "quiet.mp4", QUIET_FRAMES)
        with ExitStack() as parts:
            parts.callback(self.broker.kill)
            self.broker.start()
            parts.callback(self.coordinator.stop)
            self.coordinator.start()
            parts.callback(self._kill_if_alive)
            self.wait_for(self._is_answering, what="the coordinator's store")
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    @property
    def life(self) -> Life:
        """The one that runs."""
        assert self._life is not None
        return self._life

    @property
    def world_us(self) -> Mapping[str, int]:
        """How far each camera has shown the world."""
        return self._world_us

    def begin_life(self) -> Life:
        """The node goes on where its last life was cut off."""
        feeds = [self._feed(camera, "yard.mp4", self._frames, has_people=True) for camera in yard.CAMERAS]
        return self._begin(feeds, exit_when_ended=False)

    def _note_end(self) -> None:
        """Its ledger is complete now; the world stands still until the next life."""
        judged = self.life.judged()
        self._life = None
        self.lives.append(judged)
        for each in judged:
            next_us = each.captured_at_us - self.began_us + yard.FRAME_US
            self._world_us[each.camera] = max(self._world_us[each.camera], next_us)

    def kill_node(self) -> None:
        self.life.kill()
        self._note_end()

    def stop_node(self) -> None:
        """Raises DemoError when it complains."""
        code = self.life.stop()
        if code != 0:
            raise DemoError(f"the node ended with exit code {code}: {self.life.last_words()}")
        self._note_end()

    def drain(self) -> None:
        """Lives in which nobody is there, until one ends with everything acknowledged. Raises DemoError."""
        for _ in range(DRAINS):
            feeds = [self._feed(camera, "quiet.mp4", QUIET_FRAMES, has_people=False) for camera in yard.CAMERAS]
            code = self._begin(feeds, exit_when_ended=True).wait()
            self._life = None
            if code == 0:
                return
        raise DemoError(f"the outbox still holds rows after {DRAINS} lives with nothing to do")

    def wait_for(self, condition: Callable[[], object], *, what: str, timeout_s: float = PATIENCE_S) -> None:
        """Raises DemoError when it does not come true, or when a part that must run has ended."""
        until_us = self.clock.monotonic_us() + round(timeout_s * 1e6)
        while not condition():
            if self._life is not None and self._life.exit_code is not None:
                raise DemoError(f"the node ended while waiting for {what}: {self._life.last_words()}")
            if self.coordinator.exit_code not in (None, -9):
                raise DemoError(f"the coordinator ended: {self.coordinator.last_words()}")
            if self.clock.monotonic_us() > until_us:
                raise DemoError(f"not within {timeout_s:.0f} s: {what}")
            time.sleep(LOOK_EACH_S)

    def _kill_if_alive(self) -> None:
        if self._life is not None:
            self._life.kill()

    def _is_answering(self) -> bool:
        """The broker listens, and the coordinator said where it does."""
        try:
            socket.create_connection((LOOPBACK, self._port), timeout=0.2).close()
        except OSError:
            return False
        return "listening on" in self.coordinator.log_path.read_text(errors="replace")

    def _begin(self, feeds: list[FeedSettings], *, exit_when_ended: bool) -> Life:
        settings = EdgeSettings(
            node=yard.NODE,
            site_file=str(self.folder / "site.yaml"),
            data_dir=str(self.data_dir),
            broker=BrokerSettings(host=LOOPBACK, port=self._port),
            metrics=None,
            feeds=tuple(feeds),
            evidence=EvidenceSettings(pre_roll_s=1.0, post_roll_s=0.5, longest_s=5.0, ring_mb=4.0, leave_free_gb=0.05),
            exit_when_ended=exit_when_ended,
        )
        config = self.folder / "edge.yaml"
        config.write_text(json.dumps(settings.model_dump(mode="json", exclude_none=True) | {"metrics": None}))
        self._life = Life(config, self.folder / "node.log")
        return self._life

    def _feed(self, camera: str, video: str, frames: int, *, has_people: bool) -> FeedSettings:
        from_us = self._world_us[camera]
        script = self.folder / f"{camera}.detections.jsonl"
        script.write_text(yard.script_of(camera, from_us=from_us, frames=frames, has_people=has_people))
        return FeedSettings(
            camera=camera,
            url=str(self.folder / video),
            origin=Origin.SIMULATED,
            realtime=has_people,
            start=datetime.fromtimestamp((self.began_us + from_us) / 1e6, tz=timezone.utc),
            detections=str(script),
        )

    def _coordinator(self) -> Child:
        settings = FleetSettings(
            site_file=self.folder / "site.yaml",
            data_dir=self.folder / "fleet",
            broker=FleetBroker(host=LOOPBACK, port=self._port),
            http=HttpSettings(host=LOOPBACK, port=0),
        )
        config = self.folder / "fleet.yaml"
        config.write_text(json.dumps(settings.model_dump(mode="json", exclude_none=True)))
        return Child("fleet", ["fleet", "run", str(config)], log_path=self.folder / "fleet.log")


def fired(life: tuple[Judged, ...]) -> list[Envelope]:
    """All events of a life, in their order."""
    return [envelope for judged in life for envelope in judged.fired]
