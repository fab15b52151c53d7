"""What is said of a camera: OK only while its frames are judged."""

import random
import threading
from collections.abc import Callable, Generator

import numpy as np
import pytest

from contract.clock import Clock, SystemClock
from contract.events import FeedState
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from detectors.scheduler import Batching
from edge.camera import STALL_US, CameraFeed
from edge.errors import FeedLost, FeedUnreadable
from edge.intake import Intake, Ready
from edge.perception.glance import Glance
from edge.source import CapturedBy
from tests.conftest import ManualClock
from tests.edge.yard import START_US, picture, site

STOP = "stop"
Step = Frame | Exception | str | Callable[[], None]


def prepare(frame: Frame) -> Prepared:
    return Prepared(frame.image_bgr[:0], 1.0, 0.0, 0.0, 640, 480, frame.pts_us)  # type: ignore[arg-type]


class ScriptedSource:
    """Plays frames, runs calls between them, raises errors, stops its reader."""

    captured_by = CapturedBy.ARRIVAL
    corrupt_packets = 0
    is_quiet = False

    def __init__(self, *steps: Step, is_live: bool = True, remark: str = "") -> None:
        self._steps = steps
        self.is_live = self.is_paced = is_live
        self.remark = remark

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        for step in self._steps:
            if stop.is_set():
                return
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Frame):
                yield step
            elif isinstance(step, str):
                stop.set()
            else:
                step()


def intake_of(clock: Clock, *cameras: str, capacity: int = 100) -> Intake:
    intake = Intake(clock, capacity=capacity)
    for camera in cameras or ("mast",):
        intake.enter(camera)
    return intake


def feed_of(
    clock: ManualClock, *sources: ScriptedSource, intake: Intake | None = None, glance: Glance | None = None
) -> CameraFeed:
    """A feed that opens one source after the other, and is stopped by the last."""
    waiting = list(sources)
    return CameraFeed(
        site().camera("mast"),
        lambda: waiting.pop(0),
        prepare=prepare,
        intake=intake or intake_of(clock),
        clock=clock,
        chance=random.Random(1),
        glance=glance,
    )


