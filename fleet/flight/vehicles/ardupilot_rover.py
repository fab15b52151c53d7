"""ArduPilot rover: armed in GUIDED it stays where it is; HOLD is how it stops, and its landing.

It stays armed after RTL and at the end of a mission: only a Disarm order ends that.
"""

from collections.abc import Mapping
from typing import ClassVar

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.ardupilot import ArdupilotVehicle
from fleet.flight.errors import CommandRefused, NotConfirmed
from fleet.flight.mavlink_port import Act
from fleet.flight.orders import Hold, Land, Launch, ReturnHome
from fleet.flight.telemetry import Airframe
from fleet.flight.vehicle import FlightMode, VehicleState

ARMED_WITHIN_S = 5.0


class Driver(ArdupilotVehicle):
    airframe: ClassVar[Airframe] = Airframe(
        called="rover",
        heartbeat_types=frozenset({mavlink.MAV_TYPE_GROUND_ROVER}),
        modes={
            0: FlightMode.MANUAL,
            1: FlightMode.MANUAL,  # ACRO
            3: FlightMode.MANUAL,  # STEERING
            4: FlightMode.HOLD,
            7: FlightMode.MANUAL,  # SIMPLE
            10: FlightMode.AUTO,
            11: FlightMode.RETURN,
            12: FlightMode.RETURN,  # SMART_RTL
            15: FlightMode.GUIDED,
        },
    )
    numbers: ClassVar[Mapping[FlightMode, int]] = {
        FlightMode.GUIDED: 15,
        FlightMode.AUTO: 10,
        FlightMode.HOLD: 4,
        FlightMode.RETURN: 11,
    }
    disarmed_in: ClassVar[FlightMode | None] = FlightMode.HOLD

    def coming_home_mode(self, order: Hold | ReturnHome | Land) -> FlightMode:
        return FlightMode.RETURN if isinstance(order, ReturnHome) else FlightMode.HOLD

    def mission_refusal(self, state: VehicleState) -> str | None:
        return None if state.armed else "not armed: launch it first"

    async def launch(self, act: Act, order: Launch) -> None:
        if order.above_home_m is not None:
            raise CommandRefused(f"{act.name}: a rover has no height, got {order.above_home_m} m")
        await self.take(act, FlightMode.GUIDED)
        await self.arm(act)
        since_us = act.port.now_us()
        if not await act.until(lambda: self._armed_since(since_us) is True, within_s=ARMED_WITHIN_S):
            raise NotConfirmed(f"{act.name}: acknowledged, but no heartbeat says armed")
