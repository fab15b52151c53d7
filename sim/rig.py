"""One simulated camera: takes its pictures in virtual time, knows what is wrong with it, and is the node's source.

A carried camera has two poses: the true one, from which its picture follows, and the one its vehicle reports, by which
the node locates what it sees.
"""

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from contract.clock import Clock
from contract.site import Camera, CameraPose
from detectors.frame import Frame, ImageBgr
from edge.errors import FeedLost
from edge.source import CapturedBy
from sim.actors import Standing
from sim.eyes import KEPT_SHOTS, Eye, Shot
from sim.run_log import RunLog
from sim.scenario import FeedPlan, Modelled
from sim.sight import Seen, Sight
from sim.sketch import Sketch
from sim.world.drawn import Drawn


@dataclass(frozen=True, slots=True)
class Poses:
    """Of one moment."""

    true: CameraPose
    reported: CameraPose


Draw = Callable[[float, CameraPose], Drawn]


class Rig:
    """`around` is asked by the second of the scenario, `poses` at the moment of each picture; `draw` is None where the
    eye needs no pixels, or a sketch does."""

    is_live = True
    is_paced = True
    is_quiet = False
    captured_by = CapturedBy.RECORDING
    corrupt_packets = 0
    remark = ""

    def __init__(
        self,
        plan: FeedPlan,
        camera: Camera,
        *,
        eye: Eye,
        around: Callable[[float], Sequence[Standing]],
        poses: Callable[[], Poses | None],
        draw: Draw | None,
        clock: Clock,
        log: RunLog,
    ) -> None:
        self.plan, self.camera, self.eye = plan, camera, eye
        self._around, self._poses, self._draw = around, poses, draw
        self._clock, self._log = clock, log
        self._sight = Sight(camera.lens)
        self._start_us = clock.wall_us() - clock.monotonic_us()
        self._size_px = (camera.lens.height_px, camera.lens.width_px)
        self._sketch = Sketch(camera.lens) if isinstance(plan.eye, Modelled) and plan.eye.sketched else None
        self._blank: ImageBgr = np.broadcast_to(np.uint8(0), (*self._size_px, 3))
        self._frozen: tuple[Shot, ImageBgr] | None = None
        self._reported: dict[int, CameraPose] = {}
        self.last: ImageBgr = self._blank
        self.taken = 0
        self.is_lost = False
        self.is_frozen = False
        self.is_black = False
        self.blur_sigma_px = 0.0
        self.turned_deg = 0.0  # to the right, by somebody's hand

    @property
    def period_s(self) -> float:
        return 1.0 / self.plan.rate_hz

    def seconds(self, at_us: int) -> float:
        """Since the scenario began."""
        return (at_us - self._start_us) / 1e6

    def opened(self) -> "Rig":
        """A new opening of the feed."""
        self._index = 0
        return self

    def capture(self) -> Frame:
        """The picture of this moment. Raises FeedLost while there is none."""
        if self.is_lost:
            raise FeedLost(f"camera '{self.camera.id}': no picture")
        now_us = self._clock.monotonic_us()
        poses = self._poses()
        shot, self.last = self._taken(now_us, poses)
        if poses is not None:
            self._reported[now_us] = poses.reported
            if len(self._reported) > KEPT_SHOTS:
                del self._reported[next(iter(self._reported))]
        self.eye.show(now_us, shot)
        frame = Frame(self.last, now_us, self._start_us + now_us, self._index, 0)
        self._index += 1
        self.taken += 1
        return frame

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        """For a node that reads on a thread of its own, in real time."""
        while not stop.is_set():
            early_s = self.taken * self.period_s - self._clock.monotonic_us() / 1e6
            if early_s <= 0 or not stop.wait(early_s):
                frame = self.capture()
                if not stop.wait(self.plan.latency_s):
                    yield frame

    def at(self, frame: Frame) -> CameraPose | None:
        """The reported pose (edge.pose.PoseSource)."""
        return self._reported.pop(frame.pts_us, None)

    def _taken(self, now_us: int, poses: Poses | None) -> tuple[Shot, ImageBgr]:
        if self.is_frozen and self._frozen is not None:
            return self._frozen
        seen: tuple[Seen, ...] = ()
        image = self._blank
        if poses is not None:
            pose = poses.true
            if self.turned_deg:
                pose = pose.model_copy(update={"heading_deg": pose.heading_deg + self.turned_deg})
            if self._draw is not None:
                drawn = self._draw(now_us / 1e6, pose)
                image, seen = drawn.image_bgr, drawn.boxes
            else:
                seen = self._sight.seen(self._around(now_us / 1e6), pose)
                if self._sketch is not None:
                    image = self._sketch.drawn(self.taken, seen, turned_deg=self.turned_deg)
            self._tell_truth(now_us, pose, seen)
        if self.is_black:
            image = self._blank
        elif self.blur_sigma_px > 0 and image is not self._blank:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.blur_sigma_px), np.uint8)
        shot = Shot(now_us, seen, is_black=self.is_black, blur_sigma_px=self.blur_sigma_px)
        self._frozen = (shot, image)
        return self._frozen

    def _tell_truth(self, now_us: int, pose: CameraPose, seen: tuple[Seen, ...]) -> None:
        if not seen:
            return
        actors = [
            {
                "actor": each.actor,
                "label": each.label.value,
                "xyxy_px": [round(edge, 1) for edge in each.xyxy_px],
                "visible_frac": round(each.visible_frac, 3),
            }
            for each in seen
        ]
        captured_at_us = self._start_us + now_us
        pose_json = {key: round(value, 4) for key, value in pose.model_dump().items()}
        line = {"type": "view", "camera": self.camera.id, "captured_at_us": captured_at_us, "pose": pose_json}
        self._log.truth({**line, "actors": actors})
