"""What the doctor finds of the machine, from files as systems have them."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from edge.board import BoardReading
from edge.doctor.finding import Finding, Verdict
from edge.doctor.machine import look_at_board, look_at_clock, look_at_disk, look_at_memory, look_at_software
from edge.kernel_time import KernelTime
from tests.conftest import ManualClock


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.what: finding.verdict for finding in findings}


def test_this_environment_has_all_it_needs() -> None:
    assert verdicts(list(look_at_software())) == {"python": Verdict.OK, "libraries": Verdict.OK}


@pytest.mark.parametrize(
    ("free_gb", "verdict"), [(50.0, Verdict.OK), (1.0, Verdict.WARNING), (0.1, Verdict.WRONG)], ids=str
)
def test_a_full_disk_is_wrong(
    free_gb: float, verdict: Verdict, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, round(free_gb * 1e9)))

    disk, _ = look_at_disk(tmp_path / "not" / "yet", clock=clock, mounts=tmp_path / "none")

    assert disk.verdict is verdict
    assert disk.found == f"{free_gb:.1f} GB free at {tmp_path}"


def test_what_was_written_is_synced_and_taken_away_again(tmp_path: Path, clock: ManualClock) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / xfs rw 0 0\n/dev/sdb1 {tmp_path} ext4 rw 0 0\n")

    _, outbox = look_at_disk(tmp_path, clock=clock, mounts=mounts)

    assert (outbox.verdict, outbox.found) == (Verdict.OK, "written and synced within 0.0 ms on ext4")
    assert [path.name for path in tmp_path.iterdir()] == ["mounts"]


def test_a_slow_disk_is_said_to_be_slow(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: clock.advance(0.9))

    _, outbox = look_at_disk(tmp_path, clock=clock)

    assert outbox.verdict is Verdict.WARNING
    assert outbox.found.startswith("written and synced within 900.0 ms")


def test_an_outbox_in_memory_is_wrong(tmp_path: Path, clock: ManualClock) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"tmpfs {tmp_path} tmpfs rw 0 0\n")

    _, outbox = look_at_disk(tmp_path, clock=clock, mounts=mounts)

    assert (outbox.verdict, outbox.found) == (Verdict.WRONG, f"{tmp_path} is tmpfs: in memory")


def test_a_folder_that_takes_no_file_is_wrong(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.fsync", refuse)

    _, outbox = look_at_disk(tmp_path, clock=clock)

    assert (outbox.verdict, outbox.found) == (Verdict.WRONG, f"{tmp_path}: Read-only file system")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        pytest.param("MemTotal: 8000000 kB\nMemAvailable: 6000000 kB\n", Verdict.OK, id="enough"),
        pytest.param("MemTotal: 8000000 kB\nMemAvailable: 400000 kB\n", Verdict.WARNING, id="little"),
        pytest.param("MemTotal: 8000000 kB\nMemAvailable: 100000 kB\n", Verdict.WRONG, id="none"),
        pytest.param("nothing of it\n", Verdict.WARNING, id="not told"),
    ],
)
def test_memory_that_is_short_is_said(text: str, verdict: Verdict, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text(text)

    assert look_at_memory(tmp_path / "meminfo").verdict is verdict


@pytest.mark.parametrize(
    ("kernel", "verdict", "found"),
    [
        pytest.param(KernelTime(True, 12_000), Verdict.OK, "off by 12 ms at most", id="kept"),
        pytest.param(KernelTime(True, 5_000_000), Verdict.WARNING, "off by 5000 ms", id="kept from far"),
        pytest.param(KernelTime(False, 16_000_000), Verdict.WARNING, "no time daemon keeps it", id="not kept"),
        pytest.param(None, Verdict.WARNING, "does not say", id="not told"),
    ],
)
def test_a_clock_that_nobody_keeps_is_a_warning(
    kernel: KernelTime | None, verdict: Verdict, found: str, clock: ManualClock
) -> None:
    finding = look_at_clock(kernel, clock=clock)

    assert finding.verdict is verdict
    assert found in finding.found


def test_a_clock_of_the_past_is_wrong() -> None:
    finding = look_at_clock(KernelTime(True, 1_000), clock=ManualClock(wall_us=0))

    assert (finding.verdict, finding.found) == (Verdict.WRONG, "it stands before 2026")


@pytest.mark.parametrize(
    ("board", "expected"),
    [
        pytest.param(
            BoardReading(), {"temperature": Verdict.OK, "power mode": Verdict.OK}, id="a board that tells nothing"
        ),
        pytest.param(
            BoardReading(60.0, 95.0, False, 9.6, "2 MODE_30W"),
            {"temperature": Verdict.OK, "throttle": Verdict.OK, "power mode": Verdict.OK},
            id="a cool Jetson",
        ),
        pytest.param(
            BoardReading(96.0, 95.0, True, None, "powersave", "slowed down by cpufreq"),
            {"temperature": Verdict.WARNING, "throttle": Verdict.WARNING, "power mode": Verdict.WARNING},
            id="hot, slowed down, saving power",
        ),
    ],
)
def test_heat_and_power_are_told_as_far_as_the_board_tells(board: BoardReading, expected: dict[str, Verdict]) -> None:
    assert verdicts(list(look_at_board(board))) == expected
