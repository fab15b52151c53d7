"""What a run in virtual time imports reads no clock, draws no number and names nothing by chance, by whatever name."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

ROOTS = ("sim/run.py", "sim/score/command.py")
ROOMS = ("contract", "detectors", "edge", "fleet", "sim")
FORBIDDEN = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "uuid": {"uuid1", "uuid4"},
    "os": {"urandom", "getpid"},
}
ALLOWED_MODULES = {"random": {"Random"}, "secrets": set[str]()}  # of these nothing else
# Where a machine's clock or chance is the purpose, and why no run in virtual time comes there.
EXEMPT = {
    "contract/clock.py": "the system's clock itself: a run has its own",
    "detectors/fastest.py": "names a temporary file while it tries backends: only live detection does",
    "fleet/records/auth.py": "secrets of tokens: a run has no HTTP door",
}


def _file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((each for each in candidates if each.is_file()), None)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _part_of_a_run() -> list[Path]:
    """The composition root of a run and its score, and whatever of ours they import, at any depth."""
    waiting = [ROOT / name for name in ROOTS]
    waiting += sorted((ROOT / "fleet/flight/vehicles").glob("*.py")) + sorted((ROOT / "edge/rules").glob("*.py"))
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for module in _imported(ast.parse(path.read_text(encoding="utf-8"))):
            if module.split(".")[0] in ROOMS and (file := _file_of(module)) is not None:
                waiting.append(file)
    return sorted(found)


def _offences(tree: ast.AST) -> Iterator[str]:
    """Uses, not imports: `clock = time.monotonic` reads the clock as surely as a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, name = node.value.id, node.attr
            if name in FORBIDDEN.get(owner, ()) or (owner in ALLOWED_MODULES and name not in ALLOWED_MODULES[owner]):
                yield f"{node.lineno}: {owner}.{name}"
        elif isinstance(node, ast.ImportFrom) and node.module in {*FORBIDDEN, *ALLOWED_MODULES}:
            allowed = ALLOWED_MODULES.get(node.module, set())
            forbidden = FORBIDDEN.get(node.module)
            for alias in node.names:
                if (forbidden is None and alias.name not in allowed) or (forbidden and alias.name in forbidden):
                    yield f"{node.lineno}: from {node.module} import {alias.name}"


def test_no_part_of_a_run_reads_the_machines_clock_or_draws_by_itself() -> None:
    parts = {path.relative_to(ROOT).as_posix(): path for path in _part_of_a_run()}
    offenders = [
        f"{name}:{offence}"
        for name, path in parts.items()
        if name not in EXEMPT
        for offence in _offences(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert {"sim/clock.py", "edge/pipeline.py", "fleet/coordinator.py", "fleet/flight/tasking.py"} <= parts.keys()
    assert {"sim/memory_bus.py", "sim/autopilot/copter.py", "fleet/flight/vehicles/ardupilot_copter.py"} <= parts.keys()
    assert not offenders, "a run that reads the machine's clock or draws by itself is not the same twice"


def test_what_is_exempt_is_part_of_a_run_and_has_a_reason_to_be() -> None:
    parts = {path.relative_to(ROOT).as_posix(): path for path in _part_of_a_run()}

    for name in EXEMPT:
        assert name in parts, f"{name} is not part of a run any more: take it from the list"
        assert list(_offences(ast.parse(parts[name].read_text(encoding="utf-8")))), f"{name} reads no clock any more"
