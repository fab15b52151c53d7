"""What a process of the coordinator's tells: lines on stderr. Where they cannot be written (a full disk, a reader that
died) it goes on."""

import logging
import sys
from typing import TextIO, cast

import structlog

from contract.unbreakable import Unbreakable


def log_to_stderr(least: int = logging.INFO) -> None:
    """As structlog lays a line out; nothing below the level `least`."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Unbreakable(sys.stderr))),
    )
