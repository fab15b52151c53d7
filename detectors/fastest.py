"""`auto`: the backend that is the fastest for one model on this machine, timed once and remembered in the cache.

What was timed holds for this machine, these weights, these releases and options; anything else is timed anew. Every
backend competes in its own default precision, so the choice never lowers it.
"""

import json
import os
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from contract.clock import Clock
from contract.frozen import Frozen
from detectors import plugins
from detectors.detector import Detector
from detectors.errors import BackendMissing, DetectorError, ModelError
from detectors.frame import Frame
from detectors.registry import ModelFile
from detectors.turns import Job, medians_ms, time_in_turns

ROUNDS = 15
MEMORY = "fastest.json"

Open = Callable[[str], Detector]


class Choice(Frozen):
    """A backend, and what was measured when it was chosen."""

    backend: str
    because: Annotated[str, Field(max_length=2000)]


def open_fastest(
    file: ModelFile, *, open_with: Open, options: Mapping[str, object], cache: Path | None, clock: Clock
) -> tuple[Detector, str]:
    """The detector, and one line that says which backend and why.

    `open_with` opens the model with a backend; `cache` None: nothing is remembered.
    Raises ModelError when no backend opens the model, with what the first one said about it.
    """
    memory = cache / MEMORY if cache else None
    key = _key(file, options)
    before = _remembered(memory).get(key)
    if before is not None:
        try:
            return open_with(before.backend), f"auto: {before.backend}, as remembered in {memory}: {before.because}"
        except ModelError:
            pass  # it worked then; what works now is found out anew
    detectors, choice = _race(file, open_with=open_with, clock=clock)
    failure = _remember(memory, key, choice) if memory else ""
    return detectors[choice.backend], f"auto: {choice.backend}: {choice.because}{failure}"


def _race(file: ModelFile, *, open_with: Open, clock: Clock) -> tuple[dict[str, Detector], Choice]:
    detectors: dict[str, Detector] = {}
    jobs: dict[str, Job] = {}
    refusals: dict[str, DetectorError] = {}
    for name in plugins.names("backends"):
        try:
            if file.path.suffix not in getattr(plugins.load("backends", name), "OPENS", ()):
                continue
            detectors[name] = open_with(name)
            jobs[name] = _look(detectors[name])
            jobs[name]()
        except DetectorError as err:
            refusals[name] = err
            jobs.pop(name, None)
    if not jobs:
        wrong = [err for err in refusals.values() if not isinstance(err, BackendMissing)] or list(refusals.values())
        raise ModelError(f"{file.path}: no backend opens it: {wrong[0] if wrong else file.path.suffix}")
    took_ms = medians_ms(time_in_turns(jobs, rounds=ROUNDS, clock=clock))
    ranking = sorted(took_ms, key=lambda name: (took_ms[name], name))
    parts = [f"{name} {took_ms[name]:.1f} ms a frame" for name in ranking]
    parts += [
        f"{name} {'not on this machine' if isinstance(err, BackendMissing) else f'failed: {err}'}"
        for name, err in refusals.items()
    ]
    return detectors, Choice(backend=ranking[0], because=", ".join(parts)[:2000])


def _look(detector: Detector) -> Job:
    """Noise through the whole network and its head."""
    image = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    prepared = detector.prepare(Frame(image, pts_us=0, captured_at_us=0, index=0, decode_us=0))
    return lambda: detector.detect([prepared])


def _key(file: ModelFile, options: Mapping[str, object]) -> str:
    releases = ", ".join(f"{name} {release}" for name in plugins.names("backends") if (release := _release(name)))
    chosen = ", ".join(f"{name} {options[name]}" for name in sorted(options))
    return " | ".join([machine(), file.sha256, releases, chosen])


def _release(distribution: str) -> str:
    """Backends are named like the package that runs them, so that asking imports nothing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def machine() -> str:
    """What decides how fast a network runs here: board or processor, and how many cores."""
    name = platform.processor()
    try:
        board = Path("/proc/device-tree/model")
        if board.is_file():
            name = board.read_text(encoding="utf-8").strip("\0\n ")
        else:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except (OSError, UnicodeDecodeError):
        pass  # not Linux: what the platform says
    return f"{platform.machine()} {name} x{os.cpu_count()}"


def _remembered(memory: Path | None) -> dict[str, Choice]:
    """What cannot be read was not remembered."""
    try:
        found = json.loads(memory.read_text(encoding="utf-8")) if memory else {}
        return {key: Choice.model_validate(each) for key, each in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _remember(memory: Path, key: str, choice: Choice) -> str:
    """Why it could not be, or nothing."""
    known = {**_remembered(memory), key: choice}
    part = memory.with_name(f"{memory.name}.{os.getpid()}.part")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({name: each.model_dump() for name, each in known.items()}, indent=1), "utf-8")
        part.replace(memory)
    except OSError as err:
        return f" (not remembered: {memory}: {err.strerror or err})"
    return ""
