"""Other sensors as people see them."""

from contract.devices import SensorKind
from contract.frozen import Frozen, Identifier


class SensorView(Frozen):
    """heard_age_s: null while it was not heard since the coordinator started."""

    id: Identifier
    name: str
    kind: SensorKind
    zones: tuple[Identifier, ...]
    heard_age_s: float | None
    is_silent: bool
