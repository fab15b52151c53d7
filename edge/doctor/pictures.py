"""Feeds and model: does each camera give pictures that fit its lens, and is there time to look at them?"""

import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from itertools import pairwise

import numpy as np

from contract.clock import Clock
from contract.site import Camera
from detectors.detector import Detector
from detectors.errors import DetectorError
from detectors.frame import Frame
from edge.decode import READ_ERRORS, Video, opened_video
from edge.doctor.finding import Finding, ok, warning, wrong
from edge.errors import FeedError, SetUpError
from edge.live import LiveVideo
from edge.source import SourceOptions, expect_lens_size, is_recording, open_source

WATCH_US = 6_000_000  # how long a feed is watched: a key frame each second shows itself five times
PACKETS_MOST = 600
KEY_FRAMES_S = 1.05  # SAFETY 21 wants at most 1 s; time stamps are rounded
WARM_UPS, INFERENCES = 2, 8
BUSY_FRAC = 0.7  # of the detector's time for the minimum rates alone


def look_at_feed(camera: Camera, options: SourceOptions, *, clock: Clock) -> Iterator[Finding]:
    """First picture and its size, then how often a key frame comes."""
    what = f"feed {camera.id}"
    started_us = clock.monotonic_us()
    try:
        source = open_source(options, clock=clock)
        with closing(source.frames(threading.Event())) as frames:
            frame = next(frames)
        expect_lens_size(frame, camera)
    except (FeedError, SetUpError) as err:
        yield wrong(what, str(err), "address, user, password; the lens's size; does another player show it?")
        return
    height_px, width_px = frame.image_bgr.shape[:2]
    first_s = (clock.monotonic_us() - started_us) / 1e6
    said = f"{width_px}x{height_px}, first picture after {first_s:.1f} s, stamped by {source.captured_by.value}"
    yield warning(what, said, source.remark) if source.remark else ok(what, said)
    yield _look_at_key_frames(camera, options, clock)


def look_at_model(open_detector: Callable[[], Detector], *, owed_hz: float, clock: Clock) -> Iterator[Finding]:
    """Opens it and takes its time. owed_hz: inferences a second that the feeds' minimum rates ask for."""
    try:
        detector = open_detector()
    except DetectorError as err:
        yield wrong("model", str(err), "vedette-models list; vedette-models pull")
        return
    identity = detector.identity
    yield ok("model", f"{identity.name} on {identity.backend}")
    try:
        inference_s = _inference_s(detector, clock)
    except DetectorError as err:
        yield wrong("inference", str(err), "vedette-models verify compares it with onnxruntime")
        return
    busy_frac = inference_s * owed_hz
    said = f"{inference_s * 1e3:.1f} ms; the minimum rates ask for {owed_hz:g} a second, {busy_frac:.0%} of the time"
    hint = "a smaller model, another backend (vedette-models bench), fewer feeds or a lower rate_min_hz"
    if busy_frac > 1.0:
        yield wrong("inference", said, hint)
    else:
        yield warning("inference", said, hint) if busy_frac > BUSY_FRAC else ok("inference", said)


def _look_at_key_frames(camera: Camera, options: SourceOptions, clock: Clock) -> Finding:
    what = f"key frames {camera.id}"
    source = open_source(options, clock=clock)
    if isinstance(source, LiveVideo):
        opened = source.opened()
    elif is_recording(options.url):
        opened = opened_video(options.url, monotonic_us=clock.monotonic_us)
    else:
        return ok(what, "not told by this way of reading")
    try:
        times_s, watched_s = _key_times_s(opened, clock)
    except (FeedError, *READ_ERRORS) as err:
        reason = (
            str(err) if isinstance(err, FeedError) else err.strerror or "no data"
        )  # FFmpeg's own holds the password
        return wrong(what, reason, "the feed broke off while it was watched")
    hint = "set the camera's key frame (I frame, GOP) interval to one second: clips start at one, quiet feeds use them"
    gaps_s = [after - before for before, after in pairwise(times_s)]
    if not gaps_s:
        return warning(what, f"fewer than two within {watched_s:.1f} s", hint)
    said = f"every {statistics.median(gaps_s):.2f} s, at most {max(gaps_s):.2f}"
    return ok(what, said) if max(gaps_s) <= KEY_FRAMES_S else warning(what, said, hint)


def _key_times_s(opened: AbstractContextManager[Video], clock: Clock) -> tuple[Sequence[float], float]:
    """Time stamps of the key frames, and how much of the feed was watched."""
    times_s: list[float] = []
    last_us, until_us = 0, clock.monotonic_us() + WATCH_US
    with opened as video:
        for number, packet in enumerate(video.packets()):
            if packet.pts is None or packet.size == 0:
                continue
            last_us = max(last_us, video.since_first_us(packet.pts))
            if packet.is_keyframe:
                times_s.append(video.since_first_us(packet.pts) / 1e6)
            if number >= PACKETS_MOST or clock.monotonic_us() >= until_us:
                break
    return times_s, last_us / 1e6


def _inference_s(detector: Detector, clock: Clock) -> float:
    """Median, of one picture at once, with making it ready."""
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    times_s = []
    for number in range(WARM_UPS + INFERENCES):
        started_us = clock.monotonic_us()
        detector.detect([detector.prepare(Frame(noise, number, number, number, 0))])
        times_s.append((clock.monotonic_us() - started_us) / 1e6)
    return statistics.median(times_s[WARM_UPS:])
