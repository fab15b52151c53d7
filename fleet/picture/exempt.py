"""What is let go unanswered for a while, by a named person: a zone or camera that is bypassed, zones under a walk test.

Both are bounded in time, and both are the body of an incident that stays open as long as they last: it gathers their
alarms, its timeline is their trace, and it is stored, listed and told like any other.
"""

import uuid
from enum import Enum
from typing import Annotated

from pydantic import Field

from contract.events import Certainty
from contract.frozen import Frozen, Identifier, TimeUs

BYPASS_AT_MOST_US = 24 * 3_600_000_000
WALK_TEST_AT_MOST_US = 8 * 3_600_000_000
EXEMPT_NAMESPACE = uuid.UUID("7b1c9e60-3b7e-5f38-9d0f-5a3f0f7f2c4d")


class Handling(str, Enum):
    """What an alarm counts as."""

    NORMAL = "normal"
    BYPASSED = "bypassed"
    TEST = "test"


class Exemption(Frozen):
    """`by` answers for it. ended_by: a person, or the system when its time was over."""

    reason: str
    by: str
    from_us: TimeUs
    until_us: TimeUs
    ended_at_us: TimeUs | None = None
    ended_by: str | None = None

    def lasts(self, at_us: int) -> bool:
        return self.ended_at_us is None and at_us < self.until_us


class Bypass(Exemption):
    """Of one of the two."""

    zone: Identifier | None = None
    camera: Identifier | None = None

    @property
    def subject(self) -> str:
        return f"zone {self.zone}" if self.zone is not None else f"camera {self.camera}"

    def names(self, *, zone: str, camera: str) -> bool:
        return self.zone == zone or self.camera == camera


class Check(Frozen):
    """What one camera is expected to tell of one zone, and what was heard. is_expected: it covers the zone."""

    zone: Identifier
    camera: Identifier
    is_expected: bool = True
    alarms: Annotated[int, Field(ge=0)] = 0
    first_captured_at_us: TimeUs | None = None  # when the camera saw it
    first_raised_at_us: TimeUs | None = None  # when we heard of it
    last_captured_at_us: TimeUs | None = None
    certainty: Certainty | None = None  # probable if any was

    def hearing(self, *, captured_at_us: int, raised_at_us: int, certainty: Certainty) -> "Check":
        is_first = self.first_captured_at_us is None or captured_at_us < self.first_captured_at_us
        probable = Certainty.PROBABLE in (self.certainty, certainty)
        return self.model_copy(
            update={
                "alarms": self.alarms + 1,
                "first_captured_at_us": captured_at_us if is_first else self.first_captured_at_us,
                "first_raised_at_us": raised_at_us if is_first else self.first_raised_at_us,
                "last_captured_at_us": max(captured_at_us, self.last_captured_at_us or 0),
                "certainty": Certainty.PROBABLE if probable else certainty,
            }
        )


class WalkTest(Exemption):
    """zones: under test. unset_zones, bypassed: as they were when it began; from an unset zone nothing can be heard."""

    zones: tuple[Identifier, ...]
    checks: tuple[Check, ...]
    unset_zones: tuple[Identifier, ...] = ()
    bypassed: tuple[str, ...] = ()

    def names(self, *, zone: str, camera: str) -> bool:
        return zone in self.zones

    def hearing(
        self, *, zone: str, camera: str, captured_at_us: int, raised_at_us: int, certainty: Certainty
    ) -> "WalkTest":
        """With one more alarm."""
        keys = [(each.zone, each.camera) for each in self.checks]
        checks = list(self.checks)
        if (zone, camera) not in keys:
            checks.append(Check(zone=zone, camera=camera, is_expected=False))
        checks = [
            each.hearing(captured_at_us=captured_at_us, raised_at_us=raised_at_us, certainty=certainty)
            if (each.zone, each.camera) == (zone, camera)
            else each
            for each in checks
        ]
        return self.model_copy(update={"checks": tuple(checks)})

    @property
    def is_passed(self) -> bool:
        """Every camera was heard of in every zone it covers."""
        return all(check.alarms for check in self.checks if check.is_expected)
