"""The configuration that came from afar, kept across restarts: a node without a coordinator runs what it last ran."""

import os
from pathlib import Path

from pydantic import ValidationError

from contract.configuration import DesiredConfiguration
from edge.errors import EdgeError


class ConfigurationMemory:
    """A JSON file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> DesiredConfiguration | None:
        """None where nothing came yet. Raises EdgeError for a file that cannot be read or is not what was written."""
        try:
            return DesiredConfiguration.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as err:
            raise EdgeError(f"{self._path}: {err.strerror}") from err
        except ValidationError as err:
            raise EdgeError(f"{self._path}: {err.errors(include_url=False)[0]['msg']}") from err

    def keep(self, desired: DesiredConfiguration | None) -> None:
        """On the disk when it returns; None: forget. Raises EdgeError, and then nothing has changed."""
        part = self._path.with_suffix(".part")
        try:
            if desired is None:
                self._path.unlink(missing_ok=True)
            else:
                with part.open("w", encoding="utf-8") as file:
                    file.write(desired.model_dump_json())
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as err:
            raise EdgeError(f"{self._path}: cannot be written: {err.strerror}") from err
