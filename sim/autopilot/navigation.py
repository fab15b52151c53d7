"""What the satellite receiver says and what the vehicle makes of it, as errors against the truth.

The vehicle steers by what it believes, so all of its own places (`Motion`, targets, home, fence) are believed ones; the
truth is a believed place less `believed_off`. Pairs are metres (east, north).
"""

import math
from dataclasses import dataclass

Offset = tuple[float, float]

GATE_M = 5.0  # EK3_POS_I_GATE of 5 sigma at about 1 m: a smaller jump is taken for movement
RESET_AFTER_S = 10.0  # EKF3's retry time of a position while velocities agree
USED_AGAIN_AFTER_S = 2.0  # assumed: how long a receiver must be good before it is used again
LOST_FOR_FAILSAFE_S = 1.0  # over the variance threshold for so long


@dataclass(slots=True)
class Navigation:
    """Receiver and estimate of one vehicle; times are its own seconds."""

    wander: Offset = (0.0, 0.0)  # the slow error of a good receiver
    receiver_off: Offset = (0.0, 0.0)  # a fault: so far beside where it is
    believed_off: Offset = (0.0, 0.0)
    is_lost: bool = False
    has_failed: bool = False
    _rejecting_since_s: float | None = None
    _lost_since_s: float | None = None
    _usable_at_s: float = 0.0

    def boot(self) -> None:
        """The estimate starts afresh; a fault of the receiver outlasts a reboot."""
        self.has_failed = False
        self._rejecting_since_s = self._lost_since_s = None
        self._usable_at_s = 0.0

    def lose(self) -> None:
        self.is_lost = True

    def recover(self, now_s: float) -> None:
        """The receiver has a fix at once, the estimate uses it a little later."""
        if self.is_lost:
            self.is_lost = False
            self._usable_at_s = now_s + USED_AGAIN_AFTER_S

    def is_usable(self, now_s: float) -> bool:
        return not self.is_lost and now_s >= self._usable_at_s

    @property
    def is_glitching(self) -> bool:
        return self._rejecting_since_s is not None

    @property
    def jump(self) -> Offset:
        """From what is believed to what the receiver says, its slow error aside."""
        return self.receiver_off[0] - self.believed_off[0], self.receiver_off[1] - self.believed_off[1]

    def step(self, now_s: float) -> bool:
        """Judge the receiver, once a second: True when the estimate is to be set upon what it says (`take_jump`)."""
        if not self.is_usable(now_s):
            self._rejecting_since_s = None
            if self._lost_since_s is None:
                self._lost_since_s = now_s
            self.has_failed = now_s - self._lost_since_s >= LOST_FOR_FAILSAFE_S
            return False
        self._lost_since_s, self.has_failed = None, False
        jump_m = math.hypot(*self.jump)
        if jump_m > GATE_M:
            if self._rejecting_since_s is None:
                self._rejecting_since_s = now_s
            if now_s - self._rejecting_since_s < RESET_AFTER_S:
                return False
        self._rejecting_since_s = None
        return jump_m > 0.0

    def take_jump(self) -> Offset:
        """Believe the receiver from now on; how far that is."""
        jump = self.jump
        self.believed_off = self.receiver_off
        return jump
