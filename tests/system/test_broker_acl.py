"""The deployed mosquitto configuration: who may say what (SAFETY 22), tried on the real broker."""

import queue
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.topics import TOPICS, Direction
from tests.conftest import ROOT, need
from tests.system.mosquitto import Mosquitto

pytestmark = pytest.mark.system
NOT_AUTHORIZED = 0x87  # MQTT 5, 2.4
ANSWER_TIMEOUT_S = 5.0


class Party:
    """One client, known to the broker by the name in its certificate."""

    def __init__(self, name: str, broker: Mosquitto, certificates: Path) -> None:
        self._answers: queue.Queue[int] = queue.Queue()
        self.heard: queue.Queue[str] = queue.Queue()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self._client.tls_set(
            ca_certs=str(certificates / "ca.crt"),
            certfile=str(certificates / f"{name}.crt"),
            keyfile=str(certificates / f"{name}.key"),
        )
        self._client.on_publish = lambda *args: self._answers.put(args[3].value)
        self._client.on_subscribe = lambda *args: self._answers.put(args[3][0].value)
        self._client.on_message = lambda _c, _u, message: self.heard.put(message.topic)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def publish(self, topic: str) -> int:
        """The broker's answer: 0 or 16 (nobody listens) is yes."""
        self._client.publish(topic, b"x", qos=1)
        return self._answers.get(timeout=ANSWER_TIMEOUT_S)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._answers.get(timeout=ANSWER_TIMEOUT_S)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Mosquitto, Path]]:
    need(shutil.which("openssl"), "the openssl command")
    certificates = tmp_path_factory.mktemp("certs")
    subprocess.run([ROOT / "deploy/provision.sh", certificates, "edge-1", "edge-2"], check=True, capture_output=True)
    with Mosquitto(tmp_path_factory.mktemp("mosquitto"), certificates=certificates) as broker:
        yield broker, certificates


@pytest.fixture(scope="module")
def parties(site: tuple[Mosquitto, Path]) -> Iterator[dict[str, Party]]:
    made = {name: Party(name, *site) for name in ("coordinator", "edge-1", "edge-2")}
    yield made
    for party in made.values():
        party.leave()


@pytest.mark.parametrize("row", TOPICS, ids=lambda t: t.name)
def test_each_row_of_the_topic_table_is_written_by_its_own_side_only(parties: dict[str, Party], row: object) -> None:
    topic = next(t for t in TOPICS if t is row)
    address = topic.address(site="demo", node="edge-1")
    upward = topic.direction is Direction.NODE_TO_COORDINATOR
    answers = {name: party.publish(address) for name, party in parties.items()}
    allowed = {name for name, answer in answers.items() if answer != NOT_AUTHORIZED}
    assert allowed == ({"edge-1"} if upward else {"coordinator"})


def test_a_node_hears_its_own_commands_and_nobody_elses(parties: dict[str, Party]) -> None:
    """mosquitto grants any subscription and filters at delivery: only what arrives counts."""
    listener = parties["edge-2"]
    listener.subscribe("vedette/v1/#")
    parties["coordinator"].publish("vedette/v1/demo/edge-1/command")
    parties["edge-1"].publish("vedette/v1/demo/edge-1/events")
    parties["coordinator"].publish("vedette/v1/demo/edge-2/command")
    assert listener.heard.get(timeout=ANSWER_TIMEOUT_S) == "vedette/v1/demo/edge-2/command"
    assert listener.heard.empty()


def test_a_certificate_of_another_authority_is_turned_away(tmp_path: Path, site: tuple[Mosquitto, Path]) -> None:
    broker, certificates = site
    subprocess.run([ROOT / "deploy/provision.sh", tmp_path, "edge-1"], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
    context.load_cert_chain(tmp_path / "edge-1.crt", tmp_path / "edge-1.key")
    with (
        socket.create_connection(("127.0.0.1", broker.port), timeout=ANSWER_TIMEOUT_S) as plain,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.recv(1)


def test_the_access_list_names_every_row_of_the_topic_table() -> None:
    lines = (ROOT / "deploy/mosquitto/acl").read_text().splitlines()
    for topic in TOPICS:
        up = topic.direction is Direction.NODE_TO_COORDINATOR
        assert f"topic {'read' if up else 'write'} vedette/v1/+/+/{topic.name}" in lines
        assert f"pattern {'write' if up else 'read'} vedette/v1/+/%u/{topic.name}" in lines
