import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from contract.events import ModelIdentity
from contract.labels import Label
from detectors import fastest, plugins
from detectors.backends import onnxruntime
from detectors.detections import Detections
from detectors.detector import Detector, Prepared
from detectors.errors import BackendMissing, ModelError
from detectors.fastest import open_fastest
from detectors.frame import Frame
from detectors.manifest import Manifest
from detectors.opening import open_file
from detectors.registry import ModelFile, sha256_of
from tests.conftest import ManualClock
from tests.detectors.tiny_onnx import rows_of, tiny_yolox


@pytest.fixture
def file(tmp_path: Path) -> ModelFile:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(tiny_yolox(rows_of((8, 8, 24, 40, 0.9, 0))))
    manifest = Manifest(
        name="tiny",
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        licence="Apache-2.0",
        source="here",
        training_data="none",
        head="yolox",
        classes=("person", "car"),
        labels={Label.PERSON: ("person",)},
    )
    return ModelFile(path, manifest.sha256, manifest)


@dataclass
class Runner:
    """A detector that sees nothing and takes its time."""

    name: str
    took_ms: float
    clock: ManualClock
    labels: tuple[Label, ...] = ()

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(name="tiny", sha256="0" * 64, backend=self.name)

    def prepare(self, frame: Frame) -> Prepared:
        return Prepared(np.zeros((3, 1, 1), np.float32), 1.0, 0.0, 0.0, 1, 1, frame.pts_us)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        self.clock.advance(self.took_ms / 1000)
        return [Detections.none() for _ in batch]


def choose(
    file: ModelFile,
    clock: ManualClock,
    cache: Path | None,
    *,
    hare: float | ModelError,
    tortoise: float | ModelError,
    threads: int = 2,
) -> tuple[str, str]:
    """Which of two backends that take so many ms, or cannot open the model, is chosen, and what is said."""

    def open_with(name: str) -> Detector:
        took = {"hare": hare, "tortoise": tortoise}[name]
        if isinstance(took, ModelError):
            raise took
        return Runner(name, took, clock)

    detector, line = open_fastest(file, open_with=open_with, options={"threads": threads}, cache=cache, clock=clock)
    return detector.identity.backend, line


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Whatever is installed here, `hare` and `tortoise` are the backends, and both open ONNX files."""
    monkeypatch.setattr(plugins, "names", lambda _: ("hare", "tortoise"))
    monkeypatch.setattr(plugins, "load", lambda *_: onnxruntime)
    monkeypatch.setattr(fastest, "_release", {"hare": "1.0", "tortoise": "2.0"}.get)
    return monkeypatch


@pytest.mark.usefixtures("race")
def test_the_faster_one_is_chosen_and_the_line_says_why(clock: ManualClock, file: ModelFile) -> None:
    assert choose(file, clock, None, tortoise=40.0, hare=12.5) == (
        "hare",
        "auto: hare: hare 12.5 ms a frame, tortoise 40.0 ms a frame",
    )


@pytest.mark.usefixtures("race")
def test_the_choice_is_remembered_and_not_timed_again(clock: ManualClock, file: ModelFile, tmp_path: Path) -> None:
    choose(file, clock, tmp_path, tortoise=40.0, hare=12.5)
    before_us = clock.monotonic_us()
    assert choose(file, clock, tmp_path, tortoise=1.0, hare=99.0) == (
        "hare",
        f"auto: hare, as remembered in {tmp_path}/fastest.json: hare 12.5 ms a frame, tortoise 40.0 ms a frame",
    )
    assert clock.monotonic_us() == before_us


def test_another_release_machine_model_or_option_is_timed_anew(
    clock: ManualClock, file: ModelFile, tmp_path: Path, race: pytest.MonkeyPatch
) -> None:
    choose(file, clock, tmp_path, tortoise=40.0, hare=12.5)
    assert choose(file, clock, tmp_path, tortoise=5.0, hare=12.5, threads=1)[0] == "tortoise"
    other = ModelFile(file.path, "0" * 64, file.manifest)
    assert choose(other, clock, tmp_path, tortoise=5.0, hare=12.5)[0] == "tortoise"
    with race.context() as there:
        there.setattr(fastest, "machine", lambda: "another board")
        assert choose(file, clock, tmp_path, tortoise=5.0, hare=12.5)[0] == "tortoise"
    with race.context() as then:
        then.setattr(fastest, "_release", {"hare": "1.0", "tortoise": "2.1"}.get)
        assert choose(file, clock, tmp_path, tortoise=5.0, hare=12.5)[0] == "tortoise"
    assert len(json.loads((tmp_path / "fastest.json").read_text())) == 5


@pytest.mark.usefixtures("race")
@pytest.mark.parametrize("content", ["", "[1]", '{"a": 3}', "\x00"], ids=["empty", "a list", "numbers", "garbage"])
def test_a_memory_that_cannot_be_read_is_written_anew(
    clock: ManualClock, file: ModelFile, tmp_path: Path, content: str
) -> None:
    (tmp_path / "fastest.json").write_text(content)
    assert choose(file, clock, tmp_path, tortoise=40.0, hare=12.5)[0] == "hare"
    assert "as remembered" in choose(file, clock, tmp_path, tortoise=40.0, hare=12.5)[1]


@pytest.mark.usefixtures("race")
def test_a_memory_that_cannot_be_written_costs_the_timing_and_says_so(
    clock: ManualClock, file: ModelFile, tmp_path: Path
) -> None:
    (tmp_path / "in-the-way").write_text("a file")
    backend, line = choose(file, clock, tmp_path / "in-the-way", tortoise=40.0, hare=12.5)
    assert backend == "hare"
    assert line.endswith("(not remembered: " + f"{tmp_path}/in-the-way/fastest.json: File exists)")


@pytest.mark.usefixtures("race")
def test_who_cannot_run_here_is_passed_over_and_named(clock: ManualClock, file: ModelFile) -> None:
    assert choose(file, clock, None, tortoise=40.0, hare=BackendMissing("no driver")) == (
        "tortoise",
        "auto: tortoise: tortoise 40.0 ms a frame, hare not on this machine",
    )


@pytest.mark.usefixtures("race")
def test_a_remembered_backend_that_is_gone_is_chosen_anew(clock: ManualClock, file: ModelFile, tmp_path: Path) -> None:
    choose(file, clock, tmp_path, tortoise=40.0, hare=12.5)
    backend, line = choose(file, clock, tmp_path, tortoise=40.0, hare=ModelError("its device is gone"))
    assert backend == "tortoise"
    assert line == "auto: tortoise: tortoise 40.0 ms a frame, hare failed: its device is gone"


@pytest.mark.usefixtures("race")
def test_a_model_nobody_opens_is_refused_with_what_is_wrong_with_it(clock: ManualClock, file: ModelFile) -> None:
    with pytest.raises(ModelError, match=r"tiny\.onnx: no backend opens it: two outputs$"):
        choose(file, clock, None, hare=BackendMissing("no driver"), tortoise=ModelError("two outputs"))


def test_auto_says_what_it_chose(file: ModelFile, tmp_path: Path) -> None:
    said: list[str] = []
    detector = open_file(file, backend="auto", cache=tmp_path, say=said.append, score_min=0.5)
    assert len(said) == 1
    assert said[0].startswith(f"auto: {detector.identity.backend}: ")
    assert "onnxruntime" in said[0]
    frame = Frame(np.zeros((64, 64, 3), np.uint8), pts_us=0, captured_at_us=0, index=0, decode_us=0)
    (found,) = detector.detect([detector.prepare(frame)])
    assert found.score.tolist() == pytest.approx([0.9])
