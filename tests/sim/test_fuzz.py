"""Hostile MAVLink against links, vehicles and a transfer under way; `make soak` sends a million."""

import random
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from contract.geo import GeoPoint
from contract.site import VehicleKind
from fleet.flight import mavlink_signing, telemetry
from fleet.flight.vehicle import VehicleState
from sim.__main__ import app
from sim.clock import VirtualClock
from sim.fuzz import Fuzzed, fuzzed, register
from sim.soak.hostile_mavlink import Hostile
from sim.soak.siege import START_US, wrong_in

GOOD = VehicleState("drone", VehicleKind.ARDUPILOT_COPTER, 1, simulated=True)


def played(messages: int, *, seed: int = 1, from_block: int = 0) -> Fuzzed:
    return fuzzed(messages=messages, seed=seed, from_block=from_block, console=Console(quiet=True))


def test_twenty_thousand_hostile_messages_move_nothing_that_they_may_not() -> None:
    result = played(20_000)
    assert result.found is None
    assert result.messages == 20_000
    assert result.heard > 2_000, "of the vehicle without a key, and what is true"
    assert result.writes > 20
    assert result.transfers > 0


def test_a_block_is_played_again_exactly() -> None:
    assert played(300, from_block=7) == played(300, from_block=7)
    assert played(300, from_block=7) != played(300, from_block=8)


def test_a_signature_that_is_not_looked_at_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mavlink_signing.Signing, "accepts", lambda _self, _raw: True)
    assert "has a key, and was moved by" in str(played(1_000).found)


def test_a_value_that_cannot_be_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_plausible", lambda value, **_: float(value))
    assert "wind_m_s" in str(played(5_000).found)


def test_a_crash_is_found_and_told_with_the_command_that_plays_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(*_: Any) -> Any:
        raise KeyError("a bug")

    monkeypatch.setitem(telemetry._READERS, "WIND", reads)
    register(app)
    said = CliRunner().invoke(app, ["fuzz", "--messages", "3000", "--seed", "5"])
    assert said.exit_code == 1
    assert "seed 5, from block 0: 3000 messages" in said.output
    assert "KeyError: 'a bug'; again: vedette-sim fuzz --seed 5 --from-block 0" in said.output


@pytest.mark.parametrize(
    "change",
    [
        {"position": GeoPoint.model_construct(lat_deg=91.0, lon_deg=0.0)},
        {"above_home_m": float("nan")},
        {"heading_deg": 361.0},
        {"battery_frac": 1.1},
        {"last_text": "\x1b[2J"},
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any]) -> None:
    assert list(wrong_in(GOOD)) == []
    assert len(list(wrong_in(replace(GOOD, **change)))) == 1


def test_every_kind_of_attack_makes_bytes_and_equal_seeds_the_same() -> None:
    def attacks() -> list[bytes]:
        hostile = Hostile(random.Random(3), (1, 2, 3), VirtualClock(START_US))
        return [hostile.attack() for _ in range(500)]

    assert attacks() == attacks()
    assert max(map(len, attacks())) > 1_000
