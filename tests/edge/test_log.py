"""A log that takes no line costs lines, not the node or the coordinator."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

import edge.log
import fleet.log

FULL = Path("/dev/full")  # full(4): every write to it fails as on a full disk


@pytest.fixture
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("_as_before")
@pytest.mark.skipif(not FULL.exists(), reason="this machine has no /dev/full")
@pytest.mark.parametrize("log_to_stderr", [edge.log.log_to_stderr, fleet.log.log_to_stderr], ids=["edge", "fleet"])
def test_a_line_on_a_full_disk_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, log_to_stderr: Callable[[], None]
) -> None:
    with FULL.open("wb", buffering=0) as disk:
        log = io.TextIOWrapper(disk, write_through=True)
        monkeypatch.setattr(sys, "stderr", log)
        with pytest.raises(OSError, match="No space left"):
            print("a line", file=log, flush=True)
        log_to_stderr()
        structlog.get_logger().error("events cannot be stored")
