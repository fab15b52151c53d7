"""A text stream that takes no part in what goes wrong with it: for logs, which must not end what they tell of."""

from typing import TextIO


class Unbreakable:
    """What of a text stream is printed to; where it cannot be written (a full disk, a reader that died) the line is
    lost and nothing raised. It is no stream itself: those are flushed once more as they go, when the one behind may be
    closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            return
