"""Is a fixed camera's view still its own? Covered, dark, out of focus, turned away, the same picture again and again.

Each is believed when it lasted a few seconds, and over when the view is back; what is usual is learned slowly, and not
while something is wrong. So a turned camera is said to be turned until it is turned back or the node starts anew, also
when its feed was away meanwhile.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

EVERY_US = 500_000  # between two pictures looked at
BELIEVED_US = 4_000_000  # half of the 10 s in which SAFETY 18 wants the trouble raised, less the way there
LEARNED_US = 20_000_000  # before that nobody knows what is usual
LEARN_S = 300.0  # time constant: dusk takes longer
COARSE = (96, 54)  # width, height of the picture that shows where a camera looks
DARK = 12.0  # grey levels added to the surroundings: in the dark, noise is no contrast
AROUND_PX = 15  # of the coarse picture: light that falls on all of it does not matter
UNIFORM = 4.0  # grey levels, one standard deviation of a picture in which nothing is to be seen
BLUNT_FRAC = 0.35  # of the usual sharpness
ALIKE_MIN = 0.4  # correlation with the usual view


@dataclass(frozen=True, slots=True)
class _Look:
    """view: local contrast of the coarse picture, zero mean; sharpness: how far pixels are from the mean of their
    neighbours, of the picture's brightness."""

    grey: Grey
    spread: float
    sharpness: float
    view: Floats


class Tamper:
    """One camera. `reason`: what is wrong, in words; empty while nothing is."""

    def __init__(self) -> None:
        self.reason = ""
        self._last: tuple[int, _Look] | None = None
        self._usual_view: Floats | None = None
        self._usual_sharpness = 0.0
        self._learning_since_us = 0
        self._suspected = ("", 0)  # what seems wrong, and since when

    def judge(self, grey: Grey, *, captured_at_us: int) -> None:
        """A picture as edge/perception/motion.py thins it out; most are passed over."""
        if self._last is not None and 0 <= captured_at_us - self._last[0] < EVERY_US:
            return
        look = _look(grey)
        wrong = self._wrong(look, captured_at_us)
        if not wrong:
            self._learn(look, captured_at_us)
        self._last = captured_at_us, look
        if wrong != self._suspected[0]:
            self._suspected = wrong, captured_at_us
        if not wrong or captured_at_us - self._suspected[1] >= BELIEVED_US:
            self.reason = wrong

    def _wrong(self, look: _Look, now_us: int) -> str:
        if look.spread < UNIFORM:
            return "covered or without light: there is nothing in the picture"
        if self._last is not None and np.array_equal(look.grey, self._last[1].grey):
            return "frozen: the same picture again and again"
        if self._usual_view is None or now_us - self._learning_since_us < LEARNED_US:
            return ""
        if look.sharpness < BLUNT_FRAC * self._usual_sharpness:
            return f"out of focus or smeared: {look.sharpness / self._usual_sharpness:.0%} of its usual sharpness"
        if _alike(look.view, self._usual_view) < ALIKE_MIN:
            return "turned away: it does not show what it usually shows"
        return ""

    def _learn(self, look: _Look, now_us: int) -> None:
        if self._usual_view is None or self._usual_view.shape != look.view.shape:
            self._usual_view, self._usual_sharpness = look.view.copy(), look.sharpness
            self._learning_since_us = now_us
            return
        assert self._last is not None
        since_us = min(max(0, now_us - self._last[0]), 2 * EVERY_US)  # what was not looked at is not learned from
        weight = 1.0 - math.exp(-since_us / 1e6 / LEARN_S)
        cv2.accumulateWeighted(look.view, self._usual_view, weight)
        self._usual_sharpness += weight * (look.sharpness - self._usual_sharpness)


def _look(grey: Grey) -> _Look:
    mean, spread = (float(each[0, 0]) for each in cv2.meanStdDev(grey))
    fine = cv2.blur(grey, (3, 3))  # without most of the noise
    sharpness = cv2.mean(cv2.absdiff(fine, cv2.blur(fine, (9, 9))))[0] / (mean + DARK)
    coarse = cv2.resize(grey, COARSE, interpolation=cv2.INTER_AREA)
    around = cv2.blur(coarse, (AROUND_PX, AROUND_PX))
    view: Floats = coarse.astype(np.float32) / (around.astype(np.float32) + DARK)
    return _Look(grey, spread, sharpness, view - float(view.mean()))


def _alike(a: Floats, b: Floats) -> float:
    """Correlation of two views, -1 to 1."""
    scale = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float((a * b).sum()) / scale if scale else 0.0
