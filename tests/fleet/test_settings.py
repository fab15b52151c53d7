import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner

from fleet.__main__ import app
from fleet.errors import SetUpError
from fleet.records.auth import Role, parse_tokens
from fleet.settings import is_loopback, load_settings, load_site, load_tokens
from tests.fleet.messages import SITE_TEXT

LINE = f"Ada:pilot:{hashlib.sha256(b'x').hexdigest()}"


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
        pytest.param("http: {host: 0.0.0.0}", "needs tls_cert, tls_key and tokens_env", id="API in the open"),
        pytest.param("http: {host: 0.0.0.0, tokens_env: T}", "needs tls_cert, tls_key", id="tokens without TLS"),
        pytest.param("http: {host: 10.0.0.1, tls_cert: c, tls_key: k}", "and tokens_env", id="TLS without tokens"),
        pytest.param("http: {tls_cert: c}", "expected both of tls_cert and tls_key", id="half of TLS"),
        pytest.param("broker: {host: mosquitto}", "needs tls; only loopback", id="broker in the open"),
        pytest.param("htpp: {}", "unknown key", id="unknown key"),
        pytest.param("http: {port: 70000}", "http.port", id="no such port"),
        pytest.param("connections: {nobody: 'tcp:1.2.3.4:5'}", "expected a vehicle of site 'yard'", id="vehicle"),
        pytest.param("system_id: 1", "belongs to a vehicle", id="a vehicle's system id"),
        pytest.param("http: {tokens_env: VEDETTE_NO_SUCH}", "the environment has no VEDETTE_NO_SUCH", id="no tokens"),
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


def test_check_says_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEDETTE_TEST_TOKENS", LINE)
    result = CliRunner().invoke(app, ["check", str(write(tmp_path, "http: {tokens_env: VEDETTE_TEST_TOKENS}\n"))])
    assert result.stdout == "site yard: 2 cameras, 2 zones, 0 lines, 1 vehicles, 0 of them signed; 1 tokens\n"
    assert load_tokens(load_settings(write(tmp_path)).http) is None


def test_user_makes_a_token_whose_line_lets_it_in() -> None:
    result = CliRunner().invoke(app, ["user", "Ada Byron", "--role", "pilot"])
    token, line = (part.split(":", 1)[1].strip() for part in result.stdout.splitlines())
    person = parse_tokens(line, source="test").person(token)
    assert person is not None
    assert (person.name, person.role) == ("Ada Byron", Role.PILOT)


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
