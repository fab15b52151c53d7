"""What each node should run, what it says it runs, and whether the two agree.

The coordinator keeps every version it ever wanted; the node is the judge of it, and its word comes back. The site goes
with each, so that a node and its coordinator work on one map.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from contract.clock import Clock
from contract.codec import encode
from contract.configuration import DesiredConfiguration, ReportedConfiguration, desired_of, digest, site_digest
from contract.envelope import COORDINATOR, Envelope
from contract.kinds import Severity
from contract.site import Site
from contract.topics import MAX_PAYLOAD_BYTES
from fleet.api.models import ConfigurationVersion, ConfigurationView, NodeConfiguration
from fleet.errors import NotFound, Refused
from fleet.flight.journal import JournalEntry, JsonValue
from fleet.picture.coverage import NodeSeen, Trouble
from fleet.records import reads, writes
from fleet.records.audit import add_entry
from fleet.records.store import Store

AGAIN_US = 10_000_000  # said again until the node reports it: a broker may have forgotten it
REPORT_WITHIN_US = 120_000_000  # a model may have to be fetched and opened
Sign = Callable[[str, DesiredConfiguration], Envelope]
log = structlog.get_logger()


@dataclass(slots=True)
class _Node:
    """wanted_at_us: monotonic, since when; again_at_us: when it is said again."""

    desired: DesiredConfiguration | None = None
    wanted_at_us: int = 0
    again_at_us: int = 0
    reported: ReportedConfiguration | None = None

    @property
    def is_refused(self) -> bool:
        refused = None if self.reported is None else self.reported.refused
        return refused is not None and self.desired is not None and refused.version == self.desired.version

    @property
    def is_waited_for(self) -> bool:
        if self.desired is None or self.is_refused:
            return False
        wanted = (self.desired.version, self.desired.sha256)
        return self.reported is None or (self.reported.version, self.reported.sha256) != wanted


class Configurations:
    """For the coordinator's loop. `sign` makes the message for a node, `send` hands it over for sending."""

    def __init__(
        self, *, site: Site, clock: Clock, store: Store, sign: Sign, send: Callable[[str, Envelope], bool]
    ) -> None:
        self._site, self._clock, self._store = site, clock, store
        self._sign, self._send = sign, send
        self._site_sha256 = site_digest(site)
        self._nodes = {camera.node: _Node() for camera in site.cameras}

    def load(self) -> None:
        """What was wanted before. Where the site has changed since, the same settings are wanted on the new one."""
        with self._store.reading() as connection:
            wanted = reads.configurations(connection)
        for node, desired in wanted.items():
            if node not in self._nodes:
                continue
            self._nodes[node].desired = desired
            self._nodes[node].wanted_at_us = self._clock.monotonic_us()
            site = self._site.model_dump(mode="json")
            if digest(settings=desired.settings, site=site) != desired.sha256:
                try:
                    self.put(node, desired.settings, by=COORDINATOR)
                except Refused as err:
                    log.warning("the new site does not reach a node", node=node, reason=str(err))

    # What they order

    def put(self, node: str, settings: Mapping[str, object], *, by: str) -> NodeConfiguration:
        """A new version; durable and in the audit log before it is sent. Raises NotFound, Refused, StoreError."""
        state = self._state(node)
        site = self._site.model_dump(mode="json")
        try:
            desired = desired_of(version=self._next_version(state), settings=settings, site=site)
        except ValueError as err:
            raise Refused(f"node '{node}': configuration: {err}") from err
        size = len(encode(self._sign(node, desired)))
        if size > MAX_PAYLOAD_BYTES:
            raise Refused(f"node '{node}': expected at most {MAX_PAYLOAD_BYTES} bytes with the site, got {size}")
        now_us = self._clock.wall_us()
        detail: dict[str, JsonValue] = {"version": desired.version, "sha256": desired.sha256}
        with self._store.transaction() as connection:
            writes.add_configuration(connection, node, desired, by=by, at_us=now_us)
            add_entry(connection, JournalEntry(now_us, by, "configure", f"node {node}", detail=detail))
        state.desired, state.wanted_at_us = desired, self._clock.monotonic_us()
        self._say(node, state)
        return self.of(node)

    def put_again(self, node: str, version: int, *, by: str) -> NodeConfiguration:
        """The settings of an earlier version, as a new one. Raises NotFound, Refused, StoreError."""
        self._state(node)
        with self._store.reading() as connection:
            earlier = reads.configuration(connection, node, version)
        return self.put(node, earlier.settings, by=by)

    # What they see

    def of(self, node: str) -> NodeConfiguration:
        """Raises NotFound."""
        state = self._state(node)
        with self._store.reading() as connection:
            versions = reads.configuration_versions(connection, node)
        return NodeConfiguration(
            node=node,
            desired=state.desired,
            reported=state.reported,
            is_waited_for=state.is_waited_for,
            versions=tuple(ConfigurationVersion.model_validate(each) for each in versions),
        )

    def view(self, node: str) -> ConfigurationView | None:
        """In a line; None where nothing is wanted and nothing was reported."""
        state = self._nodes.get(node)
        if state is None or (state.desired is None and state.reported is None):
            return None
        return ConfigurationView(
            desired_version=None if state.desired is None else state.desired.version,
            reported_version=None if state.reported is None else state.reported.version,
            is_waited_for=state.is_waited_for,
            refused=None if state.reported is None else state.reported.refused,
        )

    # As time goes by

    def heard(self, node: str, reported: ReportedConfiguration) -> None:
        self._nodes.setdefault(node, _Node()).reported = reported

    def tick(self) -> None:
        """Say again what a node has not reported yet."""
        now_us = self._clock.monotonic_us()
        for node, state in self._nodes.items():
            if state.is_waited_for and now_us >= state.again_at_us:
                self._say(node, state)

    def troubles(self, nodes: Mapping[str, NodeSeen]) -> list[Trouble]:
        """Of nodes that are heard: what they refuse, leave undone, or see on another map."""
        found = []
        for node, state in sorted(self._nodes.items()):
            seen = nodes.get(node)
            wrong = self._wrong(state)
            if wrong and seen is not None and seen.heard_at_us is not None:
                title = f"node {node}: {wrong}"
                found.append(Trouble(f"config:{node}", title, (), Severity.MEDIUM, seen.origin))
        return found

    def _wrong(self, state: _Node) -> str:
        desired, reported = state.desired, state.reported
        if desired is not None and state.is_refused and reported is not None and reported.refused is not None:
            return f"refuses configuration {desired.version}: {reported.refused.reason}"
        if desired is not None and state.is_waited_for:
            is_late = self._clock.monotonic_us() - state.wanted_at_us > REPORT_WITHIN_US
            return f"has not reported configuration {desired.version}" if is_late else ""
        if reported is not None and reported.site_sha256 != self._site_sha256:
            return "works on another site file than the coordinator"
        return "" if reported is None else reported.remark

    def _say(self, node: str, state: _Node) -> None:
        assert state.desired is not None
        state.again_at_us = self._clock.monotonic_us() + AGAIN_US
        self._send(node, self._sign(node, state.desired))

    def _next_version(self, state: _Node) -> int:
        """Higher than any that the node has seen, also where this store is a new one."""
        known = [0]
        if state.desired is not None:
            known.append(state.desired.version)
        if state.reported is not None:
            known.append(state.reported.version or 0)
            known.append(state.reported.refused.version if state.reported.refused is not None else 0)
        return max(known) + 1

    def _state(self, node: str) -> _Node:
        state = self._nodes.get(node)
        if state is None:
            raise NotFound(f"node '{node}': there is none")
        return state
