"""A camera that no longer shows its view says so within seconds; weather and somebody before it do not make it."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge.perception.tamper import Grey, Tamper

CHANCE = np.random.default_rng(3)
NOISE = [CHANCE.normal(0, 2, (270, 480)).astype(np.float32) for _ in range(7)]
PERIOD_US = 500_000


def scene(seed: int) -> Grey:
    """Ground, a wall and some things before it."""
    chance = np.random.default_rng(seed)
    picture = cv2.resize(chance.integers(60, 120, (27, 48), dtype=np.uint8), (480, 270), interpolation=cv2.INTER_CUBIC)
    for _ in range(25):
        left, top = chance.integers(0, 440), chance.integers(0, 230)
        width, height = chance.integers(5, 60), chance.integers(5, 60)
        picture[top : top + height, left : left + width] = chance.integers(20, 220)
    return picture.astype(np.uint8)


VIEW, ELSEWHERE = scene(1), scene(2)


class Camera:
    """Two pictures a second, with noise unless said otherwise."""

    def __init__(self) -> None:
        self.tamper = Tamper()
        self.index = 0

    def shows(self, picture: Grey, *, seconds: float, is_noisy: bool = True) -> list[str]:
        """What was the matter after each picture."""
        said = []
        for _ in range(round(seconds * 1e6 / PERIOD_US)):
            self.index += 1
            noise = NOISE[self.index % len(NOISE)] if is_noisy else 0.0
            self.tamper.judge(np.clip(picture + noise, 0, 255).astype(np.uint8), captured_at_us=self.index * PERIOD_US)
            said.append(self.tamper.reason)
        return said


def blurred(picture: Grey) -> Grey:
    return cv2.GaussianBlur(picture, (0, 0), 6).astype(np.uint8)


def panned(picture: Grey) -> Grey:
    return np.roll(picture, 90, axis=1)


def dark(picture: Grey) -> Grey:
    return np.full_like(picture, 3)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param(dark, "covered", id="covered"),
        pytest.param(lambda picture: np.full_like(picture, 180), "covered", id="painted over"),
        pytest.param(lambda _: ELSEWHERE, "turned away", id="turned away"),
        pytest.param(panned, "turned away", id="panned"),
    ],
)
def test_a_view_that_is_lost_is_told_within_seconds_and_over_when_it_is_back(
    change: Callable[[Grey], Grey], word: str
) -> None:
    camera = Camera()
    assert set(camera.shows(VIEW, seconds=60)) == {""}
    said = camera.shows(change(VIEW), seconds=120)
    assert said[:7] == [""] * 7
    assert all(word in reason for reason in said[10:])
    assert camera.shows(VIEW, seconds=2)[-1] == ""


def test_a_lens_out_of_focus_is_told() -> None:
    camera = Camera()
    camera.shows(VIEW, seconds=60)
    assert "out of focus" in camera.shows(blurred(VIEW), seconds=10)[-1]


def test_the_same_picture_again_and_again_is_told() -> None:
    camera = Camera()
    camera.shows(VIEW, seconds=5)
    assert "frozen" in camera.shows(VIEW, seconds=10, is_noisy=False)[-1]


def test_dusk_a_lamp_and_somebody_close_are_no_tampering() -> None:
    camera = Camera()
    camera.shows(VIEW, seconds=60)
    assert set(camera.shows((VIEW * 0.5).astype(np.uint8), seconds=30)) == {""}
    lit = VIEW.copy()
    lit[100:, 200:400] = np.minimum(lit[100:, 200:400] * 1.7, 255).astype(np.uint8)
    assert set(camera.shows(lit, seconds=30)) == {""}
    close = VIEW.copy()
    close[60:, 180:280] = 30
    assert set(camera.shows(close, seconds=30)) == {""}


def test_a_view_that_was_never_seen_is_not_called_wrong() -> None:
    camera = Camera()
    camera.shows(VIEW, seconds=5)
    assert set(camera.shows(ELSEWHERE, seconds=10)) == {""}
