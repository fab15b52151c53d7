"""Who answers for a model: an Ed25519 signature (RFC 8032) over what decides what the machine does with it.

A folder of models, or the cache, that holds `trusted.keys` (a public key a line, hexadecimal; '#' begins a remark) lets
in what one of these keys signed, and what Vedette itself knows, read as it knows it; nothing else. Of several such
files each must let it in. Without one no signature is asked for, and one that is there must fit.
"""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from detectors.errors import ModelError
from detectors.manifest import Manifest, Signature, read_manifest, shipped_manifests

TRUSTED = "trusted.keys"
SIGNATURE = re.compile(r"^signature:.*\n?(?:[ \t].*\n?)*", re.MULTILINE)
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


def read_key(path: Path) -> Ed25519PrivateKey:
    """Raises ModelError for what is no such key."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as err:
        raise ModelError(f"{path}: {err.strerror or err}") from err
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise ModelError(f"{path}: expected a private key as 'vedette-models key' makes it") from err
    if not isinstance(key, Ed25519PrivateKey):
        raise ModelError(f"{path}: expected an Ed25519 key, got another kind")
    return key


def sign(path: Path, key: Ed25519PrivateKey) -> Manifest:
    """Put a signature under the manifest at `path`, in place of an earlier one; the rest stays as it is written.

    Raises ModelError for what is no manifest, is laid out so that this cannot be done, or cannot be written.
    """
    manifest = read_manifest(path)
    public = key.public_key().public_bytes_raw().hex()
    signature = Signature(key=public, value=key.sign(_words(manifest)).hex())
    signed = manifest.model_copy(update={"signature": signature})
    part = path.with_name(f"{path.name}.part")
    try:
        before = SIGNATURE.sub("", path.read_text(encoding="utf-8")).rstrip()
        lines = [before, "signature:", f"  key: {signature.key}", f"  value: {signature.value}", ""]
        part.write_text("\n".join(lines), encoding="utf-8")
        if read_manifest(part) != signed:
            raise ModelError(f"{path}: expected a YAML mapping of one key a line, to put the signature under it")
        part.replace(path)
    except OSError as err:
        raise ModelError(f"{path}: not signed: {err.strerror or err}") from err
    finally:
        part.unlink(missing_ok=True)
    return signed


def _check_signature(manifest: Manifest, source: Path) -> None:
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


def check_trust(manifest: Manifest, source: Path, folders: Iterable[Path]) -> None:
    """Raises ModelError for a signature that does not fit, and where a folder says whom to trust and this is by nobody
    of them; what Vedette itself knows needs no signature."""
    _check_signature(manifest, source)
    lists = [path for folder in folders if os.path.lexists(path := folder / TRUSTED)]
    if not lists or _words(manifest) in {_words(known) for known in shipped_manifests().values()}:
        return
    by = manifest.signature.key if manifest.signature else "nobody"
    for path in lists:
        if by not in _keys(path):
            raise ModelError(f"{source}: expected a signature by a key of {path}, it is signed by {by[:16]}")


def _words(manifest: Manifest) -> bytes:
    """What is signed: the same bytes however the file is laid out."""
    return b"vedette-model-1\n" + json.dumps(manifest.model_dump(mode="json", include=SIGNED), sort_keys=True).encode()


def _keys(path: Path) -> list[str]:
    try:
        lines = [line.split("#")[0].strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]
        keys = [line for line in lines if line]
        for key in keys:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    except (OSError, ValueError) as err:
        raise ModelError(f"{path}: expected public keys of 64 hexadecimal digits, one a line: {err}") from err
    return keys
