"""Evidence gets to the coordinator whatever breaks on the way, in the right order, and holds nothing up."""

import hashlib
import random
import select
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from contract.clock import SystemClock
from contract.envelope import Envelope, Origin
from contract.events import NodeFaultKind
from contract.evidence import Evidence, EvidenceKind, MediaType
from contract.kinds import Severity
from edge.doctor.finding import Verdict
from edge.doctor.link import look_at_coordinator
from edge.footage.shelf import DAY_US, Manifest, Room, Shelf, Take
from edge.link.coordinator import Coordinator
from edge.link.upload import FAULT_AFTER_US, Offer, Uploader
from edge.metrics import NodeMetrics
from fleet.api.app import create_api
from fleet.api.server import bound, prepared, serving
from fleet.app import api_parts
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from fleet.settings import HttpSettings
from sim.embedded_broker import free_port
from tests.conftest import ManualClock
from tests.edge.footage.kept import film_yard, keeping_node
from tests.edge.test_node import Bus
from tests.fleet.api.conftest import make_archive
from tests.fleet.messages import make_event, make_manifest
from tests.fleet.office import Here, Office, open_office

CLIP = random.Random(5).randbytes(3_000_000)
PICTURE = b"\xff\xd8" + bytes(5000)
TOKEN = "token-of-gate-1"
EVENT = make_event(sequence=1)


class Relay:
    """A way to a port, one connection after another; once `left` bytes went there, both ends are cut off."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.left: int | None = None
        self.cuts = 0

    def __enter__(self) -> "Relay":
        self._thread = threading.Thread(target=self._run, name="relay")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._server.close()

    def _run(self) -> None:
        while True:
            try:
                ours, _ = self._server.accept()
            except OSError:
                return
            with ours, socket.create_connection(("127.0.0.1", self._to)) as theirs, suppress(OSError):
                self._pass_on(ours, theirs)

    def _pass_on(self, ours: socket.socket, theirs: socket.socket) -> None:
        """Until somebody ends it, or it is cut."""
        while self.left != 0:
            for source in select.select([ours, theirs], [], [], 30.0)[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is theirs:
                    ours.sendall(data)
                    continue
                data = data if self.left is None else data[: self.left]
                theirs.sendall(data)
                self.left = None if self.left is None else self.left - len(data)
        self.left, self.cuts = None, self.cuts + 1


@dataclass
class Door:
    """The coordinator's real door, behind a relay; `written` is what it wrote of each piece, in order."""

    office: Office
    folder: Path
    relay: Relay
    written: list[tuple[int, int]]

    @property
    def coordinator(self) -> Coordinator:
        return Coordinator(f"http://127.0.0.1:{self.relay.port}", TOKEN)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    http = HttpSettings(port=0)
    written: list[tuple[int, int]] = []
    with ExitStack() as stack:
        office = stack.enter_context(open_office())
        NodeCredentials(office.fleet.store).add("gate-1", digest_of(TOKEN), by="Ada", at_us=1)
        archive = make_archive(office, tmp_path / "coordinator")
        archive.open()
        append = archive.append

        def noted(wanted: object, at: int, data: bytes) -> None:
            append(wanted, at, data)  # type: ignore[arg-type]
            written.append((at, len(data)))

        archive.append = noted  # type: ignore[method-assign]
        listening = stack.enter_context(bound(http))
        app = create_api(api_parts(office.fleet, Here(), people=None, archive=archive, clock=office.clock))
        stack.enter_context(serving(prepared(app, http), listening))
        relay = stack.enter_context(Relay(listening.getsockname()[1]))
        yield Door(office, tmp_path / "coordinator", relay, written)


def manifest(sequence: int, data: bytes, kind: EvidenceKind = EvidenceKind.CLIP, of: Envelope = EVENT) -> Envelope:
    media = MediaType.MP4 if kind is EvidenceKind.CLIP else MediaType.JPEG
    sha256 = hashlib.sha256(data).hexdigest()
    return make_manifest(sequence=sequence, of=of, sha256=sha256, bytes=len(data), kind=kind, media_type=media)


def shelf_in(folder: Path, clock: ManualClock) -> Shelf:
    shelf = Shelf(folder, Room(30 * DAY_US, 10**9, 0), wall_us=clock.wall_us)
    shelf.open()
    return shelf


