"""A simulated camera's eyes: who is tall enough is found, what a fault hides is not, and no frame is guessed at."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from contract.labels import Label
from detectors.backends.scripted import NOTHING
from detectors.detections import Detections
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.frame import Frame
from detectors.opening import open_scripted
from detectors.record import Header, write_recording
from sim.eyes import BLURRED_PX_A_SIGMA, KEPT_SHOTS, LABELS, ModelledEye, PixelEye, RecordedEye, Shot
from sim.scenario import Modelled
from sim.sight import Seen

SIZE_PX = (1280, 720)
LOOKS = 4_000


def prepared(pts_us: int) -> Prepared:
    return Prepared(NOTHING, 1.0, 0.0, 0.0, *SIZE_PX, pts_us)


def person(height_px: float, *, left_px: float = 600.0) -> Seen:
    return Seen("a", Label.PERSON, (left_px, 300.0, left_px + 20.0, 300.0 + height_px))


def modelled(seed: int = 1, **parts: float) -> ModelledEye:
    return ModelledEye(
        Modelled.model_validate({"sees": "modelled", **parts}), chance=random.Random(seed), size_px=SIZE_PX
    )


def look(eye: ModelledEye | RecordedEye, shot: Shot, *, pts_us: int = 0) -> Detections:
    eye.show(pts_us, shot)
    (found,) = eye.detect([prepared(pts_us)])
    return found


def share_found(eye: ModelledEye, shot: Shot) -> float:
    return sum(len(look(eye, shot)) for _ in range(LOOKS)) / LOOKS


def test_jitter_turns_no_sliver_at_the_edge_inside_out() -> None:
    eye = modelled(jitter_px=3.0)
    sliver = Shot(0, (Seen("a", Label.PERSON, (1278.0, 300.0, 1280.0, 380.0)),))

    boxes = np.concatenate([look(eye, sliver).xyxy_px for _ in range(200)])

    assert 50 < len(boxes) < 200
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 1.0 - 1e-3


@pytest.mark.parametrize(
    ("height_px", "share"),
    [
        pytest.param(11.9, 0.0, id="too small"),
        pytest.param(19.0, 0.25, id="small"),
        pytest.param(26.0, 0.5, id="half way"),
        pytest.param(40.0, 1.0, id="tall enough"),
    ],
)
def test_the_modelled_eye_finds_as_often_as_height_allows(height_px: float, share: float) -> None:
    eye = modelled(sure_px=40.0, blind_px=12.0)

    assert share_found(eye, Shot(0, (person(height_px),))) == pytest.approx(share, abs=0.02)


def test_who_is_half_hidden_counts_as_half_as_tall() -> None:
    hidden = Seen("a", Label.PERSON, (600.0, 300.0, 620.0, 352.0), visible_frac=0.5)

    assert share_found(modelled(sure_px=40.0, blind_px=12.0), Shot(0, (hidden,))) == pytest.approx(0.5, abs=0.02)


def test_blur_takes_the_small_first() -> None:
    blurred = Shot(0, (person(60.0),), blur_sigma_px=26.0 / BLURRED_PX_A_SIGMA)
    lost = Shot(0, (person(60.0),), blur_sigma_px=60.0 / BLURRED_PX_A_SIGMA)

    assert share_found(modelled(), blurred) == pytest.approx((60 - 26 - 12) / 28, abs=0.02)
    assert share_found(modelled(), lost) == 0.0


def test_in_the_dark_nothing_is_found() -> None:
    assert len(look(modelled(), Shot(0, (person(200.0),), is_black=True))) == 0


def test_boxes_jitter_about_the_truth_and_stay_in_the_picture() -> None:
    eye, shot = modelled(jitter_px=3.0), Shot(0, (person(100.0, left_px=1.0),))
    boxes = np.concatenate([look(eye, shot).xyxy_px for _ in range(LOOKS)])

    assert boxes[:, 1].mean() == pytest.approx(300.0, abs=0.3)
    assert boxes[:, 3].std() == pytest.approx(3.0, abs=0.2)
    assert boxes[:, 0].min() == 0.0


def test_rows_are_in_falling_score_with_their_labels() -> None:
    dog = Seen("dog", Label.ANIMAL, (100.0, 100.0, 130.0, 135.0))

    found = look(modelled(sure_px=50.0), Shot(0, (dog, person(200.0))))

    assert [LABELS[index] for index in found.class_index] == [Label.PERSON, Label.ANIMAL]
    assert list(found.score) == sorted(found.score, reverse=True)


def test_one_seed_is_one_sequence() -> None:
    def boxes(seed: int) -> list[list[float]]:
        eye = modelled(seed)
        return [look(eye, Shot(0, (person(30.0),))).xyxy_px.ravel().tolist() for _ in range(50)]

    assert boxes(1) == boxes(1)
    assert boxes(1) != boxes(2)


def test_a_frame_that_was_not_taken_is_an_error_and_no_empty_scene() -> None:
    with pytest.raises(InferenceError, match="no picture was taken at 40000 us"):
        modelled().detect([prepared(40_000)])


def test_pictures_that_nobody_looks_at_are_forgotten() -> None:
    eye = modelled()
    for number in range(KEPT_SHOTS + 1):
        eye.show(number, Shot(number))

    with pytest.raises(InferenceError):
        eye.detect([prepared(0)])
    assert len(eye.detect([prepared(1)])) == 1


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedEye:
    """A person 50 px high at 0 and, further right, 100 px high at 0.2 s."""
    path = tmp_path / "a.jsonl"
    header = Header(
        model="m",
        sha256="0" * 64,
        backend="b",
        labels=(Label.PERSON,),
        width_px=SIZE_PX[0],
        height_px=SIZE_PX[1],
        source="s",
    )
    rows = [
        (pts_us, Detections(np.array([box], np.float32), np.array([0.8], np.float32), np.array([0], np.int32)))
        for pts_us, box in ((0, [100, 100, 120, 150]), (200_000, [300, 100, 340, 200]))
    ]
    write_recording(path, header, rows)
    return RecordedEye(open_scripted(path, score_min=0.0))


def test_recorded_detections_are_those_of_the_moment(recorded: RecordedEye) -> None:
    assert look(recorded, Shot(200_000), pts_us=200_000).xyxy_px.tolist() == [[300, 100, 340, 200]]


def test_a_frozen_camera_shows_the_detections_of_the_moment_it_froze(recorded: RecordedEye) -> None:
    assert look(recorded, Shot(0), pts_us=200_000).xyxy_px.tolist() == [[100, 100, 120, 150]]


def test_recorded_detections_do_not_see_in_the_dark_nor_small_things_through_blur(recorded: RecordedEye) -> None:
    sigma_px = 60.0 / BLURRED_PX_A_SIGMA

    assert len(look(recorded, Shot(0, is_black=True))) == 0
    assert len(look(recorded, Shot(0, blur_sigma_px=sigma_px))) == 0
    assert len(look(recorded, Shot(200_000, blur_sigma_px=sigma_px), pts_us=200_000)) == 1


class Sure:
    """A detector that finds two boxes in every frame."""

    identity = modelled().identity
    labels = LABELS

    def prepare(self, frame: Frame) -> Prepared:
        return prepared(frame.pts_us)

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        boxes = np.array([[0, 0, 10, 10], [20, 0, 30, 10]], np.float32)
        return [Detections(boxes, np.array([0.9, 0.2], np.float32), np.zeros(2, np.int32)) for _ in batch]


def test_a_real_detectors_weak_boxes_are_recorded_and_left_out() -> None:
    eye = PixelEye(Sure(), score_min=0.5)
    eye.show(0, Shot(0))

    (found,) = eye.detect([prepared(0)])

    assert found.score.tolist() == pytest.approx([0.9])
    assert [(pts_us, len(kept)) for pts_us, kept in eye.kept] == [(0, 2)]
