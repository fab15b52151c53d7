"""Poses recorded beside a video: JSON lines of `pts_us` and a CameraPose, in the order of time.

Between two lines the pose is interpolated, angles the short way round; outside them it is held for half a second at
most, and then unknown.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from contract.site import CameraPose
from detectors.frame import Frame
from edge.errors import SetUpError
from edge.pose import FeedPlace, OpenedPoses, between
from edge.pose_settings import RecordedPoseSettings
from edge.timeline import Timeline

HELD_US = 500_000  # a hovering drone drifts decimetres in that time
WIDEST_GAP_US = 2_000_000  # between two lines; over a wider one nothing is known


class RecordedPoses:
    """Raises SetUpError with one line for a file that is missing, damaged or out of order."""

    def __init__(self, path: Path) -> None:
        self._poses = Timeline(between, held_us=HELD_US, widest_gap_us=WIDEST_GAP_US)
        for pts_us, pose in read_poses(path):
            self._poses.add(pts_us, pose)
        if not len(self._poses):
            raise SetUpError(f"{path}: expected at least one pose, found none")

    def at(self, frame: Frame) -> CameraPose | None:
        found = self._poses.at(frame.pts_us)
        return None if found is None else found[0]


def open_poses(settings: RecordedPoseSettings, place: FeedPlace) -> OpenedPoses:
    return OpenedPoses(RecordedPoses(place.folder / settings.file))


def read_poses(path: Path) -> Iterator[tuple[int, CameraPose]]:
    """Each line in turn. Raises SetUpError with one line for a file that is missing, damaged or out of order."""
    last_us = -1
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                pts_us, pose = _read(line, where=f"{path}:{number}")
                if pts_us <= last_us:
                    raise SetUpError(f"{path}:{number}: expected a pts_us after {last_us}, got {pts_us}")
                last_us = pts_us
                yield pts_us, pose
    except (OSError, UnicodeDecodeError) as err:
        raise SetUpError(f"{path}: {getattr(err, 'strerror', None) or 'expected UTF-8 text'}") from err


class _Line(CameraPose):
    pts_us: Annotated[int, Field(ge=0)]


def _read(line: str, *, where: str) -> tuple[int, CameraPose]:
    try:
        read = _Line.model_validate_json(line)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "line"
        raise SetUpError(f"{where}: {key}: {first['msg']}") from err
    return read.pts_us, CameraPose.model_validate(read.model_dump(exclude={"pts_us"}))
