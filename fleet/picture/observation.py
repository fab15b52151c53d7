"""What any sensor may tell of a thing on the ground, and what is known of our own: what the fusion takes in.

A camera, a radar or a tag is a source; the numbers of its tracks are its own. Places are metres east and north of the
site's origin, times are those of the sensor.
"""

import math
from dataclasses import dataclass

from contract.envelope import Origin
from contract.errors import ContractError
from contract.labels import Label

FARTHEST_M = 100_000.0  # of the site's origin: beyond, a position is no position
VARIANCE_MOST_M2 = 1e6


@dataclass(frozen=True, slots=True)
class Observation:
    """One track of a source, seen once: covariance of east and north in square metres, label with its score (0 to 1).

    Raises ContractError for what cannot be: not finite, out of the world, a covariance that is none.
    """

    track: str
    east_m: float
    north_m: float
    var_east_m2: float
    cov_east_north_m2: float
    var_north_m2: float
    label: Label
    score: float = 1.0

    def __post_init__(self) -> None:
        what = f"track '{self.track}'"
        numbers = (self.east_m, self.north_m, self.var_east_m2, self.cov_east_north_m2, self.var_north_m2, self.score)
        if not all(map(math.isfinite, numbers)):
            raise ContractError(f"{what}: expected finite numbers, got {numbers}")
        if max(abs(self.east_m), abs(self.north_m)) > FARTHEST_M:
            raise ContractError(f"{what}: expected a place within {FARTHEST_M:g} m, got {self.east_m}, {self.north_m}")
        if not 0.0 <= self.score <= 1.0:
            raise ContractError(f"{what}: expected a score from 0 to 1, got {self.score}")
        least, most = sorted((self.var_east_m2, self.var_north_m2))
        if least < 0.0 or most > VARIANCE_MOST_M2 or self.cov_east_north_m2**2 > least * most * (1.0 + 1e-6) + 1e-6:
            raise ContractError(
                f"{what}: expected a covariance, got {self.var_east_m2}, {self.cov_east_north_m2}, {self.var_north_m2}"
            )


@dataclass(frozen=True, slots=True)
class Look:
    """What one source told of one moment.

    unplaced: tracks that are there, nobody knows where. is_whole: it names all that the source follows, so that what it
    does not name is gone. boot: what counts a source's tracks from the start again.
    """

    source: str
    at_us: int
    origin: Origin
    observations: tuple[Observation, ...]
    unplaced: tuple[str, ...] = ()
    is_whole: bool = True
    boot: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A vehicle of ours or one of the staff, where it says it is.

    labels: what it can look like. sources: the sources to which it looks as if it were there, as a copter does that is
    in the air; None: to all.
    """

    id: str
    at_us: int
    east_m: float
    north_m: float
    sigma_m: float
    labels: frozenset[Label]
    sources: frozenset[str] | None = None
