"""A wrong clock and a hot board: told, told once, and told to be over."""

import threading
import uuid
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contract.clock import AnchoredClock
from contract.commands import Command, Verb
from contract.events import Health, NodeFaultKind
from edge.board import BoardReading, Heat
from edge.device import COOLS_AFTER_US, DISK_SHORT_US, ClockOffset, Device, DeviceWatch, Disk
from edge.kernel_time import KernelTime, read_kernel_time
from edge.lookout import RATE_MIN_HZ
from tests.conftest import ManualClock
from tests.edge.test_camera import ScriptedSource
from tests.edge.test_node import Bus, Eyes, node_of
from tests.edge.yard import picture

COOL = BoardReading(60.0, 95.0)
WARM = BoardReading(90.0, 95.0, detail="cpu 90 °C of 95")
HOT = BoardReading(96.0, 95.0, detail="cpu 96 °C of 95")


class Machine:
    """Tells what a test wants."""

    def __init__(self, clock: ManualClock) -> None:
        self.board = COOL
        self.kernel: KernelTime | None = None
        self.free_bytes = 2_000_000_000
        disk = Disk(lambda: self.free_bytes, 1_000_000_000)
        device = Device(lambda: self.board, lambda: self.kernel, disk)
        self.watch = DeviceWatch(device, clock=clock, now_us=AnchoredClock(clock).now_us)


@pytest.fixture
def machine(clock: ManualClock) -> Machine:
    return Machine(clock)


def offset_of(machine: Machine) -> ClockOffset | None:
    return machine.watch.clock_offset


def kinds_of(machine: Machine) -> list[NodeFaultKind]:
    return [fault.kind for fault in machine.watch.faults]


def hear(machine: Machine, clock: ManualClock, *, behind_s: float, times: int = 3, way_s: float = 0.01) -> None:
    """The coordinator speaks; its clock is so far behind ours, and its words take so long."""
    for _ in range(times):
        machine.watch.heard(clock.wall_us() - round((behind_s + way_s) * 1e6))
        clock.advance(1.0)
    machine.watch.look()


def test_a_disk_that_stays_short_of_room_is_told_once_and_told_to_be_over(machine: Machine, clock: ManualClock) -> None:
    machine.free_bytes = 400_000_000
    with capture_logs() as logs:
        machine.watch.look()
        assert kinds_of(machine) == []  # evidence may give way yet
        for free_bytes in (400_000_000, 390_000_000, 380_000_000):
            clock.advance(DISK_SHORT_US / 1e6)
            machine.free_bytes = free_bytes
            machine.watch.look()
    (fault,) = machine.watch.faults
    assert fault.kind is NodeFaultKind.DISK
    assert fault.detail == "400 MB of the disk are free of the 1000 left to events; no evidence is kept, make room"
    assert [line["event"] for line in logs] == ["device fault"]

    machine.free_bytes = 1_100_000_000
    machine.watch.look()
    assert kinds_of(machine) == []


def test_nobody_tells_the_time_so_the_offset_is_unknown(machine: Machine) -> None:
    machine.watch.look()

    assert offset_of(machine) is None
    assert kinds_of(machine) == []


def test_two_words_of_the_coordinator_are_not_enough_and_three_are(machine: Machine, clock: ManualClock) -> None:
    hear(machine, clock, behind_s=3.0, times=2)
    assert offset_of(machine) is None

    hear(machine, clock, behind_s=3.0, times=1)
    assert offset_of(machine) == ClockOffset(3_010_000, "the coordinator's clock")
    (fault,) = machine.watch.faults
    assert fault.kind is NodeFaultKind.CLOCK
    assert fault.detail.startswith("frames are stamped 3 s ahead of the coordinator's clock; set the clocks")


def test_words_that_were_held_up_on_their_way_are_no_wrong_clock(machine: Machine, clock: ManualClock) -> None:
    hear(machine, clock, behind_s=0.0, way_s=30.0, times=4)
    assert kinds_of(machine) == [NodeFaultKind.CLOCK]  # four in a row cannot be told from a wrong clock

    hear(machine, clock, behind_s=0.0, way_s=0.02, times=1)
    assert offset_of(machine) == ClockOffset(20_000, "the coordinator's clock")
    assert kinds_of(machine) == []


def test_a_backlog_of_late_words_is_no_wrong_clock(machine: Machine, clock: ManualClock) -> None:
    """After an outage the coordinator acknowledges by the hundred, and each word waits for those before it."""
    hear(machine, clock, behind_s=0.0)
    clock.advance(60.0)
    for n in range(200):
        machine.watch.heard(clock.wall_us() - n * 40_000)
        clock.advance(0.04)
        machine.watch.look()
        assert kinds_of(machine) == []