def put(
    shelf: Shelf, number: int, files: dict[str, bytes], *, severity: Severity = Severity.HIGH, at_us: int = 0
) -> Take:
    """A take that was told: a picture and a clip."""
    take_id = uuid.UUID(int=number)
    folder = shelf.begin(take_id)
    manifests = []
    for name, data in files.items():
        (folder / name).write_bytes(data)
        kind = EvidenceKind.CLIP if name.endswith("mp4") else EvidenceKind.SNAPSHOT
        body = manifest(1, data, kind).body
        assert isinstance(body, Evidence)
        manifests.append(Manifest(file=name, origin=Origin.SIMULATED, trace_id="0" * 32, evidence=body))
    size = sum(map(len, files.values()))
    take = Take(take_id=take_id, severity=severity, stored_at_us=at_us, bytes=size, manifests=tuple(manifests))
    shelf.keep(take)
    shelf.mark_posted(take)
    return take


def offer(uploader: Uploader, shelf: Shelf) -> None:
    """What the footage's thread does each quarter of a second."""
    for take_id in uploader.arrived():
        shelf.mark_uploaded(take_id)
    uploader.offer(
        Offer(take, {each.evidence.sha256: shelf.file(take, each.file) for each in take.manifests})
        for take in shelf.unsent
    )


class Stop(threading.Event):
    """Time passes where somebody waits for it."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.advance(timeout or 0.0)
        return super().wait(0.002)


def uploader_of(coordinator: Coordinator, clock: ManualClock, *, bytes_per_s: float | None = None) -> Uploader:
    return Uploader(coordinator, bytes_per_s=bytes_per_s, clock=clock, chance=random.Random(1))


def run(
    uploader: Uploader, shelf: Shelf, clock: ManualClock, *, until: Callable[[], bool], http: httpx.Client | None = None
) -> None:
    """Steps of the uploader's own life; the shelf offers in between."""
    stop = Stop(clock)
    with http or uploader._coordinator.client() as client:
        for _ in range(3000):
            offer(uploader, shelf)
            if until():
                return
            stop.wait(uploader.step(client, stop))
    raise AssertionError(f"it did not come to that: {uploader.figures}")


def test_an_upload_goes_on_where_the_connection_broke(tmp_path: Path, door: Door, clock: ManualClock) -> None:
    door.office.hear(EVENT, manifest(2, CLIP), manifest(3, PICTURE, EvidenceKind.SNAPSHOT))
    shelf = shelf_in(tmp_path / "node", clock)
    put(shelf, 1, {"clip.mp4": CLIP, "best.jpg": PICTURE})
    uploader = uploader_of(door.coordinator, clock)
    for cut_at in (700_000, 1_500_000):
        door.relay.left = cut_at
        cuts = door.relay.cuts
        run(uploader, shelf, clock, until=lambda cuts=cuts: door.relay.cuts > cuts)  # type: ignore[misc]
    run(uploader, shelf, clock, until=lambda: not shelf.unsent)

    assert {path.read_bytes() for path in door.folder.iterdir()} == {CLIP, PICTURE}
    assert sum(size for _, size in door.written) == len(CLIP) + len(PICTURE)  # nothing was taken twice
    assert [take.is_uploaded for take in shelf.takes] == [True]
    assert (uploader.figures.waiting_files, uploader.figures.error, uploader.figures.failing_s) == (0, "", 0.0)


def test_a_node_that_was_killed_goes_on_in_its_next_life(tmp_path: Path, door: Door, clock: ManualClock) -> None:
    door.office.hear(EVENT, manifest(2, CLIP))
    shelf = shelf_in(tmp_path / "node", clock)
    put(shelf, 1, {"clip.mp4": CLIP})
    first = uploader_of(door.coordinator, clock, bytes_per_s=100_000)
    run(first, shelf, clock, until=lambda: first.sent_bytes > 900_000)
    had = sum(size for _, size in door.written)
    assert 0 < had < len(CLIP)

    shelf = shelf_in(tmp_path / "node", clock)
    second = uploader_of(door.coordinator, clock)
    run(second, shelf, clock, until=lambda: not shelf.unsent)
    assert second.sent_bytes == len(CLIP) - had
    (file,) = door.folder.iterdir()
    assert file.read_bytes() == CLIP
    assert shelf_in(tmp_path / "node", clock).unsent == ()  # and a third life has nothing to ask


