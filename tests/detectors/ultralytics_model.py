"""Run by an interpreter that has the extra: a yolo11n without training, as .pt and .onnx, and what is seen with it.

Usage: python -m tests.detectors.ultralytics_model FOLDER PICTURE. Prints one line of JSON: boxes by our backend on the
.pt file and, where torchvision works, by ultralytics itself.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from detectors.detections import Detections
from detectors.frame import Frame
from detectors.heads.yolo import Head
from detectors.letterbox import Letterbox
from detectors.licence import import_ultralytics, show_licence
from detectors.opening import open_file
from detectors.registry import find_model

SCORE_MIN, IOU_MAX = 0.3, 0.6


def main(folder: Path, picture: Path) -> None:
    show_licence(folder)
    yolo = import_ultralytics(folder).YOLO
    read = cv2.imread(str(picture))
    assert read is not None
    frame = Frame(read.astype(np.uint8), pts_us=0, captured_at_us=0, index=0, decode_us=0)
    import_module("torch").manual_seed(0)
    model = yolo("yolo11n.yaml")
    make_lively(model.model, frame)
    model.save(str(folder / "lively.pt"))
    yolo(str(folder / "lively.pt")).export(format="onnx", imgsz=640, opset=17, simplify=False, verbose=False)
    file = find_model(str(folder / "lively.pt"), folders=(), cache=folder)
    options = {"score_min": SCORE_MIN, "iou_max": IOU_MAX}
    detector = open_file(file, backend="ultralytics", cache=folder, say=print, **options)
    (ours,) = detector.detect([detector.prepare(frame)])
    seen = {"identity": detector.identity.model_dump(), "ours": rows(ours), "theirs": None}
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError):  # beside a torch it was not built for
        pass
    else:
        found = yolo(str(folder / "lively.pt")).predict(
            frame.image_bgr, conf=SCORE_MIN, iou=IOU_MAX, rect=False, max_det=1000, verbose=False, device="cpu"
        )
        boxes = found[0].boxes
        seen["theirs"] = np.column_stack([boxes.xyxy.numpy(), boxes.conf.numpy(), boxes.cls.numpy()]).tolist()
    sys.stdout.write(json.dumps(seen) + "\n")


def make_lively(network: Any, frame: Frame) -> None:
    """Random weights that are neither silent nor sure: normalised on one picture, in which 150 cells see something."""
    torch = import_module("torch")
    letterbox = Letterbox(width_px=640, height_px=640, picture=Head.picture)
    picture = torch.from_numpy(letterbox.fit(frame).tensor[None])
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(picture)
        network.eval()
        head = network.model[-1]
        for sides, classes in zip(head.cv2, head.cv3, strict=True):
            classes[-1].weight.normal_(0, 0.03)
            classes[-1].bias.zero_()
            sides[-1].weight.normal_(0, 0.03)
            sides[-1].bias.view(4, -1).copy_(torch.arange(16.0).sub(2).abs().mul(-2))  # about two cells to each side
        answer = network(picture)
        scores = (answer[0] if isinstance(answer, tuple) else answer)[0, 4:]
        wanted = torch.logit(torch.tensor(SCORE_MIN)) - scores.amax(0).logit().topk(150).values[-1]
        for classes in head.cv3:
            classes[-1].bias.add_(wanted)


def rows(found: Detections) -> list[list[float]]:
    rows: list[list[float]] = np.column_stack([found.xyxy_px, found.score, found.class_index]).tolist()
    return rows


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
