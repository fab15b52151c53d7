"""Backends and heads by file name: a new kind is a new file in its folder.

Listing looks at names only; nothing heavy is imported until it is chosen.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from detectors.errors import BackendMissing, ModelError

HERE = Path(__file__).parent
RUNS_IN = {"onnxruntime": "edge"}  # the extra that brings a backend's runtime, where it is not the backend's own


def names(folder: str) -> tuple[str, ...]:
    """What there is in `backends` or `heads`."""
    return tuple(sorted(path.stem for path in (HERE / folder).glob("*.py") if path.stem != "__init__"))


def load(folder: str, name: str) -> ModuleType:
    """Raises ModelError when there is no such file, BackendMissing when what it needs is not installed."""
    if name not in names(folder):
        raise ModelError(f"expected one of {folder} ({', '.join(names(folder))}), got '{name}'")
    try:
        return import_module(f"detectors.{folder}.{name}")
    except ImportError as err:
        missing = (err.name or "").split(".")[0]
        extra = RUNS_IN.get(missing, missing) if missing in names("backends") else "edge"
        raise BackendMissing(f"{folder} '{name}': {err}; install vedette[{extra}]") from err
