"""What an edge node of a run is made of, however its time passes: the real node, its cameras simulated."""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.clock import Clock
from contract.envelope import Envelope, Origin
from contract.site import Site
from edge.errors import OutboxError
from edge.feed import Feed
from edge.link.outbox import Outbox
from edge.link.zone_memory import ZoneMemory
from edge.node import Node
from edge.pipeline import StepResult
from sim.rig import Rig
from sim.run_log import RunLog

SeesJudged = Callable[[Rig, StepResult], None]


class Disk(Outbox):
    """An outbox whose disk may be full, and which says what it took."""

    def __init__(
        self,
        path: Path,
        *,
        new_id: Callable[[], uuid.UUID],
        is_full: Callable[[], bool],
        took: Callable[[Envelope], None],
    ) -> None:
        super().__init__(path, new_id=new_id)
        self._is_full, self._took = is_full, took

    def append(self, envelope: Envelope) -> Envelope:
        if self._is_full():
            raise OutboxError("outbox: did not take a message: database or disk is full")
        numbered = super().append(envelope)
        self._took(numbered)
        return numbered


@dataclass(frozen=True, slots=True)
class SimulatedNode:
    """One node of a run. `folder` is its disk; it outlives the node. `witness` sees what was judged, beside the log."""

    name: str
    site: Site
    rigs: Sequence[Rig]
    folder: Path
    seed: int
    clock: Clock
    log: RunLog
    is_disk_full: Callable[[], bool]
    witness: SeesJudged | None = None

    @property
    def client_id(self) -> str:
        return f"vedette-{self.site.id}-{self.name}"

    def chance(self) -> random.Random:
        """Spreads retries, the same way in every run of one seed."""
        return random.Random(self._words)  # noqa: S311

    def disk(self) -> Disk:
        """To be opened."""
        return Disk(
            self.folder / f"{self.name}.outbox.sqlite",
            new_id=lambda: uuid.uuid5(uuid.NAMESPACE_OID, self._words),
            is_full=self.is_disk_full,
            took=self.log.posted,
        )

    def built(self, outbox: Outbox) -> Node:
        """A new life of it over its disk, opened."""
        feeds = [
            Feed(
                rig.camera.id,
                open_source=rig.opened,
                origin=Origin.SIMULATED,
                detector=rig.eye,
                poses=rig,
                has_glance=rig.plan.glance,
            )
            for rig in self.rigs
        ]
        return Node(
            site=self.site,
            node=self.name,
            feeds=feeds,
            outbox=outbox,
            zone_memory=ZoneMemory(self.folder / f"{self.name}.zones.json"),
            clock=self.clock,
            chance=self.chance(),
            software="vedette-sim",
            witness=self._judged,
        )

    @property
    def _words(self) -> str:
        return f"vedette-sim/{self.site.id}/{self.name}/{self.seed}"

    def _judged(self, camera: str, result: StepResult) -> None:
        rig = next(rig for rig in self.rigs if rig.camera.id == camera)
        self.log.judged(camera, result, labels=rig.eye.labels)
        if self.witness is not None:
            self.witness(rig, result)