def test_a_file_whose_manifest_is_on_its_way_waits_and_others_go_first(
    tmp_path: Path, door: Door, clock: ManualClock
) -> None:
    door.office.hear(EVENT, manifest(2, PICTURE, EvidenceKind.SNAPSHOT))
    shelf = shelf_in(tmp_path / "node", clock)
    put(shelf, 2, {"clip.mp4": CLIP}, at_us=5)
    put(shelf, 1, {"best.jpg": PICTURE})
    uploader = uploader_of(door.coordinator, clock)
    run(uploader, shelf, clock, until=lambda: uploader.figures.error.startswith("404 it has no manifest"))
    run(uploader, shelf, clock, until=lambda: len(shelf.unsent) == 1)
    door.office.hear(manifest(3, CLIP))
    run(uploader, shelf, clock, until=lambda: not shelf.unsent)


def test_a_node_that_is_not_let_in_says_so_and_goes_on_trying(tmp_path: Path, door: Door, clock: ManualClock) -> None:
    door.office.hear(EVENT, manifest(2, PICTURE, EvidenceKind.SNAPSHOT))
    shelf = shelf_in(tmp_path / "node", clock)
    put(shelf, 1, {"best.jpg": PICTURE})
    credentials = NodeCredentials(door.office.fleet.store)
    credentials.remove("gate-1", by="Ada", at_us=2)
    uploader = uploader_of(door.coordinator, clock)
    run(uploader, shelf, clock, until=lambda: bool(uploader.figures.error))
    assert uploader.figures.error == "401 it does not know this node's token"
    credentials.add("gate-1", digest_of(TOKEN), by="Ada", at_us=3)
    run(uploader, shelf, clock, until=lambda: not shelf.unsent)


def test_the_doctor_asks_as_the_node_does(door: Door) -> None:
    ours, url = door.coordinator, door.coordinator.url
    asked = [
        look_at_coordinator(ours),
        look_at_coordinator(Coordinator(url, "somebody-elses")),
        look_at_coordinator(Coordinator(f"http://127.0.0.1:{free_port()}", TOKEN)),
    ]
    assert [each.verdict for each in asked] == [Verdict.OK, Verdict.WRONG, Verdict.WRONG]
    assert asked[1].found == f"{url} does not take this node's token"


@dataclass
class Peer:
    """A coordinator that says what it is told to say; `asked` are sha256 and length of what was put."""

    asked: list[tuple[str, int]] = field(default_factory=list)
    has: dict[str, bytes] = field(default_factory=dict)
    is_away: bool = False
    on_put: Callable[[], None] = lambda: None

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer), base_url="http://127.0.0.1")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.is_away:
            raise httpx.ConnectError("no route to host")
        sha256 = request.url.path.rpartition("/")[2]
        if request.method == "PUT":
            assert int(request.headers["upload-offset"]) == len(self.has.get(sha256, b""))
            data = request.read()
            self.asked.append((sha256, len(data)))
            self.has[sha256] = self.has.get(sha256, b"") + data
            self.on_put()
        there = self.has.get(sha256, b"")
        complete = "?1" if sha(there) == sha256 else "?0"
        return httpx.Response(200, headers={"upload-offset": str(len(there)), "upload-complete": complete})


@dataclass(frozen=True)
class Reached(Coordinator):
    """One that answers without a network."""

    peer: Peer = field(default_factory=Peer)

    def client(self) -> httpx.Client:
        return self.peer.client()


NOWHERE = Coordinator("http://127.0.0.1:9", TOKEN)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_most_important_goes_first_then_the_newest_and_a_picture_before_its_clip(
    tmp_path: Path, clock: ManualClock
) -> None:
    shelf = shelf_in(tmp_path, clock)
    put(shelf, 1, {"clip.mp4": b"old and low"}, severity=Severity.LOW, at_us=1)
    put(shelf, 2, {"clip.mp4": b"new and low"}, severity=Severity.LOW, at_us=9)
    put(shelf, 3, {"clip.mp4": b"older, high: a clip", "best.jpg": b"its picture"}, at_us=3)
    put(shelf, 4, {"clip.mp4": b"newer, high"}, at_us=5)
    peer, uploader = Peer(), uploader_of(NOWHERE, clock)
    run(uploader, shelf, clock, until=lambda: not shelf.unsent, http=peer.client())
    order = [b"newer, high", b"its picture", b"older, high: a clip", b"new and low", b"old and low"]
    assert peer.asked == [(sha(data), len(data)) for data in order]


