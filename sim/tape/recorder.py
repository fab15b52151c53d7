"""Everything a running site says, onto one tape: the loop between the taps and the writer.

Only this thread touches the tape. Items are written as they are heard; a recording that a node plays is read from its
own file, once it is known when the node began it.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from contract.clock import Clock
from contract.codec import decode
from contract.errors import ContractError, DocumentError
from contract.site import Site
from edge.errors import EdgeError
from edge.link.uplink import Broker
from edge.settings import EdgeSettings, parse_settings, source_of
from sim.tape.errors import TapeError
from sim.tape.file_feed import FileFeed
from sim.tape.items import SITE_FILE, Beside, Item, envelope, log_line
from sim.tape.taps import BrokerTap, CameraTap, Heard, HeardOnBus, MavlinkUdpTap, Tap
from sim.tape.writer import TapeWriter

FLUSH_US = 2_000_000  # what a crash costs at most
LOOK_FOR_NODES_US = 1_000_000


class Recorder:
    """A context. `node_files`: asked again and again, for nodes that start later; `mavlink`: makes the tap."""

    def __init__(
        self,
        out: Path,
        *,
        site: Site,
        site_text: bytes,
        broker: Broker,
        node_files: Callable[[], list[Path]],
        mavlink: Callable[[Heard], Tap] | None,
        clock: Clock,
    ) -> None:
        self._site = site
        self._site_text = site_text
        self._node_files = node_files
        self._clock = clock
        self._heard = Heard()
        client_id = f"vedette-recorder-{site.id}-{os.getpid()}"
        self.broker_tap = BrokerTap(broker, site=site.id, client_id=client_id, heard=self._heard, clock=clock)
        self._taps: list[Tap] = [self.broker_tap, *([mavlink(self._heard)] if mavlink else [])]
        self._tape = TapeWriter(out)
        self._resources = ExitStack()
        self._feeds: list[FileFeed] = []
        self._known_nodes: set[Path] = set()
        self._flushed_at_us = self._looked_at_us = 0
        self.refused = 0
        self.by_schema: Counter[str] = Counter()

    def __enter__(self) -> "Recorder":
        self._resources.enter_context(self._tape)
        self._tape.write(Beside(SITE_FILE, "application/yaml", self._site_text, self._clock.wall_us()))
        for tap in self._taps:
            tap.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            for tap in self._taps:
                tap.stop()
            while (item := self._heard.get()) is not None:
                self._take(item)
            self._write_feeds(is_last=True)

    def mavlink_ports(self) -> list[int]:
        """UDP ports that MAVLink may be forwarded to."""
        return [tap.port for tap in self._taps if isinstance(tap, MavlinkUdpTap)]

    @property
    def dropped(self) -> int:
        return self._heard.dropped

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        while not stop.is_set():
            self.step()

    def step(self) -> None:
        """One look at the queue, and what is due by now."""
        item = self._heard.get()
        if item is not None:
            self._take(item)
        now_us = self._clock.monotonic_us()
        if now_us - self._looked_at_us >= LOOK_FOR_NODES_US:
            self._looked_at_us = now_us
            self._find_nodes()
            self._write_feeds(is_last=False)
        if now_us - self._flushed_at_us >= FLUSH_US:
            self._flushed_at_us = now_us
            self._tape.flush()

    def _take(self, item: Item | HeardOnBus) -> None:
        if not isinstance(item, HeardOnBus):
            self._write(item)
            return
        try:
            _, message = decode(item.topic, item.payload)
        except ContractError as err:
            self.refused += 1
            self._write(log_line(item.received_at_us, name="recorder", text=f"not recorded: {err}"))
            return
        for feed in self._feeds:
            feed.hear(message)
        self._write(
            envelope(item.topic, item.payload, received_at_us=item.received_at_us, sent_at_us=message.sent_at_us)
        )

    def _write(self, item: Item) -> None:
        self._tape.write(item)
        self.by_schema[getattr(item, "schema", "")] += 1

    def _write_feeds(self, *, is_last: bool) -> None:
        now_us = self._clock.wall_us()
        for feed in tuple(self._feeds):
            try:
                for item in feed.due(now_us, is_last=is_last):
                    self._write(item)
            except (EdgeError, TapeError) as err:
                self._feeds.remove(feed)
                self._warn(f"camera {feed.camera}: {err}")

    def _find_nodes(self) -> None:
        for path in self._node_files():
            if path not in self._known_nodes:
                self._known_nodes.add(path)
                try:
                    self._listen_to(parse_settings(path.read_text(encoding="utf-8"), source=str(path)), path.parent)
                except (OSError, DocumentError, EdgeError) as err:
                    self._warn(f"node of {path.name}: {err}")

    def _listen_to(self, node: EdgeSettings, folder: Path) -> None:
        """Raises SetUpError for a password that is named and not there, FeedUnreadable for a recording that is none."""
        for settings in node.feeds:
            if settings.is_file:
                self._feeds.append(FileFeed(settings, folder=folder, node=node.node, clock=self._clock))
            else:
                url = source_of(settings, folder=folder, environment=os.environ).url
                tap = CameraTap(url, settings.camera, heard=self._heard, clock=self._clock)
                self._taps.append(tap)
                tap.start()

    def _warn(self, text: str) -> None:
        self._write(log_line(self._clock.wall_us(), name="recorder", text=text))
