import hashlib
from pathlib import Path

import pytest

from contract.labels import Label
from detectors import registry
from detectors.errors import DownloadError, ModelError
from detectors.manifest import Manifest, read_manifest, shipped_manifests
from detectors.registry import add_model, find_model, model_cache, model_folders

BYTES = b"the bytes of a model"
SHA256 = hashlib.sha256(BYTES).hexdigest()
KNOWN = Manifest(
    name="known",
    url="https://models.example/v1/known_v1.onnx",
    sha256=SHA256,
    size_bytes=len(BYTES),
    licence="Apache-2.0",
    source="https://models.example",
    training_data="none",
    head="yolox",
    classes=("person", "car"),
    labels={Label.PERSON: ("person",)},
)


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shipped_manifests()
    monkeypatch.setattr(registry, "shipped_manifests", lambda: {**real, "known": KNOWN})


class Places:
    """Two folders and a cache, and a download that writes what it is told."""

    def __init__(self, root: Path) -> None:
        self.first, self.second, self.cache = root / "first", root / "second", root / "cache"
        for folder in (self.first, self.second, self.cache):
            folder.mkdir()
        self.delivers = BYTES

    def find(self, name: str, *, offline: bool = False) -> registry.ModelFile:
        download = None if offline else self.download
        return find_model(name, folders=(self.first, self.second), cache=self.cache, download=download)

    def download(self, manifest: Manifest, target: Path) -> None:
        assert manifest == KNOWN
        target.write_bytes(self.delivers)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_folders_come_before_the_cache_and_the_cache_before_a_download(places: Places) -> None:
    assert places.find("known").path == places.cache / "known.onnx"  # downloaded
    assert places.find("known", offline=True).path == places.cache / "known.onnx"
    (places.second / "known_v1.onnx").write_bytes(BYTES)  # under the name of its address
    assert places.find("known").path == places.second / "known_v1.onnx"
    (places.first / "known.onnx").write_bytes(BYTES)
    found = places.find("known")
    assert (found.path, found.sha256, found.manifest, found.note) == (places.first / "known.onnx", SHA256, KNOWN, "")


def test_a_path_given_comes_first_and_is_known_by_its_bytes(places: Places, tmp_path: Path) -> None:
    path = tmp_path / "by-hand.onnx"
    path.write_bytes(BYTES)
    found = places.find(str(path))
    assert (found.path, found.manifest, found.note) == (path, KNOWN, "")


def test_a_path_that_nothing_is_known_about_says_what_is_assumed(places: Places, tmp_path: Path) -> None:
    path = tmp_path / "Fence V2.onnx"
    path.write_bytes(b"other bytes")
    found = places.find(str(path))
    assert found.note == "Fence V2.onnx has no manifest: YOLOX head and COCO classes assumed"
    assert (found.manifest.name, found.manifest.head, len(found.manifest.classes)) == ("fence-v2", "yolox", 80)
    assert found.manifest.licence == "unknown"


def retrained(places: Places, **added: object) -> Manifest:
    """Other weights under the name of a known model, with a manifest beside them."""
    (places.first / "known.onnx").write_bytes(b"retrained")
    sha256 = hashlib.sha256(b"retrained").hexdigest()
    beside = KNOWN.model_copy(update={"sha256": sha256, "classes": ("person",), **added})
    (places.first / "known.yaml").write_text(beside.model_dump_json())
    return beside


def test_a_manifest_beside_the_file_counts_first(places: Places) -> None:
    beside = retrained(places, added_by="kim", added_at_us=1_767_225_600_000_000)
    assert places.find("known").manifest == beside


def test_other_weights_under_a_known_name_that_nobody_added_are_refused(places: Places) -> None:
    retrained(places)
    with pytest.raises(ModelError, match=r"first/known\.onnx: nobody added it: vedette-models add "):
        places.find("known")