def test_what_is_new_waits_for_one_piece_of_what_is_old_and_nothing_goes_faster_than_it_may(
    tmp_path: Path, clock: ManualClock
) -> None:
    shelf = shelf_in(tmp_path, clock)
    put(shelf, 1, {"clip.mp4": bytes(200_000)}, at_us=1)
    peer, uploader = Peer(), uploader_of(NOWHERE, clock, bytes_per_s=10_000)

    def something_happens() -> None:
        if len(peer.asked) == 1:
            put(shelf, 2, {"best.jpg": b"new"}, at_us=2)

    peer.on_put = something_happens
    began_us = clock.monotonic_us()
    run(uploader, shelf, clock, until=lambda: not shelf.unsent, http=peer.client())
    assert [length for _, length in peer.asked[:3]] == [50_001, 3, 50_001]
    took_s = (clock.monotonic_us() - began_us) / 1e6
    assert took_s >= 200_000 / 10_000 - 1.0
    assert uploader.figures.sent_bytes == 200_003


def test_what_does_not_get_through_for_long_is_a_fault_until_it_does(tmp_path: Path, clock: ManualClock) -> None:
    shelf = shelf_in(tmp_path, clock)
    put(shelf, 1, {"best.jpg": PICTURE})
    peer, uploader = Peer(), uploader_of(NOWHERE, clock)
    peer.is_away = True
    run(uploader, shelf, clock, until=lambda: uploader.figures.failing_s > 100, http=peer.client())
    assert uploader.faults(clock.wall_us()) == ()
    run(uploader, shelf, clock, until=lambda: uploader.figures.failing_s * 1e6 > FAULT_AFTER_US, http=peer.client())
    (fault,) = uploader.faults(clock.wall_us())
    assert (fault.kind, fault.detail) == (
        NodeFaultKind.UPLOAD,
        "evidence does not reach the coordinator: no route to host",
    )
    clock.advance(60)
    assert uploader.faults(clock.wall_us()) == (fault,)
    peer.is_away = False
    run(uploader, shelf, clock, until=lambda: not shelf.unsent, http=peer.client())
    assert uploader.faults(clock.wall_us()) == ()


def test_what_gave_way_or_is_no_more_what_it_was_holds_up_nothing(tmp_path: Path, clock: ManualClock) -> None:
    shelf = shelf_in(tmp_path, clock)
    gone = put(shelf, 1, {"clip.mp4": b"gone"}, at_us=9)
    cut = put(shelf, 2, {"clip.mp4": b"cut short"}, at_us=8)
    put(shelf, 3, {"clip.mp4": b"well"}, at_us=1)
    shelf.file(gone, "clip.mp4").unlink()
    shelf.file(cut, "clip.mp4").write_bytes(b"cut")
    peer, uploader = Peer(), uploader_of(NOWHERE, clock)
    run(uploader, shelf, clock, until=lambda: len(shelf.unsent) == 2, http=peer.client())
    assert peer.asked == [(sha(b"well"), 4)]
    assert uploader.figures.waiting_files == 1  # the one that is only missing may come back with its disk


def test_a_node_sends_what_it_keeps_before_it_ends_with_its_recording(tmp_path: Path) -> None:
    peer = Peer()
    uploader = Uploader(
        Reached("http://127.0.0.1:9", TOKEN, peer=peer), bytes_per_s=None, clock=SystemClock(), chance=random.Random(1)
    )
    bus, metrics = Bus(), NodeMetrics()
    with keeping_node(tmp_path, film_yard(tmp_path / "yard.mp4"), uploader=uploader) as (node, _):
        metrics.watch(node)
        node.run(bus, threading.Event())
    told = {each.body.sha256 for each in bus.envelopes if isinstance(each.body, Evidence)}
    assert {name for name, data in peer.has.items() if sha(data) == name} == told
    assert len(told) == 3
    shelf = shelf_in(tmp_path / "evidence", ManualClock())
    assert [take.is_uploaded for take in shelf.takes] == [True]
    sent = float(sum(map(len, peer.has.values())))
    text = metrics.exposition().decode()
    for line in (f"vedette_upload_sent_bytes_total {sent}", "vedette_upload_waiting_files 0.0"):
        assert line in text
