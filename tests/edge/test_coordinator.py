"""Where the coordinator's HTTP door is, and who a node says it is there."""

from pathlib import Path

import pytest

from edge.errors import SetUpError
from edge.link.coordinator import Coordinator
from edge.settings import CoordinatorSettings, coordinator_of

TOKEN = "one-of-edge-1"


def made(url: str, **more: str) -> Coordinator:
    return Coordinator(url, TOKEN, **more)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://[::1]:8080/", "https://fleet.site:8443", "https://f"])
def test_loopback_goes_in_the_clear_and_all_else_by_tls(url: str) -> None:
    coordinator = made(url)
    assert (coordinator.tls_context() is None) == url.startswith("http:")
    with coordinator.client() as client:
        assert client.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(coordinator)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (
            "http://10.0.0.5:8080",
            "coordinator http://10.0.0.5:8080: expected https for an address that is not loopback",
        ),
        ("http://localhost.evil.org", "expected https for an address that is not loopback"),
        ("fleet:8443", "expected an address such as https://fleet:8443, got 'fleet:8443'"),
        ("https://", "expected an address such as"),
        ("https://fleet:99999", "expected an address such as"),
        ("https://ada:secret@fleet", "expected an address such as"),
        ("https://fleet/api?x=1", "expected an address such as"),
        ("ftp://127.0.0.1", "expected an address such as"),
    ],
)
def test_any_other_address_is_one_line(url: str, reason: str) -> None:
    with pytest.raises(SetUpError) as caught:
        made(url)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_authority_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="coordinator https://fleet: tls: No such file"):
        made("https://fleet", ca=str(tmp_path / "ca.crt")).tls_context()


def test_the_token_comes_from_the_environment(tmp_path: Path) -> None:
    settings = CoordinatorSettings(url="http://localhost:8080", token_env="T")
    assert coordinator_of(settings, folder=tmp_path, environment={"T": TOKEN}).token == TOKEN
    with pytest.raises(SetUpError, match="coordinator: expected a token in the environment variable T, found none"):
        coordinator_of(settings, folder=tmp_path, environment={"T": ""})
    with pytest.raises(SetUpError, match="expected a token in printable ASCII without blanks"):
        coordinator_of(settings, folder=tmp_path, environment={"T": "x\r\nHost: evil"})
