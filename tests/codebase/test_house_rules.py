"""Rules of the house that a machine can check; each failure says why the rule is there."""

import ast
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = ("contract", "detectors", "edge", "fleet", "sim")
CLOCK_READERS = {"contract/clock.py"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "manager", "base"}
CLOCK_CALLS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "perf_counter"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("uuid", "uuid4"),
    ("uuid", "uuid1"),
}


def sources() -> list[Path]:
    return [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py")) if "node_modules" not in p.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def calls(tree: ast.AST) -> Iterator[tuple[str, str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name):
                yield owner.id, node.func.attr, node.lineno


def test_time_and_chance_are_arguments() -> None:
    offenders = [
        f"{name_of(path)}:{line} {owner}.{attr}()"
        for path in sources()
        if name_of(path) not in CLOCK_READERS and path.name != "__main__.py"
        for owner, attr, line in calls(ast.parse(path.read_text()))
        if (owner, attr) in CLOCK_CALLS or (owner == "random" and attr != "Random")
    ]
    assert not offenders, "a run that reads the machine's clock or draws by itself cannot be replayed"


def test_no_file_is_named_after_nothing() -> None:
    named = [name_of(p) for p in sources() if p.stem in FORBIDDEN_NAMES or p.parent.name in FORBIDDEN_NAMES]
    assert not named, "if the name won't come, the function is in the wrong room"


@pytest.mark.parametrize("path", [p for p in sources() if p.name == "__init__.py"], ids=name_of)
def test_an_init_holds_a_docstring_and_nothing_else(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    assert len(body) == 1, "imports in __init__ make every import of the package pay for all of it"
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", [p for p in sources() if p.name != "__init__.py"], ids=name_of)
def test_a_file_says_what_it_is_for_and_stays_readable(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "the first line of a module is its purpose"
    assert len(text.splitlines()) <= 500, "past 500 lines a file is two files"


def test_heavy_imports_stay_out_of_the_contract_and_the_fleet() -> None:
    heavy = {"cv2", "av", "onnxruntime", "tensorrt", "mujoco", "ultralytics"}
    offenders = []
    for path in sources():
        room = path.relative_to(ROOT).parts[0]
        if room not in ("contract", "fleet"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            banned = heavy | {"numpy", "scipy"} if room == "contract" else heavy
            offenders += [f"{name_of(path)} imports {n}" for n in names if n.split(".")[0] in banned]
    assert not offenders, "a fleet box needs no OpenCV and no video decoder"


def test_the_agpl_extra_is_never_imported_by_default() -> None:
    importers = [name_of(p) for p in sources() if re.search(r"^(import|from) ultralytics", p.read_text(), re.MULTILINE)]
    assert not importers, "ultralytics is AGPL-3.0: only inside a function of its own backend file"


def test_only_the_embedded_broker_starts_a_broker_and_only_on_loopback() -> None:
    imports = re.compile(r"^\s*(import|from) iotcore", re.MULTILINE)
    starters = {name_of(p) for p in sources() if imports.search(p.read_text())} - {"sim/embedded_broker.py"}
    assert not starters, "one file binds the embedded broker to 127.0.0.1; its own default is every interface"
    assert "0.0.0.0" not in (ROOT / "sim/embedded_broker.py").read_text().split('"""', 2)[2]


def test_only_tasking_and_the_monitor_call_a_vehicle() -> None:
    verbs = re.compile(r"\.(carry_out|come_home)\(")
    callers = {name_of(p) for p in sources() if verbs.search(p.read_text())}
    allowed = {"fleet/flight/desk.py", "fleet/flight/monitor.py"}  # tasking orders through its desks alone
    inside = {c for c in callers if c.startswith("fleet/flight/vehicles/")}
    assert callers - inside <= allowed, "nothing reaches a vehicle but through the gate or the safety monitor"


def test_only_the_gate_makes_an_approval() -> None:
    makers = {name_of(p) for p in sources() if re.search(r"\bApproval\(", p.read_text())}
    assert makers <= {"fleet/flight/gate.py"}, "an approval that the gate did not make proves nothing"


def test_the_environment_holds_one_opencv() -> None:
    installed = sorted(d.metadata["Name"] for d in distributions() if d.metadata["Name"].startswith("opencv"))
    assert installed == ["opencv-python-headless"], "two OpenCV wheels share one folder and overwrite each other"


def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return out.stdout.splitlines()


def test_nothing_big_is_in_git() -> None:
    big = [name for name in tracked() if (ROOT / name).is_file() and (ROOT / name).stat().st_size > 5_000_000]
    assert not big, "recordings and models above 5 MB are made by their script, not stored"


def test_no_lock_file_records_download_addresses() -> None:
    names = tracked()
    assert not [n for n in names if Path(n).name in {"uv.lock", "poetry.lock", "yarn.lock", "pnpm-lock.yaml"}]
    for lock in (n for n in names if Path(n).name == "package-lock.json"):
        assert '"resolved": "http' not in (ROOT / lock).read_text(), f"{lock}: set omit-lockfile-registry-resolved"
