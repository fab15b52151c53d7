"""The doctor at the broker's door: refused, expired, let in."""

import shutil
import socket
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

from contract.clock import SystemClock
from edge.doctor.certificate import validity, validity_of_file
from edge.doctor.finding import Finding, Verdict
from edge.doctor.link import look_at_broker
from edge.link.uplink import Broker
from sim.embedded_broker import free_port
from tests.conftest import ROOT, ManualClock, need
from tests.system.mosquitto import Mosquitto


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need(shutil.which("openssl"), "openssl, which deploy/provision.sh calls")
    folder = tmp_path_factory.mktemp("certs")
    subprocess.run([ROOT / "deploy/provision.sh", folder, "edge-1"], check=True, capture_output=True, timeout=60)
    return folder


def found_at(broker: Broker, clock: SystemClock | ManualClock) -> dict[str, Finding]:
    return {each.what: each for each in look_at_broker(broker, client_id="doctor", clock=clock)}


def tls_broker(certificates: Path, port: int) -> Broker:
    pem = {"ca": "ca.crt", "certificate": "edge-1.crt", "key": "edge-1.key"}
    return Broker("127.0.0.1", port, **{key: str(certificates / name) for key, name in pem.items()})


@pytest.mark.parametrize("name", ["ca.crt", "edge-1.crt"])
def test_the_dates_of_a_certificate_are_those_that_openssl_reads(name: str, certificates: Path) -> None:
    command = ["openssl", "x509", "-in", str(certificates / name), "-noout", "-dates"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.splitlines()
    dates = [datetime.strptime(f"{line.split('=')[1]} +0000", "%b %d %H:%M:%S %Y GMT %z") for line in lines]

    read = [date.astimezone(timezone.utc) for date in dates]
    assert list(validity_of_file(certificates / name)) == read


@pytest.mark.parametrize(
    "der", [b"", b"\x30", b"\x30\x03\x02\x01", b"\x30\x00", b"\x30\x02\x30\x00", bytes(range(200))], ids=bytes.hex
)
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|unpack"):
        validity(der)


def test_a_broker_that_is_not_there_is_wrong(clock: ManualClock) -> None:
    found = found_at(Broker("127.0.0.1", free_port()), clock)

    assert list(found) == ["broker"]
    assert found["broker"].verdict is Verdict.WRONG
    assert "Connection refused" in found["broker"].found


def test_something_else_behind_the_port_is_wrong(clock: ManualClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5.0)
        found = iter(look_at_broker(Broker("127.0.0.1", server.getsockname()[1]), client_id="doctor", clock=clock))
        assert next(found).verdict is Verdict.OK
        server.close()
        login = next(found)

    assert (login.what, login.verdict) == ("login", Verdict.WRONG)


@pytest.mark.parametrize(
    ("days", "verdict", "hint"),
    [
        pytest.param(1, Verdict.OK, "", id="valid"),
        pytest.param(800, Verdict.WARNING, "expires in 25 days", id="expires soon"),
        pytest.param(900, Verdict.WRONG, "has expired", id="expired"),
        pytest.param(-400, Verdict.WRONG, "is the clock right", id="not valid yet"),
    ],
)
def test_the_own_certificate_is_looked_at_in_time(days: int, verdict: Verdict, hint: str, certificates: Path) -> None:
    made, _ = validity_of_file(certificates / "edge-1.crt")
    clock = ManualClock(wall_us=round((made.timestamp() + days * 86_400) * 1e6))

    found = found_at(tls_broker(certificates, free_port()), clock)

    assert found["own certificate"].verdict is verdict
    assert hint in found["own certificate"].hint


def test_a_certificate_that_is_no_certificate_is_wrong(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "ca.crt").write_text("hello")

    found = found_at(Broker("127.0.0.1", free_port(), ca=str(tmp_path / "ca.crt")), clock)

    assert found["authority"].found == f"{tmp_path}/ca.crt: expected a PEM certificate"
    assert found["broker"].verdict is Verdict.WRONG


@pytest.mark.system
def test_a_broker_as_it_is_deployed_lets_the_node_in(tmp_path: Path, certificates: Path) -> None:
    with Mosquitto(tmp_path, certificates=certificates) as broker:
        found = found_at(tls_broker(certificates, broker.port), SystemClock())

    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(
        ["authority", "own certificate", "broker", "broker's certificate", "login"], Verdict.OK
    )
    assert found["broker"].found == f"127.0.0.1:{broker.port} answers over TLS"


@pytest.mark.system
def test_a_node_without_its_certificate_is_not_let_in(tmp_path: Path, certificates: Path) -> None:
    with Mosquitto(tmp_path, certificates=certificates) as broker:
        stranger = Broker("127.0.0.1", broker.port, ca=str(certificates / "ca.crt"), user="edge-1", password="guess")
        found = found_at(stranger, SystemClock())

    assert [each.verdict for each in found.values()].count(Verdict.WRONG) == 1
