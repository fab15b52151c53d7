"""SAFETY 10: what a vehicle must hold before its motors start, by kind and firmware, and what is said if it does not.

Written, read back and compared by meaning: the values here are those of the parameters themselves.
"""

from collections.abc import Callable
from typing import Any

import pytest

from contract.site import VehicleKind
from fleet.flight.errors import CommandRefused, FlightError, NoAnswer, NotConfirmed
from fleet.flight.orders import Launch, UploadSafety
from sim.autopilot.autopilot import Autopilot
from tests.fleet.flight.air import Air, place, simulated
from tests.fleet.flight.test_ardupilot import ARM, plan

COPTER, ROVER = VehicleKind.ARDUPILOT_COPTER, VehicleKind.ARDUPILOT_ROVER
FLIES = {"FENCE_ENABLE": 1, "FENCE_TYPE": 5, "FENCE_ALT_MAX": 60, "FENCE_ACTION": 1, "BATT_FS_LOW_ACT": 2}
DRIVES = {"FENCE_ENABLE": 1, "FENCE_TYPE": 4, "FENCE_ACTION": 2, "BATT_FS_LOW_ACT": 2, "FS_ACTION": 2}


async def make_safe(air: Air) -> None:
    await air.ready()
    await air.do(UploadSafety(plan(air.spec.kind)))


@pytest.mark.parametrize(
    ("kind", "firmware", "held"),
    [
        (COPTER, "4.6", FLIES | {"RTL_ALT": 2500, "SYSID_MYGCS": 245, "FS_GCS_ENABLE": 1}),
        (COPTER, "4.7-dev", FLIES | {"RTL_ALT": 2500, "MAV_GCS_SYSID": 245, "FS_GCS_ENABLE": 1}),
        (COPTER, "4.7", FLIES | {"RTL_ALT_M": 25, "MAV_GCS_SYSID": 245, "FS_GCS_ENABLE": 1}),
        (ROVER, "4.6", DRIVES | {"SYSID_MYGCS": 245, "FS_GCS_ENABLE": 1}),
        (ROVER, "4.7", DRIVES | {"MAV_GCS_SYSID": 245, "FS_GCS_ENABLE": 1}),
    ],
)
def test_safety_10_each_kind_and_firmware_holds_all_of_it(
    monkeypatch: pytest.MonkeyPatch, kind: VehicleKind, firmware: str, held: dict[str, float]
) -> None:
    peer = simulated(kind, firmware=firmware)
    air = Air(monkeypatch, peer, kind=kind)

    air.play(make_safe)

    read = {name: peer.machine.parameters.read(name) for name in held}
    assert {name: value and value.value for name, value in read.items()} == held
    assert len(peer.machine.fence_items) == 4 + 3
    (rally,) = peer.machine.rally_items
    point = place(3.0, 3.0)
    assert (rally.x, rally.y) == (round(point.lat_deg * 1e7), round(point.lon_deg * 1e7))
    assert air.vehicle.state.not_ready_because == ()


def keeps(name: str) -> Callable[[Autopilot, pytest.MonkeyPatch], None]:
    """It answers every write of one parameter with the value it had."""

    def break_it(peer: Autopilot, monkeypatch: pytest.MonkeyPatch) -> None:
        parameters = peer.machine.parameters
        write = parameters.write

        def write_but(asked: str, value: float) -> Any:
            return parameters.read(asked) if asked == name else write(asked, value)

        monkeypatch.setattr(parameters, "write", write_but)

    return break_it


def forgets(name: str) -> Callable[[Autopilot, pytest.MonkeyPatch], None]:
    """It has no parameter of that name: an unknown name is silence."""

    def break_it(peer: Autopilot, monkeypatch: pytest.MonkeyPatch) -> None:
        parameters = peer.machine.parameters
        read = parameters.read
        monkeypatch.setattr(parameters, "read", lambda asked: None if asked == name else read(asked))

    return break_it


def moves_the_fence(peer: Autopilot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corner is not where it was sent to."""
    machine = peer.machine

    def fence(items: Any) -> list[Any]:
        return [type(i)(i.command, i.frame, i.params, i.x + (1000 if n == 2 else 0), i.y, i.z) for n, i in items]

    original = type(machine).settings_changed

    def changed(self: Any) -> None:
        if len(self.fence_items) == 7:
            self.fence_items = fence(enumerate(self.fence_items))
        original(self)

    monkeypatch.setattr(type(machine), "settings_changed", changed)


@pytest.mark.parametrize(
    ("break_it", "error", "words"),
    [
        pytest.param(
            keeps("FENCE_ALT_MAX"),
            NotConfirmed,
            "fence ceiling: expected FENCE_ALT_MAX 60, it holds 100",
            id="a parameter that does not change",
        ),
        pytest.param(
            keeps("RTL_ALT"),
            NotConfirmed,
            "return altitude: expected RTL_ALT 2500, it holds 1500",
            id="in its own unit",
        ),
        pytest.param(
            forgets("FS_GCS_ENABLE"),
            NoAnswer,
            "ground station failsafe: no answer to FS_GCS_ENABLE",
            id="a parameter it does not have",
        ),
        pytest.param(moves_the_fence, NotConfirmed, "fence: read back differs: item 2: expected", id="a moved corner"),
    ],
)
def test_safety_10_what_is_read_back_differently_is_named_and_nothing_is_armed(
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[Autopilot, pytest.MonkeyPatch], None],
    error: type[FlightError],
    words: str,
) -> None:
    peer = simulated(COPTER)
    air = Air(monkeypatch, peer, kind=COPTER)

    async def story(air: Air) -> None:
        await air.ready()
        break_it(peer, monkeypatch)
        with pytest.raises(error) as caught:
            await air.do(UploadSafety(plan()))
        assert words in str(caught.value)
        (reason,) = air.vehicle.state.not_ready_because
        assert reason.startswith("safety not uploaded: ")
        assert words in reason
        with pytest.raises(CommandRefused, match="so it is not armed"):
            await air.do(Launch(20.0))

    air.play(story)
    assert not air.commands(ARM)
    assert not peer.machine.armed


def test_a_later_upload_that_works_takes_the_reason_away(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = simulated(COPTER)
    air = Air(monkeypatch, peer, kind=COPTER)

    async def story(air: Air) -> None:
        await air.ready()
        with monkeypatch.context() as broken:
            keeps("FENCE_ALT_MAX")(peer, broken)
            with pytest.raises(NotConfirmed):
                await air.do(UploadSafety(plan()))
        await air.do(UploadSafety(plan()))

    air.play(story)
    assert air.vehicle.state.not_ready_because == ()
