"""What the ONNX file says is what the trained network says, and the runtime opens it."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from detectors.detections import FloatArray
from detectors.heads.yolox import Head
from detectors.nano.network import CLASSES, nano
from detectors.nano.onnx_writer import write_onnx

SIDE_PX = 96


def run(content: bytes, pictures: FloatArray) -> FloatArray:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (rows,) = session.run(None, {"images": pictures})
    return np.asarray(rows, np.float32)


def test_the_file_is_small_and_has_the_shape_of_the_head() -> None:
    network, rng = nano(), np.random.default_rng(0)
    weights = {
        layer.name: (
            (rng.standard_normal((layer.kernel, layer.kernel, layer.channels_in, layer.channels)) * 0.05).astype("f4"),
            np.zeros(layer.channels, np.float32),
        )
        for layer in network.convolutions()
    }

    content = write_onnx(network, weights, side_px=SIDE_PX).SerializeToString()

    rows = run(content, rng.uniform(0, 255, (1, 3, SIDE_PX, SIDE_PX)).astype(np.float32))
    head = Head(width_px=SIDE_PX, height_px=SIDE_PX, class_count=len(CLASSES))
    assert len(content) < 4_000_000
    assert network.weight_count() * 4 == pytest.approx(len(content), rel=0.02)
    assert rows.shape == (1, *head.output_shape)
    assert ((rows[..., 4:] >= 0) & (rows[..., 4:] <= 1)).all()


def test_every_name_of_the_layer_list_is_made_before_it_is_used() -> None:
    made = {"images"}
    for layer in nano().layers:
        assert set(layer.inputs) <= made
        assert layer.name not in made
        made.add(layer.name)


def test_onnx_and_tensorflow_say_the_same(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="the extra 'train' is not installed")
    from detectors.nano.export import onnx_bytes
    from detectors.nano.learner import Learner
    from detectors.nano.loader import Batch
    from detectors.nano.state import Plan, load_state, save_state

    rng = np.random.default_rng(1)
    learner = Learner.begin(nano(), Plan(steps=10, batch=2, side_px=SIDE_PX, seed=1))
    pictures = rng.integers(0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8)
    batch = Batch(pictures, np.array([[[8, 8, 60, 70]]] * 2, np.float32), np.array([[0]] * 2, np.int32))
    for _ in range(3):  # so that averages and gains are no longer one and nought
        learner.learn(batch)
    save_state(learner.state(), tmp_path)

    said = learner.look(pictures[:1])
    written = onnx_bytes(load_state(tmp_path), side_px=SIDE_PX)

    planes = np.ascontiguousarray(pictures[:1].transpose(0, 3, 1, 2)).astype(np.float32)
    assert np.abs(run(written, planes) - said).max() < 1e-3
