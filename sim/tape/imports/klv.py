"""Aerial video with MISB metadata in an MPEG transport stream: pictures, sensor pose, what lies in the picture.

The metadata carries the sensor's own time, the pictures only the stream's: the first packet that has both ties them.
East and north count from the first frame centre, unless a site says otherwise.
"""

import heapq
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from contract.geo import GeoPoint, LocalFrame
from edge.decode import READ_ERRORS
from edge.klv import KlvDamage, Telemetry, sets_in
from edge.perception.sight import footprint_of, ground_amsl_m, pose_of, sensor_place
from sim.tape.errors import TapeError
from sim.tape.items import LOCAL_FRAME, Item, Message, Note, drawing, location, pose, telemetry
from sim.tape.video import PacketReader

TS_PACKET_BYTES = 188


class KlvImport:
    """`remark`: the file is not whole. `said`: what else a person should know; both are complete at the end."""

    def __init__(self, path: Path, *, camera: str, frame: LocalFrame | None, monotonic_us: Callable[[], int]) -> None:
        self._path = path
        self._camera = camera
        self._frame = frame
        self._monotonic_us = monotonic_us
        self._video = PacketReader(path, camera)
        self._ends_early = ""
        self._packets = self._damaged = 0
        self._is_last_damaged = False

    @property
    def remark(self) -> str:
        if not self._ends_early and (self._is_last_damaged or self._path.stat().st_size % TS_PACKET_BYTES):
            return "truncated: its last packet is not whole"
        return self._ends_early or self._video.remark

    @property
    def said(self) -> str:
        return f"{self._packets} metadata packets; {self._damaged} damaged ones were passed over"

    def items(self) -> Iterator[Item]:
        """Raises TapeError when there is no metadata in the file, FeedUnreadable when there is no video."""
        first, start_us = self._first()
        frame = self._frame or _frame_of(first)
        origin = frame.origin
        yield Note(
            LOCAL_FRAME,
            {
                "lat_deg": f"{origin.lat_deg:.7f}",
                "lon_deg": f"{origin.lon_deg:.7f}",
                "ground_amsl_m": f"{frame.ground_amsl_m:.3f}",
            },
        )
        yield from heapq.merge(
            self._video.items(start_us=start_us, monotonic_us=self._monotonic_us),
            self._told(frame),
            key=lambda item: item.log_us,
        )

    @property
    def start_us(self) -> int:
        """When the first picture was taken, by the sensor's clock. Raises TapeError."""
        return self._first()[1]

    def _first(self) -> tuple[Telemetry, int]:
        with self._opened() as container:
            video = next(iter(container.streams.video), None)
            for data, pts_us in _data_packets(container):
                for told in self._parsed(data):
                    behind_us = 0
                    if pts_us is not None and video is not None and video.start_time is not None:
                        behind_us = round(video.start_time * float(video.time_base or 0) * 1e6) - pts_us
                    self._packets = self._damaged = 0
                    return told, told.at_us + behind_us
        raise TapeError(f"{self._path}: expected MISB metadata (KLV) in a data stream, found none")

    def _told(self, frame: LocalFrame) -> Iterator[Message]:
        last_us = 0
        with self._opened() as container:
            try:
                for data, _ in _data_packets(container):
                    for told in self._parsed(data):
                        if told.at_us >= last_us:  # a clock that steps back would break the order of the tape
                            last_us = told.at_us
                            yield from self._messages(told, frame)
            except READ_ERRORS as err:
                self._ends_early = f"ends early: {err.strerror}"

    def _parsed(self, data: bytes) -> Iterator[Telemetry]:
        """The sets in one packet of the stream, up to the first that is damaged."""
        try:
            for told in sets_in(data):
                self._packets += 1
                self._is_last_damaged = False
                yield told
        except KlvDamage:
            self._damaged += 1
            self._is_last_damaged = True

    def _messages(self, told: Telemetry, frame: LocalFrame) -> Iterator[Message]:
        root = f"/camera/{self._camera}"
        yield telemetry(f"{root}/klv", told.at_us, raw=told.raw, fields=told.fields)
        place = sensor_place(told)
        if place is not None:
            yield location(f"{root}/location", told.at_us, place[0], altitude_m=place[1], frame_id=self._camera)
        where = pose_of(told, frame)
        if where is not None:
            yield pose(self._camera, told.at_us, where)
        corners = footprint_of(told)
        if corners is not None:
            yield drawing(f"{root}/footprint", told.at_us, _polygon(corners))

    def _opened(self) -> InputContainer:
        try:
            return av.open(str(self._path))
        except READ_ERRORS as err:
            raise TapeError(f"{self._path}: {err.strerror or 'not a transport stream'}") from err


def has_metadata(path: Path) -> bool:
    """Is there a data stream in the file? Raises TapeError when it cannot be read at all."""
    try:
        with av.open(str(path)) as container:
            return bool(container.streams.data)
    except READ_ERRORS as err:
        raise TapeError(f"{path}: {err.strerror or 'not a transport stream'}") from err


def _data_packets(container: InputContainer) -> Iterator[tuple[bytes, int | None]]:
    """Content and moment in the stream, microseconds."""
    if not container.streams.data:
        return
    for packet in container.demux(container.streams.data):
        if packet.size:
            pts_us = None if packet.pts is None else round(packet.pts * float(packet.time_base) * 1e6)
            yield bytes(packet), pts_us


def _frame_of(told: Telemetry) -> LocalFrame:
    point = told.point("frame_centre") or told.point("sensor")
    if point is None:
        raise TapeError("expected a position of the sensor or the frame centre in the first packet, got none")
    return LocalFrame(GeoPoint(lat_deg=point[0], lon_deg=point[1]), ground_amsl_m=ground_amsl_m(told))


def _polygon(corners: list[GeoPoint]) -> dict[str, object]:
    ring = [[round(point.lon_deg, 7), round(point.lat_deg, 7)] for point in (*corners, corners[0])]
    return {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