def test_a_clock_set_right_after_the_start_leaves_wrong_stamps(machine: Machine, clock: ManualClock) -> None:
    """A board without a battery boots in the past; the time daemon then steps the clock, the stamps stay."""
    machine.kernel = KernelTime(is_kept=True, error_us=5_000)
    machine.watch.look()
    assert kinds_of(machine) == []

    clock.step_wall(86_400.0)
    machine.watch.look()

    offset = machine.watch.clock_offset
    assert offset is not None
    assert offset.us == -86_400_000_000
    assert "86400 s behind this machine's clock" in machine.watch.faults[0].detail


def test_a_clock_that_nobody_keeps_proves_nothing(machine: Machine, clock: ManualClock) -> None:
    machine.kernel = KernelTime(is_kept=False, error_us=16_000_000)
    clock.step_wall(-3_600.0)

    machine.watch.look()

    assert offset_of(machine) is None


def test_the_larger_of_two_differences_counts(machine: Machine, clock: ManualClock) -> None:
    machine.kernel = KernelTime(is_kept=True, error_us=5_000)
    hear(machine, clock, behind_s=-4.0)

    offset = machine.watch.clock_offset
    assert offset == ClockOffset(-3_990_000, "the coordinator's clock")


def test_a_wrong_clock_is_logged_once_and_its_end_once(machine: Machine, clock: ManualClock) -> None:
    with capture_logs() as logs:
        hear(machine, clock, behind_s=5.0, times=8)
        hear(machine, clock, behind_s=4.9, times=8)
        hear(machine, clock, behind_s=0.0, times=8)

    assert [entry["event"] for entry in logs] == ["device fault", "device fault is over"]


def test_heat_rises_at_once_and_falls_after_a_minute(machine: Machine, clock: ManualClock) -> None:
    told = []
    for board in (COOL, WARM, HOT, COOL):
        machine.board = board
        machine.watch.look()
        told.append(machine.watch.heat)
    clock.advance(COOLS_AFTER_US / 1e6 - 1.0)
    machine.watch.look()
    told.append(machine.watch.heat)
    clock.advance(1.0)
    machine.watch.look()
    told.append(machine.watch.heat)

    assert told == [Heat.COOL, Heat.WARM, Heat.HOT, Heat.HOT, Heat.HOT, Heat.COOL]


def test_heat_is_told_with_what_is_done_and_logged_once_a_step(machine: Machine) -> None:
    with capture_logs() as logs:
        for board in (WARM, BoardReading(91.0, 95.0, detail="cpu 91 °C of 95"), HOT, HOT):
            machine.board = board
            machine.watch.look()

    assert [entry["detail"] for entry in logs] == [
        "cpu 90 °C of 95; unset and quiet feeds are judged less often",
        "cpu 96 °C of 95; all quiet feeds are judged less often",
    ]
    assert [fault.kind for fault in machine.watch.faults] == [NodeFaultKind.HOT]


def test_a_hot_board_is_published_and_holds_quiet_feeds_to_their_rates(tmp_path: Path) -> None:
    """The yard's zone is set and nobody is in it: judged at its minimum of two a second, no less and no more."""
    bus = Bus()
    device = Device(lambda: BoardReading(96.0, 95.0, power_w=14.2, detail="cpu 96 °C of 95"), lambda: None)
    pictures = ScriptedSource(*(picture(index) for index in range(5)))
    with node_of(tmp_path, pictures, eyes=Eyes(lambda _: None), device=device) as (node, _):
        node.join(bus)
        node.watch()
        reader = node.readers[0]
        reader.begin()
        for frame in pictures.frames(threading.Event()):
            node.judge()
            reader.take(frame)

    (status,) = bus.statuses()
    assert [fault.kind for fault in status.faults] == [NodeFaultKind.HOT]
    (health,) = [envelope.body for envelope in bus.envelopes if isinstance(envelope.body, Health)]
    assert (health.temperature_c, health.power_w, health.clock_offset_ms) == (96.0, 14.2, None)
    assert reader.rate_most_hz == RATE_MIN_HZ
    assert reader.counts.rested == 4  # five at once, the first was due


def test_the_coordinators_stamps_are_heard(tmp_path: Path) -> None:
    bus = Bus()
    with node_of(tmp_path, ScriptedSource()) as (node, _):
        node.join(bus)
        for number in range(3):
            command_id = uuid.UUID(int=number)
            expired = Command(command_id=command_id, verb=Verb.SET_ZONE, zone="gate", by="coordinator", expires_at_us=1)
            bus.say("command", expired)  # stamped 1970 by the bus of this test
        node.watch()

    assert bus.statuses()[-1].faults[0].kind is NodeFaultKind.CLOCK


def test_the_kernel_can_be_asked() -> None:
    told = read_kernel_time()

    assert told is None or told.error_us >= 0
