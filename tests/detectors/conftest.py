"""A machine with a GPU that is none: the fake CUDA runtime, compiled once."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import need
from tests.detectors.fake_tensorrt import Machine

SOURCE = Path(__file__).with_name("fake_cudart.c")


@pytest.fixture(scope="session", params=["Jetson", "card"])
def cudart(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a machine with one DRAM for host and device, and of one where each has its own."""
    need(shutil.which("gcc"), "gcc")
    library = tmp_path_factory.mktemp("cuda") / "libcudart.so"
    shared = f"-DFAKE_SHARED_DRAM={int(request.param == 'Jetson')}"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", shared, str(SOURCE), "-o", str(library)], check=True)
    return library


@pytest.fixture
def machine(cudart: Path, tmp_path: Path) -> Machine:
    """With an engine for up to four pictures at once. A copy of the library has a memory of its own."""
    return Machine(Path(shutil.copy(cudart, tmp_path)), most=4)
