"""A node as `vedette-edge run` runs it, with a ledger of what its pipeline said, forked from a process that has
everything imported: between two lives nobody waits for imports."""

import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path

from edge.__main__ import watch
from edge.log import log_to_stderr
from sim.soak.ledger import Ledger


def live(config: Path, log_path: Path, ledger: "Connection[bytes, bytes]") -> None:
    """A process's whole life."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
        os.dup2(log, descriptor)
    log_to_stderr()
    watch(config, witness=Ledger(ledger.fileno()).note)
