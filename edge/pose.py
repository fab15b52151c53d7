"""Where a camera is and looks when a frame was taken; a pose source is one file in edge/poses."""

from typing import Protocol

from contract.site import CameraPose
from detectors.frame import Frame


class PoseSource(Protocol):
    """Recorded poses go by the frame's place in its recording, measured ones by its time: so a whole frame is asked."""

    def at(self, frame: Frame) -> CameraPose | None:
        """None: not known at that moment, and then nothing is located."""
        ...
