import hashlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from detectors.__main__ import main
from detectors.licence import SHOWN
from detectors.manifest import MODELS, read_manifest
from tests.detectors.tiny_onnx import rows_of, tiny_yolox

CONTENT = tiny_yolox(rows_of((8, 8, 24, 40, 0.9, 0), class_count=80))


class Told:
    """What a run of the command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEDETTE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.delenv("VEDETTE_MODELS", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "fence.onnx"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """The command as a shell would call it."""

    def call(*arguments: str) -> Told:
        monkeypatch.setattr(sys, "argv", ["vedette-models", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return Told(int(end.value.code or 0), told.out, told.err)

    return call


def test_a_model_added_is_listed_with_its_licence_and_who_let_it_in(
    cache: Path, model: Path, run: Callable[..., Told]
) -> None:
    arguments = ("add", str(model), "--name", "fence-v2", "--licence", "MIT", "--by", "Ada")
    added = run(*arguments)
    assert (added.code, added.out) == (0, f"fence-v2: {cache / 'fence-v2.onnx'}\n")
    assert added.err == "fence.onnx has no manifest: YOLOX head and COCO classes assumed\n"
    listed = run("list")
    rows = [line.split("│")[1:-1] for line in listed.out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row] for row in rows]
    assert cells == [
        ["fence-v2", "yes", "MIT", "0.1", "as the file", cells[0][5], str(cache / "fence-v2.onnx")],
        ["person-reidentification-retail-0248", "no", "Apache-2.0", "0.8", "as the file", "", ""],
        ["vedette-nano", "yes", "Apache-2.0", "3.6", "416x416", "", str(MODELS / "vedette-nano.onnx")],
        ["vedette-nano-int8", "yes", "Apache-2.0", "1.0", "416x416", "", str(MODELS / "vedette-nano-int8.onnx")],
        ["yolox-nano (default)", "no", "Apache-2.0", "3.7", "416x416", "", ""],
    ]
    assert "vedette-nano: persons from 24 px, AP50 at 416 px: " in listed.out
    assert re.fullmatch(r"Ada, 20\d\d-\d\d-\d\d", cells[0][5])


def test_a_model_taken_along_on_a_stick_keeps_what_is_known_of_it(
    cache: Path, model: Path, run: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", str(model), "--licence", "MIT", "--by", "Ada")
    stick = cache.rename(cache.with_name("stick"))
    monkeypatch.setenv("VEDETTE_MODELS", str(stick))
    assert (
        run("verify", "fence").out == f"fence: {stick / 'fence.onnx'}: sha256 {hashlib.sha256(CONTENT).hexdigest()}\n"
    )
    run("add", str(stick / "fence.onnx"), "--by", "Bea")
    manifest = read_manifest(cache / "fence.yaml")
    assert (manifest.licence, manifest.added_by) == ("MIT", "Bea")


def test_a_file_on_a_stick_that_nobody_added_is_not_opened_by_its_name(
    cache: Path, model: Path, run: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VEDETTE_MODELS", str(model.parent))
    told = run("verify", "fence")
    assert told.code == 2
    assert told.err.startswith(f"vedette-models: {model}: nobody added it: vedette-models add {model} --name fence")
    assert run("verify", str(model)).out.endswith(" (nobody added it)\n")  # a person points at it


def test_a_damaged_model_is_listed_as_wrong(cache: Path, model: Path, run: Callable[..., Told]) -> None:
    run("add", str(model))
    (cache / "fence.onnx").write_bytes(b"damaged")
    listed = run("list")
    assert listed.code == 0
    assert "wrong" in listed.out
    assert hashlib.sha256(b"damaged").hexdigest() in listed.out


def test_a_model_that_is_there_is_not_fetched(cache: Path, model: Path, run: Callable[..., Told]) -> None:
    run("add", str(model))
    pulled = run("pull", "fence")
    assert (pulled.code, pulled.out) == (0, f"fence: {cache / 'fence.onnx'}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["add", "{model}.missing"], "no such file", id="no such file"),
        pytest.param(["add", "{folder}/text.onnx"], "not an ONNX model", id="no model"),
        pytest.param(["add", "{model}", "--name", "yolox-nano"], "belongs to a model Vedette knows", id="name taken"),
        pytest.param(
            ["add", "{model}", "--manifest", "{folder}/none.yaml"], "not a readable manifest", id="no manifest"
        ),
        pytest.param(
            ["pull", "nope"],
            "'nope': not one of person-reidentification-retail-0248, vedette-nano-int8, vedette-nano, yolox-nano",
            id="unknown name",
        ),
        pytest.param(["verify", "{folder}/some.engine"], "an engine is machine code", id="an engine by its path"),
        pytest.param(["add", "{folder}/some.engine"], "an engine of unknown origin", id="somebody's engine"),
        pytest.param(
            ["build", "{model}", "--calibrate", "{folder}/text.onnx"], "expected a recorded video", id="no video"
        ),
        pytest.param(["train"], "--data: expected a folder of labelled pictures", id="nothing to learn from"),
        pytest.param(
            ["train", "--data", "{folder}", "--resume", "--from", "{folder}"],
            "--from: means nothing for --resume",
            id="resumed otherwise",
        ),
        pytest.param(["train", "--smoke", "--rate", "0.1"], "--rate: means nothing for --smoke", id="a quick smoke"),
        pytest.param(
            ["train", "--data", "{folder}", "--epochs", "3"], "--epochs: means nothing for vedette", id="two trainers"
        ),
        pytest.param(
            ["train", "--data", "{folder}", "--with", "ultralytics", "--resume"],
            "--resume: means nothing for ultralytics",
            id="nothing of theirs to resume",
        ),
        pytest.param(["sign", "{model}", "--by", "{folder}/text.onnx"], "not a readable manifest", id="unsigned"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    cache: Path,
    model: Path,
    arguments: list[str],
    says: str,
    run: Callable[..., Told],
) -> None:
    (model.parent / "text.onnx").write_text("not a model")
    (model.parent / "some.engine").write_bytes(b"machine code")
    filled = [each.format(model=model, folder=model.parent) for each in arguments]
    told = run(*filled)
    assert (told.code, told.out) == (2, "")
    assert says in told.err
    assert told.err.startswith("vedette-models: ")
    assert told.err.count("\n") == 1
    assert not cache.exists()


def test_a_bench_is_a_table_and_a_picture(cache: Path, model: Path, run: Callable[..., Told]) -> None:
    plot = model.parent / "bench.png"
    told = run("bench", str(model), "--backend", "onnxruntime", "--rounds", "2", "--plot", str(plot))
    assert told.code == 0
    assert {"fence", "onnxruntime", "letterbox", "network", "boxes", "share"} <= set(told.out.split())
    picture = cv2.imread(str(plot))
    assert picture is not None
    assert picture.shape == (150, 1100, 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--backend", "abacus"], "abacus: expected one of backends", id="nobody runs it"),
        pytest.param(["--frames", "none.mp4"], "none.mp4: expected a recording with frames", id="no recording"),
        pytest.param(
            ["--backend", "onnxruntime", "--rounds", "1", "--plot", "/nowhere/x.png"], "No such file", id="no folder"
        ),
    ],
)
def test_a_bench_that_cannot_be_is_one_line(
    cache: Path, model: Path, arguments: list[str], says: str, run: Callable[..., Told]
) -> None:
    told = run("bench", str(model), *arguments)
    assert told.code == 2
    assert says in told.err
    assert told.err.startswith("vedette-models: ")
    assert told.err.count("\n") == 1


def test_the_licence_of_the_extra_is_shown_and_kept(cache: Path, run: Callable[..., Told]) -> None:
    told = run("licence")
    assert told.code == 0
    assert "AGPL-3.0" in told.out
    assert (cache / SHOWN).read_text() == told.out


def test_help_says_where_names_are_looked_up(run: Callable[..., Told]) -> None:
    told = run("--help")
    assert told.code == 0
    assert "VEDETTE_MODELS" in told.out
    assert {"list", "pull", "add", "build", "verify"} <= set(told.out.split())
