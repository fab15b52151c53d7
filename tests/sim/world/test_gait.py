"""Limbs by gait: they repeat with the way, stand still when it ends, and differ from gait to gait."""

import math
from dataclasses import astuple, replace

import pytest

from sim.actors import GAIT_SPEED_M_S, Standing
from sim.scenario import Actor, Gait, Stop
from sim.world.gait import CYCLE_M, LEG_M, posture_of


def standing(gait: Gait, walked_m: float, *, moves: bool = True) -> Standing:
    actor = Actor(id="p", gait=gait, route=(Stop(east_m=0.0, north_m=0.0),))
    return Standing(actor, 0.0, 0.0, 0.0, GAIT_SPEED_M_S[gait] if moves else 0.0, walked_m)


def flat(values: tuple[object, ...]) -> list[float]:
    return [x for value in values for x in (flat(value) if isinstance(value, tuple) else [float(str(value))])]


@pytest.mark.parametrize("gait", list(CYCLE_M))
def test_a_cycle_on_the_limbs_are_the_same_again(gait: Gait) -> None:
    before, after = (posture_of(standing(gait, 0.3 + cycles * CYCLE_M[gait])) for cycles in (0, 1))

    assert flat(astuple(after)) == pytest.approx(flat(astuple(before)))


@pytest.mark.parametrize("gait", list(CYCLE_M))
def test_half_a_cycle_on_left_is_where_right_was(gait: Gait) -> None:
    before, after = (posture_of(standing(gait, 0.3 + cycles * CYCLE_M[gait])) for cycles in (0.0, 0.5))

    assert astuple(after.left) == pytest.approx(astuple(before.right))


def test_a_walker_s_foot_goes_back_as_far_as_he_goes_forward() -> None:
    """From the heel's touch in front to the toes' leaving behind, or he would seem to glide."""
    step_m = 2.0 * LEG_M * math.sin(0.22 + 0.13 * GAIT_SPEED_M_S[Gait.WALK])
    front, back = (posture_of(standing(Gait.WALK, steps * step_m)).left.thigh for steps in (0.5, 1.5))

    assert LEG_M * (math.sin(front) - math.sin(back)) == pytest.approx(step_m, rel=0.02)


@pytest.mark.parametrize("gait", [Gait.WALK, Gait.RUN])
def test_who_has_stopped_stands_upright_on_both_legs(gait: Gait) -> None:
    posture = posture_of(standing(gait, 1.234, moves=False))

    assert posture.left == posture.right
    assert abs(posture.left.thigh) < 0.01
    assert posture.lean < 0.05


def test_the_trunk_bends_further_from_walk_to_run_to_crouch_to_crawl() -> None:
    leans = [posture_of(standing(gait, 0.1)).lean for gait in (Gait.WALK, Gait.RUN, Gait.CROUCH, Gait.CRAWL)]

    assert leans == sorted(leans)
    assert leans[-1] > 1.2


def test_where_it_is_heading_does_not_change_the_limbs() -> None:
    here = standing(Gait.RUN, 0.7)

    assert posture_of(replace(here, heading_deg=123.0, east_m=9.0)) == posture_of(here)
