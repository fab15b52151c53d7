"""ArduPilot copter: GUIDED, arm, take off within ten seconds, BRAKE to hold.

BRAKE is what holds it in the air without a pilot; see fleet/flight/ardupilot.py for the modes that sink.
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

IN_THE_AIR_ABOVE_M = 1.0
REACHED_WITHIN_M = 1.0
CLIMB_AT_LEAST_M_S = 0.5  # slower than any sane WPNAV_SPEED_UP
CLIMB_STARTS_WITHIN_S = 15.0
SHOWS_CLIMB_WITHIN_S = 3.0  # a metre at CLIMB_AT_LEAST_M_S, and a second for a bad link


class Driver(ArdupilotVehicle):
    airframe: ClassVar[Airframe] = Airframe(
        called="copter",
        heartbeat_types=frozenset(
            {
                mavlink.MAV_TYPE_QUADROTOR,
                mavlink.MAV_TYPE_COAXIAL,
                mavlink.MAV_TYPE_HEXAROTOR,
                mavlink.MAV_TYPE_OCTOROTOR,
                mavlink.MAV_TYPE_TRICOPTER,
                mavlink.MAV_TYPE_DODECAROTOR,
                mavlink.MAV_TYPE_DECAROTOR,
            }
        ),
        modes={
            0: FlightMode.MANUAL,  # STABILIZE
            1: FlightMode.MANUAL,  # ACRO
            2: FlightMode.MANUAL,  # ALT_HOLD
            3: FlightMode.AUTO,
            4: FlightMode.GUIDED,
            5: FlightMode.MANUAL,  # LOITER
            6: FlightMode.RETURN,
            9: FlightMode.LAND,
            11: FlightMode.MANUAL,  # DRIFT
            13: FlightMode.MANUAL,  # SPORT
            16: FlightMode.MANUAL,  # POSHOLD
            17: FlightMode.HOLD,  # BRAKE
            21: FlightMode.RETURN,  # SMART_RTL
        },
    )
    numbers: ClassVar[Mapping[FlightMode, int]] = {
        FlightMode.GUIDED: 4,
        FlightMode.AUTO: 3,
        FlightMode.HOLD: 17,
        FlightMode.RETURN: 6,
        FlightMode.LAND: 9,
    }

    has_nose: ClassVar[bool] = True

    def coming_home_mode(self, order: Hold | ReturnHome | Land) -> FlightMode:
        if isinstance(order, Hold):
            return FlightMode.HOLD
        return FlightMode.LAND if isinstance(order, Land) else FlightMode.RETURN

    def mission_refusal(self, state: VehicleState) -> str | None:
        if state.above_home_m is None:
            return "its height is not known"
        return None if _is_in_the_air(state) else "a copter's mission starts in the air: launch it first"

    def disarm_refusal(self, state: VehicleState) -> str | None:
        if _is_in_the_air(state):
            return "in the air"
        return None if state.is_landed else "it does not say that it has landed"

    async def launch(self, act: Act, order: Launch) -> None:
        height_m = order.above_home_m
        if height_m is None:
            raise CommandRefused(f"{act.name}: expected a height above home")
        if _is_in_the_air(self._telemetry.state):
            raise CommandRefused(f"{act.name}: it is in the air already")
        await self.take(act, FlightMode.GUIDED)
        await self.arm(act)
        try:
            await act.command(
                mavlink.MAV_CMD_NAV_TAKEOFF,
                *(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, height_m),
                said=f"NAV_TAKEOFF {height_m:.1f} m above home",
            )
        except CommandRefused:
            # Off the ground, ArduPilot refuses a second takeoff: the first was taken, and its answer lost.
            if not await act.until(lambda: _is_in_the_air(self._telemetry.state), within_s=SHOWS_CLIMB_WITHIN_S):
                raise
        since_us = act.port.now_us()

        def why_not() -> str | None:
            """What ends the climb."""
            if self._armed_since(since_us) is False:
                return "disarmed before it was up"
            mode = self._telemetry.state.mode
            return None if mode is FlightMode.GUIDED else f"mode is {mode and mode.value}, not guided, during the climb"

        def is_up() -> bool:
            shown_m = self._telemetry.state.above_home_m
            return shown_m is not None and shown_m >= height_m - REACHED_WITHIN_M

        within_s = CLIMB_STARTS_WITHIN_S + height_m / CLIMB_AT_LEAST_M_S
        await act.until(lambda: is_up() or why_not() is not None, within_s=within_s)
        if not is_up():
            shown_m = self._telemetry.state.above_home_m
            reason = why_not() or f"expected {height_m:.1f} m above home within {within_s:.0f} s, got {shown_m}"
            raise NotConfirmed(f"{act.name}: {reason}")


def _is_in_the_air(state: VehicleState) -> bool:
    """An armed copter of unknown height may well be."""
    return bool(state.armed) and (state.above_home_m is None or state.above_home_m > IN_THE_AIR_ABOVE_M)
