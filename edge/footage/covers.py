"""Where in a stored picture the tracked objects are that a mask by class covers.

Pictures are stored between those that were judged too, and an object is there before it is found and after it is lost.
So each box is grown, the more the longer nobody saw its object; it stands for a while before the first sight and after
the last; between two sights it is what holds both. Where too little was judged to say, nothing is known (None), and
whoever paints covers the whole area. Detection sees nothing of it (SAFETY 20).
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from shapely.geometry import Point, Polygon

from contract.geo import LocalFrame
from contract.labels import Label
from contract.site import CameraPose
from edge.area import PrivacyMask
from edge.perception.locate import Locator, foot_sigma_px
from edge.perception.track import Track, TrackState
from edge.plane import OnGround

GAP_US = 2_000_000  # between two judged pictures; of what lies within a wider gap nothing is known
AROUND_US = 1_000_000  # before the first sight and after the last
SLACK_US = 250_000  # by which the time of a stored picture may differ from that of the same picture as it was judged
MARGIN = 0.2  # of the box's longer side, each way: hair, a bag, an arm, the box's own error
SPEED_PER_S = 2.0  # heights a second: somebody who runs
SURE_SIGMAS, SURE_M = 2.0, 1.0  # farther from an area than this many sigmas, and metres, is surely outside it

Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one judged picture showed: everything the tracker follows, believed or not."""

    captured_at_us: int
    tracks: Sequence[Track]
    pose: CameraPose | None


@dataclass(frozen=True, slots=True)
class _Sight:
    """One track in one judged picture. unseen_us: how long ago it was really seen then."""

    at_us: int
    track: Track
    pose: CameraPose | None

    @property
    def unseen_us(self) -> int:
        return self.at_us - self.track.last_seen_us


class Covers:
    """The masks by class of one camera. `labels`: what the class indices of its tracks mean."""

    def __init__(
        self, masks: Sequence[PrivacyMask], *, labels: Sequence[Label], locator: Locator, frame: LocalFrame
    ) -> None:
        self._labels = tuple(labels)
        self._areas = [_Area(mask, locator=locator, frame=frame) for mask in masks]

    def at(self, at_us: int, judged: Sequence[Judged]) -> Boxes | None:
        """(n, 4) boxes, px of the full frame, that hide what is to be hidden in the picture of that moment; None: not
        known. `judged`: in the order of time."""
        after = bisect_left(judged, at_us, key=lambda each: each.captured_at_us)
        if not _is_between(at_us, judged, after):
            return None
        first = bisect_left(judged, at_us - GAP_US, key=lambda each: each.captured_at_us)
        last = bisect_left(judged, at_us + GAP_US, key=lambda each: each.captured_at_us)
        boxes = [
            _grown(at_us, near)
            for sights in _by_track(judged[first : last + 1]).values()
            if (near := _near(at_us, sights)) and self._hides({self._label(each) for each in sights}, near)
        ]
        return np.array(boxes).reshape(-1, 4)

    def _label(self, sight: _Sight) -> Label:
        return self._labels[sight.track.class_index]

    def _hides(self, called: set[Label], near: Sequence[_Sight]) -> bool:
        """Whatever it was called around then, and wherever it may have been."""
        return any(called & area.labels and any(map(area.may_hold, near)) for area in self._areas)


class _Area:
    def __init__(self, mask: PrivacyMask, *, locator: Locator, frame: LocalFrame) -> None:
        self.labels = frozenset(mask.labels or ())
        self._locator, self._frame = locator, frame
        self._height_px = locator.frame_size_px[1]
        self._ground = None if mask.ground is None else Polygon(OnGround(frame).places(mask.ground))
        self._drawn = None if mask.image_px is None else Polygon(mask.image_px)

    def may_hold(self, sight: _Sight) -> bool:
        """False for what stands surely outside; what cannot be located may be anywhere."""
        left, top, right, bottom = sight.track.xyxy_px
        if self._drawn is not None:
            sigma_px = foot_sigma_px(bottom - top, is_hidden=bottom >= self._height_px - 1.0)
            return bool(self._drawn.distance(Point((left + right) / 2, bottom)) <= SURE_SIGMAS * sigma_px)
        if self._ground is None or sight.pose is None:
            return True
        (fix,) = self._locator.locate(np.array([sight.track.xyxy_px]), sight.pose)
        if fix is None:
            return True
        place = self._frame.to_enu(fix.point)
        away_m = self._ground.distance(Point(place.east_m, place.north_m))
        return bool(away_m <= SURE_SIGMAS * fix.sigma_m + SURE_M)


def _is_between(at_us: int, judged: Sequence[Judged], after: int) -> bool:
    """`after`: index of the first judged picture that is not before."""
    if after == len(judged):
        return False
    next_us = judged[after].captured_at_us
    return next_us == at_us or (after > 0 and next_us - judged[after - 1].captured_at_us <= GAP_US)


def _by_track(judged: Sequence[Judged]) -> Mapping[int, list[_Sight]]:
    found: dict[int, list[_Sight]] = {}
    for each in judged:
        for track in each.tracks:
            if track.state is not TrackState.LOST:
                found.setdefault(track.track_id, []).append(_Sight(each.captured_at_us, track, each.pose))
    return found


def _near(at_us: int, sights: Sequence[_Sight]) -> list[_Sight]:
    """The last until then, the first from then on, and what is within SLACK_US. Empty: none is near enough in time."""
    before = [each for each in sights if each.at_us <= at_us][-1:]
    after = [each for each in sights if each.at_us >= at_us][:1]
    if not (before and after) and abs((before or after)[0].at_us - at_us) > AROUND_US:
        return []
    return [*before, *after, *(each for each in sights if abs(each.at_us - at_us) <= SLACK_US)]


def _grown(at_us: int, near: Sequence[_Sight]) -> list[float]:
    """What holds all the boxes, and whatever way it can have gone since or until the nearest."""
    boxes = np.array([sight.track.xyxy_px for sight in near])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    unknown_us = min(abs(at_us - sight.at_us) + sight.unseen_us for sight in near)
    heights = SPEED_PER_S * min(unknown_us, AROUND_US) / 1e6
    sides = boxes[:, 2:] - boxes[:, :2]
    margin_px = MARGIN * float(sides.max()) + heights * float(sides[:, 1].max())
    return [*(low - margin_px), *(high + margin_px)]
