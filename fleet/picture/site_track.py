"""A site track as it is told: one thing on the ground, whoever sees it."""

import math
import uuid
from enum import Enum
from typing import Annotated

from pydantic import Field

from contract.envelope import Origin
from contract.frozen import Frozen, Metres3, Ratio4, TimeUs
from contract.geo import GroundFix
from contract.labels import Label


class SiteTrackState(str, Enum):
    TENTATIVE = "tentative"  # seen once or twice, by one source
    CONFIRMED = "confirmed"
    COASTING = "coasting"  # nobody sees it now; where it should be
    ENDED = "ended"  # nobody saw it for 5 s, or it was found to be another


class Seen(Frozen):
    """A track of a source that is part of it, and when that last saw it."""

    source: Annotated[str, Field(description="a camera or another sensor")]
    track: Annotated[str, Field(description="the source's own number for it")]
    at_us: TimeUs


class SiteTrack(Frozen):
    """One thing on the ground as all sources together see it."""

    site_track_id: uuid.UUID
    state: SiteTrackState
    origin: Origin
    at_us: Annotated[TimeUs, Field(description="of the newest sight of it")]
    first_seen_us: TimeUs
    ground: Annotated[GroundFix, Field(description="where it is, with the covariance of the error")]
    velocity_east_m_s: Metres3
    velocity_north_m_s: Metres3
    velocity_sigma_m_s: Annotated[Metres3, Field(description="one standard deviation along the worst direction")]
    label: Label
    votes: Annotated[dict[Label, Ratio4], Field(description="share of what its sources took it for")]
    evidence: tuple[Seen, ...]
    explained_by: Annotated[
        str | None, Field(description="the vehicle of ours or the person of the staff that it is; null: nobody known")
    ] = None
    merged_into: Annotated[uuid.UUID | None, Field(description="the site track that it was found to be")] = None

    @property
    def age_s(self) -> float:
        return (self.at_us - self.first_seen_us) / 1e6


def worst_sigma(var_a: float, cov: float, var_b: float) -> float:
    """One standard deviation along the worst direction: root of the larger eigenvalue."""
    return math.sqrt(max((var_a + var_b) / 2 + math.hypot((var_a - var_b) / 2, cov), 0.0))
