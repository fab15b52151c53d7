"""Recorded poses: between two lines, past the ends, and files that are none."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from detectors.frame import Frame
from edge.errors import SetUpError
from edge.poses.recorded import RecordedPoses

POSE = {"east_m": 0.0, "north_m": 0.0, "up_m": 20.0, "heading_deg": 350.0, "pitch_deg": -30.0}


def frame(pts_us: int) -> Frame:
    return Frame(image_bgr=np.zeros((1, 1, 3), np.uint8), pts_us=pts_us, captured_at_us=0, index=0, decode_us=0)


def recording(folder: Path, *lines: Mapping[str, object] | str) -> RecordedPoses:
    path = folder / "poses.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return RecordedPoses(path)


def test_between_two_lines_a_heading_turns_the_short_way(tmp_path: Path) -> None:
    later = {**POSE, "pts_us": 1_000_000, "heading_deg": 10.0, "east_m": 4.0}
    poses = recording(tmp_path, {**POSE, "pts_us": 0}, later)
    pose = poses.at(frame(250_000))
    assert pose is not None
    assert (pose.heading_deg % 360, pose.east_m, pose.up_m) == pytest.approx((355.0, 1.0, 20.0))


@pytest.mark.parametrize(("pts_us", "is_known"), [(0, True), (900_000, True), (1_400_000, True), (1_600_000, False)])
def test_past_the_end_a_pose_is_held_half_a_second_and_then_unknown(
    tmp_path: Path, pts_us: int, *, is_known: bool
) -> None:
    poses = recording(tmp_path, {**POSE, "pts_us": 0}, {**POSE, "pts_us": 900_000})
    assert (poses.at(frame(pts_us)) is not None) is is_known


def test_over_a_wide_gap_nothing_is_known(tmp_path: Path) -> None:
    poses = recording(tmp_path, {**POSE, "pts_us": 0}, {**POSE, "pts_us": 5_000_000})
    assert poses.at(frame(2_500_000)) is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        pytest.param(
            ({**POSE, "pts_us": 5}, {**POSE, "pts_us": 5}), "poses.jsonl:2: expected a pts_us after 5", id="order"
        ),
        pytest.param((POSE,), "poses.jsonl:1: pts_us: Field required", id="no time"),
        pytest.param(("{",), "poses.jsonl:1: line: Invalid JSON", id="not JSON"),
        pytest.param(({**POSE, "pts_us": 1, "yaw": 3},), "poses.jsonl:1: yaw: Extra inputs", id="unknown key"),
    ],
)
def test_a_damaged_recording_is_one_clear_line(tmp_path: Path, lines: tuple[object, ...], says: str) -> None:
    with pytest.raises(SetUpError, match=says) as caught:
        recording(tmp_path, *lines)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_an_empty_or_missing_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetUpError, match="at least one pose"):
        recording(tmp_path)
    with pytest.raises(SetUpError, match="No such file"):
        RecordedPoses(tmp_path / "none.jsonl")
