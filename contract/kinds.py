"""What a rule may raise, by the name that stands in configuration, site file and event."""

from enum import Enum


class EventKind(str, Enum):
    """Key of the rule file in edge/rules that raises it."""

    INTRUSION = "intrusion"
    LOITERING = "loitering"
    LINE_CROSSING = "line_crossing"
    UNCLASSIFIED_MOVEMENT = "unclassified_movement"


class Severity(str, Enum):
    """How loudly a zone's alarms ask for a person."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
