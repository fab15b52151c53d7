"""Snapshots with some fields changed."""

import dataclasses

import pytest

from contract.site import VehicleKind
from fleet.flight.snapshots import renewed
from fleet.flight.telemetry import Telemetry
from fleet.flight.vehicle import VehicleState

STATE = VehicleState("drone", VehicleKind.ARDUPILOT_COPTER, 3, True, armed=False)


def test_a_renewed_snapshot_is_what_dataclasses_replace_makes() -> None:
    told = Telemetry(STATE, bound_uid="ab")
    for changes in ({}, {"boots": 4}, {"state": STATE, "texts": (), "pace": 2.0}):
        assert renewed(told, **changes) == dataclasses.replace(told, **changes)
    assert renewed(STATE, armed=True, last_text="hello") == dataclasses.replace(STATE, armed=True, last_text="hello")
    assert STATE.armed is False


def test_a_field_that_a_snapshot_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError, match="height"):
        renewed(STATE, height=3)
