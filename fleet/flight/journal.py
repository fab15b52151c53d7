"""Who did what, written before it happens; coming home alone is journalled in memory first and written after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One act. `actor` is a person's name, 'tasking', 'monitor' or 'schedule'."""

    at_us: int  # wall time, for people
    actor: str
    act: str
    subject: str
    trace_id: str | None = None
    detail: Mapping[str, JsonValue] = field(default_factory=dict)


class Journal(Protocol):
    def write(self, *entries: JournalEntry) -> None:
        """All durable on return, or none: raises fleet.errors.StoreError. Coming home must not wait for it."""
        ...
