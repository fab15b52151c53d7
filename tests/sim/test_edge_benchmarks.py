"""What the benchmarks of the edge node make of what they measured."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.codec import encode
from contract.commands import Ack, SequenceRange
from contract.envelope import COORDINATOR, Envelope
from contract.events import Stage
from contract.topics import topic_of
from detectors.detections import Detections
from detectors.record import read_recording
from edge.errors import SetUpError
from sim.benchmarks.figures import Spread
from sim.benchmarks.flat import Flatness, slope
from sim.benchmarks.flat_plot import write_plot
from sim.benchmarks.gate import GlanceCost
from sim.benchmarks.records import receipts_us
from sim.benchmarks.stage import box_px, script
from sim.benchmarks.tracking import VARIABLE, measure_tracking
from tests.contract.factories import OUTBOX, T0_US, envelope, event


def test_memory_that_grows_and_memory_that_only_shakes_are_told_apart() -> None:
    chance = np.random.default_rng(1)
    shaking = [(frames, 170.0 + float(chance.normal(0, 0.2))) for frames in range(20_000, 120_000, 50)]
    growing = [(frames, mb + frames / 1e3 * 0.02) for frames, mb in shaking]

    flat_kb, error_kb = slope(shaking)
    grown_kb, _ = slope(growing)

    assert abs(flat_kb) < 3 * error_kb < 2.0
    assert grown_kb == pytest.approx(20.0, abs=1.0)
    assert Flatness(flat_kb, error_kb, 170.0, 170.0, 100_000, 9, 400.0).missed == []
    assert Flatness(grown_kb, error_kb, 170.0, 172.0, 100_000, 9, 400.0).missed == [
        f"a node's memory: expected at most 5.0 KB more in 1000 frames, got {grown_kb:.1f}"
    ]


def test_memory_is_drawn_from_nothing_up(tmp_path: Path) -> None:
    write_plot(
        tmp_path / "flat.png", [(0, 90.0), (500, 100.0), (1000, 100.0)], slope_kb=1.0, error_kb=0.1, warm_frames=500
    )

    image = cv2.imread(str(tmp_path / "flat.png"))
    assert image is not None
    assert image.shape == (420, 1000, 3)
    assert (image < 255).any()


def test_a_glance_is_judged_by_its_median_and_by_its_mean() -> None:
    cheap, dear = Spread(400, 0.9, 1.5, 1.6, 1.7), Spread(400, 0.1, 3.0, 9.0, 9.0)

    assert GlanceCost({"still": cheap}, {"still": 0.95}, {"still": 16}).missed == []
    assert GlanceCost({"lamp": dear}, {"lamp": 1.2}, {"lamp": 300}).missed == [
        "a glance at 1080p, lamp: expected p50 and mean of at most 1 ms, got 0.10 and 1.20 ms"
    ]


def test_a_script_is_a_recording_of_detections(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text(script([[], [box_px(0), box_px(1)]], (320, 180)))

    recording = read_recording(path)

    assert [len(found.score) for found in recording.detections] == [0, 2]
    assert (recording.header.width_px, recording.header.height_px) == (320, 180)


def found_boxes(frames: int) -> list[tuple[int, Detections]]:
    box = np.array([[10.0, 10.0, 30.0, 60.0]], np.float32)
    one = Detections(box, np.array([0.9], np.float32), np.zeros(1, np.int32))
    return [(index * 100_000, one) for index in range(frames)]


def test_without_another_interpreter_only_our_tracker_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    cost = measure_tracking(found_boxes(5), (768, 576))

    assert cost.ms > 0
    assert (cost.peer_ms, cost.ratio) == (None, None)


def test_an_interpreter_that_has_no_trackers_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/bin/true")

    with pytest.raises(SetUpError, match=r"^VEDETTE_TRACKERS_PYTHON=/bin/true: expected an interpreter with trackers"):
        measure_tracking(found_boxes(1), (768, 576))


def heard(at_us: int, said: Envelope) -> bytes:
    topic = topic_of(said.body).address(site=said.site, node="edge-1")
    return b"%d %s %s\n" % (T0_US + at_us, topic.encode(), encode(said))


def told(sequence: int, *, sent_us: int, outbox_us: int, stage: Stage = Stage.START) -> Envelope:
    return envelope(
        event(stage=stage, track=sequence),
        sequence=sequence,
        sent_at_us=T0_US + sent_us,
        hops_us={"rule": 200, "outbox": outbox_us},
    )


def receipt(contiguous: int, *beyond: int) -> Envelope:
    parts = tuple(SequenceRange(first=each, last=each) for each in beyond)
    return envelope(Ack(outbox_id=OUTBOX, contiguous=contiguous, stored_beyond=parts), node=COORDINATOR)


def test_a_receipt_counts_from_the_rule_that_fired_for_each_alarm_that_it_covers_first(tmp_path: Path) -> None:
    file = tmp_path / "heard.txt"
    file.write_bytes(
        heard(0, receipt(0))
        + heard(31_000, told(1, sent_us=30_000, outbox_us=10_000))
        + heard(42_000, told(2, sent_us=41_000, outbox_us=1_000))
        + heard(43_000, told(3, sent_us=43_000, outbox_us=1_000, stage=Stage.END))
        + heard(44_000, told(4, sent_us=44_000, outbox_us=2_000))
        + heard(50_000, receipt(1, 4))
        + heard(70_000, told(1, sent_us=69_000, outbox_us=49_000))
        + heard(90_000, receipt(4))
    )

    assert receipts_us(file) == [30_000, 8_000, 50_000]
