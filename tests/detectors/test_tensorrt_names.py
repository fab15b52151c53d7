"""Every TensorRT name that our sources touch exists in the real bindings of each release we serve, without a GPU.

The bindings ask three libraries for a handful of symbols when they are imported; here those are empty functions.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, need

RELEASES = ("10.3.0", "10.13.3.9", "11.4.0.106")
pytestmark = pytest.mark.system
SOURCES = (
    "detectors/tensorrt_module.py",
    "detectors/building/plan.py",
    "detectors/building/make.py",
    "detectors/backends/tensorrt.py",
)
SYMBOLS = {
    "libnvinfer": [
        "createInferBuilder_INTERNAL",
        "createInferRefitter_INTERNAL",
        "createInferRuntime_INTERNAL",
        "getBuilderPluginRegistry",
        "getPluginRegistry",
    ],
    "libnvonnxparser": ["createNvOnnxParser_INTERNAL", "createNvOnnxParserRefitter_INTERNAL", "getNvOnnxParserVersion"],
    "libnvinfer_plugin": ["initLibNvInferPlugins"],
}

Check = Callable[..., list[str]]


def empty_libraries(folder: Path, *, major: str) -> None:
    for library, symbols in SYMBOLS.items():
        source = "".join(f"void *{symbol}(void) {{ return 0; }}\n" for symbol in symbols)
        name = f"{library}.so.{major}"
        command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", f"-Wl,-soname,{name}", "-o", str(folder / name)]
        subprocess.run(command, input=source, text=True, check=True)


@pytest.fixture(scope="session", params=RELEASES)
def check(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Lines of what files lack in one release, and the line of what they touch."""
    need(shutil.which("gcc"), "gcc")
    folder = tmp_path_factory.mktemp("bindings")
    wanted = f"tensorrt-cu12-bindings=={request.param}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    got = subprocess.run([*pip, "--target", str(folder), wanted], capture_output=True, text=True, check=False)
    need(got.returncode == 0, f"{wanted} from the package registry: {got.stderr.strip()[-300:]}")
    empty_libraries(folder, major=request.param.split(".")[0])
    environment = {**os.environ, "PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}

    def run(*files: Path) -> list[str]:
        program = str(Path(__file__).with_name("tensorrt_names.py"))
        command = [sys.executable, program, "tensorrt_bindings", *map(str, files)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return told.stdout.splitlines()

    return run


def test_every_name_we_touch_is_there(check: Check) -> None:
    *missing, touched = check(*(ROOT / source for source in SOURCES))
    assert missing == []
    assert {
        "Builder.build_serialized_network",
        "IBuilderConfig.set_timing_cache",
        "IOptimizationProfile.set_shape",
        "NetworkDefinitionCreationFlag.STRONGLY_TYPED",
        "ParserError.desc",
        "ICudaEngine.get_tensor_profile_shape",
        "IExecutionContext.execute_async_v3",
    } <= set(touched.split())


def test_a_call_that_is_gone_since_10_is_caught(check: Check, tmp_path: Path) -> None:
    source = (ROOT / "detectors/backends/tensorrt.py").read_text(encoding="utf-8")
    planted = tmp_path / "planted.py"
    planted.write_text(source.replace("execute_async_v3", "execute_async_v2"))
    *missing, _ = check(planted)
    assert [line.split(": ")[1] for line in missing] == ["no IExecutionContext.execute_async_v2"]


def test_a_precision_flag_is_caught_where_it_is_gone(
    check: Check, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = (ROOT / "detectors/building/plan.py").read_text(encoding="utf-8")
    line = "    config = builder.create_builder_config()\n"
    planted = tmp_path / "planted.py"
    planted.write_text(source.replace(line, f"{line}    config.set_flag(trt.BuilderFlag.FP16)\n"))
    *missing, touched = check(planted)
    assert "IBuilderConfig.set_flag" in touched
    gone = ["no BuilderFlag.FP16"] if "11.4.0.106" in request.node.name else []
    assert [each.split(": ")[1] for each in missing] == gone


def test_only_these_files_touch_tensorrt() -> None:
    """A file that is not in SOURCES would not be checked."""
    found = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "detectors").rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("trt.", "import tensorrt\n"))
    }
    assert found == set(SOURCES)
