"""MAVLink captures: the real one beside the checkout, and damage that ours never has."""

import struct
from pathlib import Path

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.mavlink_codec import Encoder
from sim.tape.errors import TapeError
from sim.tape.imports.tlog import TlogImport
from sim.tape.items import Message
from sim.tape.tlog import TlogFollower, TlogReader

START_US = 1_767_225_600_000_000


def records(count: int) -> list[bytes]:
    encoder = Encoder(1, 1)
    return [
        struct.pack(">Q", START_US + index * 250_000)
        + encoder.encode(mavlink.MAVLink_global_position_int_message(0, 500000000 + index, 80000000, 1, 2, 0, 0, 0, 0))
        for index in range(count)
    ]


def read(path: Path, content: bytes) -> TlogReader:
    path.write_bytes(content)
    reader = TlogReader(path)
    for _ in reader.records():
        pass
    return reader


def test_the_real_flight_is_read_with_its_damage(shared: Path) -> None:
    source = TlogImport(shared / "feeds" / "dronekit_flight.tlog")
    fixes = names = 0
    times: list[int] = []
    for item in source.items():
        assert isinstance(item, Message)
        fixes += item.topic == "/vehicle/1/location"
        names += item.topic.startswith("/mavlink/")
        times.append(item.log_us)

    assert names == 75_477
    assert fixes == 2_684  # of 2833: before its first fix it said (0, 0)
    assert (times[0], times[-1] - times[0]) == (1_436_056_003_484_195, 1_377_028_777)  # July 2015, 23 minutes
    assert source.said == "75477 frames; 1314 damaged records were passed over"
    assert source.remark == "truncated: its last record is not whole"


def test_a_record_with_a_wrong_checksum_is_counted_and_the_next_is_read(tmp_path: Path) -> None:
    parts = records(10)
    parts[4] = parts[4][:-1] + bytes((parts[4][-1] ^ 1,))
    reader = read(tmp_path / "a.tlog", b"".join(parts))

    assert (reader.frames, reader.damaged_records, reader.is_truncated) == (9, 1, False)


def test_bytes_that_are_no_record_are_passed_over(tmp_path: Path) -> None:
    parts = records(10)
    reader = read(tmp_path / "a.tlog", b"".join(parts[:5]) + b"console text" + b"".join(parts[5:]))

    assert reader.said == "10 frames; 0 damaged records, 12 bytes that belong to no record were passed over"


def test_what_is_cut_off_in_a_record_says_so(tmp_path: Path) -> None:
    reader = read(tmp_path / "a.tlog", b"".join(records(10))[:-3])

    assert (reader.frames, reader.is_truncated) == (9, True)


@pytest.mark.parametrize("content", [b"", b"no capture at all, but some bytes"])
def test_what_is_no_capture_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TapeError, match=r"a\.tlog: expected a MAVLink capture"):
        read(tmp_path / "a.tlog", content)


def test_a_growing_capture_is_followed_from_the_first_look_on(tmp_path: Path) -> None:
    path = tmp_path / "grows.tlog"
    first, second, third = records(3)
    path.write_bytes(first)
    follower = TlogFollower(path)

    def grown(more: bytes) -> list[int]:
        with path.open("ab") as file:
            file.write(more)
        return [record.at_us - START_US for record in follower.new_records()]

    assert grown(b"") == []
    assert grown(second + third[:20]) == [250_000]
    assert grown(third[20:]) == [500_000]
    assert TlogFollower(tmp_path / "none.tlog").new_records() == []
