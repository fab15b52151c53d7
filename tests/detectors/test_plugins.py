import sys

import pytest

from detectors import plugins
from detectors.errors import BackendMissing, ModelError


@pytest.mark.parametrize(
    ("backend", "missing", "says"),
    [
        pytest.param("openvino", "openvino", r"backends 'openvino': .*; install vedette\[openvino\]$", id="its own"),
        pytest.param("onnxruntime", "onnxruntime", r"install vedette\[edge\]$", id="comes with the node"),
        pytest.param("onnxruntime", "pydantic", r"install vedette\[edge\]$", id="what everything needs"),
    ],
)
def test_a_missing_extra_is_one_line_that_says_what_to_install(
    backend: str, missing: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"detectors.backends.{backend}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BackendMissing, match=says) as refusal:
        plugins.load("backends", backend)
    assert "\n" not in str(refusal.value)


def test_an_unknown_name_is_told_what_there_is() -> None:
    with pytest.raises(ModelError, match=r"expected one of heads \(yolo, yolo_end2end, yolox\), got 'ssd'"):
        plugins.load("heads", "ssd")


def test_listing_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    assert {"onnxruntime", "openvino", "scripted", "ultralytics"} <= set(plugins.names("backends"))
