"""The latency benchmark's arithmetic: what it makes of records, and the stage it plays on."""

import os
import sqlite3
import struct
from pathlib import Path

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.site import Site
from detectors.record import read_recording
from fleet.flight.mavlink_codec import Encoder
from sim.benchmarks.figures import Spread, percentile, spread
from sim.benchmarks.latency import Latency
from sim.benchmarks.memory import Memory, process_tree
from sim.benchmarks.records import Ack, accepted, sendings, sights
from sim.benchmarks.stage import FRAMES_SEEN, STALLS, script_of, yard

FAST = Spread(count=300, p50_ms=20.0, p95_ms=60.0, p99_ms=90.0, max_ms=400.0)
TRACE = "ab" * 16


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        pytest.param([7], 99.0, 7, id="one value is every percentile"),
        pytest.param(list(range(1, 101)), 99.0, 99, id="the 99th of a hundred"),
        pytest.param(list(range(1, 301)), 99.0, 297, id="three of three hundred are above"),
        pytest.param([1, 2, 3, 4], 50.0, 2, id="the lower middle"),
        pytest.param([1, 2], 0.0, 1, id="never before the first"),
    ],
)
def test_a_percentile_is_a_measured_value(values: list[int], percent: float, expected: int) -> None:
    assert percentile(values, percent) == expected


def test_a_spread_of_nothing_is_unknown() -> None:
    assert spread([]) is None
    assert spread([3000, 1000, 2000]) == Spread(3, p50_ms=2.0, p95_ms=3.0, p99_ms=3.0, max_ms=3.0)


def latency(*, to_store: Spread | None = FAST, unanswered: int = 0, broker: str = "mosquitto") -> Latency:
    brief = Spread(count=300, p50_ms=15.0, p95_ms=40.0, p99_ms=80.0, max_ms=90.0)
    return Latency(
        to_store=to_store,
        to_vehicle=FAST,
        to_receipt=brief,
        evidence={"clip": 300},
        broker=broker,
        had_to_wait=0,
        unanswered=unanswered,
        hops={},
    )


def test_too_few_samples_too_slow_and_unanswered_are_each_said() -> None:
    few = Spread(299, 1.0, 1.0, 1.0, 1.0)
    slow = Spread(300, 1.0, 1.0, 100.1, 200.0)

    assert latency().missed == []
    assert latency(to_store=None).missed == ["frame to incident: expected at least 300 samples, got 0"]
    assert latency(to_store=few).missed == ["frame to incident: expected at least 300 samples, got 299"]
    assert latency(to_store=slow).missed == ["frame to incident: expected p99 of at most 100 ms, got 100.1 ms"]
    assert latency(broker="another").missed == [
        "rule to acknowledgement: expected mosquitto (apt-get install mosquitto), got another"
    ]
    assert latency(unanswered=2).missed == ["incident to vehicle: 2 tasks were not acknowledged"]


def test_the_demo_must_end_well_to_be_measured() -> None:
    assert Memory(650.0, (), 0).missed == []
    assert Memory(701.0, (), 1).missed == [
        "memory of the demo: expected at most 700 MB, got 701 MB",
        "the demo that was measured: expected exit code 0, got 1",
    ]


def test_a_process_descends_from_itself() -> None:
    assert next(iter(process_tree(os.getpid()))) == os.getpid()


def ack(at_us: int, *, system_id: int, command: int, result: int = mavlink.MAV_RESULT_ACCEPTED) -> bytes:
    message = mavlink.MAVLink_command_ack_message(command, result)
    return struct.pack(">Q", at_us) + Encoder(system_id, 1).encode(message)


def heartbeat(at_us: int) -> bytes:
    message = mavlink.MAVLink_heartbeat_message(2, 3, 0, 0, 4, 3)
    return struct.pack(">Q", at_us) + Encoder(1, 1).encode(message)


def test_a_capture_gives_the_accepted_commands_that_are_asked_for() -> None:
    wanted = mavlink.MAV_CMD_DO_REPOSITION
    capture = b"".join(
        [
            heartbeat(90),
            ack(100, system_id=1, command=wanted, result=mavlink.MAV_RESULT_DENIED),
            ack(104, system_id=2, command=wanted),
            ack(108, system_id=2, command=mavlink.MAV_CMD_DO_CHANGE_SPEED),
            ack(112, system_id=2, command=wanted)[:-4],
        ]
    )

    assert list(accepted(capture, [wanted])) == [Ack(104, 2, wanted)]


def store_of_one_incident(path: Path, *, document: str = "{}") -> Path:
    with sqlite3.connect(path) as store:
        store.executescript(
            f"""
            CREATE TABLE messages (trace_id, sequence, stage, captured_at_us, received_at_us);
            CREATE TABLE hops (trace_id, hop, took_us);
            CREATE TABLE incidents (incident_id, trace_id, opened_at_us, document);
            CREATE TABLE tasks (task_id, incident_id, vehicle);
            CREATE TABLE task_changes (task_id, state, at_us);
            INSERT INTO messages VALUES ('{TRACE}', 1, 'start', 1000000, 1030000), ('{TRACE}', 2, 'end', 9, 9);
            INSERT INTO hops VALUES ('{TRACE}', 'decode', 4000), ('{TRACE}', 'detect', 9000);
            INSERT INTO hops VALUES ('{TRACE}', 'ingest', 6000);
            INSERT INTO incidents VALUES ('i', '{TRACE}', 1030000, '{document}');
            INSERT INTO tasks VALUES ('t', 'i', 'drone-2');
            INSERT INTO task_changes VALUES ('t', 'created', 1036000), ('t', 'sent', 1050000);
            """
        )
    store.close()
    return path


def test_inference_does_not_count_and_the_commit_does(tmp_path: Path) -> None:
    (sight,) = sights(store_of_one_incident(tmp_path / "fleet.db"))

    assert sight.us == 30_000 + 6_000 - 9_000 + 4_000


def test_the_first_acknowledgement_after_the_order_of_that_vehicle_counts(tmp_path: Path) -> None:
    tlog = tmp_path / "flight.tlog"
    moves = mavlink.MAV_CMD_DO_REPOSITION
    tlog.write_bytes(
        ack(1_040_000, system_id=2, command=moves)
        + ack(1_051_000, system_id=1, command=moves)
        + ack(1_060_000, system_id=2, command=moves)
    )
    store = store_of_one_incident(tmp_path / "fleet.db")

    (sending,) = sendings(store, tlog, system_ids={"drone-1": 1, "drone-2": 2})

    assert (sending.acknowledged_us, sending.had_to_wait) == (30_000, False)


def test_an_incident_that_waited_for_a_vehicle_is_known(tmp_path: Path) -> None:
    (tmp_path / "flight.tlog").write_bytes(b"")
    store = store_of_one_incident(tmp_path / "fleet.db", document='{"what": "nobody sent yet: drone-1: busy"}')

    (sending,) = sendings(store, tmp_path / "flight.tlog", system_ids={"drone-2": 2})

    assert (sending.acknowledged_us, sending.had_to_wait) == (None, True)


def test_the_yard_is_a_site_that_a_file_may_say() -> None:
    site = Site.model_validate_json(yard().model_dump_json(exclude_none=True))

    assert len(site.vehicles) == len(STALLS)


def test_everybody_of_the_script_is_seen_for_the_same_time(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text(script_of(9, 120))

    recording = read_recording(script)

    assert sum(len(found.score) for found in recording.detections) == 9 * FRAMES_SEEN
    assert len(recording.pts_us) == 120
