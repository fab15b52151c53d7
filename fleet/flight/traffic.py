"""Manned aircraft as our vehicles' ADS-B receivers hear them: messages into a picture of who is where, and since when.

A place is as old as the receiver says plus what has passed since on our monotonic clock. Zero is a value here: what is
known stands in the flags. Whoever has no receiver, or meets an aircraft without a transmitter, sees nothing here.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from contract.geo import GeoPoint, distance_m
from contract.site import Site
from fleet.flight.mavlink_codec import Message, finite

FORGET_S = 30.0  # not heard for so long: behind a hill, out of range or on the ground; its course says nothing any more
RANGE_M = 50_000.0  # at 300 m/s nearly three minutes
MAX_AIRCRAFT = 128  # the farthest are left out first
GEOMETRIC_ERROR_M = 110.0  # the geoid is up to 106 m off the ellipsoid that GNSS heights are above (EGM2008)
PRESSURE_ERROR_M = 350.0  # told as if 1013 hPa were at sea level: 40 hPa of weather at 8.3 m each
FASTEST_M_S = 400.0
STEEPEST_M_S = 100.0
LOWEST_M, HIGHEST_M = -500.0, 30_000.0
ON_THE_GROUND = frozenset(
    {
        mavlink.ADSB_EMITTER_TYPE_EMERGENCY_SURFACE,
        mavlink.ADSB_EMITTER_TYPE_SERVICE_SURFACE,
        mavlink.ADSB_EMITTER_TYPE_POINT_OBSTACLE,
    }
)


@dataclass(frozen=True, slots=True)
class Aircraft:
    """One as last heard; None is unknown. `placed_at_us`: monotonic, when it was there. `track_deg`: clockwise from
    north; `climb_m_s`: up is positive."""

    icao: int
    callsign: str
    point: GeoPoint
    placed_at_us: int
    amsl_m: float | None = None
    amsl_error_m: float = PRESSURE_ERROR_M
    track_deg: float | None = None
    speed_m_s: float | None = None
    climb_m_s: float | None = None

    @property
    def name(self) -> str:
        return self.callsign or f"{self.icao:06x}"

    def age_s(self, now_us: int) -> float:
        return max((now_us - self.placed_at_us) / 1e6, 0.0)


def aircraft_of(message: Message, *, now_us: int) -> Aircraft | None:
    """An ADSB_VEHICLE; None when it says no place, or one on the ground. Raises ValueError for a place that cannot be.

    A height, course or speed that cannot be is unknown, which judges worse than any that can.
    """
    flags = int(message.flags)

    def known(flag: int, value: object, *, unit: float, least: float, most: float) -> float | None:
        number = finite(value)
        if not flags & flag or number is None or not least <= number / unit <= most:
            return None
        return number / unit

    if not flags & mavlink.ADSB_FLAGS_VALID_COORDS or int(message.emitter_type) in ON_THE_GROUND:
        return None
    is_geometric = int(message.altitude_type) == mavlink.ADSB_ALTITUDE_TYPE_GEOMETRIC
    return Aircraft(
        icao=int(message.ICAO_address),
        callsign=_callsign(message) if flags & mavlink.ADSB_FLAGS_VALID_CALLSIGN else "",
        point=GeoPoint(lat_deg=int(message.lat) / 1e7, lon_deg=int(message.lon) / 1e7),
        placed_at_us=now_us - round(int(message.tslc) * 1e6),
        amsl_m=known(mavlink.ADSB_FLAGS_VALID_ALTITUDE, message.altitude, unit=1000.0, least=LOWEST_M, most=HIGHEST_M),
        amsl_error_m=GEOMETRIC_ERROR_M if is_geometric else PRESSURE_ERROR_M,
        track_deg=known(mavlink.ADSB_FLAGS_VALID_HEADING, message.heading, unit=100.0, least=0.0, most=360.0),
        speed_m_s=known(
            mavlink.ADSB_FLAGS_VALID_VELOCITY, message.hor_velocity, unit=100.0, least=0.0, most=FASTEST_M_S
        ),
        climb_m_s=known(
            mavlink.ADSB_FLAGS_VERTICAL_VELOCITY_VALID,
            message.ver_velocity,
            unit=100.0,
            least=-STEEPEST_M_S,
            most=STEEPEST_M_S,
        ),
    )


def _callsign(message: Message) -> str:
    text = message.callsign
    plain = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    return "".join(c for c in plain if c.isalnum())


class TrafficPicture:
    """Who is about. `hear` on the links' thread; `snapshot` is a tuple replaced as a whole, for any thread."""

    def __init__(self, site: Site, *, clock: Clock) -> None:
        self._clock = clock
        self._middle = GeoPoint(lat_deg=site.origin.lat_deg, lon_deg=site.origin.lon_deg)
        self._ours = frozenset(int(spec.icao, 16) for spec in site.vehicles if spec.icao is not None)
        self._by_icao: dict[int, Aircraft] = {}
        self.snapshot: tuple[Aircraft, ...] = ()
        self.discarded = 0  # messages that cannot be

    def hear(self, message: Message) -> None:
        """One ADSB_VEHICLE of a receiver that we believe."""
        now_us = self._clock.monotonic_us()
        try:
            heard = aircraft_of(message, now_us=now_us)
        except ValueError:
            self.discarded += 1
            return
        if heard is None or heard.icao in self._ours or distance_m(self._middle, heard.point) > RANGE_M:
            return
        before = self._by_icao.get(heard.icao)
        if before is None or heard.placed_at_us >= before.placed_at_us:  # another receiver may know it better
            self._by_icao[heard.icao] = heard
        self._by_icao = {each.icao: each for each in self._kept(self._by_icao.values(), now_us)}
        self.snapshot = tuple(self._by_icao.values())

    def now(self) -> tuple[Aircraft, ...]:
        """Those heard lately."""
        now_us = self._clock.monotonic_us()
        return tuple(each for each in self.snapshot if each.age_s(now_us) <= FORGET_S)

    def _kept(self, everybody: Iterable[Aircraft], now_us: int) -> list[Aircraft]:
        lately = [each for each in everybody if each.age_s(now_us) <= FORGET_S]
        if len(lately) <= MAX_AIRCRAFT:
            return lately
        return sorted(lately, key=lambda each: (distance_m(self._middle, each.point), each.icao))[:MAX_AIRCRAFT]


def ahead(aircraft: Aircraft, *, seconds: float) -> tuple[float, float] | None:
    """East and north, metres, of what it flies in so long on its course; None when course or speed is not known."""
    if aircraft.track_deg is None or aircraft.speed_m_s is None:
        return None
    way_m, track = aircraft.speed_m_s * seconds, math.radians(aircraft.track_deg)
    return way_m * math.sin(track), way_m * math.cos(track)
