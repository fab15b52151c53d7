"""Plays detections that a real detector recorded: exact on any machine, and no model is run.

Frames are recognised by PTS. One that is not in the recording is an error, never an empty scene.
"""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from contract.events import ModelIdentity
from contract.frozen import Frozen
from contract.labels import Label
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from detectors.record import Recording, read_recording

NOTHING = np.zeros((0, 0, 0), np.float32)


class Options(Frozen):
    score_min: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0  # weaker boxes of the recording are left out


def open_model(recording: Path, options: Options) -> "ScriptedDetector":
    """Raises ModelError when the file is not a recording."""
    return ScriptedDetector(read_recording(recording), options, name=str(recording))


class ScriptedDetector:
    """The identity names the weights that were recorded, and that they are not running."""

    def __init__(self, recording: Recording, options: Options, *, name: str) -> None:
        self._name = name
        self._times_us: list[int] = recording.pts_us.tolist()
        self._detections = [each.where(each.score >= options.score_min) for each in recording.detections]
        interval_us = float(np.median(np.diff(recording.pts_us))) if len(recording.pts_us) > 1 else 0.0
        self._slack_us = interval_us / 2  # another decoder may round a PTS another way
        header = self._header = recording.header
        self.identity = ModelIdentity(name=header.model, sha256=header.sha256, backend="scripted")
        self.labels: tuple[Label, ...] = header.labels

    def prepare(self, frame: Frame) -> Prepared:
        height_px, width_px = frame.image_bgr.shape[:2]
        return Prepared(
            tensor=NOTHING,
            scale=1.0,
            pad_x_px=0.0,
            pad_y_px=0.0,
            frame_width_px=width_px,
            frame_height_px=height_px,
            pts_us=frame.pts_us,
        )

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        return [self._recall(prepared) for prepared in batch]

    def _recall(self, prepared: Prepared) -> Detections:
        header, times_us = self._header, self._times_us
        size = (prepared.frame_width_px, prepared.frame_height_px)
        if size != (header.width_px, header.height_px):
            raise InferenceError(
                f"{self._name}: expected frames of {header.width_px}x{header.height_px}, got {size[0]}x{size[1]}"
            )
        after = bisect_left(times_us, prepared.pts_us)
        near = max(after - 1, 0)
        if after < len(times_us) and times_us[after] - prepared.pts_us <= prepared.pts_us - times_us[near]:
            near = after
        if abs(times_us[near] - prepared.pts_us) > self._slack_us:
            raise InferenceError(f"{self._name}: expected a recorded frame at {prepared.pts_us} us, got none near it")
        return self._detections[near]
