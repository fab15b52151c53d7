import hashlib
from pathlib import Path

import pytest

from contract.labels import Label
from detectors.bench import Contender, Measured, enter, frames_of, measure, noise
from detectors.bench_plot import STEPS, draw
from detectors.errors import ModelError
from detectors.manifest import Manifest
from detectors.network import NetworkDetector
from detectors.registry import ModelFile
from detectors.turns import time_in_turns
from tests.conftest import ROOT, ManualClock
from tests.detectors.tiny_onnx import rows_of, tiny_yolox

CONTENT = tiny_yolox(rows_of((8, 8, 24, 40, 0.9, 0)))


@pytest.fixture
def file(tmp_path: Path) -> ModelFile:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(CONTENT)
    manifest = Manifest(
        name="tiny",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size_bytes=len(CONTENT),
        licence="Apache-2.0",
        source="here",
        training_data="none",
        head="yolox",
        classes=("person", "car"),
        labels={Label.PERSON: ("person",)},
    )
    return ModelFile(path, manifest.sha256, manifest)


def test_jobs_take_turns_and_the_first_turn_does_not_count(clock: ManualClock) -> None:
    done: list[str] = []

    def job(name: str, seconds: float) -> None:
        clock.advance(seconds if name in done else 9.0)
        done.append(name)

    took_ms = time_in_turns({"a": lambda: job("a", 0.002), "b": lambda: job("b", 0.003)}, rounds=5, clock=clock)
    assert took_ms == {"a": [2.0] * 5, "b": [3.0] * 5}
    rounds = [set(done[turn : turn + 2]) for turn in range(0, len(done), 2)]
    assert rounds == [{"a", "b"}] * 6


def test_each_step_and_the_whole_frame_are_timed(file: ModelFile, tmp_path: Path, clock: ManualClock) -> None:
    (contender,), refused = enter([file], backends=["onnxruntime"], threads=1, cache=tmp_path)
    slow = SlowSteps(contender.detector, clock)
    (measured,) = measure([Contender("tiny", "onnxruntime", slow)], noise(), rounds=3, clock=clock)  # type: ignore[arg-type]
    assert refused == []
    assert (measured.letterbox_ms, measured.network_ms, measured.boxes_ms) == (1.0, 20.0, 3.0)
    assert (measured.frame_ms, measured.slow_frame_ms) == (25.0, 25.0)
    assert measured.network_share == 0.8


class SlowSteps:
    """1 ms to draw, 20 ms to run, 3 ms to read the boxes, 1 ms to hand them over."""

    def __init__(self, detector: NetworkDetector, clock: ManualClock) -> None:
        self._detector, self._clock = detector, clock

    def prepare(self, frame: object) -> object:
        self._clock.advance(0.001)
        return self._detector.prepare(frame)  # type: ignore[arg-type]

    def infer(self, prepared: object) -> object:
        self._clock.advance(0.020)
        return self._detector.infer(prepared)  # type: ignore[arg-type]

    def boxes(self, raw: object, prepared: object) -> object:
        self._clock.advance(0.003)
        return self._detector.boxes(raw, prepared)  # type: ignore[arg-type]

    def detect(self, batch: list[object]) -> object:
        self._clock.advance(0.001)
        return [self.boxes(self.infer(prepared), prepared) for prepared in batch]


def test_who_cannot_take_part_is_told_why_and_the_others_go_on(file: ModelFile, tmp_path: Path) -> None:
    backends = ["onnxruntime", "onnxruntime/int4", "abacus"]
    contenders, refused = enter([file], backends=backends, threads=1, cache=tmp_path)
    assert [each.backend for each in contenders] == ["onnxruntime"]
    assert [(each.model, each.backend) for each in refused] == [("tiny", "onnxruntime/int4"), ("tiny", "abacus")]
    assert "precision: " in refused[0].why
    assert "got 'abacus'" in refused[1].why


def test_a_bar_is_as_long_as_the_frame_takes() -> None:
    steps = {"letterbox_ms": 1.0, "network_ms": 16.0, "boxes_ms": 1.0, "frame_ms": 18.0, "slow_frame_ms": 19.0}
    half = {name: took_ms / 2 for name, took_ms in steps.items()}
    image = draw([Measured("m", "a", **steps), Measured("m", "b", **half)], title="two bars")
    network_px = [int((line == STEPS[1][1]).all(axis=1).sum()) for line in (image[90], image[122])]
    assert image.shape == (84 + 2 * 32 + 34, 1100, 3)
    assert network_px[0] == pytest.approx(2 * network_px[1], abs=3)
    assert network_px[0] > 300


def test_frames_come_from_all_over_a_recording() -> None:
    frames = frames_of(ROOT / "sim" / "recordings" / "fence-cam.mp4")
    assert len(frames) == 16
    assert [frames[0].index, frames[-1].index] == [0, 599]
    assert frames[0].image_bgr.shape == (720, 1280, 3)


def test_a_recording_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.mp4: expected a recording with frames, got none"):
        frames_of(tmp_path / "none.mp4")
