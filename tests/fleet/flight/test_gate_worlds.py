"""Whatever the gate approves in thousands of random worlds, a slow and independent walk finds nothing to object to.

`make soak` does the same a million times.
"""

import dataclasses
from typing import Any

import pytest

from fleet.flight.gate import Approved
from tests.fleet.flight.random_worlds import DrawnState, DrawnWorld, draw, judged
from tests.fleet.flight.soak_gate import CLAUSES, Tally, tally
from tests.fleet.flight.world_checker import objections, speed_of

WORLDS = 5_000


@pytest.fixture(scope="module")
def drawn() -> Tally:
    return tally(0, WORLDS, refusals_each=10)


def test_nothing_approved_leaves_the_fence_meets_anybody_or_spends_the_reserve(drawn: Tally) -> None:
    assert drawn.objected == {}


def test_enough_is_approved_and_each_clause_refuses_for_that_to_mean_something(drawn: Tally) -> None:
    assert sum(drawn.approved.values()) >= 0.3 * WORLDS
    kinds = ("Launch", "GoTo", "FlyMission")
    assert all(drawn.approved[f"{kind} {where}"] >= 50 for kind in kinds for where in ("in the air", "on the ground"))
    assert {clause: drawn.reasons[clause] for clause in CLAUSES.values() if drawn.reasons[clause] < 20} == {}


def test_what_the_gate_refuses_the_checker_mostly_refuses_too(drawn: Tally) -> None:
    """It walks where the gate judges whole legs, so it sees less; were it blind, this would show it."""
    assert drawn.shared[True] >= 0.85 * drawn.shared.total()


def _approved() -> DrawnWorld:
    """An approved flight, ten seconds of way or more, of a drone at some height."""
    return next(
        world
        for world in map(draw, range(WORLDS))
        if isinstance(judged(world), Approved)
        and world.vehicle.flies
        and len(world.stops) == 1
        and world.height_m > 30.0
    )


def _objects_to(world: DrawnWorld) -> str:
    return " ".join(objections(world, None, speed_m_s=speed_of(world)))


def test_the_checker_objects_to_each_thing_that_is_made_wrong() -> None:
    world = _approved()
    assert _objects_to(world) == ""
    (place, height_m, _), ground = world.stops[0], world.ground
    around = tuple((place[0] + east, place[1] + north) for east, north in ((-9, -9), (9, -9), (9, 9), (-9, 9)))
    far = tuple((10_000.0 + east, north) for east, north in around)
    wrong: dict[str, dict[str, Any]] = {
        "fence": {"ground": dataclasses.replace(ground, fence=far)},
        "exclusion": {"ground": dataclasses.replace(ground, no_fly=(around,))},
        "building": {"ground": dataclasses.replace(ground, buildings=((around, 300.0),))},
        "person": {"people": ((place, 0.5, 1.0),)},
        "vehicle": {"others": (DrawnState(True, place, height_m, True, True),)},
        "battery": {"battery": ground.reserve},
        "band": {"ground": dataclasses.replace(ground, ceiling_m=world.vehicle.return_m - 1.0)},
        "wind": {"wind_m_s": ground.max_wind_m_s + 0.1},
        "flaw": {"flaw": "no position"},
        "way home": {"ground": dataclasses.replace(ground, rally={world.vehicle.name: (9_000.0, 0.0)})},
    }
    for what, changes in wrong.items():
        assert what in _objects_to(dataclasses.replace(world, **changes)), what
