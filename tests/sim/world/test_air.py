"""Haze takes contrast as Koschmieder says; noise is the camera's, the frame's and the seed's."""

import numpy as np
import numpy.typing as npt
import pytest

from sim.world.air import NoiseBank, hazed, softened
from sim.world.drawn import Noise

GREY = np.full((36, 64, 3), 128, np.uint8)
SPLIT: npt.NDArray[np.uint8] = np.concatenate(
    [np.full((36, 32, 3), 40, np.uint8), np.full((36, 32, 3), 220, np.uint8)], 1
)


def contrast(image: npt.NDArray[np.uint8]) -> float:
    return float(image[:, 32:].mean() - image[:, :32].mean())


def noisy(noise: Noise, *, at_us: int = 0, is_night: bool = False) -> npt.NDArray[np.uint8]:
    return NoiseBank(64, 36).noisy(GREY, noise, at_us=at_us, is_night=is_night)


@pytest.mark.parametrize(("away_m", "left_frac"), [(0.0, 1.0), (100.0, 0.1414), (200.0, 0.02)])
def test_two_per_cent_of_the_contrast_is_left_at_the_visibility(away_m: float, left_frac: float) -> None:
    away = np.full((36, 64), away_m, np.float32)

    image = hazed(SPLIT, away, visibility_m=200.0, is_night=False)

    assert contrast(image) == pytest.approx(left_frac * contrast(SPLIT), abs=1.5)


def test_haze_is_bright_by_day_and_dark_by_night() -> None:
    away = np.full((36, 64), 1_000.0, np.float32)

    day, night = (hazed(GREY, away, visibility_m=100.0, is_night=is_night) for is_night in (False, True))

    assert day.mean() > 200
    assert night.mean() < 20


def test_noise_has_the_spread_that_was_asked_for_and_no_lean() -> None:
    image = noisy(Noise(0.02, 1, "a")).astype(float)

    assert image.std() == pytest.approx(0.02 * 255, rel=0.05)
    assert image.mean() == pytest.approx(128.0, abs=0.3)


def test_by_night_noise_is_twice_as_strong() -> None:
    night = noisy(Noise(0.02, 1, "a"), is_night=True).astype(float)

    assert night.std() == pytest.approx(2 * 0.02 * 255, rel=0.05)


def test_the_same_frame_of_the_same_camera_has_the_same_noise() -> None:
    first, again = (noisy(Noise(0.02, 1, "a"), at_us=200_000) for _ in range(2))

    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("noise", "at_us"),
    [
        pytest.param(Noise(0.02, 2, "a"), 200_000, id="another seed"),
        pytest.param(Noise(0.02, 1, "b"), 200_000, id="another camera"),
        pytest.param(Noise(0.02, 1, "a"), 400_000, id="another frame"),
    ],
)
def test_noise_differs_with(noise: Noise, at_us: int) -> None:
    assert not np.array_equal(noisy(noise, at_us=at_us), noisy(Noise(0.02, 1, "a"), at_us=200_000))


def test_a_lens_softens_edges_and_leaves_even_ground_alone() -> None:
    image = softened(SPLIT)

    assert np.array_equal(softened(GREY), GREY)
    assert 40 < int(image[18, 31, 0]) < int(image[18, 32, 0]) < 220
