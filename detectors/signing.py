"""Who answers for a model: an Ed25519 signature (RFC 8032) over what decides what the machine does with it.

A folder of models that holds `trusted.keys` (a public key a line, hexadecimal; '#' begins a remark) lets in what one of
these keys signed, and what Vedette itself knows, read as it knows it; nothing else. Without such a file none is asked
for, and a signature that is there must fit.
"""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from detectors.errors import ModelError
from detectors.manifest import Manifest, Signature, read_manifest

TRUSTED = "trusted.keys"
SIGNED = {"sha256", "size_bytes", "head", "input", "classes", "labels", "precision"}  # of the manifest


def make_key(path: Path) -> str:
    """A new private key (PEM, readable by its owner alone) in `path`; its public key. Raises ModelError."""
    key = Ed25519PrivateKey.generate()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as err:
        raise ModelError(f"{path}: no key was written: {err.strerror or err}") from err
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes_raw().hex()


def sign(path: Path, key_path: Path) -> Manifest:
    """Put a signature by that private key under the manifest at `path`, in place of an earlier one.

    Raises ModelError for what is no manifest or no such key.
    """
    manifest = read_manifest(path)
    try:
        key = load_pem_private_key(key_path.read_bytes(), password=None)
    except OSError as err:
        raise ModelError(f"{key_path}: {err.strerror or err}") from err
    except (ValueError, TypeError) as err:
        raise ModelError(f"{key_path}: expected a private key as 'vedette-models key' makes it") from err
    if not isinstance(key, Ed25519PrivateKey):
        raise ModelError(f"{key_path}: expected an Ed25519 key, got another kind")
    public = key.public_key().public_bytes_raw().hex()
    signature = Signature(key=public, value=key.sign(_words(manifest)).hex())
    before = path.read_text(encoding="utf-8").split("\nsignature:")[0].rstrip()
    lines = [before, "signature:", f"  key: {signature.key}", f"  value: {signature.value}", ""]
    part = path.with_name(f"{path.name}.part")
    part.write_text("\n".join(lines), encoding="utf-8")
    part.replace(path)
    return manifest.model_copy(update={"signature": signature})


def check_signature(manifest: Manifest, source: Path) -> None:
    """Raises ModelError for a signature that does not fit; none is none."""
    said = manifest.signature
    if said is None:
        return
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(said.key)).verify(bytes.fromhex(said.value), _words(manifest))
    except (InvalidSignature, ValueError) as err:
        raise ModelError(
            f"{source}: its signature by {said.key[:16]} does not fit: the manifest was changed after it was signed"
        ) from err


def check_trust(manifest: Manifest, source: Path, folders: Sequence[Path], *, known: Iterable[Manifest]) -> None:
    """Raises ModelError where a folder says whom to trust, and none of them signed this. known: needs no signature."""
    lists = [folder / TRUSTED for folder in folders if (folder / TRUSTED).is_file()]
    if not lists or _words(manifest) in {_words(each) for each in known}:
        return
    trusted = {key for path in lists for key in _keys(path)}
    by = manifest.signature.key if manifest.signature else "nobody"
    if by not in trusted:
        raise ModelError(f"{source}: expected a signature by a key of {lists[0]}, it is signed by {by[:16]}")


def _words(manifest: Manifest) -> bytes:
    """What is signed: the same bytes however the file is laid out."""
    return json.dumps(manifest.model_dump(mode="json", include=SIGNED), sort_keys=True).encode()


def _keys(path: Path) -> list[str]:
    try:
        lines = [line.split("#")[0].strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]
        keys = [line for line in lines if line]
        for key in keys:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    except (OSError, ValueError) as err:
        raise ModelError(f"{path}: expected public keys of 64 hexadecimal digits, one a line: {err}") from err
    return keys
