"""What other sensors tell: a fence that shakes, a door that opens, a radar that follows somebody.

A device speaks for itself: its id in the site file is the node of its envelopes. It has no outbox, so nothing of it is
numbered; what it tells twice is known by its content.
"""

from typing import Annotated, Literal

from pydantic import Field

from contract.events import Stage
from contract.frozen import Frozen, Identifier, Metres3, Ratio4, TimeUs
from contract.geo import GroundFix
from contract.labels import Label

DeviceName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
MAX_TARGETS = 200


class SensorAlarm(Frozen):
    """A stage of one alarm of a device. `alarm`: the device's own name for it, of those that last at one time. `zone`,
    `ground`: where, if it knows better than the site file."""

    type: Literal["sensor_alarm"] = "sensor_alarm"
    alarm: DeviceName = "alarm"
    stage: Stage
    zone: Identifier | None = None
    ground: GroundFix | None = None
    score: Ratio4 = 1.0
    text: Annotated[str, Field(max_length=200)] = ""


class Target(Frozen):
    """One thing that a device follows; velocity of the ground, where it is measured."""

    track: DeviceName
    ground: GroundFix
    label: Label = Label.OTHER
    score: Ratio4 = 1.0
    velocity_east_m_s: Metres3 | None = None
    velocity_north_m_s: Metres3 | None = None


class SensorTrack(Frozen):
    """All that a device follows now; nothing is a word too: it lives."""

    type: Literal["sensor_track"] = "sensor_track"
    targets: Annotated[tuple[Target, ...], Field(max_length=MAX_TARGETS)] = ()


class SensorSays(Frozen):
    """A body of a device's own, before it is in an envelope; at_us: by its own clock, none: when it came."""

    body: Annotated[SensorAlarm | SensorTrack, Field(discriminator="type")]
    at_us: TimeUs | None = None
