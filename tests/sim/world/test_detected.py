"""A real detector looks at the world: persons are persons by day and under lamps, and nothing else is.

A few frames each, with room to the measured shares; the scenarios' scores are the judge.
"""

from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from contract.site import CameraPose, OpenCvLens
from detectors.detector import Detector
from detectors.frame import Frame
from detectors.opening import open_detector
from sim.world.drawn import Drawn, Noise
from sim.world.opening import open_world
from tests.sim.world.conftest import Load

MODEL = "yolox_nano_416.onnx"
SURE = 0.4
LIGHTS = [pytest.param({}, id="day"), pytest.param({"is_night": True}, id="night")]

pytestmark = pytest.mark.usefixtures("renderer")


@pytest.fixture(scope="module")
def detector(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return open_detector(str(shared / "models" / MODEL), folders=[], cache=tmp_path_factory.mktemp("cache"))


def persons(detector: Detector, drawn: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores."""
    (found,) = detector.detect([detector.prepare(Frame(drawn.image_bgr, 0, 0, 0, 0))])
    mine = (found.class_index == detector.labels.index(Label.PERSON)) & (found.score >= SURE)
    return found.xyxy_px[mine], found.score[mine]


def camera_of(load: Load) -> tuple[CameraPose, OpenCvLens]:
    camera = load().site.camera("fence-cam")
    assert camera.pose is not None
    assert isinstance(camera.lens, OpenCvLens)
    return camera.pose, camera.lens


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("gait", ["walk", "run", "crouch"])
def test_a_person_in_the_strip_is_seen_in_most_frames(
    detector: Detector, load: Load, gait: str, light: dict[str, bool]
) -> None:
    pose, lens = camera_of(load)
    ways = {
        f"at-{east_m}": [{"east_m": east_m, "north_m": 3.0}, {"east_m": east_m, "north_m": -1.0}] for east_m in (10, 15)
    }
    actors = [{"id": each, "gait": gait, "route": route} for each, route in ways.items()]
    hits = []
    with open_world(load(actors=actors, light=light), sizes_px=[(lens.width_px, lens.height_px)]) as world:
        for time_s in np.linspace(0.0, 4.0 / {"walk": 1.4, "run": 3.5, "crouch": 0.8}[gait], 6):
            drawn = world.draw(float(time_s), pose, lens, noise=Noise(0.02, 1, "fence-cam"))
            boxes, _ = persons(detector, drawn)
            for truth in drawn.boxes:
                x1, y1, x2, y2 = truth.xyxy_px
                middle = (boxes[:, :2] + boxes[:, 2:]) / 2.0
                hits.append(bool(((middle > (x1, y1)) & (middle < (x2, y2))).all(axis=1).any()))

    assert len(hits) == 12
    assert sum(hits) >= 10


@pytest.mark.parametrize("light", LIGHTS)
def test_plants_animals_and_vehicles_are_no_persons(detector: Detector, load: Load, light: dict[str, bool]) -> None:
    pose, lens = camera_of(load)
    across = [{"east_m": 12.0, "north_m": 4.0}, {"east_m": 9.0, "north_m": -2.0}]
    along = [{"east_m": 20.0, "north_m": 1.0}, {"east_m": 8.0, "north_m": 0.0}]
    actors = [
        {"id": "across", "kind": "animal", "route": across},
        {"id": "along", "kind": "animal", "route": along},
        {"id": "car", "kind": "motor_vehicle", "route": [{"east_m": 60, "north_m": 8}, {"east_m": 25, "north_m": 9}]},
    ]
    seen = []
    world_of = load(actors=actors, light=light, weather={"wind_m_s": 12.0})
    with open_world(world_of, sizes_px=[(lens.width_px, lens.height_px)]) as world:
        for time_s in np.linspace(0.0, 7.5, 8):
            drawn = world.draw(float(time_s), pose, lens, noise=Noise(0.02, 1, "fence-cam"), with_truth=False)
            seen += persons(detector, drawn)[0].tolist()

    assert seen == []
