import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from fleet.__main__ import app
from fleet.broker_settings import is_loopback
from fleet.errors import SetUpError
from fleet.settings import load_settings, load_site
from tests.fleet.messages import SITE_TEXT


def write(tmp_path: Path, text: str = "", site: str = SITE_TEXT) -> Path:
    (tmp_path / "site.yaml").write_text(site)
    path = tmp_path / "fleet.yaml"
    path.write_text(f"site_file: site.yaml\ndata_dir: data\n{text}")
    return path


def test_paths_count_from_the_folder_of_the_file_and_defaults_are_loopback(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path))
    assert (settings.site_file, settings.data_dir) == (tmp_path / "site.yaml", tmp_path / "data")
    assert (settings.broker.host, settings.http.host, settings.system_id) == ("127.0.0.1", "127.0.0.1", 245)


def test_connections_of_this_machine_replace_the_sites(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, 'connections: {kestrel: "udpin:127.0.0.1:14999"}\n'))
    assert [vehicle.connection for vehicle in load_site(settings).vehicles] == ["udpin:127.0.0.1:14999"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("http: {host: 0.0.0.0}", "needs tls_cert, tls_key and sign_in", id="API in the open"),
        pytest.param("http: {host: 0.0.0.0, sign_in: true}", "needs tls_cert, tls_key", id="sign-in without TLS"),
        pytest.param("http: {host: 10.0.0.1, tls_cert: c, tls_key: k}", "and sign_in", id="TLS without sign-in"),
        pytest.param("http: {tls_cert: c}", "expected both of tls_cert and tls_key", id="half of TLS"),
        pytest.param("broker: {host: mosquitto}", "needs tls; only loopback", id="broker in the open"),
        pytest.param("htpp: {}", "unknown key", id="unknown key"),
        pytest.param("http: {port: 70000}", "http.port", id="no such port"),
        pytest.param("connections: {nobody: 'tcp:1.2.3.4:5'}", "expected a vehicle of site 'yard'", id="vehicle"),
        pytest.param("webhooks: [{name: a, url: 'http://10.0.0.1/', secret_env: S}]", "expected https", id="webhook"),
        pytest.param("webhooks: [{name: a, url: 'https://a:b@c/', secret_env: S}]", "without a name", id="password"),
        pytest.param("webhooks: [{name: a, url: 'ftp://c/', secret_env: S}]", "https://HOST", id="no web address"),
        pytest.param("webhooks: [{name: a, url: 'https://[::1', secret_env: S}]", "https://HOST", id="no address"),
        pytest.param("webhooks: [{name: a, url: 'https://c/'}]", "one of secret_file and secret_env", id="unsigned"),
        pytest.param(
            "webhooks: [{name: a, url: 'https://c/', secret_env: NO_SUCH}]", "at least 32 letters", id="secret"
        ),
        pytest.param(
            "webhooks: [{name: a, url: 'https://c/', secret_env: PATH, ca_file: none.pem}]",
            "No such file",
            id="authority",
        ),
        pytest.param(
            "webhooks: [{name: a, url: 'https://c/', secret_env: S}, {name: a, url: 'https://d/', secret_env: S}]",
            "expected each name once, got 'a' twice",
            id="one name twice",
        ),
        pytest.param("system_id: 1", "belongs to a vehicle", id="a vehicle's system id"),
    ],
)
def test_wrong_configuration_is_one_line_and_78(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text + "\n")
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 78
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_missing_file_is_one_line_and_78(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(tmp_path / "none.yaml")])
    assert (result.exit_code, "No such file" in result.stderr) == (78, True)
    (tmp_path / "site.yaml").unlink(missing_ok=True)
    path = write(tmp_path)
    (tmp_path / "site.yaml").unlink()
    with pytest.raises(SetUpError, match=r"site\.yaml: No such file"):
        load_site(load_settings(path))


def test_check_says_what_there_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(write(tmp_path, "http: {sign_in: true}\n"))])
    assert (
        result.stdout
        == "site yard: 2 cameras, 2 zones, 0 lines, 1 vehicles, 0 of them signed; 0 procedures; people sign in\n"
    )


def test_people_and_their_tokens_at_the_command_line(tmp_path: Path) -> None:
    config = str(write(tmp_path, "http: {sign_in: true}\n"))

    def said(*command: str) -> str:
        result = CliRunner().invoke(app, list(command))
        return result.stdout if result.exit_code == 0 else f"{result.exit_code}: {result.stderr}"

    link = said("user", "add", config, "Olga Berg", "--role", "operator", "--pilot")
    assert link.startswith("good once, for a day: http://127.0.0.1:8080/#set-up=")
    assert said("user", "list", config) == "Olga Berg  operator, pilot, no password yet\n"
    assert "there is a person of this name" in said("user", "add", config, "olga  BERG")
    assert said("user", "add", config, "x").startswith("78: vedette-fleet: 'x': expected a name of 2 to 80 letters")
    token = said("token", "add", config, "Olga Berg", "siem", "--scope", "viewer")
    assert "expected scopes that Olga Berg has, got admin" in said(
        "token", "add", config, "Olga Berg", "more", "--scope", "admin"
    )
    assert said("token", "list", config).startswith("Olga Berg  siem  viewer  until 2")
    assert token.removeprefix("token: ").strip() not in said("token", "list", config)
    assert said("token", "revoke", config, "Olga Berg", "siem") == "token 'siem' of 'Olga Berg' is void\n"
    assert said("user", "role", config, "Olga Berg", "viewer") == "'Olga Berg' is viewer\n"
    assert said("user", "disable", config, "Olga Berg") == "'Olga Berg' is let in no more\n"
    assert said("user", "list", config) == "Olga Berg  viewer, disabled\n"
    assert said("user", "reset", config, "Olga Berg").startswith("good once")
    assert said("user", "reset", config, "Nobody") == "78: vedette-fleet: 'Nobody': there is no person of this name\n"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_loopback_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """`run` points the log at this test's standard error, which ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored_logging")
def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["run", str(write(tmp_path, f"http: {{port: {port}}}\n"))])
    assert result.exit_code == 78
    assert result.stderr == f"vedette-fleet: http: cannot listen on 127.0.0.1:{port}: Address already in use\n"