def test_wrong_bytes_are_refused_wherever_they_lie(places: Places) -> None:
    (places.cache / "known.onnx").write_bytes(b"damaged")
    got = hashlib.sha256(b"damaged").hexdigest()
    with pytest.raises(ModelError, match=rf"cache/known\.onnx: expected sha256 {SHA256} \(model 'known'\), got {got}"):
        places.find("known")


def test_a_download_is_checked_too(places: Places) -> None:
    places.delivers = b"something else"
    with pytest.raises(ModelError, match=rf"expected sha256 {SHA256}"):
        places.find("known")


def test_without_a_download_the_command_that_fetches_it_is_named(places: Places) -> None:
    with pytest.raises(
        DownloadError, match="model 'known': not on this machine; fetch it with: vedette-models pull known"
    ):
        places.find("known", offline=True)


def test_a_missing_path_is_one_line(places: Places) -> None:
    with pytest.raises(ModelError, match=r"model '/nowhere/x\.onnx': no such file"):
        places.find("/nowhere/x.onnx")


def test_an_unknown_name_says_what_there_is_and_where_was_looked(places: Places) -> None:
    with pytest.raises(ModelError, match=r"model 'nope': not one of .*yolox-nano, known, and no nope\.onnx in .*first"):
        places.find("nope")


def test_the_environment_names_folders_and_cache() -> None:
    environment = {"VEDETTE_MODELS": "/a:/b", "VEDETTE_CACHE": "/c", "XDG_CACHE_HOME": "/d"}
    assert model_folders(environment) == (Path("/a"), Path("/b"))
    assert model_folders({}) == ()
    assert model_cache(environment) == Path("/c")
    assert model_cache({"XDG_CACHE_HOME": "/d"}) == Path("/d/vedette/models")
    assert model_cache({}) == Path.home() / ".cache/vedette/models"


def test_a_model_added_is_found_by_its_name(places: Places, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"my own")
    stored = add_model(places.find(str(path)), name="fence", cache=places.cache)
    found = places.find("fence")
    assert found == stored
    assert found.path == places.cache / "fence.onnx"
    assert (found.manifest.name, found.note) == ("fence", "")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("known", "that name belongs to a model Vedette knows", id="shipped"),
        pytest.param("taken", "another model has that name already", id="taken"),
        pytest.param("Not A Name", "model 'Not A Name': String should match pattern", id="no name"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused(places: Places, tmp_path: Path, name: str, says: str) -> None:
    (places.cache / "taken.onnx").write_bytes(b"someone else's")
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"my own")
    with pytest.raises(ModelError, match=says):
        add_model(places.find(str(path)), name=name, cache=places.cache)


def test_the_default_model_is_described_in_full() -> None:
    manifest = shipped_manifests()["yolox-nano"]
    labels = dict(zip(manifest.classes, manifest.class_labels(), strict=True))
    assert len(labels) == 80
    assert labels["person"] is Label.PERSON
    assert labels["truck"] is Label.MOTOR_VEHICLE
    assert labels["dog"] is Label.ANIMAL
    assert labels["potted plant"] is Label.OTHER
    assert manifest.sha256 == "c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d"
    assert manifest.size_bytes == 3_659_407


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            {"labels": {"person": ["pedestrian"]}}, "expected names from classes, got 'pedestrian'", id="no such class"
        ),
        pytest.param({"labels": {"person": ["car"], "animal": ["car"]}}, "'car' is named twice", id="two meanings"),
        pytest.param({"sha256": "abc"}, "sha256: String should match pattern", id="short sha256"),
        pytest.param({"weights": 1}, "weights: unknown key", id="unknown key"),
    ],
)
def test_a_wrong_manifest_is_one_line_with_its_file(tmp_path: Path, change: dict[str, object], says: str) -> None:
    import yaml

    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump({**KNOWN.model_dump(mode="json"), **change}))
    with pytest.raises(ModelError, match=says) as refusal:
        read_manifest(path)
    assert str(refusal.value).startswith(f"{path}:")
    assert "\n" not in str(refusal.value)
