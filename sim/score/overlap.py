"""Whom a box shows: the actor whose true box in that very frame it overlaps most.

Boxes are left, top, right, bottom in pixels; a frame without a truth line had nobody in it.
"""

from collections.abc import Iterable

from sim.score.run_folder import ActorSeen, Box, ViewLine


class WhoIsSeen:
    def __init__(self, views: Iterable[ViewLine], *, match_iou: float) -> None:
        self._views = {(view.camera, view.captured_at_us): view.actors for view in views}
        self._match_iou = match_iou

    def of(self, box: Box, *, camera: str, captured_at_us: int) -> ActorSeen | None:
        actors = self._views.get((camera, captured_at_us), ())
        best = max(actors, key=lambda seen: iou(box, seen.xyxy_px), default=None)
        return best if best is not None and iou(box, best.xyxy_px) >= self._match_iou else None


def iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    inner = width * height
    return inner / (_area(a) + _area(b) - inner)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
