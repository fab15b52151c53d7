"""Which pictures of a fixed camera the detector must see: all while something moves or is followed, else a slow sweep.

The sweep is the camera's minimum rate, so who stands still from the first picture on is found as well: a quiet camera
leaves the detector to the others, and is never left out (SAFETY 20). Motion opens the gate and raises nothing.
"""

HELD_US = 3_000_000  # open after the last movement: as long as a hidden object is remembered
EARLY_FRAC = 0.1  # of the sweep's period that a picture may come early: frames fall where they fall


class Gate:
    """A state machine on capture times. `rate_min_hz`: pictures a second that pass whatever moves."""

    def __init__(self, *, rate_min_hz: float) -> None:
        self._due_after_us = round((1.0 - EARLY_FRAC) * 1e6 / rate_min_hz)
        self._open_until_us = 0
        self._passed_us = -self._due_after_us

    def is_open_at(self, captured_at_us: int) -> bool:
        """Something moved lately."""
        return captured_at_us < self._open_until_us <= captured_at_us + HELD_US

    def passes(self, *, is_busy: bool, captured_at_us: int) -> bool:
        """`is_busy`: something moves in this picture, or is followed already."""
        if is_busy:
            self._open_until_us = captured_at_us + HELD_US
        is_due = abs(captured_at_us - self._passed_us) >= self._due_after_us  # a clock may be set back
        if not (is_due or self.is_open_at(captured_at_us)):
            return False
        self._passed_us = captured_at_us
        return True
