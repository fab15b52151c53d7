"""The `tensorrt` module of this machine, and what it says when something goes wrong.

Its functions answer None or False instead of raising; the reason is only ever told to the logger.
"""

from collections import deque
from importlib import import_module
from types import ModuleType
from typing import Any

from detectors.errors import BackendMissing

REMARKS_MAX = 50


def import_tensorrt() -> ModuleType:
    """Raises BackendMissing where it is not installed."""
    try:
        return import_module("tensorrt")
    except ImportError as err:
        raise BackendMissing(
            f"backends 'tensorrt': {err}; on a Jetson it comes with JetPack (docs/jetson.md), "
            "elsewhere install vedette[tensorrt]"
        ) from err


def listener(trt: ModuleType) -> Any:
    """A TensorRT logger that keeps the errors; `first_error()` is the one that names the cause."""

    class Listener(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self._errors: deque[str] = deque(maxlen=REMARKS_MAX)

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
                self._errors.append(message)

        def first_error(self) -> str:
            return self._errors[0].strip().splitlines()[0] if self._errors else "it gives no reason"

        def forget(self) -> None:
            self._errors.clear()

    return Listener()
