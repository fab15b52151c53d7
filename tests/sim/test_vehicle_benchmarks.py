"""The benchmarks of vehicles, gate and missions judge by their bars, and measure what they say."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink
from rich.console import Console

from fleet.flight.mavlink_frames import decode, encode
from sim.benchmarks.decision import PATROL, DecisionCost, measure_decision
from sim.benchmarks.figures import Spread
from sim.benchmarks.mission import MissionTimes, needed_s
from sim.benchmarks.vehicle_sender import Template
from sim.benchmarks.vehicles import VehicleCost, fleet_site, judged

FINE = Spread(400, 5.0, 20.0, 40.0, 60.0)
COST = VehicleCost(
    vehicles=100, heard_a_s=3000.0, lost_frac=0.0, cores=0.3, a_datagram_us=100.0,
    to_state=FINE, command=FINE, asked=FINE, machine=FINE,
)  # fmt: skip
DECISION = DecisionCost({"go to": FINE, PATROL: FINE}, {"go to": 0.5, PATROL: 3.0})
MISSION = MissionTimes({0.1: 5.4}, lossy_s=11.0, lossy_all_s=21.0, lossy_longest_s=15.0, lossy_failed=0)


def test_a_fleet_within_its_bars_misses_nothing_and_each_bar_is_named() -> None:
    assert COST.missed == []
    late, few = replace(FINE, p99_ms=160.0), replace(FINE, count=20)
    assert replace(COST, cores=0.6, to_state=late, command=late, asked=few, heard_a_s=2500.0).missed == [
        "messages heard: expected 3000 a second, got 2500",
        "the coordinator: expected at most 0.5 cores, got 0.60",
        "datagram to state: expected p99 of at most 50 ms, got 160.0 ms (one that only sleeps: 40.0 ms late)",
        "command to acknowledgement: expected p99 of at most 150 ms, got 160.0 ms",
        "asked to acknowledgement: expected at least 300, got 20",
    ]


def test_a_slow_decision_is_named_but_for_a_patrol_which_is_many_ways() -> None:
    assert DECISION.missed == [
        "a decision of the gate, go to: expected p50 and mean of at most 1 ms, got 5.00 and 0.50 ms"
    ]


def test_every_order_of_the_decision_benchmark_is_approved_by_the_gate() -> None:
    measured = measure_decision(console=Console(quiet=True), rounds=1, asked=4)
    assert {name: took.count for name, took in measured.orders.items()} == dict.fromkeys(
        ("go to", "launch", "hold", "safety plan", PATROL), 4
    )


def test_a_slow_or_broken_upload_is_named() -> None:
    assert needed_s(0.1) == pytest.approx(5.3)
    assert MISSION.missed == []
    assert replace(MISSION, good_s={0.1: 7.0}, lossy_s=21.0, lossy_failed=2).missed == [
        "upload at 100 ms: expected at most 1.2 times the 5.30 s that the protocol needs, got 7.00 s",
        "upload with loss: expected at most 20 s, got 21.0 s",
        "upload with loss: 2 of 20 failed",
    ]


def test_a_frame_that_is_written_over_says_when_and_where() -> None:
    message = mavlink.MAVLink_global_position_int_message(0, 521_000_000, 132_000_000, 75_000, 30_000, 20, 30, -1, 9000)
    read = decode(Template(message, 7).frame(200, 12_345, (521_000_450, 132_000_001)))
    assert read is not None
    assert (read.get_srcSystem(), read.get_seq()) == (7, 200)
    assert (read.time_boot_ms, read.lat, read.lon, read.hdg) == (12_345, 521_000_450, 132_000_001, 9000)


def test_vehicles_of_the_benchmark_stand_within_their_fence() -> None:
    site = fleet_site(100)
    corners = site.geofence.polygon
    assert len({vehicle.return_altitude_m for vehicle in site.vehicles}) == 100
    for dock in site.docks:
        assert min(c.lat_deg for c in corners) < dock.position.lat_deg < max(c.lat_deg for c in corners)
        assert min(c.lon_deg for c in corners) < dock.position.lon_deg < max(c.lon_deg for c in corners)


def test_a_capture_is_judged_by_what_was_heard_and_answered(tmp_path: Path) -> None:
    """Two positions 3 and 8 ms on their way, one frame lost between them, an order answered after 20 ms."""
    boot_us = 1_000_000_000
    place = (521_000_000, 132_000_000, 75_000, 30_000, 0, 0, 0, 9000)
    position = mavlink.MAVLink_global_position_int_message
    hold = mavlink.MAVLink_command_long_message(1, 1, mavlink.MAV_CMD_DO_SET_MODE, 0, 1.0, 17.0, *(0.0,) * 5)
    ack = mavlink.MAVLink_command_ack_message(mavlink.MAV_CMD_DO_SET_MODE, 0, 0, 0, 245, 190)
    capture = _capture(
        (boot_us + 103_000, position(100, *place), 1, 5),
        (boot_us + 208_000, position(200, *place), 1, 7),
        (boot_us + 1_000_000, hold, 245, 0),
        (boot_us + 1_020_000, ack, 1, 8),
    )
    (tmp_path / "flight.tlog").write_bytes(capture)

    window_us = (boot_us, boot_us + 500_000)
    cost = judged(tmp_path / "flight.tlog", 1, window_us, 0.1, boot_us=boot_us, asked=[(1, boot_us + 990_000)])

    assert (cost.heard_a_s, cost.cores, cost.a_datagram_us) == (4.0, 0.2, 50_000.0)
    assert cost.lost_frac == pytest.approx(1 / 3)
    assert cost.to_state is not None
    assert (cost.to_state.count, cost.to_state.p50_ms, cost.to_state.max_ms) == (2, 3.0, 8.0)
    assert cost.command == Spread(1, 20.0, 20.0, 20.0, 20.0)
    assert cost.asked == Spread(1, 30.0, 30.0, 30.0, 30.0)


def _capture(*records: tuple[int, Any, int, int]) -> bytes:
    """Of (wall time in us, message, system id, sequence)."""
    return b"".join(
        struct.pack(">Q", at_us) + encode(message, sequence=sequence, system_id=system_id, component_id=1)
        for at_us, message, system_id, sequence in records
    )
