"""Entropy of the next visit: what is known in closed form comes out so."""

import math
from random import Random

import numpy as np
import pytest

from fleet.decision.predictability import counted_bits, entropy_rate_bits, most_bits


def test_the_entropy_rate_of_a_two_state_chain_is_its_closed_form() -> None:
    leaves_first, leaves_second = 0.25, 0.5

    def binary(share: float) -> float:
        return -share * math.log2(share) - (1.0 - share) * math.log2(1.0 - share)

    rate = entropy_rate_bits(np.array([[1 - leaves_first, leaves_first], [leaves_second, 1 - leaves_second]]))

    often_first = leaves_second / (leaves_first + leaves_second)
    assert rate == pytest.approx(often_first * binary(leaves_first) + (1 - often_first) * binary(leaves_second))


def test_a_fixed_round_has_none() -> None:
    assert entropy_rate_bits(np.roll(np.eye(5), 1, axis=1)) == pytest.approx(0.0)
    assert counted_bits(list(range(5)) * 40) == pytest.approx(0.0)


def test_the_most_is_that_of_a_random_order() -> None:
    assert most_bits(4) == pytest.approx((2.0 + math.log2(3.0) + 1.0) / 4)


def test_what_is_counted_comes_near_to_the_chain_that_made_it() -> None:
    chance, chances = Random(3), np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.25, 0.25, 0.5]])
    states = [0]
    for _ in range(8000):
        states.append(chance.choices(range(3), chances[states[-1]])[0])

    assert counted_bits(states) == pytest.approx(entropy_rate_bits(chances), abs=0.02)