def _run_quickly(feed: CameraFeed, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Run on this thread without waiting; the back-offs it would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(feed._stop, "wait", waited.append)
    feed.run()
    return waited


def test_a_feed_is_ok_once_its_first_frame_was_judged(clock: ManualClock) -> None:
    states: list[FeedState] = []
    feed = feed_of(
        clock,
        ScriptedSource(
            picture(0),
            lambda: states.append(feed.status().state),
            lambda: feed.judged(inference_us=10_000),
            lambda: states.append(feed.status().state),
            is_live=False,
        ),
    )
    states.append(feed.status().state)
    feed.run()
    states.append(feed.status().state)
    assert states == [FeedState.STARTING, FeedState.STARTING, FeedState.OK, FeedState.ENDED]
    assert feed.is_finished


def test_frames_without_answers_are_a_failed_detector(clock: ManualClock) -> None:
    seen: list[tuple[FeedState, str]] = []
    frames: list[Step] = [lambda: clock.advance(1), picture(1)]
    feed = feed_of(
        clock,
        ScriptedSource(
            picture(0),
            lambda: feed.judged(inference_us=1),
            *frames * 6,
            lambda: seen.append((feed.status().state, feed.status().detail)),
            is_live=False,
        ),
    )
    feed.run()
    assert seen == [(FeedState.DETECTOR_FAILED, "no answer for more than 5 s")]


def test_answers_without_new_frames_are_a_stalled_feed(clock: ManualClock) -> None:
    seen: list[FeedState] = []
    feed = feed_of(
        clock,
        ScriptedSource(
            picture(0),
            lambda: feed.judged(inference_us=1),
            lambda: clock.advance(STALL_US / 1e6 + 0.1),
            lambda: seen.append(feed.status().state),
            is_live=False,
        ),
    )
    feed.run()
    assert seen == [FeedState.STALLED]


def test_an_error_of_the_detector_is_published_and_its_next_answer_heals(clock: ManualClock) -> None:
    seen: list[FeedState] = []
    feed = feed_of(
        clock,
        ScriptedSource(
            picture(0),
            lambda: feed.failed("out of memory"),
            lambda: seen.append(feed.status().state),
            lambda: feed.judged(inference_us=1),
            lambda: seen.append(feed.status().state),
            is_live=False,
        ),
    )
    feed.run()
    assert seen == [FeedState.DETECTOR_FAILED, FeedState.OK]


def test_what_fails_and_costs_no_sight_is_told_and_the_feed_stays_ok(clock: ManualClock) -> None:
    seen: list[tuple[FeedState, str]] = []

    def tell() -> None:
        status = feed.status()
        seen.append((status.state, status.detail))

    feed = feed_of(
        clock,
        ScriptedSource(
            picture(0),
            lambda: feed.judged(inference_us=1, aside="appearance is not used: no memory"),
            tell,
            lambda: feed.judged(inference_us=1),
            tell,
            is_live=False,
        ),
    )
    feed.run()
    assert seen == [(FeedState.OK, "appearance is not used: no memory"), (FeedState.OK, "stamped by time of arrival")]


def test_a_lost_stream_is_opened_again_with_growing_jittered_pauses(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[FeedState] = []
    gone = [ScriptedSource(FeedUnreadable("no route")) for _ in range(6)]
    feed = feed_of(
        clock,
        ScriptedSource(picture(0), FeedLost("gone")),
        *gone,
        ScriptedSource(lambda: states.append(feed.status().state), picture(0), STOP),
    )
    waited = _run_quickly(feed, monkeypatch)
    for pause_s, longest_s in zip(waited[:7], [0.5, 1, 2, 4, 8, 10, 10], strict=True):
        assert longest_s / 2 <= pause_s <= longest_s
    assert states == [FeedState.LOST]


def test_a_stream_that_just_ends_is_lost(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    feed = feed_of(
        clock,
        ScriptedSource(picture(0)),
        ScriptedSource(lambda: seen.append(feed.status().detail), STOP),
    )
    _run_quickly(feed, monkeypatch)
    assert seen == ["camera 'mast': the feed ended"]


def test_an_unreadable_recording_is_not_tried_again(clock: ManualClock) -> None:
    feed = feed_of(clock, ScriptedSource(FeedUnreadable("x.mp4: expected a video"), is_live=False))
    feed.run()
    assert feed.status().state is FeedState.LOST
    assert feed.status().detail == "x.mp4: expected a video"


def test_the_remark_of_a_truncated_recording_is_published(clock: ManualClock) -> None:
    feed = feed_of(clock, ScriptedSource(picture(0), is_live=False, remark="truncated: expected 6.0 s, got 2.0 s"))
    feed.run()
    assert feed.status().detail == "truncated: expected 6.0 s, got 2.0 s"


def test_since_us_moves_only_with_the_state(clock: ManualClock) -> None:
    feed = feed_of(clock, ScriptedSource(picture(0), is_live=False))
    first = feed.status()
    clock.advance(1)
    assert feed.status() == first
    feed.run()
    assert feed.status().since_us == first.since_us + 1_000_000


def test_pictures_of_another_size_than_the_lens_are_a_lost_feed_and_never_judged(clock: ManualClock) -> None:
    small = Frame(np.zeros((240, 320, 3), np.uint8), 0, 0, 0, 0)
    intake = intake_of(clock)
    feed = feed_of(clock, ScriptedSource(small, is_live=False), intake=intake)
    feed.run()
    assert feed.status().state is FeedState.LOST
    assert feed.status().detail == (
        "camera 'mast': expected pictures of 640x480 as its lens in the site file says, got 320x240"
    )
    assert intake.take(0.0) == []


def test_a_frame_that_cannot_be_prepared_is_a_failure_of_the_detector(clock: ManualClock) -> None:
    def refuse(_frame: Frame) -> Prepared:
        raise InferenceError("frame of 0 x 0 pixels")

    seen: list[str] = []
    source = ScriptedSource(picture(0), lambda: seen.append(feed.status().detail), is_live=False)
    feed = CameraFeed(
        site().camera("mast"),
        lambda: source,
        prepare=refuse,
        intake=intake_of(clock),
        clock=clock,
        chance=random.Random(1),
    )
    feed.run()
    assert seen == ["frame of 0 x 0 pixels"]


def _ready(camera: str, index: int) -> Ready:
    frame = picture(index)
    return Ready(camera, frame, prepare(frame), 0)


def _taken(intake: Intake) -> list[Ready]:
    """All that waits, a batch after the other."""
    return [ready for batch in iter(lambda: intake.take(0.0), []) for ready in batch]


def test_of_a_live_camera_the_newest_frame_wins(clock: ManualClock) -> None:
    intake = intake_of(clock, capacity=2)
    dropped = [intake.put(_ready("mast", n), newest_wins=True) for n in range(5)]
    assert dropped == [0, 1, 1, 1, 1]
    assert [ready.frame.index for ready in _taken(intake)] == [4]


def test_a_recording_waits_for_room_and_loses_nothing() -> None:
    intake = intake_of(SystemClock(), capacity=2)
    reader = threading.Thread(target=lambda: [intake.put(_ready("mast", n), newest_wins=False) for n in range(20)])
    reader.start()
    taken = [intake.take(5.0) for _ in range(20)]
    reader.join(5.0)
    assert [ready.frame.index for batch in taken for ready in batch] == list(range(20))


def test_cameras_take_turns_whatever_they_send(clock: ManualClock) -> None:
    intake = intake_of(clock, "busy", "quiet")
    for n in range(8):
        intake.put(_ready("busy", n), newest_wins=False)
    for n in range(2):
        intake.put(_ready("quiet", n), newest_wins=False)
    assert [ready.camera for ready in _taken(intake)][:4] == ["busy", "quiet", "busy", "quiet"]
    assert intake.waiting("busy") == 0


def test_a_batch_waits_for_other_cameras_until_its_deadline() -> None:
    intake = Intake(SystemClock(), batching=Batching(frames_max=2, wait_us=50_000))
    intake.enter("mast")
    intake.enter("gate")
    intake.put(_ready("mast", 0), newest_wins=True)
    assert [ready.camera for ready in intake.take(5.0)] == ["mast"]
    late = threading.Thread(target=intake.put, args=(_ready("gate", 1),), kwargs={"newest_wins": True})
    intake.put(_ready("mast", 1), newest_wins=True)
    late.start()
    assert {ready.camera for ready in intake.take(5.0)} == {"mast", "gate"}
    late.join(5.0)


def test_closing_lets_a_waiting_reader_go(clock: ManualClock) -> None:
    intake = intake_of(clock, capacity=1)
    intake.put(_ready("mast", 0), newest_wins=False)
    reader = threading.Thread(target=lambda: intake.put(_ready("mast", 1), newest_wins=False))
    reader.start()
    intake.close()
    reader.join(5.0)
    assert not reader.is_alive()


def test_a_camera_that_is_short_of_its_minimum_rate_says_so(clock: ManualClock) -> None:
    details: list[str] = []

    def look(judged: int) -> None:
        for _ in range(judged):
            feed.judged(inference_us=1)
        clock.advance(2.0)
        feed.health()
        details.append(feed.status().detail)

    source = ScriptedSource(
        picture(0), picture(1), lambda: look(4), picture(2), picture(3), lambda: look(1), lambda: look(1), STOP
    )
    feed = feed_of(clock, source)
    feed.rate_owed_hz = 2.0
    feed.run()
    ok = "stamped by time of arrival"
    assert details == [ok, "judged less often than its minimum of 2 a second", ok]


GRAIN = np.random.default_rng(5).integers(80, 120, (480, 640, 3), dtype=np.uint8)
NOISE = [np.random.default_rng(seed).integers(0, 4, GRAIN.shape, dtype=np.uint8) for seed in range(5)]


def view(index: int, *, somebody_px: int | None = None, level: int = 0) -> Frame:
    """Ten pictures a second of a yard with the sensor's noise; `level`: a flat picture of that brightness instead."""
    image = np.full_like(GRAIN, level) if level else GRAIN + NOISE[index % len(NOISE)]
    if somebody_px is not None:
        image[200:260, somebody_px : somebody_px + 20] = 10
    return Frame(image, index * 100_000, START_US + index * 100_000, index, 0)


def test_a_quiet_camera_shows_the_detector_its_minimum_rate_and_a_busy_one_everything(clock: ManualClock) -> None:
    intake = intake_of(clock)
    walk = [view(100 + step, somebody_px=10 * step) for step in range(20)]
    source = ScriptedSource(*(view(index) for index in range(100)), *walk, is_live=False)
    feed = feed_of(clock, source, intake=intake, glance=Glance(rate_min_hz=2.0))
    feed.run()
    shown = [ready.frame.index for ready in _taken(intake)]
    assert [index for index in shown if index < 100] == list(range(0, 100, 5))
    assert [index for index in shown if index >= 100] == list(range(100, 120))
    health = feed.health()
    assert (health.frames_decoded, health.frames_quiet) == (120, 80)


def test_what_is_followed_keeps_the_gate_open_while_it_stands_still(clock: ManualClock) -> None:
    intake = intake_of(clock)
    source = ScriptedSource(
        view(0), lambda: feed.judged(inference_us=1, is_followed=True), *(view(i) for i in range(1, 50)), is_live=False
    )
    feed = feed_of(clock, source, intake=intake, glance=Glance(rate_min_hz=1.0))
    feed.run()
    assert len(_taken(intake)) == 50


def test_a_covered_camera_is_not_ok_though_its_frames_are_judged(clock: ManualClock) -> None:
    states: list[tuple[FeedState, str]] = []
    steps: list[Step] = [view(0), lambda: feed.judged(inference_us=1)]
    steps += [view(index) for index in range(1, 50)]
    steps += [view(index, level=2) for index in range(50, 100)]
    source = ScriptedSource(*steps, lambda: states.append((feed.status().state, feed.status().detail)), is_live=False)
    feed = feed_of(clock, source, glance=Glance(rate_min_hz=1.0))
    feed.run()
    ((state, detail),) = states
    assert state is FeedState.TAMPERED
    assert detail == "covered or without light: there is nothing in the picture"
