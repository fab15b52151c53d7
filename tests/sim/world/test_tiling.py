"""Far persons in the rendered world: what one look at a 4K frame misses, tiles find at a bounded cost."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from contract.site import CameraPose, OpenCvLens
from detectors.detections import Detections
from detectors.detector import Detector, Prepared
from detectors.frame import Frame
from detectors.opening import open_detector
from detectors.tiling import TiledDetector, Tiling
from edge.perception.motion import Motion
from sim.sight import Seen
from sim.world.drawn import Noise
from sim.world.opening import open_world
from tests.sim.world.conftest import Load

LENS = OpenCvLens(model="opencv", width_px=3840, height_px=2160, fx_px=1400, fy_px=1400, cx_px=1920, cy_px=1080)
MAST = CameraPose(east_m=0, north_m=0, up_m=12, heading_deg=90, pitch_deg=-8)
FAR_PX = 24  # of a person's height
SURE = 0.3
FRAMES = 6

pytestmark = pytest.mark.usefixtures("renderer")


class Counting:
    """A detector and how many inferences each call was."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.identity, self.labels = detector.identity, detector.labels
        self.calls: list[int] = []

    def prepare(self, frame: Frame) -> Prepared:
        return self._detector.prepare(frame)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        self.calls.append(len(batch))
        return self._detector.detect(batch)


def far(truth: Sequence[Seen]) -> list[Seen]:
    return [each for each in truth if each.xyxy_px[3] - each.xyxy_px[1] < FAR_PX and each.visible_frac > 0.7]


def hits(found: Detections, truth: Sequence[Seen], *, person: int) -> int:
    """Persons who are in the middle of some box."""
    boxes = found.xyxy_px[(found.class_index == person) & (found.score >= SURE)]
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2.0
    windows = [np.array(each.xyxy_px) for each in truth]
    return sum(bool(((middle > box[:2]) & (middle < box[2:])).all(axis=1).any()) for box in windows)


def test_tiles_find_at_least_twice_as_many_far_persons_as_one_pass_does(
    shared: Path, load: Load, tmp_path: Path
) -> None:
    ways = [(106.0 + 4 * (n % 3), -40.0 + 8 * n) for n in range(12)]
    actors = [
        {
            "id": f"far-{n}",
            "route": [{"east_m": east_m, "north_m": north_m}, {"east_m": east_m, "north_m": north_m - 8}],
        }
        for n, (east_m, north_m) in enumerate(ways)
    ]
    model = shared / "models" / "yolox_nano_640x640.onnx"
    inner = Counting(open_detector(str(model), folders=[], cache=tmp_path))
    person = inner.labels.index(Label.PERSON)
    tiling = Tiling()
    tiled = TiledDetector(inner, tiling, find_motion=Motion().find)
    once, in_tiles, there = 0, 0, 0
    with open_world(load(actors=actors), sizes_px=[(LENS.width_px, LENS.height_px)]) as world:
        for index in range(FRAMES):
            time_s = index / 2
            drawn = world.draw(time_s, MAST, LENS, noise=Noise(0.02, 1, "mast"))
            frame = Frame(drawn.image_bgr, round(time_s * 1e6), round(time_s * 1e6), index, 0)
            truth = far(drawn.boxes)
            there += len(truth)
            once += hits(inner.detect([inner.prepare(frame)])[0], truth, person=person)
            found = tiled.detect([tiled.prepare(frame)])[0]
            in_tiles += hits(found, truth, person=person)
            tiled.follow(found.xyxy_px[found.score >= SURE])
    assert there >= 20
    assert in_tiles >= max(2 * once, there // 4)
    assert inner.calls == [1, 1 + tiling.tiles_max] * FRAMES
