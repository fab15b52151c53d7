"""Four seconds under a drone at 30 m that looks aside and back: people are located and keep their numbers.

The short form of `vedette-sim bench drone`; with boxes of the truth, because four seconds judge no detector.
"""

from dataclasses import replace

import numpy as np
import pytest

from contract.labels import Label
from sim.benchmarks.drone import eyes_of
from sim.benchmarks.drone_follow import ToldPoses, counts, follow, noisy_truth, pipeline_of
from sim.benchmarks.drone_picture import picture_of
from sim.benchmarks.drone_scene import TAKES, scene_of, shots_of
from sim.flight import Flight

pytestmark = pytest.mark.usefixtures("renderer")

LABELS = (Label.PERSON,)


def test_people_under_a_drone_are_located_and_keep_their_numbers() -> None:
    flight = Flight((22, -18), 30.0, 30.0, (22, -18), round_s=45.0, looks_aside_s=(1.0,))
    apart = tuple(each for each in TAKES[0].actors if each.id in "acef")  # b walks beside a
    take = replace(TAKES[0], flight=flight, actors=apart, length_s=4.0, frame_us=200_000)
    film = list(shots_of(take, None))
    site = scene_of(take).site

    followed = []
    for seed in range(3):
        pipeline = pipeline_of(site, ToldPoses(flight, length_s=take.length_s, seed=seed), LABELS)
        boxes = noisy_truth(film, labels=LABELS, seed=seed)
        followed.append(follow(film, boxes, pipeline=pipeline, labels=LABELS))
    eyes = eyes_of(followed)

    heights = [each.height_px for shot in film for each in shot.seen if counts(each)]
    assert 38 <= np.median(heights) <= 48
    assert any(not shot.seen for shot in film)
    assert eyes.off_p95_m <= 3.0
    assert eyes.claimed_frac >= 0.8
    assert eyes.returns >= 6
    assert (eyes.kept_frac, eyes.switches) == (1.0, 0.0)
    assert picture_of(take, film, followed[0]).shape == (540, 1500, 3)
