"""A camera that does not move: the pose of the site file."""

from contract.site import CameraPose
from detectors.frame import Frame


class FixedPose:
    def __init__(self, pose: CameraPose) -> None:
        self._pose = pose

    def at(self, frame: Frame) -> CameraPose | None:
        return self._pose
