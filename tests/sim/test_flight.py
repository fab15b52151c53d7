"""A drone's way and what its instruments say of it."""

import numpy as np

from contract.site import CameraPose
from sim.flight import ASIDE_DEG, ASIDE_S, Flight, told_poses

FLIGHT = Flight((0.0, -20.0), 30.0, 10.0, (0.0, 20.0), looks_aside_s=(5.0,))


def numbers(pose: CameraPose) -> list[float]:
    return [pose.east_m, pose.north_m, pose.up_m, pose.heading_deg, pose.pitch_deg, pose.roll_deg]


def test_it_flies_its_round_at_its_height_and_looks_down_at_its_place() -> None:
    start, quarter = FLIGHT.at(0.0), FLIGHT.at(FLIGHT.round_s / 4)

    np.testing.assert_allclose(numbers(start)[:3], [0.0, -30.0, 30.0], atol=0.6)
    np.testing.assert_allclose(numbers(quarter)[:3], [-30.0, -20.0, 30.0], atol=0.6)
    assert abs((start.heading_deg + 180) % 360 - 180) < 8
    assert -40 < start.pitch_deg < -25


def test_it_looks_aside_and_back() -> None:
    without = Flight((0.0, -20.0), 30.0, 10.0, (0.0, 20.0))
    turned = [FLIGHT.at(s).heading_deg - without.at(s).heading_deg for s in (4.9, 5.0 + ASIDE_S / 2, 7.5)]

    np.testing.assert_allclose(np.mod(turned, 360), [0.0, ASIDE_DEG, 0.0], atol=1e-6)


def test_instruments_are_as_wrong_as_they_claim_and_nearly_alike_from_one_pose_to_the_next() -> None:
    now, soon = [], []
    for seed in range(150):
        first, second = [
            np.subtract(numbers(told), numbers(FLIGHT.at(told_us / 1e6)))
            for told_us, told in list(told_poses(FLIGHT, length_s=1.0, seed=seed))[:2]
        ]
        now.append(first)
        soon.append(second - first)
    spread, change = np.std(now, axis=0), np.std(soon, axis=0)

    np.testing.assert_allclose(spread, [0.6, 0.6, 0.6, 0.3, 0.3, 0.3], rtol=0.2)
    assert (change < 0.5 * spread).all()


def test_the_same_seed_says_the_same() -> None:
    once, again = (list(told_poses(FLIGHT, length_s=1.0, seed=3)) for _ in range(2))

    assert once == again
    assert [told_us for told_us, _ in once] == [index * 100_000 for index in range(12)]
