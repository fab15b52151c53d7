"""Copters by the hundred, each with a dock of its own."""

from collections.abc import Iterable

from contract.site import Vehicle, VehicleKind


def copters(return_altitudes_m: Iterable[float]) -> tuple[Vehicle, ...]:
    """`drone-0` on `dock-0` and so on, one for each height; system ids from 1, all on one port."""
    return tuple(
        Vehicle(
            id=f"drone-{n}",
            kind=VehicleKind.ARDUPILOT_COPTER,
            connection="udpin:127.0.0.1:14550",
            system_id=n + 1,
            simulated=True,
            dock=f"dock-{n}",
            cruise_speed_m_s=8.0,
            return_altitude_m=height_m,
        )
        for n, height_m in enumerate(return_altitudes_m)
    )
