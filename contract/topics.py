"""The one topic table: what is said where, by whom, how surely, and how long it stays true."""

from dataclasses import dataclass
from enum import Enum

from contract.commands import Ack, Command, Reply
from contract.configuration import DesiredConfiguration, ReportedConfiguration
from contract.errors import ContractError
from contract.events import Event, Health, Status, Tracks
from contract.evidence import Evidence
from contract.frozen import Frozen
from contract.sensors import SensorAlarm, SensorTrack

PREFIX = "vedette/v1"
# A silent client is given up after 1.5 times this, and mosquitto 2.0.11 looks every 6 s only: 9 s at worst (SAFETY 18).
KEEP_ALIVE_S = 2
SESSION_EXPIRY_S = 7 * 24 * 3600  # a coordinator away for a week still finds its node's events queued
MAX_PAYLOAD_BYTES = 256 * 1024


class Direction(str, Enum):
    NODE_TO_COORDINATOR = "node_to_coordinator"
    COORDINATOR_TO_NODE = "coordinator_to_node"


@dataclass(frozen=True, slots=True)
class Topic:
    """One row. `expiry_s` None: the message stays true for ever. `is_last_will`: the broker says it for a dead node."""

    name: str
    body: type[Frozen]
    qos: int
    retain: bool
    direction: Direction
    expiry_s: int | None = None
    is_last_will: bool = False

    def address(self, *, site: str, node: str) -> str:
        return f"{PREFIX}/{site}/{node}/{self.name}"

    def filter(self, *, site: str) -> str:
        """Subscription that hears this row from every node of a site."""
        return f"{PREFIX}/{site}/+/{self.name}"


_UP, _DOWN = Direction.NODE_TO_COORDINATOR, Direction.COORDINATOR_TO_NODE
EVENTS = Topic("events", Event, 1, False, _UP)
EVIDENCE = Topic("evidence", Evidence, 1, False, _UP)
TRACKS = Topic("tracks", Tracks, 0, False, _UP, expiry_s=2)
STATUS = Topic("status", Status, 1, True, _UP, is_last_will=True)
HEALTH = Topic("health", Health, 0, False, _UP, expiry_s=10)
SENSOR_ALARMS = Topic("sensor-alarms", SensorAlarm, 1, False, _UP)
SENSOR_TRACKS = Topic("sensor-tracks", SensorTrack, 0, False, _UP, expiry_s=2)
REPLY = Topic("reply", Reply, 1, False, _UP, expiry_s=60)
ACK = Topic("ack", Ack, 1, False, _DOWN, expiry_s=60)
COMMAND = Topic("command", Command, 1, False, _DOWN, expiry_s=30)
DESIRED = Topic("config/desired", DesiredConfiguration, 1, True, _DOWN)
REPORTED = Topic("config/reported", ReportedConfiguration, 1, True, _UP)

TOPICS: tuple[Topic, ...] = (
    EVENTS,
    EVIDENCE,
    TRACKS,
    STATUS,
    HEALTH,
    SENSOR_ALARMS,
    SENSOR_TRACKS,
    REPLY,
    ACK,
    COMMAND,
    DESIRED,
    REPORTED,
)


def topic_of(body: Frozen) -> Topic:
    """The row that carries such a body. Raises ContractError for one outside the table."""
    for topic in TOPICS:
        if isinstance(body, topic.body):
            return topic
    raise ContractError(f"expected a body of the topic table, got {type(body).__name__}")


@dataclass(frozen=True, slots=True)
class Address:
    site: str
    node: str
    topic: Topic


def parse_address(text: str) -> Address:
    """What a topic string means. Raises ContractError for one outside the table."""
    parts = text.split("/", maxsplit=4)
    if len(parts) == 5 and "/".join(parts[:2]) == PREFIX:
        for topic in TOPICS:
            if topic.name == parts[4]:
                return Address(site=parts[2], node=parts[3], topic=topic)
    raise ContractError(f"topic '{text[:120]}': expected {PREFIX}/SITE/NODE/<{'|'.join(t.name for t in TOPICS)}>")
