"""The extra `train`: TensorFlow on the CPU, imported only where something is trained."""

import os
from typing import Any

from detectors.errors import BackendMissing


def import_tensorflow() -> Any:
    """Raises BackendMissing without the extra."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it greets with pages otherwise
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    try:
        import tensorflow  # noqa: PLC0415 - an extra, and seconds to import
    except ImportError as err:
        raise BackendMissing(f"training a model: {err}; install vedette[train]") from err
    return tensorflow
