"""Docks in the site file: open ground, or a machine that opens, closes and charges.

A copter of such a machine always has an alternate: whoever does not know the dock open and clear lands there.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated

from pydantic import Field, model_validator

from contract.frozen import Frozen, Identifier
from contract.geo import GeoPoint


class DockKind(str, Enum):
    """Key of the file in fleet/flight/docks that speaks to it."""

    HTTP_JSON = "http_json"


class Dock(Frozen):
    """Where a vehicle stands and returns to."""

    id: Identifier
    position: GeoPoint
    kind: Annotated[
        DockKind | None, Field(description="what speaks to it: a file of fleet/flight/docks; none: open ground")
    ] = None
    connection: Annotated[
        str | None, Field(description="http://HOST:PORT on loopback, https://HOST:PORT elsewhere; of one with a kind")
    ] = None
    alternate: Annotated[
        Identifier | None,
        Field(description="rally point where its copter lands whenever the dock is not known to be open and clear"),
    ] = None
    max_wind_m_s: Annotated[float, Field(gt=0, le=20, description="in more at the dock, nothing leaves it")] = 10.0
    max_rain_mm_h: Annotated[float, Field(ge=0, le=50, description="in more at the dock, nothing leaves it")] = 0.5

    @model_validator(mode="after")
    def _is_ground_or_machine(self) -> "Dock":
        if (self.kind is None) != (self.connection is None):
            raise ValueError(f"dock '{self.id}': expected both of kind and connection, or neither")
        if self.kind is None and self.alternate is not None:
            raise ValueError(f"dock '{self.id}': an alternate is for a dock with a kind; this one is open ground")
        return self


def refuse_docks_without_way_out(docks: Sequence[Dock], vehicles: Iterable[tuple[str, str, bool]]) -> None:
    """`vehicles`: id, dock and whether it flies. Raises ValueError for a machine that two vehicles share, or whose
    copter has no alternate of its own."""
    by_dock: dict[str, list[tuple[str, bool]]] = {}
    for vehicle, dock_id, flies in vehicles:
        by_dock.setdefault(dock_id, []).append((vehicle, flies))
    taken: dict[str, str] = {}
    for dock in (each for each in docks if each.kind is not None):
        inside = by_dock.get(dock.id, [])
        if len(inside) > 1:
            raise ValueError(f"dock '{dock.id}': expected one vehicle, got {', '.join(name for name, _ in inside)}")
        if dock.alternate is None:
            if any(flies for _, flies in inside):
                raise ValueError(f"dock '{dock.id}': its copter needs an alternate to land at when the dock is shut")
        elif dock.alternate in taken:
            whose = taken[dock.alternate]
            raise ValueError(f"dock '{dock.id}': expected an alternate of its own, got '{dock.alternate}' of '{whose}'")
        else:
            taken[dock.alternate] = dock.id
