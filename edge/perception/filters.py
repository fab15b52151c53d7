"""What one camera sees and does not tell: still things that are no persons, by kind, score, size, shape and place.

Whatever the settings say, no filter takes away a person or a track that ever moved, and what was told once stays told
(SAFETY 20): what is held back is counted, and is told as soon as it moves. So no mask acts on detection here; a privacy
mask blackens stored pixels and nothing else (SAFETY 20, RULINGS 4). Where still things are usual, as in a car park, a
`still_area` holds them back; whoever moves there is told.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Protocol

import numpy as np
from pydantic import Field, model_validator
from shapely.geometry import Point, Polygon

from contract.frozen import Frozen
from contract.geo import LocalFrame
from contract.labels import Label
from contract.site import CameraPose
from edge.area import DrawnArea
from edge.patch import Patch
from edge.perception.locate import Locator
from edge.perception.track import Track, TrackState
from edge.plane import OnGround
from edge.rule import Subject

MOVED = 0.5  # box heights between where a track began and where it is: as far as makes a track believed
GROWN = 1.3  # times as high, or as low, as it began: it comes nearer or goes
Range = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(le=100)]]  # least, most


class LabelFilter(Frozen):
    """Which still things of one label are told. A size that cannot be measured takes nothing away."""

    told: Annotated[bool, Field(description="false: none of them")] = True
    score_min: Annotated[float, Field(ge=0, lt=1, description="0 to 1")] = 0.0
    width_m: Annotated[Range | None, Field(description="least and most, metres across the line of sight")] = None
    height_m: Annotated[Range | None, Field(description="least and most, metres above the ground")] = None
    aspect: Annotated[Range | None, Field(description="least and most width of the box over its height")] = None

    @model_validator(mode="after")
    def _names_the_least_first(self) -> "LabelFilter":
        for name in ("width_m", "height_m", "aspect"):
            limits = getattr(self, name)
            if limits is not None and limits[0] >= limits[1]:
                raise ValueError(f"{name}: expected the least and a greater most, got {list(limits)}")
        return self


class StillArea(DrawnArea):
    """A place where still things are usual. Drawn on the ground or, where the camera does not move, in its picture."""

    what: ClassVar[str] = "still_area"


class FilterOptions(Frozen):
    """Filters of one camera, on things that are no persons and stand still."""

    labels: Annotated[dict[Label, LabelFilter], Field(description="by what the thing is; never for person")] = {}  # noqa: RUF012 - pydantic copies it
    still_areas: Annotated[tuple[StillArea, ...], Field(description="where nothing that stands still is told")] = ()

    @model_validator(mode="after")
    def _spares_persons(self) -> "FilterOptions":
        if Label.PERSON in self.labels:
            raise ValueError("labels.person: no filter takes a person away")
        ids = [area.id for area in self.still_areas]
        double = next((each for each in ids if ids.count(each) > 1), None)
        if double is not None:
            raise ValueError(f"still_area '{double}' stands here twice")
        return self


class _Place(Protocol):
    def holds(self, subject: Subject) -> bool: ...


@dataclass(frozen=True, slots=True)
class _OnItsGround:
    patch: Patch

    def holds(self, subject: Subject) -> bool:
        return subject.point is not None and self.patch.holds((subject.point.east_m, subject.point.north_m))


@dataclass(frozen=True, slots=True)
class _InImage:
    """The foot counts: the middle of the box's lower edge."""

    shape: Polygon

    def holds(self, subject: Subject) -> bool:
        box = subject.sighting.box
        return bool(self.shape.covers(Point(box.x_px + box.width_px / 2, box.y_px + box.height_px)))


@dataclass(slots=True)
class _Memory:
    """Of one track: where it began (centre and height of its box, px), and whether it is told for good."""

    x_px: float
    y_px: float
    height_px: float
    is_told: bool = False


class Filters:
    """One camera's filters at work. `taken`: sightings that were not told, by the filter that took them."""

    def __init__(self, options: FilterOptions, *, locator: Locator, frame: LocalFrame) -> None:
        self._options = options
        self._locator = locator
        self._places = {area.id: _place(area, frame) for area in options.still_areas}
        self._memories: dict[int, _Memory] = {}
        self.taken: Mapping[str, int] = {}  # a new one for each count: read by another thread

    def told(self, subjects: Sequence[Subject], tracks: Sequence[Track], pose: CameraPose | None) -> list[Subject]:
        """Those of the believed tracks that are told; `tracks`: all of this frame, as a track moves before it is
        believed."""
        for track in tracks:
            self._remember(track)
        return [subject for subject in subjects if self._tells(subject, pose)]

    def _remember(self, track: Track) -> None:
        if track.state is TrackState.LOST:
            self._memories.pop(track.track_id, None)
            return
        left, top, right, bottom = track.xyxy_px
        now = _Memory((left + right) / 2, (top + bottom) / 2, bottom - top)
        began = self._memories.setdefault(track.track_id, now)
        away = math.hypot(now.x_px - began.x_px, now.y_px - began.y_px) / began.height_px
        grown = now.height_px / began.height_px
        began.is_told |= away >= MOVED or not 1.0 / GROWN < grown < GROWN

    def _tells(self, subject: Subject, pose: CameraPose | None) -> bool:
        memory = self._memories[subject.sighting.track]
        if subject.sighting.label is Label.PERSON or memory.is_told:
            return True
        reason = self._reason(subject, pose)
        if reason is None:
            memory.is_told = True
            return True
        self.taken = {**self.taken, reason: self.taken.get(reason, 0) + 1}
        return False

    def _reason(self, subject: Subject, pose: CameraPose | None) -> str | None:
        """The filter that takes it away; None: it is told."""
        for name, place in self._places.items():
            if place.holds(subject):
                return f"still_area.{name}"
        sighting = subject.sighting
        wanted = self._options.labels.get(sighting.label)
        if wanted is None:
            return None
        if not wanted.told:
            return f"{sighting.label.value}.told"
        if sighting.score < wanted.score_min:
            return f"{sighting.label.value}.score_min"
        if _is_outside(sighting.box.width_px / max(sighting.box.height_px, 1.0), wanted.aspect):
            return f"{sighting.label.value}.aspect"
        if wanted.width_m is None and wanted.height_m is None:
            return None
        width_m, height_m = self._size_m(subject, pose)
        if _is_outside(width_m, wanted.width_m):
            return f"{sighting.label.value}.width_m"
        return f"{sighting.label.value}.height_m" if _is_outside(height_m, wanted.height_m) else None

    def _size_m(self, subject: Subject, pose: CameraPose | None) -> tuple[float, float]:
        if pose is None:
            return math.nan, math.nan
        box = subject.sighting.box
        corners = [box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px]
        width_m, height_m = self._locator.sizes_m(np.array([corners]), pose)[0].tolist()
        return width_m, height_m


def _place(area: StillArea, frame: LocalFrame) -> _Place:
    if area.ground is not None:
        return _OnItsGround(Patch(Polygon(OnGround(frame).places(area.ground))))
    return _InImage(Polygon(area.image_px))


def _is_outside(value: float, limits: Range | None) -> bool:
    """NaN is outside of nothing."""
    return limits is not None and (value < limits[0] or value > limits[1])
