"""An edge node in virtual time: the real node's parts in turn, its outbox on a real disk that survives its death."""

import asyncio
import random
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio

from contract.clock import Clock
from contract.envelope import Envelope, Origin
from contract.site import Site
from detectors.frame import Frame
from edge.camera import CameraFeed
from edge.errors import FeedError, OutboxError
from edge.link.outbox import Outbox
from edge.link.zone_memory import ZoneMemory
from edge.node import WATCH_S, Feed, Node
from edge.pipeline import StepResult
from sim.impairment import Impairment
from sim.life import Life
from sim.memory_bus import MemoryBroker, MemoryClient
from sim.rig import Rig
from sim.run_log import RunLog

OPEN_AGAIN_S = 1.0
DELIVER_EACH_S = 0.1  # at the latest; what a frame led to is sent at once


class Disk(Outbox):
    """An outbox whose disk may be full, and which says what it took."""

    def __init__(self, path: Path, *, new_id: Callable[[], uuid.UUID], is_full: Callable[[], bool]) -> None:
        super().__init__(path, new_id=new_id)
        self._is_full = is_full
        self.took: Callable[[Envelope], None]

    def append(self, envelope: Envelope) -> Envelope:
        if self._is_full():
            raise OutboxError("outbox: did not take a message: database or disk is full")
        numbered = super().append(envelope)
        self.took(numbered)
        return numbered


class NodeLife:
    """One node with its rigs. `life` may be killed and started."""

    def __init__(
        self,
        node: str,
        *,
        site: Site,
        rigs: Sequence[Rig],
        folder: Path,
        seed: int,
        broker: MemoryBroker,
        link: Impairment,
        clock: Clock,
        log: RunLog,
        is_disk_full: Callable[[], bool],
        witness: Callable[[Rig, StepResult], None] | None = None,
    ) -> None:
        self._witness = witness
        self._name, self._site, self._rigs, self._folder = node, site, rigs, folder
        self._seed, self._broker, self._link, self._clock, self._log = seed, broker, link, clock, log
        self._is_disk_full = is_disk_full
        self._node_now: Node | None = None
        self._client: MemoryClient | None = None
        self.life = Life(self._live, on_kill=self._die)

    def _die(self) -> None:
        self._node_now = None
        if self._client is not None:
            self._client.die()
        for rig in self._rigs:
            self._log.ended(rig.camera.id)

    async def _live(self) -> None:
        path = self._folder / f"{self._name}.outbox.sqlite"
        words = f"vedette-sim/{self._site.id}/{self._name}/{self._seed}"
        disk = Disk(path, new_id=lambda: uuid.uuid5(uuid.NAMESPACE_OID, words), is_full=self._is_disk_full)
        disk.took = self._log.posted
        with disk:
            node = self._node_now = self._node(disk)
            client = self._client = MemoryClient(
                self._broker,
                f"vedette-{self._site.id}-{self._name}",
                link=self._link,
                is_clean=True,
                make_will=node.last_will,
                on_session=node.session_opened,
                on_delivered=node.delivered,
            )
            node.join(client)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.run, name=f"{self._name} link")
                tasks.start_soon(self._watch, node, name=f"{self._name} watch")
                tasks.start_soon(self._deliver, node, name=f"{self._name} courier")
                for rig, reader in zip(self._rigs, node.readers, strict=True):
                    tasks.start_soon(self._read, node, rig, reader, name=f"feed {rig.camera.id}")

    def _node(self, outbox: Outbox) -> Node:
        rigs = {rig.camera.id: rig for rig in self._rigs}

        def witness(camera: str, result: StepResult) -> None:
            self._log.judged(camera, result, labels=rigs[camera].eye.labels)
            if self._witness is not None:
                self._witness(rigs[camera], result)

        return Node(
            site=self._site,
            node=self._name,
            feeds=feeds_of(self._rigs),
            outbox=outbox,
            zone_memory=ZoneMemory(self._folder / f"{self._name}.zones.json"),
            clock=self._clock,
            chance=random.Random(f"{self._seed}/{self._name}"),  # noqa: S311 - spreads retries
            software="vedette-sim",
            witness=witness,
        )

    async def _watch(self, node: Node) -> None:
        while True:
            node.watch()
            await anyio.sleep(WATCH_S)

    async def _deliver(self, node: Node) -> None:
        while True:
            wait_s = node.deliver()
            await anyio.sleep(min(wait_s, DELIVER_EACH_S))

    async def _read(self, node: Node, rig: Rig, reader: CameraFeed) -> None:
        """Open, take pictures in time, lose it, open again."""
        while True:
            reader.begin()
            try:
                await self._read_on(node, rig, reader)
            except FeedError as err:
                reader.end(err)
                node.judge()
            await anyio.sleep(OPEN_AGAIN_S)

    async def _read_on(self, node: Node, rig: Rig, reader: CameraFeed) -> None:
        period_us = round(1e6 * rig.period_s)
        loop = asyncio.get_running_loop()
        while True:
            await anyio.sleep((-self._clock.monotonic_us() % period_us) / 1e6)
            loop.call_later(rig.plan.latency_s, self._arrive, node, reader, rig.capture())
            await anyio.sleep(period_us / 2e6)

    def _arrive(self, node: Node, reader: CameraFeed, frame: Frame) -> None:
        """A picture has come through the cable; of a node that was killed meanwhile nobody is there."""
        if node is self._node_now:
            reader.take(frame)
            node.judge()
            node.deliver()


def feeds_of(rigs: Sequence[Rig]) -> list[Feed]:
    """Simulated cameras as a node takes them."""
    return [
        Feed(rig.camera.id, open_source=rig.opened, origin=Origin.SIMULATED, detector=rig.eye, poses=rig)
        for rig in rigs
    ]
