"""Where on the ground a zone or line is, in metres, also one that was drawn in a camera's picture."""

from itertools import pairwise

import numpy as np

from contract.geo import PointEnu
from contract.site import Line, Site, Zone
from edge.perception.locate import FARTHEST_M, Locator

POINTS_A_SIDE = 16  # a straight side of a picture is bent on the ground by a bent lens, and may leave it at the horizon


def places_of(watched: Zone | Line, site: Site) -> list[PointEnu]:
    """The corners of a zone, the points of a line. Of a picture, what is at the horizon, above it or too far is left
    out; nothing is left of what is drawn on the sky."""
    frame = site.local_frame()
    if not watched.drawn_px:
        points = watched.polygon if isinstance(watched, Zone) else watched.points
        return [frame.to_enu(point) for point in points or ()]
    camera = site.camera(watched.cameras[0])
    assert camera.pose is not None
    share = np.linspace(0.0, 1.0, POINTS_A_SIDE, endpoint=False)[:, None]
    corners = np.array(watched.drawn_px)
    last = corners[:0] if isinstance(watched, Zone) else corners[-1:]
    pixels = np.concatenate([*(start + share * (end - start) for start, end in pairwise(corners)), last])
    rays = Locator(lens=camera.lens, frame=frame).rays(pixels, camera.pose)
    with np.errstate(divide="ignore", invalid="ignore"):
        offsets = rays[:, :2] * np.where(rays[:, 2] < 0.0, -camera.pose.up_m / rays[:, 2], np.nan)[:, None]
    near = np.hypot(offsets[:, 0], offsets[:, 1]) < FARTHEST_M
    return [PointEnu(camera.pose.east_m + east, camera.pose.north_m + north) for east, north in offsets[near].tolist()]
