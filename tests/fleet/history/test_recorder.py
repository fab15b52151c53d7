import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from fleet.history.files import HOUR_US, HistoryFiles, HistoryRoom
from fleet.history.reader import HistoryReader
from fleet.history.recorder import MAX_WAITING, Recorder
from tests.conftest import ManualClock

S = 1_000_000


class Pretended:
    """A site of one zone and one thing that moves."""

    def __init__(self) -> None:
        self.is_set, self.x = True, 0

    def news(self) -> object:
        return self.is_set

    def parts(self) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
        yield "zones", {"a": {"is_set": self.is_set}}
        yield "vehicles", {"k": {"x": self.x}}


class Bench:
    """A recorder over a folder, driven look by look."""

    def __init__(self, folder: Path, *, free_bytes: int = 10**12) -> None:
        self.clock, self.site, self.folder, self.free_bytes = ManualClock(), Pretended(), folder, free_bytes
        room = HistoryRoom(keep_us=10**15, max_bytes=10**9, free_bytes=1000)
        files = HistoryFiles(folder, room, free_bytes=lambda: self.free_bytes)
        self.recorder = Recorder(files, self.site, self.clock)
        self.began_us = self.clock.wall_us()

    def go_on(self, seconds: float) -> None:
        for _ in range(round(seconds * 5)):
            self.site.x += 1
            self.recorder.look()
            self.recorder.write()
            self.clock.advance(0.2)

    def frames(self) -> list[dict[str, Any]]:
        self.recorder.write_out()
        reader, asked_us, found = HistoryReader(self.folder), 0, list[dict[str, Any]]()
        while True:
            page = reader.page(from_us=asked_us, to_us=2**53, step_us=1)
            found += [json.loads(each) for each in page.frames]
            if page.next_us is None:
                return found
            asked_us = page.next_us


def after_s(bench: Bench) -> list[float]:
    return [(frame["at_us"] - bench.began_us) / 1e6 for frame in bench.frames()]


def test_what_only_moves_is_kept_once_a_second(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.go_on(5)
    assert after_s(bench) == [0, 1, 2, 3, 4]
    assert [frame["vehicles"] for frame in bench.frames()] == [[{"x": x}] for x in (1, 6, 11, 16, 21)]


def test_what_changes_is_kept_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.go_on(1.4)
    bench.site.is_set = False
    bench.go_on(2)
    assert after_s(bench) == [0, 1, 1.4, 2.4]
    assert [frame["zones"][0]["is_set"] for frame in bench.frames()] == [True, True, False, False]


def test_a_kill_loses_ten_seconds_at_most(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.go_on(65)
    ((_, last_us),) = HistoryReader(tmp_path).spans()
    assert last_us == bench.began_us + 59 * S


def test_a_pause_is_a_gap(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.go_on(5)
    bench.clock.advance(60)
    bench.go_on(5)
    bench.recorder.write_out()
    spans = [(a - bench.began_us, b - bench.began_us) for a, b in HistoryReader(tmp_path).spans()]
    assert spans == [(0, 4 * S), (65 * S, 69 * S)]


def test_a_block_never_reaches_into_the_next_hour(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.clock.advance((HOUR_US - bench.began_us % HOUR_US) / 1e6 - 5)
    bench.go_on(12)
    assert len(bench.frames()) == 12
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_is_a_trouble_until_there_is_room_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, free_bytes=10)
    bench.go_on(12)
    (trouble,) = bench.recorder.troubles()
    assert trouble.title.startswith("what the map shows is not recorded: the disk has 0.0 GB left")
    bench.free_bytes = 10**12
    bench.go_on(12)
    assert bench.recorder.troubles() == ()
    assert after_s(bench)[0] == 10  # what came before is lost, and a gap


def test_a_disk_that_hangs_holds_a_minute_and_no_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for _ in range(5 * 200):
        bench.recorder.look()
        bench.clock.advance(0.2)
    assert "does not keep up" in bench.recorder.troubles()[0].title
    seconds = after_s(bench)
    assert (seconds[-1], len(seconds)) == (199, 10 * MAX_WAITING)


def test_two_recordings_of_the_same_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        bench = Bench(tmp_path / name)
        bench.go_on(30)
        bench.recorder.write_out()
    (one,), (two,) = (tmp_path / "one").iterdir(), (tmp_path / "two").iterdir()
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.anyio
async def test_at_work_it_looks_on_the_loop_and_writes_aside(tmp_path: Path) -> None:
    bench, aside = Bench(tmp_path), list[Callable[[], None]]()

    async def elsewhere(write: Callable[[], None]) -> None:
        aside.append(write)
        write()

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.recorder.run, elsewhere)
            while not HistoryReader(tmp_path).spans():
                bench.clock.advance(1.0)
                await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
    assert aside == [bench.recorder.write]
    assert len(HistoryReader(tmp_path).spans()) == 1
