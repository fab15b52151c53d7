"""How much of a battery a way needs, under a wind that always blows against it.

Figures are pessimistic until a vehicle's own are measured: too much is a refused sortie, too little is a crash.
"""

from dataclasses import dataclass

from contract.site import VehicleKind


@dataclass(frozen=True, slots=True)
class Consumption:
    """One kind of vehicle. `endurance_s` empties a full battery at any speed."""

    endurance_s: float
    climb_m_s: float
    descend_m_s: float
    touch_down_m_s: float
    touch_down_below_m: float
    brake_m_s2: float
    feels_wind: bool


CONSUMPTION = {
    VehicleKind.ARDUPILOT_COPTER: Consumption(
        endurance_s=900.0,  # half of the 30 min that makers of 2 kg quadrotors print
        climb_m_s=2.5,  # ArduPilot WPNAV_SPEED_UP default
        descend_m_s=1.5,  # ArduPilot WPNAV_SPEED_DN default
        touch_down_m_s=0.5,  # ArduPilot LAND_SPEED default
        touch_down_below_m=10.0,  # ArduPilot LAND_ALT_LOW default
        brake_m_s2=2.5,  # ArduPilot WPNAV_ACCEL default
        feels_wind=True,
    ),
    VehicleKind.ARDUPILOT_ROVER: Consumption(
        endurance_s=5400.0,  # half of the 3 h usual for 20 kg wheeled platforms
        climb_m_s=1.0,
        descend_m_s=1.0,
        touch_down_m_s=1.0,
        touch_down_below_m=0.0,
        brake_m_s2=1.0,  # loose ground; ArduPilot's own default brakes harder
        feels_wind=False,
    ),
}
LEAST_HEADWAY_M_S = 1.0  # slower than this over ground against the wind is no way to come home


def stopping_m(kind: VehicleKind, speed_m_s: float) -> float:
    """Way from `speed_m_s` to standstill."""
    return speed_m_s * speed_m_s / (2.0 * CONSUMPTION[kind].brake_m_s2)


def _headway_m_s(kind: VehicleKind, speed_m_s: float, wind_m_s: float) -> float | None:
    headway = speed_m_s - wind_m_s if CONSUMPTION[kind].feels_wind else speed_m_s
    return headway if headway >= LEAST_HEADWAY_M_S or not CONSUMPTION[kind].feels_wind else None


def way_frac(
    kind: VehicleKind,
    *,
    distance_m: float,
    climb_m: float,
    stay_s: float,
    speed_m_s: float,
    wind_m_s: float,
    descent_m: float = 0.0,
) -> float | None:
    """Share of a full battery for a way out; None when the wind lets it make none."""
    headway = _headway_m_s(kind, speed_m_s, wind_m_s)
    if headway is None or headway <= 0.0:
        return None
    model = CONSUMPTION[kind]
    up_and_down_s = max(climb_m, 0.0) / model.climb_m_s + descent_m / model.descend_m_s
    return (distance_m / headway + up_and_down_s + stay_s) / model.endurance_s


def home_frac(
    kind: VehicleKind,
    *,
    distance_m: float,
    height_m: float,
    return_height_m: float,
    speed_m_s: float,
    wind_m_s: float,
) -> float | None:
    """Share of a full battery to climb to the return height, come home straight and be down; None as in `way_frac`."""
    out = way_frac(
        kind,
        distance_m=distance_m,
        climb_m=return_height_m - height_m,
        stay_s=0.0,
        speed_m_s=speed_m_s,
        wind_m_s=wind_m_s,
    )
    if out is None:
        return None
    model = CONSUMPTION[kind]
    top_m = max(height_m, return_height_m)
    slow_m = min(top_m, model.touch_down_below_m)
    down_s = (top_m - slow_m) / model.descend_m_s + slow_m / model.touch_down_m_s
    return out + down_s / model.endurance_s
