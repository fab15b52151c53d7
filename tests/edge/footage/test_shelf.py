"""What is kept, in what order it gives way, and what a life leaves to the next."""

import uuid
from pathlib import Path

import pytest

from contract.envelope import Origin
from contract.evidence import Evidence, EvidenceKind, MediaType
from contract.kinds import Severity
from edge.footage.shelf import DAY_US, Manifest, Room, Shelf, Take, digest
from tests.conftest import ManualClock
from tests.edge.yard import START_US

ROOM = Room(keep_us=30 * DAY_US, max_bytes=1_000_000, free_bytes=1000)


class Disk:
    """A disk of so many bytes, with nothing on it but the shelf."""

    def __init__(self, folder: Path, *, size: int = 10_000_000) -> None:
        self.folder = folder
        self.size = size

    def free(self) -> int:
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name != "take.json"]
        return self.size - sum(path.stat().st_size for path in files)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "evidence")


def shelf_of(disk: Disk, clock: ManualClock, room: Room = ROOM) -> Shelf:
    shelf = Shelf(disk.folder, room, wall_us=clock.wall_us, free_bytes=disk.free)
    shelf.open()
    return shelf


def put(
    shelf: Shelf,
    number: int,
    clock: ManualClock,
    *,
    size: int = 1000,
    severity: Severity = Severity.HIGH,
    is_uploaded: bool = False,
) -> Take:
    take_id = uuid.UUID(int=number)
    (shelf.begin(take_id) / "clip.mp4").write_bytes(bytes(size))
    evidence = Evidence(
        event_id=take_id,
        kind=EvidenceKind.CLIP,
        camera="mast",
        sha256="0" * 64,
        bytes=size,
        start_us=START_US,
        end_us=START_US,
        media_type=MediaType.MP4,
        codec="h264",
        plays_in_browser=True,
    )
    take = Take(
        take_id=take_id,
        severity=severity,
        stored_at_us=clock.wall_us(),
        bytes=size,
        manifests=(Manifest(file="clip.mp4", origin=Origin.LIVE, trace_id="0" * 32, evidence=evidence),),
        is_uploaded=is_uploaded,
    )
    shelf.keep(take)
    return take


def numbers(shelf: Shelf) -> list[int]:
    return sorted(take.take_id.int for take in shelf.takes)


def on_disk(disk: Disk) -> list[int]:
    return sorted(uuid.UUID(path.name).int for path in disk.folder.iterdir())


def test_what_was_kept_is_there_in_the_next_life_and_what_was_not_whole_is_gone(disk: Disk, clock: ManualClock) -> None:
    shelf = shelf_of(disk, clock)
    kept = put(shelf, 1, clock)
    (shelf.begin(uuid.UUID(int=2)) / "clip").write_bytes(b"half a clip")
    again = shelf_of(disk, clock)
    assert again.takes == (kept,)
    assert on_disk(disk) == [1]
    assert digest(again.file(kept, "clip.mp4"))[1] == 1000


def test_what_was_said_is_not_said_again_and_what_was_not_is(disk: Disk, clock: ManualClock) -> None:
    shelf = shelf_of(disk, clock)
    shelf.mark_posted(put(shelf, 1, clock))
    waiting = put(shelf, 2, clock)
    assert shelf.unposted == shelf_of(disk, clock).unposted == (waiting,)


def test_evidence_that_is_too_old_goes_however_important(disk: Disk, clock: ManualClock) -> None:
    shelf = shelf_of(disk, clock)
    put(shelf, 1, clock)
    clock.advance(20 * 86_400)
    put(shelf, 2, clock, severity=Severity.LOW)
    assert shelf.has_room()
    assert numbers(shelf) == [1, 2]
    clock.advance(11 * 86_400)
    assert shelf.has_room()
    assert numbers(shelf) == on_disk(disk) == [2]


def test_too_much_evidence_gives_way_by_what_is_elsewhere_then_severity_then_age(
    disk: Disk, clock: ManualClock
) -> None:
    shelf = shelf_of(disk, clock)
    for number, (severity, is_uploaded) in enumerate(
        [
            (Severity.HIGH, False),
            (Severity.LOW, False),
            (Severity.MEDIUM, False),
            (Severity.LOW, False),
            (Severity.HIGH, True),
        ],
        start=1,
    ):
        put(shelf, number, clock, size=200_000, severity=severity, is_uploaded=is_uploaded)
        clock.advance(60)
    gone: list[int] = []
    for number in range(6, 11):
        before = set(numbers(shelf))
        put(shelf, number, clock, size=200_000)
        clock.advance(60)
        assert shelf.has_room()
        gone += before - set(numbers(shelf))
        assert shelf.total_bytes <= ROOM.max_bytes
    assert gone == [5, 2, 4, 3, 1]


def test_evidence_gives_way_until_the_disk_has_left_what_the_outbox_needs(disk: Disk, clock: ManualClock) -> None:
    shelf = shelf_of(disk, clock, Room(keep_us=DAY_US, max_bytes=10**9, free_bytes=500_000))
    for number in range(1, 5):
        put(shelf, number, clock, size=100_000)
        clock.advance(1)
    disk.size = 700_000  # others filled the rest
    assert shelf.has_room()
    assert numbers(shelf) == on_disk(disk) == [3, 4]


def test_a_disk_that_others_filled_has_no_room_at_all(disk: Disk, clock: ManualClock) -> None:
    shelf = shelf_of(disk, clock, Room(keep_us=DAY_US, max_bytes=10**9, free_bytes=500_000))
    put(shelf, 1, clock)
    disk.size = 400_000
    assert not shelf.has_room()
    assert on_disk(disk) == []


def test_a_folder_without_an_index_is_left_alone(disk: Disk, clock: ManualClock) -> None:
    (disk.folder / "notes").mkdir(parents=True)
    shelf = shelf_of(disk, clock)
    assert shelf.takes == ()
    assert (disk.folder / "notes").is_dir()
