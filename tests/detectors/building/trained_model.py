"""Run by an interpreter that has the extra 'ultralytics': a yolo11n without training, exported into a cache.

Usage: python -m tests.detectors.building.trained_model FOLDER CACHE. Ends with what a refusal said, if there was one.
"""

import sys
from pathlib import Path

from detectors.building.trained import export_trained
from detectors.errors import ModelError
from detectors.licence import import_ultralytics, show_licence
from detectors.manifest import shipped_manifests

if __name__ == "__main__":
    folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
    model = folder / "Gate11n.pt"
    model.write_bytes(b"no pickle")
    for _ in range(2):  # before the licence was shown, and then what is no model
        try:
            export_trained(model, cache, added_by="Ada", added_at_us=1)
        except ModelError as err:
            sys.stderr.write(f"refused: {err}\n")
        show_licence(cache)
    yolo = import_ultralytics(cache).YOLO("yolo11n.yaml")
    yolo.model.names = dict(enumerate(shipped_manifests()["yolox-nano"].classes))
    yolo.save(str(model))
    export_trained(model, cache, added_by="Ada", added_at_us=1)
