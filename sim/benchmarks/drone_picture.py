"""A flight of `bench drone` as a picture: one frame with the numbers of its tracks, and the ground from above with
where all truly walked (grey), were located (a colour for each number), and where the drone flew (black)."""

import colorsys
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from detectors.frame import ImageBgr
from sim.benchmarks.drone_follow import Followed
from sim.benchmarks.drone_scene import LENS, Shot, Take

HEIGHT_PX = 540
MARGIN_M = 4.0
INK, GREY, PALE = (40, 40, 40), (170, 170, 170), (235, 235, 235)
GRID_M = 10
GOLDEN_RATIO = 0.618034  # steps around the colour circle that never come close to one another


def picture_of(take: Take, film: Sequence[Shot], followed: Followed) -> ImageBgr:
    """(540, 1500, 3) uint8, BGR."""
    return np.concatenate([_frame(film, followed), _map(take, film, followed)], axis=1)


def _frame(film: Sequence[Shot], followed: Followed) -> ImageBgr:
    shot = next((each for each in film if each.image_bgr is not None), None)
    size = (round(HEIGHT_PX * LENS.width_px / LENS.height_px), HEIGHT_PX)
    if shot is None or shot.image_bgr is None:
        return np.full((size[1], size[0], 3), 255, np.uint8)
    image = shot.image_bgr.copy()
    boxes = {each.actor: each.xyxy_px for each in shot.seen}
    for place in followed.places:
        if place.pts_us == shot.pts_us:
            left, top, right, bottom = (round(edge) for edge in boxes[place.actor])
            cv2.rectangle(image, (left - 3, top - 3), (right + 3, bottom + 3), _colour(place.track), 2)
            cv2.putText(
                image, str(place.track), (left, top - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, _colour(place.track), 2
            )
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _map(take: Take, film: Sequence[Shot], followed: Followed) -> ImageBgr:
    flown = [(shot.pose.east_m, shot.pose.north_m) for shot in film]
    walked = [spot for shot in film for spot in shot.stood.values()]
    located = [place.located_m for place in followed.places]
    points = np.array([*flown, *walked, *located])
    low, high = points.min(axis=0) - MARGIN_M, points.max(axis=0) + MARGIN_M
    px_per_m = HEIGHT_PX / float((high - low).max())
    image: ImageBgr = np.full((HEIGHT_PX, HEIGHT_PX, 3), 255, np.uint8)

    def px(spot: Sequence[float]) -> tuple[int, int]:
        return round((spot[0] - low[0]) * px_per_m), HEIGHT_PX - round((spot[1] - low[1]) * px_per_m)

    for metres in range(-200, 200, GRID_M):
        cv2.line(image, px((metres, -200)), px((metres, 200)), PALE, 1)
        cv2.line(image, px((-200, metres)), px((200, metres)), PALE, 1)
    _dots(image, map(px, walked), GREY, radius_px=2)
    _dots(image, map(px, flown), INK, radius_px=1)
    for place in followed.places:
        cv2.circle(image, px(place.located_m), 1, _colour(place.track), -1)
    title = f"{take.name}: {GRID_M} m grid, {len(followed.places)} sightings"
    cv2.putText(image, title, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return image


def _dots(image: ImageBgr, spots: Iterable[tuple[int, int]], colour: tuple[int, int, int], *, radius_px: int) -> None:
    for spot in spots:
        cv2.circle(image, spot, radius_px, colour, -1)


def _colour(track: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(track * GOLDEN_RATIO % 1.0, 0.9, 0.75)
    return round(255 * blue), round(255 * green), round(255 * red)
