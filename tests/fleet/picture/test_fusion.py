"""Site tracks: who is one and who is two, over time, out of order, and by whatever order they are told in."""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.envelope import Origin
from contract.errors import ContractError
from contract.labels import Label
from fleet.picture.fusion import Fusion
from fleet.picture.observation import Known, Look, Observation
from fleet.picture.site_track import SiteTrackState
from fleet.picture.thing import Fused

STEP_US = 200_000
At = tuple[str, float, float]  # track, east, north


def look(source: str, at_us: int, *seen: At, label: Label = Label.PERSON, sigma_m: float = 0.3, boot: int = 1) -> Look:
    observations = tuple(Observation(name, e, n, sigma_m**2, 0.0, sigma_m**2, label, 0.8) for name, e, n in seen)
    return Look(source, at_us, Origin.LIVE, observations, boot=boot)


def frames(seconds: float, *, from_s: float = 0.0) -> Iterator[tuple[int, float]]:
    """Moment in us and in s."""
    for number in range(round(from_s * 5), round((from_s + seconds) * 5)):
        yield number * STEP_US, number / 5


def shown(fusion: Fusion, at_us: int) -> list[Fused]:
    return fusion.tracks(now_us=at_us)


def pairs(track: Fused) -> set[tuple[str, str]]:
    return {(seen.source, seen.track) for seen in track.evidence}


def test_one_person_before_two_cameras_is_one_site_track() -> None:
    fusion = Fusion()
    for at_us, s in frames(3):
        fusion.take([look("a", at_us, ("1", s, 0.0)), look("b", at_us, ("7", s + 0.3, 0.2))], now_us=at_us)
    (track,) = shown(fusion, at_us)
    assert (pairs(track), track.state) == ({("a", "1"), ("b", "7")}, SiteTrackState.CONFIRMED)
    assert track.motion.mean.tolist() == pytest.approx([2.95, 0.1, 1.0, 0.0], abs=0.2)
    assert fusion.site_track_of("a", 1) == fusion.site_track_of("b", 7) == track.id


def test_two_who_walk_side_by_side_before_one_camera_stay_two_whatever_another_sees() -> None:
    fusion = Fusion()
    for at_us, s in frames(6):
        fusion.take([look("a", at_us, ("1", s, 0.0), ("2", s, 0.4)), look("b", at_us, ("7", s, 0.2))], now_us=at_us)
    one, other = fusion.site_track_of("a", 1), fusion.site_track_of("a", 2)
    assert len({one, other}) == 2
    assert fusion.site_track_of("b", 7) in (one, other)


def test_two_who_cross_keep_their_ids() -> None:
    fusion, chance = Fusion(), random.Random(3)
    before = None
    for at_us, s in frames(10):
        there, back = (s, 0.3 + chance.gauss(0, 0.1)), (10.0 - s, -0.3 + chance.gauss(0, 0.1))
        looks = [look(name, at_us, ("1", *there), ("2", *back)) for name in ("a", "b")]
        fusion.take(looks, now_us=at_us)
        if s == 2.0:
            before = [fusion.site_track_of(name, track) for name in "ab" for track in (1, 2)]
    assert before == [fusion.site_track_of(name, track) for name in "ab" for track in (1, 2)]
    assert before[:2] == before[2:]
    assert len(shown(fusion, at_us)) == 2


def test_a_track_that_its_camera_numbers_anew_goes_on_under_the_old_id() -> None:
    fusion = Fusion()
    for at_us, s in frames(2):
        fusion.take([look("a", at_us, ("1", s, 0.0))], now_us=at_us)
    old = fusion.site_track_of("a", 1)
    for at_us, s in frames(2, from_s=2.6):
        fusion.take([look("a", at_us, ("5", s, 0.0))], now_us=at_us)
    assert fusion.site_track_of("a", 5) == old
    assert len(shown(fusion, at_us)) == 1


def test_one_who_comes_back_beside_the_one_who_was_taken_for_him_has_his_id_and_the_other_a_new_one() -> None:
    fusion = Fusion()
    for at_us, s in frames(2):
        fusion.take([look("a", at_us, ("1", s, 0.0))], now_us=at_us)
    old = fusion.site_track_of("a", 1)
    for at_us, s in frames(2, from_s=2.4):
        fusion.take([look("a", at_us, ("5", s, 0.5))], now_us=at_us)
    for at_us, s in frames(1, from_s=4.4):
        fusion.take([look("a", at_us, ("1", s, 0.0), ("5", s, 0.5))], now_us=at_us)
    assert fusion.site_track_of("a", 1) == old
    assert fusion.site_track_of("a", 5) not in (old, None)


