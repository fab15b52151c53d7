"""What systemd hears, on a socket as it opens one."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.service_manager import ServiceManager
from tests.conftest import ManualClock

WATCHDOG = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.setblocking(False)
        yield door


def manager_of(systemd: socket.socket, clock: ManualClock, **environment: str) -> ServiceManager:
    told = {"NOTIFY_SOCKET": systemd.getsockname(), **environment}
    return ServiceManager.of(told, clock=clock, pid=42)


def heard(systemd: socket.socket) -> list[str]:
    words: list[str] = []
    while True:
        try:
            words += systemd.recv(4096).decode().splitlines()
        except BlockingIOError:
            return words


def test_it_is_ready_once_frames_are_judged_and_then_alive_three_times_a_watchdog_time(
    systemd: socket.socket, clock: ManualClock
) -> None:
    manager = manager_of(systemd, clock, **WATCHDOG)
    manager.beat("mast starting")
    assert heard(systemd) == ["STATUS=mast starting"]

    manager.beat("")
    assert heard(systemd) == ["STATUS=frames are judged", "READY=1", "WATCHDOG=1"]
    for _ in range(120):  # half a minute
        clock.advance(0.25)
        manager.beat("")
    assert heard(systemd) == ["WATCHDOG=1"] * 3


def test_a_node_that_judges_nothing_is_not_alive(systemd: socket.socket, clock: ManualClock) -> None:
    manager = manager_of(systemd, clock, **WATCHDOG)
    manager.beat("")
    heard(systemd)

    for _ in range(200):
        clock.advance(1.0)
        manager.beat("mast detector_failed: no answer\nfor more than 5 s")

    assert heard(systemd) == ["STATUS=mast detector_failed: no answer for more than 5 s"]


def test_without_a_watchdog_it_says_that_it_is_ready_and_that_it_stops(
    systemd: socket.socket, clock: ManualClock
) -> None:
    manager = manager_of(systemd, clock)
    manager.beat("")
    clock.advance(60.0)
    manager.beat("")
    manager.stopping()

    assert heard(systemd) == ["STATUS=frames are judged", "READY=1", "STOPPING=1"]


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({**WATCHDOG, "WATCHDOG_PID": "7"}, id="another process's"),
        pytest.param({"WATCHDOG_USEC": "soon"}, id="no number"),
        pytest.param({"WATCHDOG_USEC": "0"}, id="none"),
    ],
)
def test_a_watchdog_that_is_not_ours_hears_nothing(
    environment: dict[str, str], systemd: socket.socket, clock: ManualClock
) -> None:
    manager_of(systemd, clock, **environment).beat("")

    assert "WATCHDOG=1" not in heard(systemd)


def test_an_abstract_socket_is_one_too(clock: ManualClock, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        name = f"vedette{tmp_path}"
        door.bind(f"\0{name}")
        door.setblocking(False)
        ServiceManager.of({"NOTIFY_SOCKET": f"@{name}"}, clock=clock, pid=42).beat("")
        assert "READY=1" in heard(door)


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}], ids=["no systemd", "gone"])
def test_without_systemd_nothing_happens(environment: dict[str, str], clock: ManualClock) -> None:
    manager = ServiceManager.of(environment, clock=clock, pid=42)

    manager.beat("")
    manager.stopping()
