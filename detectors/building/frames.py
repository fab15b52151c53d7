"""Pictures for calibration and comparison, spread evenly over a recorded video.

They are split in two by turns: what a model is judged on is never what it was calibrated with.
"""

from dataclasses import dataclass
from pathlib import Path

import av

from detectors.errors import ModelError
from detectors.frame import Frame


@dataclass(frozen=True, slots=True)
class SplitFrames:
    """The same scene twice, no frame in both."""

    calibration: tuple[Frame, ...]
    judged: tuple[Frame, ...]


def spread_frames(path: Path, *, count: int) -> list[Frame]:
    """At least `count` frames (all, of a shorter video) and less than twice as many, at even distances.

    Raises ModelError when there is none, in any format that FFmpeg does not read.
    """
    kept: list[Frame] = []
    step = 1
    try:
        with av.open(str(path)) as video:
            for index, picture in enumerate(video.decode(video=0)):
                if index % step:
                    continue
                pts_us = round((picture.time or 0.0) * 1e6)
                kept.append(Frame(picture.to_ndarray(format="bgr24"), pts_us, pts_us, index, 0))
                if len(kept) == 2 * count:
                    kept, step = kept[::2], 2 * step
    except (av.error.FFmpegError, OSError, IndexError) as err:
        if not kept:
            raise ModelError(f"{path}: expected a recorded video, got none: {err}") from err
    if not kept:
        raise ModelError(f"{path}: not one frame could be decoded")
    return kept


def split_frames(path: Path, *, count: int) -> SplitFrames:
    """`count` or more of each kind. Raises ModelError when there are not even two frames."""
    frames = spread_frames(path, count=2 * count)
    if len(frames) < 2:
        raise ModelError(f"{path}: expected at least two frames, one to calibrate and one to judge, got {len(frames)}")
    return SplitFrames(tuple(frames[::2]), tuple(frames[1::2]))
