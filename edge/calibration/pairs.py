"""Files of point pairs: what somebody clicked in the picture and measured on the ground. YAML or CSV, the same keys.

points:
  - {name: gate post, x_px: 412.5, y_px: 300, lat_deg: 52.1004553, lon_deg: 13.1998686}
  - {name: kerb, x_px: 840, y_px: 512.5, east_m: 4.2, north_m: 58.0, up_m: 0.1}
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, model_validator

from contract.documents import parse_document
from contract.frozen import Frozen
from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Lens
from edge.errors import CalibrationError

PAIRS_MAX = 500  # more than anybody clicks
FARTHEST_M = 2_000.0  # from the site's origin; beyond, latitude and longitude were mixed up


class Pair(Frozen):
    """One place, in the picture and on the ground."""

    name: Annotated[str, Field(max_length=40, description="for people")] = ""
    x_px: Annotated[float, Field(description="of the full frame, from its left edge")]
    y_px: Annotated[float, Field(description="from its upper edge")]
    lat_deg: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon_deg: Annotated[float | None, Field(ge=-180, le=180)] = None
    height_m: Annotated[float, Field(description="above the site's ground, with lat_deg and lon_deg")] = 0.0
    east_m: float | None = None
    north_m: float | None = None
    up_m: Annotated[float, Field(description="above the site's ground, with east_m and north_m")] = 0.0

    @model_validator(mode="after")
    def _says_where_once(self) -> "Pair":
        given = [value is not None for value in (self.lat_deg, self.lon_deg, self.east_m, self.north_m)]
        if given not in ([True, True, False, False], [False, False, True, True]):
            raise ValueError("expected exactly one of lat_deg with lon_deg and east_m with north_m")
        if self.up_m if given[0] else self.height_m:
            raise ValueError("height_m stands with lat_deg and lon_deg, up_m with east_m and north_m")
        return self


class Pairs(Frozen):
    """The whole file."""

    points: Annotated[tuple[Pair, ...], Field(max_length=PAIRS_MAX)]


@dataclass(frozen=True, slots=True)
class Mark:
    """One pair in the site's own frame."""

    name: str
    x_px: float
    y_px: float
    place: PointEnu


def read_pairs(path: Path, *, frame: LocalFrame, lens: Lens) -> tuple[Mark, ...]:
    """Raises CalibrationError for a file that is none or a pair that cannot be, DocumentError for what a key says."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise CalibrationError(f"{path}: {getattr(err, 'strerror', None) or 'expected UTF-8 text'}") from err
    if path.suffix.lower() == ".csv":
        text = _yaml_of(text, source=str(path))
    pairs = parse_document(text, Pairs, source=str(path)).points
    marks = tuple(_mark(pair, number, frame) for number, pair in enumerate(pairs, start=1))
    _check(marks, lens=lens, source=str(path))
    return marks


def _yaml_of(text: str, *, source: str) -> str:
    """A row a line: so the line that an error names is the row's own."""
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True)
    lines = ["points:"]
    try:
        for row in rows:
            if None in row or None in row.values():
                raise CalibrationError(f"{source}:{rows.line_num}: expected {len(rows.fieldnames or ())} columns")
            cells = {key.strip(): cell.strip() for key, cell in row.items() if cell.strip()}
            values = {key: cell if key == "name" else yaml.safe_load(cell) for key, cell in cells.items()}
            lines.append(f"  - {yaml.safe_dump(values, default_flow_style=True, width=10_000).strip()}")
            if len(lines) > PAIRS_MAX + 1:
                break
    except (csv.Error, yaml.YAMLError) as err:
        raise CalibrationError(f"{source}:{rows.line_num}: expected comma-separated numbers") from err
    return "\n".join(lines) if len(lines) > 1 else "points: []"


def _mark(pair: Pair, number: int, frame: LocalFrame) -> Mark:
    if pair.lat_deg is not None and pair.lon_deg is not None:
        point = GeoPoint(lat_deg=pair.lat_deg, lon_deg=pair.lon_deg)
        place = frame.to_enu(point, amsl_m=frame.ground_amsl_m + pair.height_m)
    else:
        assert pair.east_m is not None
        assert pair.north_m is not None
        place = PointEnu(pair.east_m, pair.north_m, pair.up_m)
    return Mark(pair.name or f"{number}", pair.x_px, pair.y_px, place)


def _check(marks: Sequence[Mark], *, lens: Lens, source: str) -> None:
    for number, mark in enumerate(marks):
        if not (0 <= mark.x_px <= lens.width_px and 0 <= mark.y_px <= lens.height_px):
            raise CalibrationError(
                f"{source}: point '{mark.name}': expected a pixel of a {lens.width_px}x{lens.height_px} picture, "
                f"got {mark.x_px:g}, {mark.y_px:g}"
            )
        away_m = mark.place.horizontal_distance_m(PointEnu(0.0, 0.0))
        if away_m > FARTHEST_M:
            raise CalibrationError(
                f"{source}: point '{mark.name}': expected a place within {FARTHEST_M:g} m of the site's origin, "
                f"got one {away_m:.0f} m away"
            )
        for other in marks[:number]:
            if mark.name == other.name:
                raise CalibrationError(f"{source}: point '{mark.name}' stands here twice")
            if (mark.x_px, mark.y_px) == (other.x_px, other.y_px) or mark.place == other.place:
                raise CalibrationError(f"{source}: points '{other.name}' and '{mark.name}' are at the same place")
