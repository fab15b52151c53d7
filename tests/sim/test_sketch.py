"""A sketched picture can be glanced at: never the same twice, dark where somebody is, elsewhere once it was turned."""

import numpy as np

from contract.labels import Label
from contract.site import OpenCvLens
from edge.perception.tamper import UNIFORM
from sim.sight import Seen
from sim.sketch import DARK, NOISE, Sketch

LENS = OpenCvLens.pinhole(640, 360, focal_px=700.0)
SOMEBODY = Seen("a", Label.PERSON, (100.2, 50.0, 140.0, 149.6))


def test_everybody_is_a_dark_box_on_a_ground_that_is_not_uniform() -> None:
    image = Sketch(LENS).drawn(0, [SOMEBODY], turned_deg=0.0)
    assert image.shape == (360, 640, 3)
    assert image[50:150, 100:140].max() <= DARK + 2 * NOISE < image[:, 200:].min()
    assert image[:, 200:].std() > UNIFORM


def test_two_pictures_of_an_empty_place_differ_a_little_and_are_the_same_in_every_run() -> None:
    first, second = (Sketch(LENS).drawn(number, (), turned_deg=0.0) for number in (0, 1))
    assert 0 < np.abs(first.astype(int) - second).max() <= 2 * NOISE
    assert (first == Sketch(LENS).drawn(0, (), turned_deg=0.0)).all()


def test_turned_to_the_right_what_was_there_moves_to_the_left() -> None:
    sketch = Sketch(LENS)
    ahead, turned = (sketch.drawn(0, (), turned_deg=deg).astype(int) for deg in (0.0, 10.0))
    shift_px = round(700.0 * np.tan(np.radians(10.0)))
    assert np.abs(turned[:, :-shift_px] - ahead[:, shift_px:]).max() <= 2 * NOISE
    assert np.abs(turned - ahead).max() > 2 * NOISE
