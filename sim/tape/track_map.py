"""A recording on the map: tracks and footprints as GeoJSON, and one page that draws and plays them without a network.

Memory is bounded: a track of more than MOST_POINTS keeps every second of its points, again and again; the GeoJSON of
footprints is written as it comes.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from types import TracebackType
from typing import TextIO

from contract.geo import GeoPoint, LocalFrame
from sim.tape.items import Item, Message

MOST_POINTS = 20_000
DRAWN_POINTS = 3000  # of a track, on the page
DRAWN_FOOTPRINTS = 600
_PAGE = Path(__file__).with_name("track_map.html")


@dataclass(slots=True)
class Thinned:
    """Evenly spread entries of a stream of unknown length, the first always among them."""

    most: int = MOST_POINTS
    kept: list[tuple[int, list[list[float]]]] = field(default_factory=list)  # moment, lon lat (height) of each point
    _each: int = 1
    _seen: int = 0

    def add(self, at_us: int, points: list[list[float]]) -> None:
        if self._seen % self._each == 0:
            self.kept.append((at_us, points))
        self._seen += 1
        if len(self.kept) >= self.most:
            del self.kept[1::2]
            self._each *= 2


class TrackMap:
    """A context; shows what passes through `watching`. Writes footprints.geojson, track.geojson and map.html."""

    def __init__(self, folder: Path, *, title: str) -> None:
        self._folder = folder
        self._title = title
        self._tracks: dict[str, Thinned] = {}
        self._footprints: dict[str, Thinned] = {}
        self._files = ExitStack()
        self._footprint_file: TextIO | None = None

    def __enter__(self) -> "TrackMap":
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._footprint_file is not None:
            self._footprint_file.write("\n]}\n")
        self._files.close()
        if not self.is_empty:
            _write_json(self._folder / "track.geojson", _tracks_geojson(self._tracks))
            page = Template(_PAGE.read_text(encoding="utf-8")).substitute(
                title=escape(self._title), data=json.dumps(self._drawn(), separators=(",", ":")).replace("<", "\\u003c")
            )
            (self._folder / "map.html").write_text(page, encoding="utf-8")

    @property
    def is_empty(self) -> bool:
        return not self._tracks and not self._footprints

    @property
    def points(self) -> int:
        return sum(len(track.kept) for track in self._tracks.values())

    def watching(self, items: Iterable[Item]) -> Iterator[Item]:
        """The same items; those with a place leave it on the map."""
        for item in items:
            if isinstance(item, Message):
                self._take(item)
            yield item

    def _take(self, message: Message) -> None:
        try:
            if message.schema == "foxglove.LocationFix":
                fix = message.content()
                point = [float(fix["longitude"]), float(fix["latitude"]), float(fix["altitude"])]
                self._tracks.setdefault(_owner(message.topic), Thinned()).add(message.at_us, [point])
            elif message.schema == "foxglove.GeoJSON":
                shape = json.loads(message.content()["geojson"])
                (ring,) = shape["geometry"]["coordinates"]
                owner = _owner(message.topic)
                self._footprints.setdefault(owner, Thinned(DRAWN_FOOTPRINTS)).add(message.at_us, ring)
                self._write_footprint(shape, owner, message.at_us)
        except (ValueError, KeyError, TypeError):
            return  # a drawing of another kind, or damage: nothing for this map

    def _write_footprint(self, shape: dict[str, object], owner: str, at_us: int) -> None:
        if self._footprint_file is None:
            path = self._folder / "footprints.geojson"
            self._footprint_file = self._files.enter_context(path.open("w", encoding="utf-8", newline="\n"))
            self._footprint_file.write('{"type":"FeatureCollection","features":[\n')
        else:
            self._footprint_file.write(",\n")
        feature = {**shape, "properties": {"of": owner, "at_us": at_us}}
        self._footprint_file.write(json.dumps(feature, separators=(",", ":")))

    def _drawn(self) -> dict[str, object]:
        """Everything in metres east and north of one point, for the page."""
        kept = [entry for group in (self._tracks, self._footprints) for each in group.values() for entry in each.kept]
        lon_deg, lat_deg = kept[0][1][0][:2]
        frame = LocalFrame(GeoPoint(lat_deg=lat_deg, lon_deg=lon_deg), ground_amsl_m=0.0)

        def metres(points: list[list[float]]) -> list[list[float]]:
            enu = (frame.to_enu(GeoPoint(lat_deg=point[1], lon_deg=point[0])) for point in points)
            return [[round(each.east_m, 1), round(each.north_m, 1)] for each in enu]

        return {
            "origin": [round(lat_deg, 7), round(lon_deg, 7)],
            "tracks": {
                name: [[at_us, *metres(points)[0], points[0][2]] for at_us, points in _spread(track.kept)]
                for name, track in self._tracks.items()
            },
            "footprints": {
                name: [[at_us, metres(points)] for at_us, points in _spread(track.kept)]
                for name, track in self._footprints.items()
            },
        }


def _owner(topic: str) -> str:
    """`/camera/ID/location` and `/vehicle/ID/location` are the ID's."""
    kind, _, rest = topic.strip("/").partition("/")
    return f"{kind} {rest.partition('/')[0]}"


def _spread(entries: list[tuple[int, list[list[float]]]]) -> list[tuple[int, list[list[float]]]]:
    step = max(1, -(-len(entries) // DRAWN_POINTS))
    return [*entries[:-1:step], *entries[-1:]]


def _tracks_geojson(tracks: dict[str, Thinned]) -> dict[str, object]:
    features = [
        {
            "type": "Feature",
            "properties": {"of": name, "at_us": [at_us for at_us, _ in track.kept]},
            "geometry": {"type": "LineString", "coordinates": [points[0] for _, points in track.kept]},
        }
        for name, track in sorted(tracks.items())
    ]
    return {"type": "FeatureCollection", "features": features}


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")
