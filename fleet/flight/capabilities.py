"""What a kind of vehicle can do and what it has no way of doing, as data: a refusal says so in plain words.

Only what is left out is said. Coming home is not in here: every vehicle can, in its own way (SAFETY 6).
"""

from dataclasses import dataclass
from enum import Enum

from fleet.flight.orders import FlyMission, GoTo, Launch, LookAt, Orbit, Order


class Capability(str, Enum):
    LAUNCH = "launch"
    GO_TO = "go to a point"
    LOOK = "turn to a point"
    ORBIT = "orbit a point"
    PATROL = "fly a mission"


@dataclass(frozen=True, slots=True)
class Lack:
    """`why` ends the sentence "it cannot ...: "."""

    capability: Capability
    why: str


_NEEDED: dict[type[Order], Capability] = {
    Launch: Capability.LAUNCH,
    GoTo: Capability.GO_TO,
    LookAt: Capability.LOOK,
    Orbit: Capability.ORBIT,
    FlyMission: Capability.PATROL,
}


def lack_refusals(order: Order, lacks: tuple[Lack, ...]) -> list[str]:
    """Why a vehicle with these lacks cannot do `order`, whatever state it is in."""
    needed = _NEEDED.get(type(order))
    return [f"it cannot {lack.capability.value}: {lack.why}" for lack in lacks if lack.capability is needed]
