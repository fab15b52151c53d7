"""An edge node in virtual time: the real node's parts in turn, its outbox on a real disk that survives its death."""

import asyncio

import anyio

from detectors.frame import Frame
from edge.camera import CameraFeed
from edge.errors import FeedError
from edge.node import WATCH_S, Node
from sim.impairment import Impairment
from sim.life import Life
from sim.memory_bus import MemoryBroker, MemoryClient
from sim.rig import Rig
from sim.simulated_node import SimulatedNode

OPEN_AGAIN_S = 1.0
DELIVER_EACH_S = 0.1  # at the latest; what a frame led to is sent at once


class NodeLife:
    """One node. `life` may be killed and started."""

    def __init__(self, parts: SimulatedNode, *, broker: MemoryBroker, link: Impairment) -> None:
        self._parts, self._broker, self._link = parts, broker, link
        self._node_now: Node | None = None
        self._client: MemoryClient | None = None
        self.life = Life(self._live, on_kill=self._die)

    def _die(self) -> None:
        self._node_now = None
        if self._client is not None:
            self._client.die()
        for rig in self._parts.rigs:
            self._parts.log.ended(rig.camera.id)

    async def _live(self) -> None:
        name = self._parts.name
        with self._parts.disk() as disk:
            node = self._node_now = self._parts.built(disk)
            client = self._client = MemoryClient(
                self._broker,
                self._parts.client_id,
                link=self._link,
                is_clean=True,
                make_will=node.last_will,
                on_session=node.session_opened,
                on_delivered=node.delivered,
            )
            node.join(client)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.run, name=f"{name} link")
                tasks.start_soon(self._watch, node, name=f"{name} watch")
                tasks.start_soon(self._deliver, node, name=f"{name} courier")
                for rig, reader in zip(self._parts.rigs, node.readers, strict=True):
                    tasks.start_soon(self._read, node, rig, reader, name=f"feed {rig.camera.id}")

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
        await anyio.sleep((-self._parts.clock.monotonic_us() % period_us) / 1e6)
        while True:
            loop.call_later(rig.plan.latency_s, self._arrive, node, reader, rig.capture())
            await anyio.sleep((period_us - self._parts.clock.monotonic_us() % period_us) / 1e6)

    def _arrive(self, node: Node, reader: CameraFeed, frame: Frame) -> None:
        """A picture has come through the cable; of a node that was killed meanwhile nobody is there."""
        if node is self._node_now:
            reader.take(frame)
            node.judge()
            node.deliver()
