"""Run by an interpreter that has the extra 'ultralytics': one turn of training on eight pictures of a white square.

Usage: python -m tests.detectors.building.train_one FOLDER CACHE. Prints the validation as JSON, refusals to stderr.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from detectors.building.training import TrainingOptions, train, validate
from detectors.errors import ModelError
from detectors.licence import show_licence

SIDE_PX = 64


def write_data(folder: Path) -> Path:
    chance = np.random.default_rng(0)
    for part in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for number in range(8):
            image = np.full((SIDE_PX, SIDE_PX, 3), 60, np.uint8)
            x, y = chance.integers(4, 36, 2)
            image[y : y + 24, x : x + 24] = 255
            cv2.imwrite(str(folder / "images" / part / f"{number}.png"), image)
            words = " ".join(f"{value / SIDE_PX:.4f}" for value in (x + 12, y + 12, 24, 24))
            (folder / "labels" / part / f"{number}.txt").write_text(f"0 {words}\n")
    data = folder / "data.yaml"
    data.write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames: {{0: square}}\n")
    return data


if __name__ == "__main__":
    folder, cache = Path(sys.argv[1]), Path(sys.argv[2])
    data = write_data(folder)
    options = TrainingOptions(epochs=1, side_px=SIDE_PX, batch=4, device="cpu", seed=1)
    show_licence(cache)
    for start, given in (("no.pt", data), ("yolo11n.yaml", folder / "no.yaml")):
        try:
            train(given, start, folder / "never", options, cache)
        except ModelError as err:
            sys.stderr.write(f"refused: {err}\n")
    best = train(data, "yolo11n.yaml", folder / "run", options, cache)
    found = validate(best, data, side_px=SIDE_PX, device="cpu", cache=cache)
    print(json.dumps({"best": str(best), **asdict(found)}))
