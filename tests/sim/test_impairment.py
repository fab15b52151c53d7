"""A bad link loses, delays, doubles and reorders by its own seeded chance, as often as the scenario says."""

import random
import statistics

import pytest

from sim.impairment import OVERTAKEN_S, Impairment, impairments
from sim.scenario import BadLink

MESSAGES = 20_000


def link(*faults: BadLink, seed: int = 1) -> Impairment:
    return Impairment(random.Random(seed), 0.02, faults=list(faults))


def fault(**parts: float) -> BadLink:
    return BadLink.model_validate({"kind": "bad_link", "of": "edge-1", "at_s": 0.0, **parts})


def test_a_good_link_delivers_once_after_its_delay() -> None:
    assert [link().delays_s() for _ in range(3)] == [[0.02]] * 3


def test_a_lost_link_delivers_nothing() -> None:
    lost = link()
    lost.is_lost = True

    assert lost.delays_s() == []


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_so_many_are_lost_as_the_scenario_says(share: float) -> None:
    bad = link(fault(loss_frac=share))

    lost = sum(bad.delays_s() == [] for _ in range(MESSAGES)) / MESSAGES

    assert lost == pytest.approx(share, abs=0.01)


def test_all_or_none_is_exact() -> None:
    assert all(link(fault(loss_frac=1.0)).delays_s() == [] for _ in range(1_000))
    assert all(len(link(fault(duplicate_frac=1.0)).delays_s()) == 2 for _ in range(1_000))


def test_a_delay_adds_to_the_links_own() -> None:
    assert link(fault(delay_s=1.5)).delays_s() == [pytest.approx(1.52)]


def test_two_faults_add_up() -> None:
    assert link(fault(delay_s=1.0), fault(delay_s=0.5)).delays_s() == [pytest.approx(1.52)]
    both = link(fault(loss_frac=0.5), fault(loss_frac=0.5))

    assert sum(both.delays_s() == [] for _ in range(MESSAGES)) / MESSAGES == pytest.approx(0.75, abs=0.01)


def test_so_many_come_twice_as_the_scenario_says_and_the_second_later() -> None:
    bad = link(fault(duplicate_frac=0.25, delay_s=0.1))
    copies = [bad.delays_s() for _ in range(MESSAGES)]

    doubled = [each for each in copies if len(each) == 2]
    assert len(doubled) / MESSAGES == pytest.approx(0.25, abs=0.01)
    assert all(first <= second <= first + 0.1 + OVERTAKEN_S for first, second in doubled)


def test_so_many_are_overtaken_as_the_scenario_says() -> None:
    bad = link(fault(reorder_frac=0.5, delay_s=0.1))
    delays = [bad.delays_s()[0] for _ in range(MESSAGES)]

    late = [delay for delay in delays if delay > 0.1201]
    assert len(late) / MESSAGES == pytest.approx(0.5, abs=0.01)
    assert statistics.mean(late) == pytest.approx(0.12 + (0.1 + OVERTAKEN_S) / 2, abs=0.01)
    assert max(late) <= 0.12 + 0.1 + OVERTAKEN_S


def test_each_link_has_chances_of_its_own() -> None:
    links = impairments(["a", "b"], seed=7, base_s=0.0)
    alone = impairments(["b"], seed=7, base_s=0.0)["b"]
    for each in (*links.values(), alone):
        each.faults.append(fault(loss_frac=0.5))

    for _ in range(100):  # what one link does
        links["a"].delays_s()

    def fates(each: Impairment) -> list[int]:
        return [len(each.delays_s()) for _ in range(200)]

    b = fates(links["b"])
    assert b == fates(alone)
    assert b != fates(links["a"])


def test_another_seed_is_another_weather() -> None:
    fates = []
    for seed in (1, 2):
        bad = impairments(["a"], seed=seed, base_s=0.0)["a"]
        bad.faults.append(fault(loss_frac=0.5))
        fates.append([len(bad.delays_s()) for _ in range(200)])

    assert fates[0] != fates[1]
