"""What the caller does next, in the class.

EdgeError
    SetUpError       configuration or input is wrong: stop (exit code 78 for configuration, 2 for input)
    FeedError
        FeedUnreadable   not a video, or none there: stop for a file, retry for a stream
        FeedLost         it was there and is gone: publish the state, retry with back-off
    OutboxError      the disk did not take a row: publish the fault, keep trying
        UnreadableRow    another version wrote it, or it is damaged: pass it on as it is, and go on
    CalibrationError these points give no pose: say why and stop (exit code 2)
"""


class EdgeError(Exception):
    """Anything the node knows how to answer."""


class SetUpError(EdgeError):
    """Shown as one line; the process ends."""


class FeedError(EdgeError):
    """A feed that gives no frames."""


class FeedUnreadable(FeedError):
    """Nothing decodable at that address."""


class FeedLost(FeedError):
    """The end of a live source is a disconnect, never an end of file."""


class OutboxError(EdgeError):
    """Not durable."""


class UnreadableRow(OutboxError):
    """A message as another version of this software wrote it, or damaged. text: what stands there."""

    def __init__(self, complaint: str, text: str) -> None:
        super().__init__(complaint)
        self.text = text


class CalibrationError(EdgeError):
    """Point pairs from which no pose follows."""
