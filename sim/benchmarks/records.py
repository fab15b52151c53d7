"""What was recorded of a run, as times: from frame to incident, from there to a vehicle's acknowledgement, and from a
rule that fired to the coordinator's own.

Read from the coordinator's store, from its MAVLink capture and from what was heard on the bus, once all has ended.
"""

import sqlite3
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.codec import decode
from contract.commands import Ack as Receipt
from contract.events import Event, Stage
from fleet.flight.mavlink_codec import FrameParser

STAMP_BYTES = 8
V2_HEADER_BYTES, V2_REST_BYTES = 10, 12
FIRST_COMMANDS = (mavlink.MAV_CMD_DO_SET_MODE, mavlink.MAV_CMD_DO_REPOSITION)  # of a launch, of a copter in the air


@dataclass(frozen=True, slots=True)
class Sight:
    """A new alarm: `us` from the frame to the commit that holds it, without inference; `hops_us` of its trace."""

    trace_id: str
    us: int
    hops_us: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sending:
    """An incident's first task. `acknowledged_us`: since the alarm came; None when no vehicle acknowledged."""

    trace_id: str
    had_to_wait: bool  # no vehicle was ready
    acknowledged_us: int | None


@dataclass(frozen=True, slots=True)
class Ack:
    """One accepted command in the MAVLink capture; `at_us` is wall time of the coordinator."""

    at_us: int
    system_id: int
    command: int


def sights(store: Path) -> list[Sight]:
    """One for each alarm that began."""
    with closing(_opened(store)) as connection:
        hops = _hops(connection)
        starts = connection.execute(
            "SELECT trace_id, captured_at_us, received_at_us FROM messages WHERE stage = 'start' ORDER BY sequence"
        ).fetchall()
    return [
        Sight(trace_id, but_inference_us(captured_us, received_us, hops[trace_id]), hops[trace_id])
        for trace_id, captured_us, received_us in starts
        if {"decode", "detect", "ingest"} <= hops[trace_id].keys()
    ]


def but_inference_us(captured_us: int, received_us: int, hops_us: Mapping[str, int]) -> int:
    """From the frame's time to the commit. A recording is decoded before its frame is due: that time is added."""
    return received_us - captured_us + hops_us["ingest"] - hops_us["detect"] + hops_us["decode"]


def sendings(store: Path, tlog: Path, *, system_ids: Mapping[str, int]) -> list[Sending]:
    """One for each incident that a vehicle was sent to, in order. `system_ids` by vehicle id."""
    with closing(_opened(store)) as connection:
        rows = connection.execute(
            "SELECT i.trace_id, i.opened_at_us, i.document LIKE '%nobody sent yet%', t.vehicle, min(c.at_us)"
            " FROM incidents i JOIN tasks t USING (incident_id) JOIN task_changes c USING (task_id)"
            " WHERE c.state = 'sent' GROUP BY i.incident_id ORDER BY i.opened_at_us"
        ).fetchall()
    by_vehicle: dict[int, list[Ack]] = defaultdict(list)
    for ack in accepted(tlog.read_bytes(), FIRST_COMMANDS):
        by_vehicle[ack.system_id].append(ack)
    return [
        Sending(trace_id, bool(waited), _since(opened_us, sent_us, by_vehicle[system_ids[vehicle]]))
        for trace_id, opened_us, waited, vehicle, sent_us in rows
    ]


def _since(opened_us: int, sent_us: int, acks: Iterable[Ack]) -> int | None:
    """The first acknowledgement after the order left; a capture's stamp may be 3 us early."""
    return next((ack.at_us - opened_us for ack in acks if ack.at_us + 3 >= sent_us), None)


def accepted(capture: bytes, commands: Iterable[int]) -> Iterator[Ack]:
    """COMMAND_ACK with result 0 to one of `commands`, out of a capture of MAVLink 2 frames."""
    parser, wanted = FrameParser(), frozenset(commands)
    at = 0
    while at + STAMP_BYTES + V2_HEADER_BYTES <= len(capture):
        (stamp_us,) = struct.unpack_from(">Q", capture, at)
        start = at + STAMP_BYTES
        signature = 13 if capture[start + 2] & 1 else 0
        end = start + capture[start + 1] + V2_REST_BYTES + signature
        message_id = int.from_bytes(capture[start + 7 : start + 10], "little")
        at = end
        if message_id != mavlink.MAVLINK_MSG_ID_COMMAND_ACK:
            continue
        for frame in parser.feed_datagram(capture[start:end]):
            command, result = int(frame.message.command), int(frame.message.result)
            if result == mavlink.MAV_RESULT_ACCEPTED and command in wanted:
                yield Ack(int(stamp_us), frame.system_id, command)


def receipts_us(heard: Path) -> list[int]:
    """For each alarm that began, from its rule's word to the first receipt that covers it on the bus, in us.

    `heard`: what sim/benchmarks/listener.py wrote. A node tells when it sends and how long ago the rule had fired.
    """
    fired_us: dict[int, int] = {}
    took_us: dict[int, int] = {}
    for line in heard.read_bytes().splitlines():
        at_us, topic, payload = line.split(b" ", 2)
        _, envelope = decode(topic.decode(), payload)
        body = envelope.body
        if isinstance(body, Receipt):
            covered = [sequence for sequence in fired_us if _covers(body, sequence)]
            took_us |= {sequence: int(at_us) - fired_us.pop(sequence) for sequence in covered}
        elif isinstance(body, Event) and body.stage is Stage.START and "outbox" in envelope.hops_us:
            sequence = envelope.sequence or 0
            if sequence not in took_us:  # a first sending, or one that nothing was heard of
                fired_us.setdefault(sequence, envelope.sent_at_us - envelope.hops_us["outbox"])
    return list(took_us.values())


def _covers(receipt: Receipt, sequence: int) -> bool:
    return sequence <= receipt.contiguous or any(part.first <= sequence <= part.last for part in receipt.stored_beyond)


def evidence_kept(store: Path) -> dict[str, int]:
    """How many files of each kind nodes told of."""
    with closing(_opened(store)) as connection:
        return dict(connection.execute("SELECT kind, count(*) FROM evidence GROUP BY kind ORDER BY kind"))


def _hops(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    hops: dict[str, dict[str, int]] = defaultdict(dict)
    for trace_id, hop, took_us in connection.execute("SELECT trace_id, hop, took_us FROM hops"):
        hops[trace_id][hop] = took_us
    return hops


def _opened(store: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{store}?mode=ro", uri=True)
