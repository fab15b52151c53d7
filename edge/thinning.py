"""Of a quiet feed only the key frames are decoded, where they come at least once a second (SAFETY 21).

What is passed over is kept until the next key frame: a feed that is quiet no more goes on with the packet at hand,
because the decoder is given first what it missed. A stream with pictures out of order is always decoded wholly.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol, TypeVar

KEY_WITHIN_S = 1.0
LATE_S = 0.1  # a stamp or two; later than that no key frame may be waited for


class Packet(Protocol):
    """What is asked of PyAV's packets."""

    @property
    def is_keyframe(self) -> bool: ...
    @property
    def pts(self) -> int | None: ...
    @property
    def dts(self) -> int | None: ...
    @property
    def time_base(self) -> Fraction: ...


AnyPacket = TypeVar("AnyPacket", bound=Packet)


class Thinning:
    """One opening of one stream. `passed_over`: packets that nobody decoded so far."""

    def __init__(self) -> None:
        self._key_s: float | None = None
        self._is_often = False  # key frames come within the second, by the last two
        self._missed: list[object] = []
        self.passed_over = 0

    def due(self, packet: AnyPacket, *, is_quiet: bool) -> Sequence[AnyPacket]:
        """What to decode now, in order; of its pictures only those of the last packet are new to anybody."""
        if packet.pts is None or packet.pts != packet.dts:
            self._is_often, self._key_s = False, None
            return self._with_missed(packet)
        at_s = float(packet.pts * packet.time_base)
        if packet.is_keyframe:
            self._is_often = self._key_s is not None and 0.0 < at_s - self._key_s <= KEY_WITHIN_S + LATE_S
            self._key_s = at_s
            self.passed_over += len(self._missed)
            self._missed = []
            return [packet]
        is_late = self._key_s is None or not 0.0 <= at_s - self._key_s <= KEY_WITHIN_S + LATE_S
        if is_quiet and self._is_often and not is_late:
            self._missed.append(packet)
            return []
        if is_late:
            self._is_often = False
        return self._with_missed(packet)

    def _with_missed(self, packet: AnyPacket) -> Sequence[AnyPacket]:
        due = [*self._missed, packet]
        self._missed = []
        return due  # type: ignore[return-value]  # all of them came in here
