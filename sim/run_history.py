"""What the map showed in a run, kept as a coordinator at work keeps it; `vedette-sim show` opens it.

history/     as under a coordinator's data_dir
fleet.db     the store as the run left it: alarms and incidents
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from contract.clock import Clock
from fleet.app import Fleet, recorder_of
from fleet.history.files import HistoryFiles, HistoryRoom, hour_files
from fleet.history.recorder import Recorder

HISTORY, STORE = "history", "fleet.db"
_ROOM = HistoryRoom(keep_us=2**62, max_bytes=2**62)  # a run is kept as a whole


def begin_history(folder: Path) -> None:
    """Of another run nothing is left in this folder."""
    for path in (*hour_files(folder / HISTORY), folder / STORE):
        path.unlink(missing_ok=True)


def recorder_in(folder: Path, fleet: Fleet, clock: Clock) -> Recorder:
    """How full this machine's disk is has no part in a run."""
    return recorder_of(fleet, HistoryFiles(folder / HISTORY, _ROOM, free_bytes=lambda: 2**62), clock)


def keep_store(store_file: Path, folder: Path) -> None:
    """One file, whole and without its log. Raises OSError."""
    try:
        with closing(sqlite3.connect(store_file)) as connection:
            connection.execute("VACUUM INTO ?", (str(folder / STORE),))
    except sqlite3.Error as err:
        raise OSError(f"{folder / STORE}: {err}") from err
