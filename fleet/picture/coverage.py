"""Who watches what now: nodes and feeds as last heard, and the troubles that leave set zones uncovered (SAFETY 18).

Pure; every time is our monotonic clock at receipt. A retained status tells what a feed was, not that its node lives:
only what is said now counts as heard, and a node never heard is as bad as a dead one.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from contract.envelope import Origin
from contract.events import FeedState, FeedStatus, Health, NodeFaultKind, NodeState, Status
from contract.kinds import Severity
from contract.site import Site

SILENT_AFTER_US = 8_000_000  # health comes every 2 s; with the tick this stays within the 10 s of SAFETY 18
FAULT_SEVERITY = {
    NodeFaultKind.CLOCK: Severity.MEDIUM,
    NodeFaultKind.DISK: Severity.MEDIUM,
    NodeFaultKind.HOT: Severity.LOW,
    NodeFaultKind.UPLOAD: Severity.LOW,
}
START_WITHIN_US = 8_000_000  # a feed may be starting this long


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault of the system. `subject` is its identity while it lasts."""

    subject: str
    title: str
    uncovered_zones: tuple[str, ...]
    severity: Severity
    origin: Origin


@dataclass(slots=True)
class NodeSeen:
    """One node as last heard. `heard_at_us` None: not since this coordinator started."""

    node: str
    heard_at_us: int | None = None
    state: NodeState | None = None
    software: str = ""
    origin: Origin = Origin.LIVE
    boot: int | None = None
    feeds: dict[str, FeedStatus] = field(default_factory=dict)
    starting_since_us: dict[str, int] = field(default_factory=dict)
    health: Health | None = None
    status: Status | None = None


class Coverage:
    """State of all nodes of a site."""

    def __init__(self, site: Site, *, started_at_us: int) -> None:
        self._site = site
        self._started_at_us = started_at_us
        self.nodes = {camera.node: NodeSeen(camera.node) for camera in site.cameras}

    def heard(self, node: str, *, origin: Origin, boot: int, at_us: int) -> bool:
        """A node said something just now; True when it started anew since (its zones are as its site file says)."""
        seen = self.nodes.setdefault(node, NodeSeen(node))
        is_new = seen.boot != boot
        seen.heard_at_us, seen.origin, seen.boot = at_us, origin, boot
        return is_new

    def on_status(self, node: str, status: Status, *, at_us: int) -> None:
        seen = self.nodes.setdefault(node, NodeSeen(node))
        seen.state, seen.software, seen.status = status.state, status.software, status
        if status.state is NodeState.OFFLINE:
            return  # the last will knows nothing of feeds
        seen.feeds = {feed.camera: feed for feed in status.feeds}
        starting = [feed.camera for feed in status.feeds if feed.state is FeedState.STARTING]
        seen.starting_since_us = {camera: seen.starting_since_us.get(camera, at_us) for camera in starting}

    def on_health(self, node: str, health: Health) -> None:
        self.nodes.setdefault(node, NodeSeen(node)).health = health

    def troubles(
        self, *, zones_set: Collection[str], now_us: int, bypassed: Collection[str] = ()
    ) -> tuple[Trouble, ...]:
        """What is wrong now, worst named once: a silent node stands for all its cameras. What a bypassed camera sees is
        answered by nobody, so it covers nothing for another that is blind."""
        blind: dict[str, tuple[str, str]] = {}  # camera -> subject, what is wrong
        for node, seen in sorted(self.nodes.items()):
            cameras = [camera.id for camera in self._site.cameras if camera.node == node]
            fault = self._node_fault(seen, now_us)
            for camera in cameras:
                wrong = fault or self._feed_fault(seen, camera, now_us)
                if wrong:
                    subject = f"node:{node}" if fault else f"feed:{camera}"
                    blind[camera] = (subject, wrong)
        found = {}
        for subject, title in dict.fromkeys(blind.values()):
            mine = {camera for camera, (whose, _) in blind.items() if whose == subject}
            touched = [zone for zone in self._site.watched if zone.id in zones_set and mine & set(zone.cameras)]
            uncovered = tuple(zone.id for zone in touched if set(zone.cameras) <= {*blind, *bypassed})
            if touched:
                severity = Severity.HIGH if uncovered else Severity.MEDIUM
                found[subject] = Trouble(subject, title, uncovered, severity, self._origin_of(mine))
        return (*found.values(), *self._device_faults(now_us))

    def _device_faults(self, now_us: int) -> Iterator[Trouble]:
        """What is wrong with devices whose cameras still watch; of a node that is gone the last word says nothing."""
        for node, seen in sorted(self.nodes.items()):
            if seen.status is None or self._node_fault(seen, now_us):
                continue
            for fault in seen.status.faults:
                title = f"node {node}: {fault.kind.value}: {fault.detail}"
                yield Trouble(f"device:{node}:{fault.kind.value}", title, (), FAULT_SEVERITY[fault.kind], seen.origin)

    def _node_fault(self, seen: NodeSeen, now_us: int) -> str | None:
        if seen.state is NodeState.OFFLINE:
            return f"node {seen.node} is offline: the broker lost it"
        if seen.state is NodeState.STOPPING:
            return f"node {seen.node} is stopped"
        last_us = self._started_at_us if seen.heard_at_us is None else seen.heard_at_us
        if now_us - last_us > SILENT_AFTER_US:
            return f"node {seen.node} is silent for more than {SILENT_AFTER_US // 1_000_000} s"
        return None

    def _feed_fault(self, seen: NodeSeen, camera: str, now_us: int) -> str | None:
        if seen.state is None:
            return None  # not heard yet; the node's own time-out says so
        feed = seen.feeds.get(camera)
        if feed is None:
            return f"camera {camera}: node {seen.node} does not run it"
        if feed.state is FeedState.OK:
            return None
        if feed.state is FeedState.STARTING and now_us - seen.starting_since_us[camera] <= START_WITHIN_US:
            return None
        detail = f": {feed.detail}" if feed.detail else ""
        return f"camera {camera}: feed {feed.state.value.replace('_', ' ')}{detail}"

    def _origin_of(self, cameras: Collection[str]) -> Origin:
        nodes = {camera.node for camera in self._site.cameras if camera.id in cameras}
        return next((self.nodes[node].origin for node in sorted(nodes)), Origin.LIVE)
