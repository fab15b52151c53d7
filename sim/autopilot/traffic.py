"""What a vehicle's ADS-B receiver hears: aircraft that fly straight on, told one by one, as ArduPilot streams them."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint, LocalFrame, PointEnu

Message = Any  # pymavlink has no types
HEARD_EACH_S = 1.0  # a transmitter says its place twice a second; receivers pass it on each second


@dataclass(frozen=True, slots=True)
class PassingAircraft:
    """Level flight from `start`. `amsl_m` None: it says no height."""

    icao: int
    callsign: str
    start: GeoPoint
    amsl_m: float | None
    track_deg: float
    speed_m_s: float


class TrafficReceiver:
    """Who is heard, and since when in the vehicle's own time."""

    def __init__(self) -> None:
        self._heard: dict[int, tuple[PassingAircraft, float]] = {}
        self._next = 0

    def begin(self, aircraft: PassingAircraft, *, now_s: float) -> None:
        self._heard[aircraft.icao] = (aircraft, now_s)

    def end(self, icao: int) -> None:
        self._heard.pop(icao, None)

    def take(self, now_s: float) -> Message | None:
        """ADSB_VEHICLE of the next one in turn; None while nobody is heard."""
        if not self._heard:
            return None
        heard = list(self._heard.values())
        self._next = (self._next + 1) % len(heard)
        aircraft, since_s = heard[self._next]
        flown_s = now_s - since_s
        age_s = flown_s % HEARD_EACH_S
        return _message(aircraft, flown_s - age_s, age_s)


@lru_cache(maxsize=64)
def _frame(start: GeoPoint) -> LocalFrame:
    return LocalFrame(start, ground_amsl_m=0.0)


def _message(aircraft: PassingAircraft, flown_s: float, age_s: float) -> Message:
    way_m, track = aircraft.speed_m_s * flown_s, math.radians(aircraft.track_deg)
    point, _ = _frame(aircraft.start).to_geo(PointEnu(way_m * math.sin(track), way_m * math.cos(track)))
    flags = (
        mavlink.ADSB_FLAGS_VALID_COORDS
        | mavlink.ADSB_FLAGS_VALID_HEADING
        | mavlink.ADSB_FLAGS_VALID_VELOCITY
        | mavlink.ADSB_FLAGS_VALID_CALLSIGN
        | mavlink.ADSB_FLAGS_VERTICAL_VELOCITY_VALID
        | (0 if aircraft.amsl_m is None else mavlink.ADSB_FLAGS_VALID_ALTITUDE)
    )
    return mavlink.MAVLink_adsb_vehicle_message(
        aircraft.icao,
        round(point.lat_deg * 1e7),
        round(point.lon_deg * 1e7),
        mavlink.ADSB_ALTITUDE_TYPE_GEOMETRIC,
        round((aircraft.amsl_m or 0.0) * 1000),
        round(aircraft.track_deg * 100) % 36_000,
        round(aircraft.speed_m_s * 100),
        0,
        aircraft.callsign.encode()[:8],
        mavlink.ADSB_EMITTER_TYPE_ROTOCRAFT,
        int(age_s),
        flags,
        0,
    )
