import hashlib
import json
from pathlib import Path

import pytest

from detectors.engines import (
    BatchProfile,
    EngineFile,
    EngineKey,
    add_engine,
    engine_folder,
    find_engine,
    known_engines,
    store_engine,
)
from detectors.errors import ModelError

MODEL = hashlib.sha256(b"a model").hexdigest()
ORIN = "Orin (compute 8.7, 8 multiprocessors)"
KEY = EngineKey(device=ORIN, tensorrt="10.3.0", model_sha256=MODEL, precision="fp16", profile=BatchProfile(most=4))


def store(cache: Path, *, key: EngineKey = KEY, plan: bytes = b"plan", at_us: int = 1) -> EngineFile:
    return store_engine(cache, model="gate-fp16", key=key, plan=plan, added_by="Ada", added_at_us=at_us)


def find(cache: Path, *, device: str = ORIN, tensorrt: str = "10.3.0", model: str = MODEL) -> EngineFile:
    return find_engine(cache, device=device, tensorrt=tensorrt, model_sha256=model)


def test_an_engine_is_found_by_device_release_and_model(tmp_path: Path) -> None:
    stored = store(tmp_path)
    found = find(tmp_path)
    assert found == stored
    assert found.read() == b"plan"
    assert (found.record.model, found.record.added_by, found.record.key) == ("gate-fp16", "Ada", KEY)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param({"device": "Orin (compute 8.7, 16 multiprocessors)"}, r"is for Orin \(.* 8 multi", id="device"),
        pytest.param({"tensorrt": "10.7.0"}, r"is for Orin .* with TensorRT 10\.3\.0", id="release"),
        pytest.param({"model": "0" * 64}, "there is none", id="model"),
    ],
)
def test_one_for_anything_else_is_refused_and_the_line_says_how_to_build_it(
    tmp_path: Path, asked: dict[str, str], says: str
) -> None:
    store(tmp_path)
    with pytest.raises(ModelError, match=says) as refusal:
        find(tmp_path, **asked)
    assert str(refusal.value).endswith("build it on this device: vedette-models build NAME --runtime tensorrt")


def test_a_new_build_replaces_the_old_one_of_the_same_key_only(tmp_path: Path) -> None:
    single = KEY.model_copy(update={"profile": BatchProfile()})
    store(tmp_path, key=single, plan=b"for one")
    store(tmp_path, plan=b"old")
    store(tmp_path, plan=b"new", at_us=2)
    plans = sorted(path.read_bytes() for path in engine_folder(tmp_path).glob("*.engine"))
    assert plans == [b"for one", b"new"]
    assert find(tmp_path).read() == b"new"  # the one that takes most pictures at once
    assert sorted(each.record.key.profile.most for each in known_engines(tmp_path)) == [1, 4]


def test_other_bytes_than_those_of_the_record_are_never_read(tmp_path: Path) -> None:
    stored = store(tmp_path)
    stored.path.write_bytes(b"plaN")
    with pytest.raises(ModelError, match=rf"expected sha256 {stored.record.sha256} as its record says, got "):
        find(tmp_path).read()


def test_an_engine_of_another_machine_is_let_in_with_its_record(tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    stored = store(theirs)
    added = add_engine(stored.path, ours, added_by="Bea", added_at_us=7)
    assert find(ours) == added
    assert (added.read(), added.record.added_by, added.record.added_at_us) == (b"plan", "Bea", 7)


def ultralytics_engine() -> bytes:
    metadata = json.dumps({"task": "detect", "names": {"0": "person"}}).encode()
    return len(metadata).to_bytes(4, "little") + metadata + b"plan"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"plan", "an engine of unknown origin; expected its record beside it", id="bare"),
        pytest.param(ultralytics_engine(), "an engine that ultralytics exported, which does not say", id="ultralytics"),
        pytest.param(None, "No such file", id="missing"),
    ],
)
def test_an_engine_without_a_record_is_refused(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "somebody.engine"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=says):
        add_engine(path, tmp_path / "cache", added_by="Bea", added_at_us=7)
    assert not (tmp_path / "cache").exists()


def test_a_record_that_speaks_of_other_bytes_lets_nothing_in(tmp_path: Path) -> None:
    stored = store(tmp_path / "theirs")
    stored.path.write_bytes(b"changed")
    with pytest.raises(ModelError, match="as its record says"):
        add_engine(stored.path, tmp_path / "ours", added_by="Bea", added_at_us=7)
    assert not (tmp_path / "ours").exists()


def test_a_damaged_record_is_one_line_with_its_file(tmp_path: Path) -> None:
    store(tmp_path)
    (record,) = engine_folder(tmp_path).glob("*.yaml")
    record.write_text(record.read_text().replace("precision: fp16", "precision: fp15"))
    with pytest.raises(ModelError, match=r"\.yaml:\d+: .*precision") as refusal:
        find(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_damaged_record_hides_no_engine_that_is_good(tmp_path: Path) -> None:
    stored = store(tmp_path)
    (engine_folder(tmp_path) / "another.yaml").write_text("model: [")
    assert find(tmp_path) == stored


def test_a_profile_is_tuned_for_a_batch_it_takes() -> None:
    with pytest.raises(ValueError, match="expected best to be at most 2, got 4"):
        BatchProfile(best=4, most=2)
