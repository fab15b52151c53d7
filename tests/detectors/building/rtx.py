"""Builds ONNX files with TensorRT-RTX, which needs no GPU for that, by our own builder; one line of JSON for each.

Run as a program, with `tensorrt_rtx_bindings` on the path: `python -m tests.detectors.building.rtx BATCH FILE...`.
"""

import json
import sys
import warnings
from importlib import import_module
from pathlib import Path

from detectors.building.plan import build_plan
from detectors.engines import BatchProfile
from detectors.errors import ModelError

if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # RTX has no use for a timing cache, and says so
    batch = int(sys.argv[1])
    for path in map(Path, sys.argv[2:]):
        profile = BatchProfile(best=batch, most=batch)
        try:
            plan = build_plan(
                import_module("tensorrt_rtx_bindings"),
                path.read_bytes(),
                name=path.name,
                profile=profile,
                workspace_bytes=1 << 28,
            )
            print(json.dumps({"file": path.name, "bytes": len(plan.plan)}))
        except ModelError as err:
            print(json.dumps({"file": path.name, "error": str(err)}))
