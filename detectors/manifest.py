"""What is known about a model besides its bytes: where it comes from, under which licence, what its classes mean.

Class names are the model's own; `class_labels` turns them into the contract's words. What no label names is `other`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from contract.documents import parse_document
from contract.errors import DocumentError
from contract.frozen import Frozen, Identifier, Sha256, TimeUs
from contract.labels import Label
from detectors.errors import ModelError

MODELS = Path(__file__).parent / "models"

Pixels = Annotated[int, Field(ge=32, le=8192)]
Precision = Literal["fp32", "fp16", "int8"]


class InputSize(Frozen):
    """The network's picture."""

    width_px: Pixels
    height_px: Pixels


class Signature(Frozen):
    """Ed25519, hexadecimal: the public key, and what it says (detectors/signing.py)."""

    key: Sha256
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class Manifest(Frozen):
    """One model. `url` None: it cannot be downloaded; `input` None: whatever the file says.

    `derived_from` is the sha256 of the model that `vedette-models build` made it from. Who added it to this machine and
    when is None for the models that come with Vedette. compares: with the others, in a line for people.
    """

    name: Identifier
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    sha256: Sha256
    size_bytes: Annotated[int, Field(gt=0, lt=2**33)]
    licence: str
    source: str
    training_data: str
    head: Identifier  # file name in detectors/heads
    input: InputSize | None = None
    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=10_000)]
    labels: dict[Label, tuple[str, ...]]
    precision: Precision = "fp32"
    derived_from: Sha256 | None = None
    added_by: str | None = None
    added_at_us: TimeUs | None = None
    compares: str | None = None
    signature: Signature | None = None

    @model_validator(mode="after")
    def _labels_name_classes(self) -> "Manifest":
        named = [name for names in self.labels.values() for name in names]
        if unknown := [name for name in named if name not in self.classes]:
            raise ValueError(f"labels: expected names from classes, got '{unknown[0]}'")
        if twice := [name for name in named if named.count(name) > 1]:
            raise ValueError(f"labels: '{twice[0]}' is named twice")
        return self

    def class_labels(self) -> tuple[Label, ...]:
        """What each class index means."""
        meaning = {name: label for label, names in self.labels.items() for name in names}
        return tuple(meaning.get(name, Label.OTHER) for name in self.classes)


def read_manifest(path: Path) -> Manifest:
    """Raises ModelError with one line."""
    try:
        return parse_document(path.read_text(encoding="utf-8"), Manifest, source=str(path))
    except DocumentError as err:
        raise ModelError(str(err)) from err
    except (OSError, UnicodeDecodeError) as err:
        raise ModelError(f"{path}: not a readable manifest: {err}") from err


def shipped_manifests() -> dict[str, Manifest]:
    """The models this package knows, by name."""
    return {path.stem: read_manifest(path) for path in sorted(MODELS.glob("*.yaml"))}
