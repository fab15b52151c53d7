from pathlib import Path

import pytest

from fleet.history.blocks import encoded
from fleet.history.files import HOUR_US, HistoryFiles, HistoryRoom, hour_files
from fleet.history.reader import HistoryReader

TEN_US = 1_700_000_000_000_000 // HOUR_US * HOUR_US  # 2023-11-14T22Z
S = 1_000_000


def block(at_us: int, *, seconds: int = 9) -> bytes:
    return encoded([(at_us + n * S, {"zones": {"a": {"n": n}}}) for n in range(seconds + 1)])


def files_in(folder: Path, *, keep_h: float = 1e6, max_bytes: int = 10**9, free_bytes: int = 10**12) -> HistoryFiles:
    room = HistoryRoom(keep_us=round(keep_h * HOUR_US), max_bytes=max_bytes, free_bytes=1000)
    return HistoryFiles(folder, room, free_bytes=lambda: free_bytes)


def add(files: HistoryFiles, *moments_us: int) -> None:
    for at_us in moments_us:
        files.append(block(at_us), from_us=at_us)


def names(folder: Path) -> list[str]:
    return [path.name for path in hour_files(folder)]


def test_each_hour_is_a_file_of_its_own(tmp_path: Path) -> None:
    add(files_in(tmp_path), TEN_US, TEN_US + HOUR_US - 20 * S, TEN_US + HOUR_US)
    assert names(tmp_path) == ["2023-11-14T22Z.jsonl.gz", "2023-11-14T23Z.jsonl.gz"]


def test_what_was_flushed_is_read_and_a_torn_last_block_is_none(tmp_path: Path) -> None:
    add(files_in(tmp_path), TEN_US, TEN_US + 10 * S)
    (path,) = hour_files(tmp_path)
    with path.open("ab") as file:
        file.write(block(TEN_US + 20 * S)[:-1])
    assert HistoryReader(tmp_path).spans() == [(TEN_US, TEN_US + 19 * S)]


@pytest.mark.parametrize("torn", [1, 30, 60, -1])
def test_the_next_life_cuts_the_torn_block_off_and_goes_on(tmp_path: Path, torn: int) -> None:
    add(files_in(tmp_path), TEN_US)
    (path,) = hour_files(tmp_path)
    with path.open("ab") as file:
        file.write(block(TEN_US + 10 * S)[:torn])
    add(files_in(tmp_path), TEN_US + 60 * S)
    assert path.read_bytes() == block(TEN_US) + block(TEN_US + 60 * S)
    assert HistoryReader(tmp_path).spans() == [(TEN_US, TEN_US + 9 * S), (TEN_US + 60 * S, TEN_US + 69 * S)]


@pytest.mark.parametrize("damaged", [2, 17, 80], ids=["no gzip any more", "length", "contents"])
def test_a_damaged_block_is_a_gap_and_costs_no_other(tmp_path: Path, damaged: int) -> None:
    add(files_in(tmp_path), TEN_US, TEN_US + 10 * S, TEN_US + 20 * S)
    (path,) = hour_files(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(block(TEN_US)) + damaged] ^= 0x7F
    path.write_bytes(data)
    page = HistoryReader(tmp_path).page(from_us=TEN_US, to_us=TEN_US + 60 * S, step_us=S)
    assert [frame[9:25] for frame in page.frames] == [str(TEN_US + n * S) for n in (*range(10), *range(20, 30))]


def test_hours_that_are_too_old_go(tmp_path: Path) -> None:
    files = files_in(tmp_path, keep_h=2)
    add(files, TEN_US, TEN_US + HOUR_US, TEN_US + 2 * HOUR_US, TEN_US + 4 * HOUR_US + S)
    assert names(tmp_path) == ["2023-11-15T00Z.jsonl.gz", "2023-11-15T02Z.jsonl.gz"]


def test_the_oldest_hour_goes_where_there_is_no_more_room(tmp_path: Path) -> None:
    files = files_in(tmp_path, max_bytes=len(block(TEN_US)) * 2 + 20)
    add(files, TEN_US, TEN_US + HOUR_US, TEN_US + 2 * HOUR_US)
    assert names(tmp_path) == ["2023-11-14T23Z.jsonl.gz", "2023-11-15T00Z.jsonl.gz"]


def test_a_full_disk_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"0\.0 GB left"):
        add(files_in(tmp_path, free_bytes=1000), TEN_US)
    assert names(tmp_path) == []


def test_whatever_else_lies_there_is_let_alone(tmp_path: Path) -> None:
    stranger = tmp_path / "notes.txt"
    stranger.write_text("mine")
    add(files_in(tmp_path, max_bytes=1), TEN_US, TEN_US + HOUR_US)
    assert stranger.read_text() == "mine"
