"""A signature fits what was signed and nothing else, and a folder that says whom it trusts lets in nobody else."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from detectors.__main__ import add, sign_model
from detectors.errors import ModelError
from detectors.manifest import MODELS, read_manifest
from detectors.registry import add_model, find_model, sha256_of
from detectors.signing import TRUSTED, make_key, read_key, sign

Described = Callable[..., Path]


@pytest.fixture
def described(tmp_path: Path) -> Described:
    """A model with its manifest in the folder `models`; somebody added it."""

    def write(name: str = "fence", content: bytes = b"a network", **changed: object) -> Path:
        path = tmp_path / "models" / f"{name}.onnx"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        manifest = {
            "name": name,
            "sha256": sha256_of(path),
            "size_bytes": len(content),
            "licence": "ours",
            "source": "us",
            "training_data": "our gate",
            "head": "yolox",
            "classes": ["person", "car"],
            "labels": {"person": ["person"]},
            "added_by": "ann",
            "added_at_us": 1,
            **changed,
        }
        path.with_suffix(".yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")
        return path

    return write


@pytest.fixture
def key(tmp_path: Path) -> Ed25519PrivateKey:
    make_key(tmp_path / "key.pem")
    return read_key(tmp_path / "key.pem")


def trust(folder: Path, *keys: str) -> None:
    (folder / TRUSTED).write_text("# ours\n" + "".join(f"{key}  # of somebody\n" for key in keys), "utf-8")


def test_a_private_key_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    public = make_key(tmp_path / "key.pem")

    assert len(bytes.fromhex(public)) == 32
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    with pytest.raises(ModelError, match=r"key\.pem: no key was written: File exists"):
        make_key(tmp_path / "key.pem")


def test_a_signed_model_is_let_in_where_its_key_is_trusted(described: Described, tmp_path: Path) -> None:
    path, public = described(), make_key(tmp_path / "key.pem")
    trust(path.parent, "00" * 32, public.upper())

    sign(path.with_suffix(".yaml"), read_key(tmp_path / "key.pem"))

    file = find_model("fence", folders=[path.parent], cache=tmp_path)
    assert file.manifest.signature is not None
    assert file.manifest.signature.key == public
    assert file.manifest.added_by == "ann"


@pytest.mark.parametrize("name", ["fence", "path"])
def test_what_nobody_signed_is_refused_where_somebody_is_trusted(
    described: Described, tmp_path: Path, name: str
) -> None:
    path = described()
    trust(path.parent, make_key(tmp_path / "key.pem"))

    with pytest.raises(ModelError, match=r"expected a signature by a key of .*trusted\.keys, it is signed by nobody"):
        find_model(str(path) if name == "path" else name, folders=[path.parent], cache=tmp_path)


def test_a_stranger_s_signature_is_refused(described: Described, key: Ed25519PrivateKey, tmp_path: Path) -> None:
    path = described()
    stranger = sign(path.with_suffix(".yaml"), key).signature
    trust(path.parent, make_key(tmp_path / "other.pem"))

    assert stranger is not None
    with pytest.raises(ModelError, match=f"it is signed by {stranger.key[:16]}"):
        find_model("fence", folders=[path.parent], cache=tmp_path)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"content": b"another network"}, id="other bytes"),
        pytest.param({"classes": ["car", "person"]}, id="the classes the other way round"),
        pytest.param({"labels": {"person": ["car"]}}, id="a car is a person"),
        pytest.param({"head": "yolo11"}, id="another head"),
    ],
)
def test_what_was_changed_after_it_was_signed_is_refused_everywhere(
    described: Described, key: Ed25519PrivateKey, tmp_path: Path, changed: dict[str, object]
) -> None:
    signature = sign(described().with_suffix(".yaml"), key).signature
    assert signature is not None
    path = described(**changed, signature=signature.model_dump())

    with pytest.raises(ModelError, match="does not fit: the manifest was changed after it was signed"):
        find_model("fence", folders=[path.parent], cache=tmp_path)


def test_what_people_say_of_a_model_may_change(described: Described, key: Ed25519PrivateKey, tmp_path: Path) -> None:
    signature = sign(described().with_suffix(".yaml"), key).signature
    assert signature is not None
    path = described(licence="theirs", signature=signature.model_dump())

    stored = add_model(find_model(str(path), folders=(), cache=tmp_path), name="gate", cache=tmp_path / "cache")

    assert find_model("gate", folders=(), cache=tmp_path / "cache").manifest == stored.manifest


def test_signing_again_takes_the_place_of_the_first_signature(
    described: Described, key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    path = described()
    sign(path.with_suffix(".yaml"), key)
    make_key(tmp_path / "new.pem")

    new = sign(path.with_suffix(".yaml"), read_key(tmp_path / "new.pem"))

    assert path.with_suffix(".yaml").read_text("utf-8").count("signature:") == 1
    assert find_model("fence", folders=[path.parent], cache=tmp_path).manifest == new


def test_what_vedette_knows_by_its_bytes_needs_no_signature(tmp_path: Path) -> None:
    trust(tmp_path, make_key(tmp_path / "key.pem"))

    assert find_model("vedette-nano", folders=[tmp_path], cache=tmp_path).path == MODELS / "vedette-nano.onnx"


def test_its_bytes_read_otherwise_are_not_what_vedette_knows(tmp_path: Path) -> None:
    trust(tmp_path, make_key(tmp_path / "key.pem"))
    for ending in (".onnx", ".yaml"):
        (tmp_path / f"vedette-nano{ending}").write_bytes((MODELS / f"vedette-nano{ending}").read_bytes())
    manifest = yaml.safe_load((tmp_path / "vedette-nano.yaml").read_text("utf-8"))
    manifest |= {"labels": {"animal": ["person", "animal"]}, "signature": None}
    (tmp_path / "vedette-nano.yaml").write_text(yaml.safe_dump(manifest), "utf-8")

    with pytest.raises(ModelError, match="it is signed by nobody"):
        find_model("vedette-nano", folders=[tmp_path], cache=tmp_path)


@pytest.mark.parametrize("line", ["key", "00" * 31, "ssh-ed25519 AAAA"])
def test_a_list_of_trust_that_holds_no_keys_is_said(described: Described, tmp_path: Path, line: str) -> None:
    path = described()
    trust(path.parent, line)

    with pytest.raises(ModelError, match=r"trusted\.keys: expected public keys of 64 hexadecimal digits"):
        find_model("fence", folders=[path.parent], cache=tmp_path)


def test_what_is_no_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("a key?")

    with pytest.raises(ModelError, match="expected a private key as 'vedette-models key' makes it"):
        read_key(tmp_path / "text.pem")


def test_each_list_of_trust_must_let_it_in(described: Described, key: Ed25519PrivateKey, tmp_path: Path) -> None:
    path, stick = described(), tmp_path / "stick"
    public = key.public_key().public_bytes_raw().hex()
    stick.mkdir()
    sign(path.with_suffix(".yaml"), key)
    trust(stick, public)
    trust(path.parent, "00" * 32)

    with pytest.raises(ModelError, match=rf"expected a signature by a key of {path.parent}"):
        find_model("fence", folders=[stick, path.parent], cache=tmp_path)
    trust(path.parent, "00" * 32, public)
    assert find_model("fence", folders=[stick, path.parent], cache=tmp_path).path == path


def test_the_cache_may_say_whom_to_trust_too(described: Described, tmp_path: Path) -> None:
    path = described()
    trust(path.parent, "00" * 32)

    with pytest.raises(ModelError, match="it is signed by nobody"):
        find_model("fence", folders=(), cache=path.parent)


def test_a_list_of_trust_that_cannot_be_read_lets_nobody_in(described: Described, tmp_path: Path) -> None:
    path = described()
    (path.parent / TRUSTED).symlink_to(tmp_path / "not-mounted")

    with pytest.raises(ModelError, match=r"trusted\.keys: expected public keys"):
        find_model("fence", folders=[path.parent], cache=tmp_path)


def test_what_stands_around_a_signature_stays(described: Described, key: Ed25519PrivateKey) -> None:
    manifest = described().with_suffix(".yaml")
    sign(manifest, key)
    written = manifest.read_text("utf-8")
    manifest.write_text(f"# ours\n{written}compares: better by day\n", "utf-8")

    signed = sign(manifest, key)

    assert signed.compares == "better by day"
    assert read_manifest(manifest) == signed
    assert manifest.read_text("utf-8").startswith("# ours\n")
    assert manifest.read_text("utf-8").count("signature:") == 1


def test_a_manifest_that_is_one_line_of_json_is_left_as_it_is(described: Described, key: Ed25519PrivateKey) -> None:
    manifest = described().with_suffix(".yaml")
    manifest.write_text(json.dumps(yaml.safe_load(manifest.read_text("utf-8"))), "utf-8")
    before = manifest.read_bytes()

    with pytest.raises(ModelError, match=r"fence\.yaml"):
        sign(manifest, key)
    assert manifest.read_bytes() == before
    assert sorted(path.name for path in manifest.parent.iterdir()) == ["fence.onnx", "fence.yaml"]


def test_a_signed_model_that_was_changed_can_be_signed_again(
    described: Described, key: Ed25519PrivateKey, tmp_path: Path
) -> None:
    signature = sign(described().with_suffix(".yaml"), key).signature
    assert signature is not None
    path = described(classes=["car", "person"], signature=signature.model_dump())

    sign_model(path, by=tmp_path / "key.pem")

    assert find_model("fence", folders=[path.parent], cache=tmp_path).manifest.classes == ("car", "person")


def test_other_bytes_than_the_manifest_s_are_not_signed(described: Described, key: object, tmp_path: Path) -> None:
    path = described()
    path.write_bytes(b"another network")

    with pytest.raises(ModelError, match=r"fence\.onnx: expected sha256 .* as fence\.yaml says, got"):
        sign_model(path, by=tmp_path / "key.pem")


def test_what_is_not_trusted_is_not_added_either(
    described: Described, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, cache = described(), tmp_path / "cache"
    cache.mkdir()
    trust(cache, "00" * 32)
    monkeypatch.setenv("VEDETTE_CACHE", str(cache))

    with pytest.raises(ModelError, match="it is signed by nobody"):
        add(path, name="gate", manifest=None, licence=None, by="ann")
    assert [each.name for each in cache.iterdir()] == [TRUSTED]
