"""Who is in a zone, when the position has an error, and who has left it."""

from typing import Annotated

from pydantic import Field

from contract.events import Certainty
from contract.frozen import Frozen
from contract.geo import LocalFrame, PointEnu
from contract.site import Zone
from edge.ground import Ground
from edge.rule import Subject


class InsideOptions(Frozen):
    """Where a zone begins and ends for a position that is not sure."""

    margin_m: Annotated[float, Field(ge=0, le=10, description="metres outside the zone before it counts as left")] = 0.5
    floor_prob: Annotated[float, Field(gt=0, lt=0.5, description="below this chance of being inside, nothing")] = 0.1


class Inside:
    """One zone. Between its edge and its margin nobody enters and nobody leaves."""

    def __init__(self, zone: Zone, frame: LocalFrame, options: InsideOptions) -> None:
        self._floor_prob = options.floor_prob
        self._ground = Ground(zone.polygon, frame)
        self._ground_and_margin = Ground(zone.polygon, frame, margin_m=options.margin_m)

    def certainty(self, subject: Subject, point: PointEnu) -> Certainty | None:
        """None: not inside."""
        fix = subject.sighting.ground
        if fix is None:
            return None
        chance = self._ground.probability(point, fix)
        if chance >= 0.5:
            return Certainty.PROBABLE
        if chance >= self._floor_prob and self._ground.holds(point):
            return Certainty.POSSIBLE
        return None

    def has_left(self, subject: Subject, point: PointEnu) -> bool:
        fix = subject.sighting.ground
        if fix is None or self._ground_and_margin.holds(point):
            return False
        return self._ground_and_margin.probability(point, fix) < 0.5
