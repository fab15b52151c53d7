"""What the routes are made of, connected by the composition root."""

from dataclasses import dataclass
from pathlib import Path

from contract.clock import Clock
from fleet.api.core import Core
from fleet.api.evidence_desk import EvidenceDesk
from fleet.api.guard import Guard
from fleet.control_room import ControlRoom
from fleet.flight.monitor import SafetyMonitor
from fleet.history.reader import HistoryReader
from fleet.live import LiveFeed
from fleet.live_view import LiveViews
from fleet.metrics import Metrics
from fleet.records.command_keys import CommandKeys
from fleet.records.store import Store
from fleet.site_versions import SiteVersions
from fleet.surroundings import ConsoleSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """`room` is only touched through `core`; monitor, live feed and reads are safe from the API's thread; `views`
    belongs to it."""

    clock: Clock
    core: Core
    room: ControlRoom
    monitor: SafetyMonitor
    store: Store
    guard: Guard
    command_keys: CommandKeys
    evidence: EvidenceDesk
    history: HistoryReader
    live: LiveFeed
    views: LiveViews
    metrics: Metrics
    versions: SiteVersions
    console: ConsoleSettings
    console_dir: Path
    is_loopback_only: bool
