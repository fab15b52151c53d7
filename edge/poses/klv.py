"""The pose that an aerial video tells of itself: MISB metadata (KLV) in a data stream beside the pictures.

A packet counts at its place in the stream, as the pictures do; one without a time stamp, at the picture before it. Of a
recording all packets are read first, so that it is located the same on every run. Errors are not told in the metadata:
they are those of the configuration. While the sensor is zoomed to another field of view than the site file's lens has,
the pose is not known.
"""

import math
from contextlib import suppress
from pathlib import Path

import numpy as np

from contract.geo import LocalFrame
from contract.site import CameraPose, Lens
from detectors.frame import Frame
from edge.decode import READ_ERRORS, opened_video
from edge.errors import SetUpError
from edge.klv import KlvDamage, Telemetry, sets_in
from edge.perception.lens import open_lens
from edge.perception.sight import ATTITUDE_SIGMA_DEG, POSITION_SIGMA_M, pose_of
from edge.pose import FeedPlace, OpenedPoses, between
from edge.pose_settings import KlvPoseSettings
from edge.source import is_recording
from edge.timeline import Timeline

HELD_US = 500_000
WIDEST_GAP_US = 2_000_000
KEPT = 2_000  # poses of a live feed; a minute of 30 a second
FOV_OFF_FRAC = 0.05  # of the lens's field of view: one that is further off is another zoom
HEIGHTS_AMSL_M = (-500.0, 20_000.0)
FARTHEST_M = 100_000.0  # from the site's origin; what is farther is not about this site


class KlvPoses:
    """Of one feed. `begin` and `take` are the feed's thread's, `at` is the pipeline's."""

    def __init__(
        self,
        *,
        lens: Lens,
        frame: LocalFrame,
        position_sigma_m: float = POSITION_SIGMA_M,
        attitude_sigma_deg: float = ATTITUDE_SIGMA_DEG,
        kept: int | None = KEPT,
    ) -> None:
        self._frame = frame
        self._position_sigma_m = position_sigma_m
        self._attitude_sigma_deg = attitude_sigma_deg
        self._fov_deg = fov_horizontal_deg(lens)
        self._poses = Timeline(between, held_us=HELD_US, widest_gap_us=WIDEST_GAP_US, kept=kept)
        self.taken = 0
        self.damaged = 0  # packets whose checksum or form is wrong
        self.refused = 0  # sets that say too little, or what cannot be

    def at(self, frame: Frame) -> CameraPose | None:
        found = self._poses.at(frame.pts_us)
        return None if found is None else found[0]

    def begin(self) -> None:
        self._poses.clear()

    def take(self, data: bytes, pts_us: int) -> None:
        first_us: int | None = None
        try:
            for told in sets_in(data):
                first_us = told.at_us if first_us is None else first_us
                self._add(told, pts_us + told.at_us - first_us)  # several in one packet: by their own clock
        except KlvDamage:
            self.damaged += 1

    def _add(self, told: Telemetry, pts_us: int) -> None:
        pose = self._pose(told)
        if pose is None:
            self.refused += 1
            return
        self.taken += 1
        self._poses.add(pts_us, pose)

    def _pose(self, told: Telemetry) -> CameraPose | None:
        fov_deg = told.fields.get("fov_horizontal_deg")
        if fov_deg is not None and abs(fov_deg - self._fov_deg) > FOV_OFF_FRAC * self._fov_deg:
            return None
        low_m, high_m = HEIGHTS_AMSL_M
        if not low_m <= told.fields.get("sensor_amsl_m", math.nan) <= high_m:
            return None
        pose = pose_of(
            told,
            self._frame,
            position_sigma_m=self._position_sigma_m,
            attitude_sigma_deg=self._attitude_sigma_deg,
        )
        if pose is None or math.hypot(pose.east_m, pose.north_m) > FARTHEST_M:
            return None
        return pose

    def read(self, path: Path) -> None:
        """All that a recording tells. Raises FeedUnreadable, and SetUpError where it tells no pose."""
        with opened_video(str(path), monotonic_us=lambda: 0) as video, suppress(*READ_ERRORS):  # the feed says that too
            for _ in video.packets(tell_data=self.take):
                pass
        if not self.taken:
            raise SetUpError(
                f"{path}: expected poses in MISB metadata (KLV) in a data stream, found none: {self.refused} sets say "
                f"none or another field of view than {self._fov_deg:.2f} degrees, {self.damaged} packets are damaged"
            )


def open_poses(settings: KlvPoseSettings, place: FeedPlace) -> OpenedPoses:
    is_file = is_recording(place.url)
    poses = KlvPoses(
        lens=place.camera.lens,
        frame=place.site.local_frame(),
        position_sigma_m=settings.position_sigma_m,
        attitude_sigma_deg=settings.attitude_sigma_deg,
        kept=None if is_file else KEPT,
    )
    if not is_file:
        return OpenedPoses(poses, metadata=poses)
    poses.read(place.folder / place.url)
    return OpenedPoses(poses)


def fov_horizontal_deg(lens: Lens) -> float:
    """Between the middles of the left and the right edge of the picture."""
    edges = np.array([[0.0, lens.cy_px], [float(lens.width_px), lens.cy_px]])
    left, right = np.degrees(np.arctan(open_lens(lens).directions(edges)[:, 0]))
    return float(right - left)
