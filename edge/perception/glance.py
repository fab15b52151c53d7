"""What a glance at a fixed camera's picture tells before any detector: does something move, is the view its own."""

from detectors.frame import Frame
from edge.perception.gate import Gate
from edge.perception.motion import Motion, thinned
from edge.perception.tamper import Tamper

LOOKED_AT_PX = 480  # width: a person of 24 px in 1920 is 6 px high then
EVERY_US = 180_000  # between two glances while the gate is open: that something moves is known then


class Glance:
    """One camera, on the thread that reads it. `rate_min_hz`: pictures a second that pass at least.

    is_followed: something is tracked in this view; the detecting thread's word. is_quiet: nothing moved for a while.
    wrong: what is the matter with the view; empty when nothing.
    """

    def __init__(self, *, rate_min_hz: float) -> None:
        self._gate = Gate(rate_min_hz=rate_min_hz)
        self._motion = Motion()
        self._tamper = Tamper()
        self._glanced_us: int | None = None
        self.is_followed = False
        self.is_quiet = False

    @property
    def wrong(self) -> str:
        return self._tamper.reason

    def lets_pass(self, frame: Frame) -> bool:
        """Whether the detector must see it."""
        is_busy = self.is_followed
        now_us = frame.captured_at_us
        is_open = is_busy or self._gate.is_open_at(now_us)
        if not is_open or self._glanced_us is None or not 0 <= now_us - self._glanced_us < EVERY_US:
            self._glanced_us = now_us
            grey, step = thinned(frame, LOOKED_AT_PX)
            moving = self._motion.find_in(grey, step=step, captured_at_us=now_us)
            self._tamper.judge(grey, captured_at_us=now_us)
            is_busy = is_busy or len(moving) > 0 or self._motion.is_elsewhere
        self.is_quiet = not (is_busy or self._gate.is_open_at(now_us))
        return self._gate.passes(is_busy=is_busy, captured_at_us=now_us)
