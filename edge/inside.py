"""Who is in a zone, when the position has an error, and who has left it."""

from typing import Annotated

from pydantic import Field

from contract.events import Certainty
from contract.frozen import Frozen
from contract.site import Zone
from edge.patch import Patch
from edge.plane import Plane, Spot


class InsideOptions(Frozen):
    """Where a zone begins and ends for a position that is not sure."""

    margin_m: Annotated[float, Field(ge=0, le=10, description="metres outside the zone before it counts as left")] = 0.5
    floor_prob: Annotated[float, Field(gt=0, lt=0.5, description="below this chance of being inside, nothing")] = 0.1


class Inside:
    """One zone. Between its edge and its margin nobody enters and nobody leaves."""

    def __init__(self, zone: Zone, plane: Plane, options: InsideOptions) -> None:
        self._floor_prob, self._margin_m = options.floor_prob, options.margin_m
        self._outline = plane.outline(zone)
        self._patch = Patch(self._outline)
        self._grown: dict[float, Patch] = {}  # by the margin in units; on the ground there is one

    def certainty(self, spot: Spot) -> Certainty | None:
        """None: not inside."""
        chance = self._patch.probability(spot)
        if chance >= 0.5:
            return Certainty.PROBABLE
        if chance >= self._floor_prob and self._patch.holds(spot.place):
            return Certainty.POSSIBLE
        return None

    def has_left(self, spot: Spot) -> bool:
        margin = self._margin_m / spot.unit_m
        if margin not in self._grown:
            self._grown[margin] = Patch(self._outline, margin=margin)
        grown = self._grown[margin]
        return not grown.holds(spot.place) and grown.probability(spot) < 0.5