def test_tracks_that_were_bound_wrongly_part_when_they_part() -> None:
    fusion = Fusion()
    for at_us, s in frames(8):
        apart_m = max(s - 3.0, 0.0) * 1.5
        fusion.take([look("a", at_us, ("1", s, 0.0)), look("b", at_us, ("7", s, apart_m))], now_us=at_us)
    assert fusion.site_track_of("a", 1) != fusion.site_track_of("b", 7)
    assert len(shown(fusion, at_us)) == 2


def test_two_that_began_apart_become_one_under_the_older_id_when_they_agree() -> None:
    fusion = Fusion()
    told: list[Fused] = []
    for at_us, s in frames(8):
        off_m = max(9.0 - 3 * s, 0.0)
        looks = [look("a", at_us, ("1", s, 0.0)), look("b", at_us, ("7", s, off_m))]
        told += fusion.take(looks, now_us=at_us)
    (track,) = shown(fusion, at_us)
    (ended,) = [each for each in told if each.state is SiteTrackState.ENDED]
    assert ended.merged_into == track.id == fusion.site_track_of("b", 7)


def test_a_camera_whose_words_come_late_is_held_against_what_the_others_knew_then() -> None:
    fusion = Fusion()
    late: list[Look] = []
    for at_us, s in frames(6):
        late.append(look("b", at_us, ("7", 3 * s, 0.0)))
        fusion.take([look("a", at_us, ("1", 3 * s, 0.0))], now_us=at_us)
        if len(late) > 5:  # a second: 3 m on
            fusion.take([late.pop(0)], now_us=at_us)
    (track,) = shown(fusion, at_us)
    assert pairs(track) == {("a", "1"), ("b", "7")}


def test_looks_of_one_camera_that_overtake_each_other_give_the_same_place() -> None:
    in_order, overtaken = Fusion(), Fusion()
    looks = [look("a", at_us, ("1", s + 0.1 * (round(s * 5) % 2), 0.0)) for at_us, s in frames(2)]
    for each in looks:
        in_order.take([each], now_us=each.at_us)
    for each in [*looks[:3], looks[4], looks[3], *looks[5:]]:
        overtaken.take([each], now_us=each.at_us)
    (one,), (other,) = shown(in_order, 2_000_000), shown(overtaken, 2_000_000)
    assert one.motion.mean.tolist() == other.motion.mean.tolist()
    assert one.id == other.id


def test_who_is_seen_no_more_coasts_and_ends() -> None:
    fusion = Fusion()
    fusion.take([look("a", 0, ("1", 0.0, 0.0))], now_us=0)
    (track,) = shown(fusion, 1_500_000)
    assert track.state is SiteTrackState.COASTING
    (ended,) = fusion.forget(now_us=5_500_000)
    assert (ended.id, ended.state) == (track.id, SiteTrackState.ENDED)
    assert fusion.site_track_of("a", 1) == track.id
    assert shown(fusion, 5_500_000) == []


def test_after_a_restart_of_its_node_a_number_is_somebody_else() -> None:
    fusion = Fusion()
    for at_us, s in frames(2):
        fusion.take([look("a", at_us, ("1", s, 0.0))], now_us=at_us)
    old = fusion.site_track_of("a", 1)
    for at_us, s in frames(1, from_s=2.2):
        fusion.take([look("a", at_us, ("1", 20.0 + s, 0.0), boot=2)], now_us=at_us)
    assert fusion.site_track_of("a", 1) not in (old, None)


def test_a_person_beside_a_car_is_no_part_of_it_and_no_part_of_a_replay() -> None:
    fusion = Fusion()
    for at_us, s in frames(3):
        car = look("b", at_us, ("7", s, 0.0), label=Label.MOTOR_VEHICLE)
        replay = Look("c", at_us, Origin.REPLAYED, look("c", at_us, ("3", s, 0.0)).observations, boot=1)
        fusion.take([look("a", at_us, ("1", s, 0.0)), car, replay], now_us=at_us)
    assert len({fusion.site_track_of(*each) for each in (("a", 1), ("b", 7), ("c", 3))}) == 3


def rover(at_us: int, east_m: float, north_m: float = 0.0) -> Known:
    return Known("rover-1", at_us, east_m, north_m, 1.0, frozenset(Label) - {Label.PERSON})


def test_our_rover_is_explained_and_the_car_and_the_person_beside_it_are_not() -> None:
    fusion = Fusion()
    for at_us, s in frames(3):
        cars = look("a", at_us, ("1", s, 0.0), ("2", s, 2.0), label=Label.MOTOR_VEHICLE)
        fusion.take([cars, look("b", at_us, ("1", s, 0.2))], now_us=at_us)
        fusion.explain([rover(at_us, s)])
    assert [fusion.explained_by("a", 1), fusion.explained_by("a", 2), fusion.explained_by("b", 1)] == [
        "rover-1",
        None,
        None,
    ]
    for _ in range(3):
        fusion.explain([])
    assert fusion.explained_by("a", 1) is None


