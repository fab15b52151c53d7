"""The closed installation: mutual TLS to the broker under its ACL, TLS and sign-in for people (SAFETY 22)."""

import hashlib
import json
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from edge.link.coordinator import Coordinator as NodesWay
from tests.conftest import ROOT, need
from tests.system.mosquitto import Mosquitto
from tests.system.test_fleet_broker import Coordinator, Node, fresh_event, wait_until

pytestmark = pytest.mark.system
CONFIG = """
site_file: site.yaml
data_dir: data
broker:
  port: {port}
  tls: {{ca_file: CERTS/ca.crt, cert_file: CERTS/coordinator.crt, key_file: CERTS/coordinator.key}}
http: {{port: 0, tls_cert: CERTS/api.crt, tls_key: CERTS/api.key, sign_in: true}}
"""


class Client:
    """Somebody who trusts the site's own authority."""

    def __init__(self, url: str, certificates: Path) -> None:
        self.url = url
        self.context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))

    def is_ready(self) -> bool:
        """The broker is connected: what is said from now on is heard."""
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=5, context=self.context) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as err:
            err.close()
            return False

    def ask(self, path: str, *, token: str | None = None, body: dict[str, str] | None = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"content-type": "application/json"})
        if token is not None:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.context) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as err:
            with err:
                return err.code, json.load(err)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[tuple[Client, Node]]:
    need(shutil.which("openssl"), "the openssl command")
    certificates = tmp_path / "certs"
    subprocess.run([ROOT / "deploy/provision.sh", certificates, "gate-1"], check=True, capture_output=True)
    folder = tmp_path / "broker"
    folder.mkdir()
    with Mosquitto(folder, certificates=certificates) as broker:
        coordinator = Coordinator(tmp_path, broker.port, CONFIG.replace("CERTS", str(certificates)))
        client = Client(coordinator.url, certificates)
        wait_until(client.is_ready, 20, "the coordinator at its broker")
        node = Node(broker.port, certificates=certificates)
        yield client, node
        node.close()
        assert coordinator.end(signal.SIGTERM) == 0


def vedette(command: list[str]) -> str:
    """What the command line says."""
    whole = [sys.executable, "-m", "fleet", *command]
    return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_node_is_let_in_by_its_token_and_the_sites_authority(closed: tuple[Client, Node], tmp_path: Path) -> None:
    client, _ = closed
    certificates, path = tmp_path / "certs", f"/api/v1/evidence/{'0' * 64}"
    token = (certificates / "gate-1.env").read_text().strip().removeprefix("VEDETTE_COORDINATOR_TOKEN=")
    door = NodesWay(client.url, token, ca=str(certificates / "ca.crt"))
    with door.client() as http:
        assert http.head(path).status_code == 401
        digest = hashlib.sha256(token.encode()).hexdigest()
        config = tmp_path / "fleet.yaml"
        said = vedette(["node", "add", str(config), "gate-1", "--sha256", digest])
        assert said == "node 'gate-1' is let in\n"
        assert http.head(path).status_code == 404  # no manifest names it
        assert http.get(path).status_code == 401  # not for nodes
    with NodesWay(client.url, token).client() as http, pytest.raises(httpx.ConnectError, match="certificate verify"):
        http.head(path)


def test_an_event_comes_in_and_a_person_answers_and_nobody_else_does(
    closed: tuple[Client, Node], tmp_path: Path
) -> None:
    client, node = closed
    config = str(tmp_path / "fleet.yaml")
    vedette(["user", "add", config, "Olga", "--role", "operator"])
    said = vedette(["token", "add", config, "Olga", "desk", "--scope", "viewer", "--scope", "operator"])
    token = said.removeprefix("token: ").strip()
    wait_until(lambda: client.ask("/api/v1/site", token=token)[0] == 200, 20, "the coordinator to follow")
    assert client.url.startswith("https://127.0.0.1:")
    node.say(fresh_event(1, 1))
    wait_until(lambda: node.acknowledged == 1, 20, "ack over mutual TLS")
    assert client.ask("/api/v1/alarms")[0] == 401
    status, alarms = client.ask("/api/v1/alarms?limit=500", token=token)
    (alarm,) = [each for each in alarms if each["kind"] == "intrusion"]
    path = f"/api/v1/alarms/{alarm['alarm_id']}/acknowledge"
    status, answer = client.ask(path, token=token, body={})
    assert (status, answer["acknowledged_by"]) == (200, "Olga")
    status, answer = client.ask("/api/v1/vehicles/kestrel/release", token=token, body={})
    assert (status, answer["detail"]) == (403, "this needs the role pilot, token 'desk' has not")
    live = client.url.replace("https", "wss") + "/api/v1/live"
    with connect(live, subprotocols=["vedette", f"bearer.{token}"], ssl=client.context) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "vedette"
        assert json.loads(socket.recv(timeout=5))["site"]["id"] == "yard"
    with pytest.raises(WebSocketException), connect(live, ssl=client.context):
        pass
