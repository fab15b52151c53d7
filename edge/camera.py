"""One camera's reading thread, and what can be said of the camera at any moment.

OK means that its frames are being judged: pictures that arrive while the detector is silent cover nothing (SAFETY 18).
"""

import random
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import structlog

from contract.clock import Clock
from contract.events import FeedHealth, FeedState, FeedStatus
from contract.site import Camera
from detectors.detector import Prepared
from detectors.errors import DetectorError
from detectors.frame import Frame
from edge.errors import FeedError, FeedLost
from edge.intake import Intake, Ready
from edge.perception.glance import Glance
from edge.source import Source, expect_lens_size

FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 0.5, 10.0
STALL_US = 5_000_000  # half of the 10 s in which SAFETY 18 wants the trouble raised; the rest is for the way there
SHORT_FRAC = 0.9  # below this part of its minimum rate a camera is said to be short of it
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class FeedCounts:
    """dropped: for a newer frame, before the detector had time. quiet: nothing moved. rested: so that the board cools.

    corrupt_packets: of this opening. reopened: times the feed was opened again.
    """

    decoded: int
    judged: int
    dropped: int
    quiet: int
    rested: int
    corrupt_packets: int
    reopened: int


class CameraFeed:
    """Reads one feed into the intake until told to stop; a live one for ever, a recording to its end. With a `glance`
    the frames in which nothing moves stay out, but for its minimum rate.

    `run` is the thread's whole life. `judged` and `failed` are the detecting thread's words; `status` and `health` are
    the watching thread's questions. Each field is written by one of them and read whole.
    """

    def __init__(
        self,
        camera: Camera,
        open_feed: Callable[[], Source],
        *,
        prepare: Callable[[Frame], Prepared],
        intake: Intake,
        clock: Clock,
        chance: random.Random,
        glance: Glance | None = None,
    ) -> None:
        self.camera = camera.id
        self._camera = camera
        self._open_feed = open_feed
        self._prepare = prepare
        self._intake = intake
        self._clock = clock
        self._chance = chance
        self._glance = glance
        self._stop = threading.Event()
        self.is_finished = False  # a recording, read to its end or not readable
        self._source: Source | None = None
        self._openings = 0
        self._read_state = FeedState.STARTING
        self._read_detail = ""
        self._failure: str | None = None
        self._last_decoded_us = self._last_answer_us = self._last_placed_us = clock.monotonic_us()
        self._inference_us: int | None = None
        self._decoded = self._judged = self._judged_before = self._dropped = self._quiet = 0
        self.rate_owed_hz = 0.0  # inferences a second; written by the detecting thread
        self.rate_most_hz: float | None = None  # so that the board cools; written by the detecting thread
        self._next_us = 0  # when that allows the next frame; monotonic
        self._rested = 0
        self._at_last_health = (self._last_decoded_us, 0, 0)  # monotonic, frames judged, frames dropped
        self._is_short = False
        self._aside = ""  # what of the judging fails and costs no sight
        self._status = FeedStatus(camera=camera.id, state=FeedState.STARTING, since_us=clock.wall_us())

    def run(self) -> None:
        back_off_s = FIRST_BACK_OFF_S
        while not self._stop.is_set():
            decoded_before = self._decoded
            source = self.begin()
            try:
                with closing(source.frames(self._stop)) as frames:
                    for frame in frames:
                        self.take(frame)
            except FeedError as err:
                self.end(err)
            else:
                self.end(None)
            if self.is_finished:
                return
            if self._decoded > decoded_before:
                back_off_s = FIRST_BACK_OFF_S
            self._stop.wait(back_off_s * self._chance.uniform(0.5, 1.0))
            back_off_s = min(back_off_s * 2, LONGEST_BACK_OFF_S)

    # One opening of the feed, in steps: `run` takes them on its thread, a simulation in its own time.

    def begin(self) -> Source:
        """A new opening; its frames are for `take`."""
        source = self._source = self._open_feed()
        self._openings += 1
        return source

    def take(self, frame: Frame) -> None:
        """Make a frame ready for the detecting thread. Raises FeedUnreadable for one of the wrong size."""
        assert self._source is not None
        expect_lens_size(frame, self._camera)
        self._last_decoded_us = self._clock.monotonic_us()
        if frame.index == 0:
            self._last_answer_us = self._last_placed_us = self._last_decoded_us
            self._judged_before = self._judged
        self._read_state = FeedState.OK
        self._decoded += 1
        is_wanted = True
        if self._glance is not None:
            is_wanted = self._glance.lets_pass(frame)
            self._source.is_quiet = self._glance.is_quiet
        if self._is_held():
            if not self._is_due(self._last_decoded_us):
                self._rested += 1
                return
        elif not is_wanted:
            self._quiet += 1
            return
        try:
            prepared = self._prepare(frame)
        except DetectorError as err:
            self._failure = str(err)
            return
        ready = Ready(self.camera, frame, prepared, self._clock.monotonic_us(), self._openings)
        self._dropped += self._intake.put(ready, newest_wins=self._source.is_paced, stop=self._stop)

    def end(self, error: FeedError | None) -> None:
        """The opening is over; a live feed that ends is lost."""
        assert self._source is not None
        if error is None and self._source.is_live and not self._stop.is_set():
            error = FeedLost(f"camera '{self.camera}': the feed ended")
        if error is not None:
            self._read_state, self._read_detail = FeedState.LOST, str(error)
        else:
            self._read_state, self._read_detail = FeedState.ENDED, self._source.remark
        self.is_finished = not self._source.is_live

    def stop(self) -> None:
        """Returns at once; the thread ends within the read time-out of its source."""
        self._stop.set()

    @property
    def is_over(self) -> bool:
        """No frame will come, unless the feed is live and returns."""
        return self._read_state in (FeedState.ENDED, FeedState.LOST)

    @property
    def counts(self) -> FeedCounts:
        """Since the node started. Any thread may ask."""
        corrupt = 0 if self._source is None else self._source.corrupt_packets
        return FeedCounts(
            self._decoded, self._judged, self._dropped, self._quiet, self._rested, corrupt, max(self._openings - 1, 0)
        )

    @property
    def inference_us(self) -> int | None:
        """How long the last one took."""
        return self._inference_us

    def judged(self, *, inference_us: int, is_followed: bool = False, is_placed: bool = True, aside: str = "") -> None:
        """The detector's answer is in; `is_followed`: something is tracked in this camera's view; `is_placed`: it was
        known where the camera is, so that what it showed was located; `aside`: what is wrong and costs no sight."""
        if aside != self._aside:
            self._aside = aside
            log.info(
                "feed judged with less than it was set to" if aside else "feed judged with all again",
                camera=self.camera,
                reason=aside,
            )
        if self._glance is not None:
            self._glance.is_followed = is_followed
        self._last_answer_us = self._clock.monotonic_us()
        if is_placed:
            self._last_placed_us = self._last_answer_us
        self._inference_us = inference_us
        self._judged += 1
        self._failure = None

    def failed(self, reason: str) -> None:
        self._failure = reason

    def status(self) -> FeedStatus:
        """The state now; `since_us` changes only with the state."""
        state, detail = self._state(self._clock.monotonic_us())
        if state is not self._status.state:
            self._status = FeedStatus(camera=self.camera, state=state, since_us=self._clock.wall_us(), detail=detail)
            log.info("feed state changed", camera=self.camera, state=state.value, detail=detail)
        elif detail != self._status.detail:
            self._status = self._status.model_copy(update={"detail": detail})
        return self._status

    def health(self) -> FeedHealth:
        """The figures now; since it was asked last, were frames dropped though the camera had not its minimum rate?"""
        now_us, judged, dropped = self._clock.monotonic_us(), self._judged, self._dropped
        before_us, judged_before, dropped_before = self._at_last_health
        owed = self.rate_owed_hz * (now_us - before_us) / 1e6
        self._is_short = dropped > dropped_before and judged - judged_before < SHORT_FRAC * owed
        self._at_last_health = (now_us, judged, dropped)
        inference_us = self._inference_us
        return FeedHealth(
            camera=self.camera,
            frames_decoded=self._decoded,
            frames_used=judged,
            frames_dropped=dropped + self._rested,
            frames_quiet=self._quiet,
            inference_ms=None if inference_us is None else inference_us / 1e3,
        )

    def _is_held(self) -> bool:
        """While the board must cool: a live feed, or one played as one; others wait for the detector anyway."""
        return self.rate_most_hz is not None and self._source is not None and self._source.is_paced

    def _is_due(self, now_us: int) -> bool:
        """Of a held feed: whatever moves, the glance's own minimum rate must not be halved by a second one."""
        most_hz = self.rate_most_hz
        if most_hz is None:
            return True
        if now_us < self._next_us:
            return False
        period_us = round(1e6 / most_hz)  # who came late is due earlier next time, so that the rate is kept
        self._next_us = max(self._next_us + period_us, now_us + period_us // 2)
        return True

    def _state(self, now_us: int) -> tuple[FeedState, str]:
        if self._read_state is not FeedState.OK:
            return self._read_state, self._read_detail
        if self._failure is not None:
            return FeedState.DETECTOR_FAILED, self._failure
        if now_us - self._last_answer_us > STALL_US:
            if self._last_decoded_us > self._last_answer_us or self._judged == self._judged_before:
                return FeedState.DETECTOR_FAILED, f"no answer for more than {STALL_US / 1e6:.0f} s"
            return FeedState.STALLED, f"no frame for more than {STALL_US / 1e6:.0f} s"
        if self._judged == self._judged_before:
            return FeedState.STARTING, "waiting for the detector's first answer"
        if self._glance is not None and self._glance.wrong:
            return FeedState.TAMPERED, self._glance.wrong
        if now_us - self._last_placed_us > STALL_US:  # on the map it sees nobody
            return FeedState.STALLED, f"no pose for more than {STALL_US / 1e6:.0f} s"
        if self._is_short:
            return FeedState.OK, f"judged less often than its minimum of {self.rate_owed_hz:g} a second"
        if self._aside:
            return FeedState.OK, self._aside
        source = self._source
        if source is None:
            return FeedState.OK, ""
        return FeedState.OK, source.remark or f"stamped by {source.captured_by.value}"
