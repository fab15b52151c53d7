"""A camera that does not move: the pose of the site file."""

from contract.site import CameraPose
from detectors.frame import Frame
from edge.errors import SetUpError
from edge.pose import FeedPlace, OpenedPoses
from edge.pose_settings import FixedPoseSettings


class FixedPose:
    def __init__(self, pose: CameraPose) -> None:
        self._pose = pose

    def at(self, frame: Frame) -> CameraPose | None:
        return self._pose


def open_poses(_settings: FixedPoseSettings, place: FeedPlace) -> OpenedPoses:
    camera = place.camera
    if camera.pose is None:
        raise SetUpError(f"feed '{camera.id}': the camera is carried by '{camera.vehicle}' and needs a pose of its own")
    return OpenedPoses(FixedPose(camera.pose))
