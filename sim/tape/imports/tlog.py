"""A MAVLink capture: every frame as it was, and each vehicle's track for the map."""

from collections.abc import Iterator
from pathlib import Path

from contract.geo import GeoPoint
from fleet.flight.mavlink_codec import Frame
from sim.tape.items import Item, location, mavlink
from sim.tape.tlog import TlogReader


class TlogImport:
    """`remark`: the file is not whole. `said`: what else a person should know; both are complete at the end."""

    def __init__(self, path: Path) -> None:
        self._reader = TlogReader(path)

    @property
    def remark(self) -> str:
        return "truncated: its last record is not whole" if self._reader.is_truncated else ""

    @property
    def said(self) -> str:
        return self._reader.said

    def items(self) -> Iterator[Item]:
        """Raises TapeError."""
        for record in self._reader.records():
            yield from frame_items(record.at_us, record.frame)

    def places(self) -> Iterator[Item]:
        """The tracks alone. Raises TapeError."""
        for record in self._reader.records():
            yield from _places(record.at_us, record.frame)


def frame_items(at_us: int, frame: Frame) -> Iterator[Item]:
    """The frame, and where it says that its vehicle is."""
    yield mavlink(at_us, frame)
    yield from _places(at_us, frame)


def _places(at_us: int, frame: Frame) -> Iterator[Item]:
    place = _place(frame)
    if place is not None:
        vehicle = f"/vehicle/{frame.system_id}/location"
        yield location(vehicle, at_us, place[0], altitude_m=place[1], frame_id=f"vehicle-{frame.system_id}")


def _place(frame: Frame) -> tuple[GeoPoint, float] | None:
    """Position and height above mean sea level of GLOBAL_POSITION_INT; None while the vehicle has none itself."""
    if frame.name != "GLOBAL_POSITION_INT":
        return None
    lat_deg, lon_deg = frame.message.lat / 1e7, frame.message.lon / 1e7
    if (lat_deg, lon_deg) == (0.0, 0.0) or abs(lat_deg) > 90.0 or abs(lon_deg) > 180.0:
        return None
    return GeoPoint(lat_deg=lat_deg, lon_deg=lon_deg), frame.message.alt / 1e3
