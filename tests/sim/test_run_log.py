"""A run's log is written as it goes, in the order in which things happened, and keeps little of it in memory."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.site import VehicleKind
from fleet.flight.vehicle import VehicleState
from sim.clock import VirtualClock
from sim.run_log import KNOWN_STATES, LATEST_US, RunLog
from tests.sim.a_run import lines

START_US = 1_767_225_600_000_000


@pytest.fixture
def virtual() -> VirtualClock:
    return VirtualClock(START_US)


@pytest.fixture
def log(tmp_path: Path, virtual: VirtualClock) -> Iterator[RunLog]:
    with RunLog(tmp_path, virtual) as log:
        yield log


def told(folder: Path) -> list[str]:
    return [row["word"] for row in lines(folder)]


def test_a_line_is_of_this_moment_if_no_other_is_given(tmp_path: Path, virtual: VirtualClock) -> None:
    with RunLog(tmp_path, virtual) as log:
        virtual.advance(5)
        log.add(type="a", word="now")

    assert lines(tmp_path) == [{"type": "a", "at_us": START_US + 5, "word": "now"}]


def test_what_is_told_late_stands_where_it_belongs(tmp_path: Path, virtual: VirtualClock) -> None:
    with RunLog(tmp_path, virtual) as log:
        for second in range(60):
            log.add(type="a", word=f"{second}")
            if second >= 9:
                log.add(at_us=START_US + (second - 9) * 1_000_000 + 1, type="a", word=f"{second - 9}, told late")
            virtual.advance(1_000_000)

    expected = [[f"{second}", f"{second}, told late"] if second <= 50 else [f"{second}"] for second in range(60)]
    assert told(tmp_path) == [word for words in expected for word in words]


def test_lines_of_one_moment_keep_the_order_in_which_they_came(tmp_path: Path, virtual: VirtualClock) -> None:
    with RunLog(tmp_path, virtual) as log:
        for number in range(100):
            log.add(type="a", word=str(99 - number))

    assert told(tmp_path) == [str(99 - number) for number in range(100)]


def test_what_nobody_can_be_late_for_any_more_is_on_the_disk(
    tmp_path: Path, virtual: VirtualClock, log: RunLog
) -> None:
    for number in range(10_000):
        log.add(type="a", word=f"{number:05} {'x' * 100}")
        virtual.advance(100_000)

    on_disk = (tmp_path / "events.jsonl").read_text().count("\n")
    assert on_disk > 10_000 - LATEST_US / 100_000 - 100  # and a buffer of the file


def test_a_state_is_told_when_it_changes(tmp_path: Path, virtual: VirtualClock) -> None:
    with RunLog(tmp_path, virtual) as log:
        for state in ("online", "online", "offline", "online"):
            log.node(
                "edge-1",
                state,
                {},
            )

    assert [row["state"] for row in lines(tmp_path)] == ["online", "offline", "online"]


def test_known_states_are_bounded_and_what_is_heard_of_is_kept(tmp_path: Path, virtual: VirtualClock) -> None:
    rover = VehicleState("rover-1", VehicleKind.ARDUPILOT_ROVER, 1, True)
    with RunLog(tmp_path, virtual) as log:
        for number in range(KNOWN_STATES + 10):
            log.node(str(uuid.UUID(int=number)), "online", {})
            log.vehicle_state(rover)

    assert len(lines(tmp_path, type="vehicle")) == 1
    assert len(log._states) == KNOWN_STATES
