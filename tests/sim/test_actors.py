"""Where an actor is at any moment follows from its route, its speed and its waits."""

from itertools import pairwise

import pytest

from sim.actors import GAIT_SPEED_M_S, Standing, Walk, everybody
from sim.scenario import Actor, ActorKind, Gait, Stop


def walk(*stops: tuple[float, float, float], **parts: object) -> Walk:
    """Stops as east, north, wait."""
    route = tuple(Stop(east_m=east, north_m=north, wait_s=wait) for east, north, wait in stops)
    return Walk(Actor.model_validate({"id": "a", "route": route, **parts}))


def there(way: Walk, time_s: float) -> Standing:
    standing = way.at(time_s)
    assert standing is not None
    return standing


ROUND = walk((0, 0, 2), (0, 14, 3), (7, 14, 0), starts_at_s=10.0)  # 1.4 m/s: 10 s north, 5 s east


@pytest.mark.parametrize(
    ("time_s", "place", "heading_deg", "speed_m_s", "walked_m"),
    [
        pytest.param(10.0, (0.0, 0.0), 0.0, 0.0, 0.0, id="waits at its start, turned to its way"),
        pytest.param(12.0, (0.0, 0.0), 0.0, 1.4, 0.0, id="sets out"),
        pytest.param(17.0, (0.0, 7.0), 0.0, 1.4, 7.0, id="half the way north"),
        pytest.param(23.0, (0.0, 14.0), 0.0, 0.0, 14.0, id="waits at the corner"),
        pytest.param(27.5, (3.5, 14.0), 90.0, 1.4, 17.5, id="half the way east"),
        pytest.param(30.0, (7.0, 14.0), 90.0, 0.0, 21.0, id="is there"),
        pytest.param(99.0, (7.0, 14.0), 90.0, 0.0, 21.0, id="stays"),
    ],
)
def test_an_actor_is_where_its_way_has_brought_it(
    time_s: float, place: tuple[float, float], heading_deg: float, speed_m_s: float, walked_m: float
) -> None:
    now = there(ROUND, time_s)

    assert (now.east_m, now.north_m) == pytest.approx(place)
    assert (now.heading_deg, now.speed_m_s) == pytest.approx((heading_deg, speed_m_s))
    assert now.walked_m == pytest.approx(walked_m)


def test_an_actor_is_not_there_before_its_start() -> None:
    assert ROUND.at(9.999) is None


def test_who_does_not_stay_is_gone_after_its_end() -> None:
    leaver = walk((0, 0, 0), (0, 14, 5), stays=False)

    assert there(leaver, 15.0).north_m == pytest.approx(14.0)
    assert leaver.at(15.001) is None


def test_who_has_one_place_stands_there() -> None:
    post = walk((3, 4, 0))

    assert [(there(post, time_s).east_m, there(post, time_s).speed_m_s) for time_s in (0.0, 1e5)] == [(3, 0), (3, 0)]


def test_a_stop_where_it_stands_already_takes_no_time_and_no_turn() -> None:
    way = walk((0, 0, 0), (0, 14, 0), (0, 14, 0), (0, 28, 0))

    assert there(way, 15.0).north_m == pytest.approx(21.0)
    assert there(way, 15.0).heading_deg == 0.0


@pytest.mark.parametrize("gait", Gait)
def test_each_gait_has_its_speed(gait: Gait) -> None:
    way = walk((0, 0, 0), (1000, 0, 0), gait=gait)

    assert there(way, 10.0).east_m == pytest.approx(10.0 * GAIT_SPEED_M_S[gait])
    assert there(way, 10.0).heading_deg == 90.0


def test_a_speed_of_its_own_counts_before_the_gaits() -> None:
    assert there(walk((0, 0, 0), (0, -100, 0), speed_m_s=2.0), 10.0).north_m == pytest.approx(-20.0)


@pytest.mark.parametrize(("kind", "speed_m_s"), [(ActorKind.ANIMAL, 1.5), (ActorKind.MOTOR_VEHICLE, 5.0)])
def test_what_is_no_person_has_the_speed_of_its_kind(kind: ActorKind, speed_m_s: float) -> None:
    assert there(walk((0, 0, 0), (1000, 0, 0), kind=kind), 10.0).east_m == pytest.approx(10.0 * speed_m_s)


def test_nobody_leaps() -> None:
    places = [there(ROUND, 10.0 + step / 20) for step in range(500)]

    steps = [abs(a.east_m - b.east_m) + abs(a.north_m - b.north_m) for a, b in pairwise(places)]
    assert max(steps) <= 1.4 / 20 + 1e-9


def test_everybody_who_is_there_comes_in_the_scenarios_order() -> None:
    late = Walk(Actor(id="late", route=(Stop(east_m=0, north_m=0),), starts_at_s=5.0))
    early = Walk(Actor(id="early", route=(Stop(east_m=0, north_m=0),)))

    assert [each.actor.id for each in everybody([late, early], 1.0)] == ["early"]
    assert [each.actor.id for each in everybody([late, early], 5.0)] == ["late", "early"]
