"""Poses recorded beside a video: JSON lines of `pts_us` and a CameraPose, in the order of time.

Between two lines the pose is interpolated, angles the short way round; outside them it is held for half a second at
most, and then unknown.
"""

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from contract.site import CameraPose
from detectors.frame import Frame
from edge.errors import SetUpError

HELD_US = 500_000  # a hovering drone drifts decimetres in that time
WIDEST_GAP_US = 2_000_000  # between two lines; over a wider one nothing is known
_LENGTHS = ("east_m", "north_m", "up_m", "pitch_deg", "position_sigma_m", "attitude_sigma_deg")
_TURNS = ("heading_deg", "roll_deg")


class RecordedPoses:
    """Raises SetUpError with one line for a file that is missing, damaged or out of order."""

    def __init__(self, path: Path) -> None:
        self._times_us: list[int] = []
        self._poses: list[CameraPose] = []
        for pts_us, pose in read_poses(path):
            self._times_us.append(pts_us)
            self._poses.append(pose)
        if not self._poses:
            raise SetUpError(f"{path}: expected at least one pose, found none")

    def at(self, frame: Frame) -> CameraPose | None:
        after = bisect_right(self._times_us, frame.pts_us)
        before = after - 1
        if before < 0 or after == len(self._times_us):
            nearest = max(0, before)
            is_near = abs(frame.pts_us - self._times_us[nearest]) <= HELD_US
            return self._poses[nearest] if is_near else None
        start_us, end_us = self._times_us[before], self._times_us[after]
        if end_us - start_us > WIDEST_GAP_US:
            return None
        return _between(self._poses[before], self._poses[after], (frame.pts_us - start_us) / (end_us - start_us))


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


def _between(first: CameraPose, second: CameraPose, share: float) -> CameraPose:
    values = {}
    for name in _LENGTHS:
        a, b = getattr(first, name), getattr(second, name)
        values[name] = a + share * (b - a)
    for name in _TURNS:
        a, b = getattr(first, name), getattr(second, name)
        values[name] = a + share * ((b - a + 180.0) % 360.0 - 180.0)
    return CameraPose(**values)