def test_one_of_the_staff_hides_nobody_but_himself() -> None:
    fusion = Fusion()
    for at_us, s in frames(3):
        fusion.take([look("a", at_us, ("1", s, 0.0), ("2", s, 0.8))], now_us=at_us)
        fusion.explain([Known("guard", at_us, s, 0.1, 1.0, frozenset({Label.PERSON}))])
    assert [fusion.explained_by("a", 1), fusion.explained_by("a", 2)] == ["guard", None]


@pytest.mark.parametrize(
    ("place", "covariance"),
    [
        pytest.param((float("nan"), 0.0), (1.0, 0.0, 1.0), id="no number"),
        pytest.param((0.0, float("inf")), (1.0, 0.0, 1.0), id="infinite"),
        pytest.param((0.0, 2e5), (1.0, 0.0, 1.0), id="out of the world"),
        pytest.param((0.0, 0.0), (-1.0, 0.0, 1.0), id="negative variance"),
        pytest.param((0.0, 0.0), (1.0, 2.0, 1.0), id="no covariance"),
    ],
)
def test_what_cannot_be_is_refused(place: tuple[float, float], covariance: tuple[float, float, float]) -> None:
    with pytest.raises(ContractError, match=r"^track '1': expected "):
        Observation("1", *place, *covariance, Label.PERSON)


def test_a_look_that_comes_twice_counts_once() -> None:
    fusion = Fusion()
    again = look("a", STEP_US, ("1", 0.0, 0.0))
    for _ in range(5):
        fusion.take([again], now_us=STEP_US)
    (track,) = shown(fusion, STEP_US)
    assert (track.state, fusion.refused["told before"]) == (SiteTrackState.TENTATIVE, 4)


def test_who_has_no_place_is_counted_and_not_guessed() -> None:
    fusion = Fusion()
    fusion.take([Look("a", 0, Origin.LIVE, (), unplaced=("1",))], now_us=0)
    assert (shown(fusion, 0), fusion.refused["no place on the ground"]) == ([], 1)


# Whatever cameras tell

spots = st.floats(min_value=-6.0, max_value=6.0, allow_nan=False)
seen = st.lists(st.tuples(st.sampled_from("1234"), spots, spots), max_size=4, unique_by=lambda each: each[0])
step = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-3, 0), seen), max_size=4)


def looks_of(number: int, told: Sequence[tuple[str, int, list[At]]]) -> list[Look]:
    """Of one step: each camera at most once for one moment, some of them late."""
    by_moment = {(source, number + back + 3): places for source, back, places in told}
    return [look(source, at * STEP_US, *places) for (source, at), places in sorted(by_moment.items())]


@settings(max_examples=40, deadline=None)
@given(st.lists(step, min_size=1, max_size=12))
def test_no_site_track_is_ever_two_tracks_that_one_camera_saw_at_one_time(
    steps: list[list[tuple[str, int, list[At]]]],
) -> None:
    fusion = Fusion()
    met: set[frozenset[tuple[str, str]]] = set()
    for number, told in enumerate(steps):
        looks = looks_of(number, told)
        fusion.take(looks, now_us=number * STEP_US)
        for each in looks:
            names = [
                (each.source, one.track) for one in each.observations if fusion.site_track_of(each.source, one.track)
            ]
            met |= {frozenset(pair) for pair in combinations(names, 2)}
        for track in shown(fusion, number * STEP_US):
            assert not met & {frozenset(pair) for pair in combinations(pairs(track), 2)}


@settings(max_examples=25, deadline=None)
@given(st.lists(step, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_together_changes_nothing(
    steps: list[list[tuple[str, int, list[At]]]], chance: random.Random
) -> None:
    one, other = Fusion(), Fusion()
    for number, told in enumerate(steps):
        looks = looks_of(number, told)
        mixed = [Look(each.source, each.at_us, each.origin, each.observations[::-1], boot=1) for each in looks]
        chance.shuffle(mixed)
        one.take(looks, now_us=number * STEP_US)
        other.take(mixed, now_us=number * STEP_US)
        a, b = shown(one, number * STEP_US), shown(other, number * STEP_US)
        assert [(each.id, each.motion.mean.tolist(), each.evidence) for each in a] == [
            (each.id, each.motion.mean.tolist(), each.evidence) for each in b
        ]
