"""What several commands are given: a site file, a moment."""

from datetime import datetime
from pathlib import Path

from contract.errors import DocumentError
from contract.site import Site, parse_site


def read_site(path: Path) -> Site:
    """Raises DocumentError with one line."""
    try:
        return parse_site(path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError) as err:
        raise DocumentError(f"{path}: {getattr(err, 'strerror', None) or 'expected UTF-8 text'}") from err


def moment_of(text: str) -> datetime:
    """A moment of ISO 8601, its zone as written: none, an offset or Z. Raises ValueError with what was expected."""
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as err:
        raise ValueError(f"expected a moment such as 2026-01-01T00:00:00Z, got '{text}'") from err
