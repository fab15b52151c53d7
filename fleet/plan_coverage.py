"""What the stays of a plan show of the ground, and how often: looks an hour for each cell inside the fence.

From points with headings it is the sensor's sector, from others the whole circle; what a building hides is not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Polygon

from contract.geo import GeoPoint
from contract.site import Site
from fleet.decision.dispatch import EYE_OF_ROVER_M
from fleet.decision.planning import Plan
from fleet.decision.team import Team, Watch

CELL_M = 3.0
MOST_CELLS = 400  # along each side


@dataclass(frozen=True, slots=True)
class Coverage:
    """x, y: (rows, columns) middles of cells, metres east and north; looks_per_h of the same shape, NaN outside the
    fence."""

    x: np.ndarray
    y: np.ndarray
    cell_m: float
    looks_per_h: np.ndarray

    @property
    def covered_frac(self) -> float:
        """Of the ground inside the fence, 0 to 1."""
        inside = ~np.isnan(self.looks_per_h)
        return float(np.mean(self.looks_per_h[inside] > 0.0)) if inside.any() else 0.0


def coverage(plan: Plan, watches: Sequence[Watch], *, cell_m: float = CELL_M, most_cells: int = MOST_CELLS) -> Coverage:
    """Cells are larger than cell_m where there would be more than most_cells along a side."""
    fence = Polygon(ring(plan.site, plan.site.geofence.polygon))
    west, south, east, north = fence.bounds
    cell_m = max(cell_m, max(east - west, north - south) / most_cells)
    x, y = np.meshgrid(np.arange(west, east, cell_m) + cell_m / 2, np.arange(south, north, cell_m) + cell_m / 2)
    spots = np.stack([x.ravel(), y.ravel()], axis=1)
    looks = np.zeros(len(spots))
    for team, watch in zip(plan.teams, watches, strict=True):
        for number, gaps_s in enumerate(watch.gaps_s):
            looks += 3600.0 / float(np.mean(gaps_s)) * _is_seen(plan.site, team, number, spots)
    inside = shapely.contains_xy(fence, spots)
    return Coverage(x, y, cell_m, np.where(inside, looks, np.nan).reshape(x.shape))


def ring(site: Site, corners: Sequence[GeoPoint]) -> np.ndarray:
    """(n, 2) metres east and north."""
    frame = site.local_frame()
    return np.array([(p.east_m, p.north_m) for p in (frame.to_enu(corner) for corner in corners)])


def _is_seen(site: Site, team: Team, number: int, spots: np.ndarray) -> np.ndarray:
    """Which of `spots` [n, 2] a stay at a point shows; what a building hides is not."""
    vehicle, point = team.legs.vehicles[0], team.patrol.points[number]
    place = team.legs.paths.places[len(team.legs.vehicles) + number]
    eye = np.array([place.east_m, place.north_m, team.patrol.altitude_m or EYE_OF_ROVER_M])
    ways = spots - eye[:2]
    seen = np.hypot(np.hypot(*ways.T), eye[2]) <= vehicle.sensor_range_m
    if point.look_deg:
        bearing = np.degrees(np.arctan2(*ways.T))
        off_deg = [np.abs((bearing - look_deg + 180.0) % 360.0 - 180.0) for look_deg in point.look_deg]
        seen &= np.min(off_deg, axis=0) <= vehicle.sensor_fov_deg / 2.0
    for building in site.buildings:
        roof = Polygon(ring(site, building.polygon))
        seen[seen] &= ~_is_hidden(roof, building.height_m, eye, spots[seen])
    return np.asarray(seen)


def _is_hidden(roof: Polygon, roof_m: float, eye: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Ground behind a building: the straight view meets it below its roof."""
    starts = np.broadcast_to(eye[:2], spots.shape)
    views = np.asarray(shapely.linestrings(np.stack([starts, spots], axis=1)))
    lengths_m = np.maximum(shapely.length(views), 1e-9)
    nearest_m = shapely.distance(shapely.intersection(views, roof), shapely.points(spots))  # nan where they do not meet
    return np.asarray(np.nan_to_num(eye[2] * nearest_m / lengths_m, nan=np.inf) < roof_m)
