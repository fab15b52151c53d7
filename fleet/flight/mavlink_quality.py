"""How good a link is: frames lost on the way to us, and how long a question and its answer take. No I/O.

The trap of loss: a doubled or overtaken frame is no lost one, and a sender that restarts counts from 0. The trap of the
round trip: TIMESYNC names no receiver, so what is answered to another ground station looks like an answer to us.
"""

from collections import deque
from dataclasses import dataclass, field

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from fleet.flight.mavlink_codec import Message

KNOWN_FROM_FRAMES = 50  # before, chance makes a good link look bad
_REMEMBERED_FRAMES = 400  # then all is halved: recent frames count most
_LATE_FRAMES = 64  # so far behind the newest a frame is late or doubled; further, its sender began anew

ASK_EACH_US = 1_000_000
_OUTSTANDING = 8  # questions that may still be answered
_ANSWERS_A_SECOND = 5  # more is asked by nobody honest
ROUND_TRIP_OLD_US = 15_000_000  # without a new answer it is unknown
_SMOOTHING = 1 / 8  # RFC 6298, SRTT


@dataclass(slots=True)
class SequenceLoss:
    """Of the frames of one component of one system on one link. An outage of more than 127 frames counts short (the age
    of the link tells it better), and a reboot may count as a gap of so many: numbers of one byte tell no more."""

    _newest: int | None = None
    _seen: int = 0  # bit n: the frame n behind the newest came
    _expected: float = 0.0
    _lost: float = 0.0

    def count(self, sequence: int) -> None:
        """One frame that came; `sequence` 0 to 255."""
        if self._newest is None:
            self._newest, self._seen = sequence, 1
            self._expected += 1
            return
        ahead = (sequence - self._newest) % 256
        if 0 < ahead < 128:
            self._newest, self._seen = sequence, (self._seen << ahead | 1) & ((2 << _LATE_FRAMES) - 1)
            self._age()
            self._expected += ahead
            self._lost += ahead - 1
        elif 0 < 256 - ahead <= _LATE_FRAMES:
            self._count_late(256 - ahead)
        elif ahead:
            self.begin_anew(sequence)

    def begin_anew(self, sequence: int | None = None) -> None:
        """Whoever sends now counts from elsewhere: a reboot, a new address. What was lost before stays counted."""
        self._newest, self._seen = sequence, 1

    def _count_late(self, behind: int) -> None:
        """It was taken for lost, unless it came before."""
        bit = 1 << behind
        if not self._seen & bit:
            self._seen |= bit
            self._lost = max(0.0, self._lost - 1)

    def _age(self) -> None:
        if self._expected >= _REMEMBERED_FRAMES:
            self._expected, self._lost = self._expected / 2, self._lost / 2

    @property
    def loss_frac(self) -> float | None:
        return self._lost / self._expected if self._expected >= KNOWN_FROM_FRAMES else None


@dataclass(slots=True)
class RoundTrip:
    """TIMESYNC with one vehicle: we ask once a second, and answer what it asks.

    Source: https://mavlink.io/en/services/timesync.html. tc1 is 0 in a question, else the answerer's time; ts1 is the
    asker's time, which comes back unchanged. Both in nanoseconds of anybody's clock.
    """

    system_id: int
    _outstanding: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_OUTSTANDING))  # ts1, asked at
    _asked_at_us: int | None = None
    _smoothed_us: float | None = None
    _measured_at_us: int = 0
    _answered: deque[int] = field(default_factory=lambda: deque(maxlen=_ANSWERS_A_SECOND))

    def question(self, now_us: int) -> Message | None:
        """What to ask now; None when it is not time yet."""
        if self._asked_at_us is not None and now_us - self._asked_at_us < ASK_EACH_US:
            return None
        self._asked_at_us = now_us
        ts1 = now_us * 1000 + self.system_id  # of two vehicles asked at one moment each has a question of its own
        self._outstanding.append((ts1, now_us))
        return mavlink.MAVLink_timesync_message(0, ts1)

    def hear(self, message: Message, now_us: int) -> Message | None:
        """A TIMESYNC of the vehicle: its question's answer, or None."""
        tc1, ts1 = int(message.tc1), int(message.ts1)
        if tc1 == 0:
            return self._answer(ts1, now_us)
        asked_us = next((at_us for asked, at_us in self._outstanding if asked == ts1), None)
        if asked_us is not None:  # else somebody else asked, or it came twice
            self._outstanding.remove((ts1, asked_us))
            self._measured(now_us - asked_us, now_us)
        return None

    def round_trip_s(self, now_us: int) -> float | None:
        """Smoothed; None while nothing was measured lately."""
        if self._smoothed_us is None or now_us - self._measured_at_us > ROUND_TRIP_OLD_US:
            return None
        return self._smoothed_us / 1e6

    def _answer(self, ts1: int, now_us: int) -> Message | None:
        if len(self._answered) == _ANSWERS_A_SECOND and now_us - self._answered[0] < 1_000_000:
            return None
        self._answered.append(now_us)
        return mavlink.MAVLink_timesync_message(max(now_us, 1) * 1000, ts1)

    def _measured(self, took_us: int, now_us: int) -> None:
        is_first = self._smoothed_us is None or now_us - self._measured_at_us > ROUND_TRIP_OLD_US
        before_us = float(took_us) if is_first or self._smoothed_us is None else self._smoothed_us
        self._smoothed_us = before_us + _SMOOTHING * (took_us - before_us)
        self._measured_at_us = now_us
