"""Still things are held back as configured; a person, and whatever moves, never (SAFETY 20)."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.events import Sighting
from contract.geo import BoxPx, GeoPoint
from contract.labels import Label
from contract.site import CameraPose
from edge.perception.filters import FilterOptions, Filters, LabelFilter, StillArea
from edge.perception.locate import Locator
from edge.perception.track import Track, TrackState
from edge.rule import Subject
from tests.edge.yard import FRAME, corners, person_px, site

Box = tuple[float, float, float, float]
CAMERA = site().cameras[0]
LOCATOR = Locator(lens=CAMERA.lens, frame=FRAME)
NOTHING_TOLD = LabelFilter(told=False)


def still_ground(east_m: float, north_m: float, *, half_m: float = 3.0) -> StillArea:
    return StillArea(id="car-park", ground=tuple(GeoPoint(**each) for each in corners(east_m, north_m, half_m)))


def filters_of(*still_areas: StillArea, **labels: LabelFilter) -> Filters:
    options = FilterOptions(labels={Label(each): wanted for each, wanted in labels.items()}, still_areas=still_areas)
    return Filters(options, locator=LOCATOR, frame=FRAME)


def told(
    filters: Filters, boxes: Sequence[Box], *, label: Label = Label.MOTOR_VEHICLE, score: float = 0.6
) -> list[bool]:
    """Frame by frame, whether the track of these boxes is told; believed from its first."""
    pose = CAMERA.pose
    assert pose is not None
    answers = []
    for box in boxes:
        track = Track(1, 0, score, box, TrackState.CONFIRMED, 0, 0)
        (fix,) = LOCATOR.locate(np.array([box]), pose)
        left, top, right, bottom = box
        placed = BoxPx(x_px=left, y_px=top, width_px=right - left, height_px=bottom - top)
        sighting = Sighting(camera="mast", track=1, label=label, score=score, box=placed, ground=fix)
        subject = Subject(sighting, is_seen=True, point=None if fix is None else FRAME.to_enu(fix.point))
        answers.append(bool(filters.told([subject], [track], pose)))
    return answers


def standing(east_m: float = 0.0, north_m: float = 20.0, *, height_m: float = 1.8, frames: int = 3) -> list[Box]:
    return [person_px(east_m, north_m, height_m=height_m)] * frames


def test_without_a_word_everything_is_told() -> None:
    filters = filters_of()
    assert all(told(filters, standing()))
    assert filters.taken == {}


@pytest.mark.parametrize(
    ("wanted", "height_m", "reason"),
    [
        pytest.param(LabelFilter(told=False), 1.8, "animal.told", id="kind"),
        pytest.param(LabelFilter(score_min=0.7), 1.8, "animal.score_min", id="score"),
        pytest.param(LabelFilter(score_min=0.5), 1.8, None, id="good score"),
        pytest.param(LabelFilter(height_m=(0.2, 1.0)), 1.8, "animal.height_m", id="too high"),
        pytest.param(LabelFilter(height_m=(0.2, 1.0)), 0.6, None, id="as high as expected"),
        pytest.param(LabelFilter(height_m=(0.2, 1.0)), 0.1, "animal.height_m", id="too low"),
        pytest.param(LabelFilter(width_m=(0.5, 1.0)), 1.8, None, id="as wide as expected"),
        pytest.param(LabelFilter(width_m=(1.0, 2.0)), 1.8, "animal.width_m", id="too narrow"),
        pytest.param(LabelFilter(aspect=(1.0, 3.0)), 1.8, "animal.aspect", id="upright"),
        pytest.param(LabelFilter(aspect=(0.3, 0.5)), 1.8, None, id="shape as expected"),
    ],
)
def test_a_still_thing_is_held_back_as_configured_and_counted(
    wanted: LabelFilter, height_m: float, reason: str | None
) -> None:
    filters = filters_of(animal=wanted)
    answers = told(filters, standing(height_m=height_m), label=Label.ANIMAL)
    assert answers == [reason is None] * 3
    assert filters.taken == ({} if reason is None else {reason: 3})


def test_another_label_is_not_meant() -> None:
    filters = filters_of(animal=NOTHING_TOLD)
    assert all(told(filters, standing(), label=Label.MOTOR_VEHICLE))


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        pytest.param(still_ground(0.0, 20.0), False, id="on the ground, inside"),
        pytest.param(still_ground(9.0, 20.0), True, id="on the ground, beside"),
        pytest.param(
            StillArea(id="car-park", image_px=((200, 300), (400, 300), (400, 400), (200, 400))),
            False,
            id="in the picture",
        ),
        pytest.param(
            StillArea(id="car-park", image_px=((0, 0), (640, 0), (640, 250))), True, id="only the foot counts"
        ),
    ],
)
def test_a_parked_car_is_held_back_where_cars_park(area: StillArea, expected: bool) -> None:
    filters = filters_of(area)
    assert told(filters, standing()) == [expected] * 3
    assert filters.taken == ({} if expected else {"still_area.car-park": 3})


def test_a_parked_car_that_drives_off_is_told_from_then_on() -> None:
    filters = filters_of(still_ground(0.0, 20.0), motor_vehicle=NOTHING_TOLD)
    drives = [person_px(0.05 * n, 20.0) for n in range(40)]
    answers = told(filters, [*standing(frames=10), *drives, *[drives[-1]] * 20])
    first = answers.index(True)
    assert 20 <= first <= 30
    assert all(answers[first:])


def test_what_comes_straight_at_the_camera_moves() -> None:
    answers = told(filters_of(motor_vehicle=NOTHING_TOLD), [person_px(0.0, 20.0 - 0.2 * n) for n in range(40)])
    assert answers[0] is False
    assert answers[-1] is True


def test_what_was_told_once_stays_told_though_its_score_falls() -> None:
    filters = filters_of(motor_vehicle=LabelFilter(score_min=0.5))
    assert told(filters, standing(frames=1), score=0.6) == [True]
    assert told(filters, standing(), score=0.2) == [True] * 3


def test_a_track_that_is_lost_is_forgotten_and_the_next_is_judged_anew() -> None:
    filters = filters_of(motor_vehicle=LabelFilter(score_min=0.5))
    told(filters, standing(frames=1), score=0.6)
    filters.told([], [Track(1, 0, 0.6, person_px(0.0, 20.0), TrackState.LOST, 0, 0)], None)
    assert told(filters, standing(), score=0.2) == [False] * 3


def test_a_size_that_cannot_be_measured_takes_nothing_away() -> None:
    filters = filters_of(animal=LabelFilter(height_m=(0.2, 0.3)))
    above_the_horizon = [(300.0, 10.0, 310.0, 60.0)] * 3
    feet_below_the_picture = [(300.0, 300.0, 360.0, 480.0)] * 3
    assert told(filters, above_the_horizon, label=Label.ANIMAL) == [True] * 3
    assert (
        told(filters_of(animal=LabelFilter(height_m=(0.2, 0.3))), feet_below_the_picture, label=Label.ANIMAL)
        == [True] * 3
    )


LIMITS = st.one_of(st.none(), st.tuples(st.floats(0.0, 5.0), st.floats(6.0, 100.0)))
SEVERE = st.builds(
    LabelFilter, told=st.booleans(), score_min=st.floats(0.0, 0.99), width_m=LIMITS, height_m=LIMITS, aspect=LIMITS
)
LABELS = st.dictionaries(st.sampled_from([label for label in Label if label is not Label.PERSON]), SEVERE)
EVERYWHERE = StillArea(id="all", image_px=((-9, -9), (9999, -9), (9999, 9999), (-9, 9999)))


@given(labels=LABELS, areas=st.sampled_from([(), (EVERYWHERE,)]), score=st.floats(0.01, 1.0))
def test_safety_20_no_filter_silences_a_person(
    labels: dict[Label, LabelFilter], areas: tuple[StillArea, ...], score: float
) -> None:
    filters = Filters(FilterOptions(labels=labels, still_areas=areas), locator=LOCATOR, frame=FRAME)
    assert all(told(filters, standing(), label=Label.PERSON, score=score))
    assert filters.taken == {}


@given(
    labels=LABELS,
    areas=st.sampled_from([(), (EVERYWHERE,)]),
    label=st.sampled_from(list(Label)),
    north_m=st.floats(12.0, 60.0),
)
def test_safety_20_no_filter_silences_a_track_that_moves(
    labels: dict[Label, LabelFilter], areas: tuple[StillArea, ...], label: Label, north_m: float
) -> None:
    """A thing of 1.8 m that has gone 1 m."""
    filters = Filters(FilterOptions(labels=labels, still_areas=areas), locator=LOCATOR, frame=FRAME)
    ways = [person_px(0.1 * n, north_m) for n in range(11)]
    assert told(filters, ways, label=label)[-1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": {"person": {}}}, "labels.person: no filter takes a person away"),
        ({"labels": {"animal": {"height_m": [1.0, 0.2]}}}, r"expected the least and a greater most, got \[1.0, 0.2\]"),
        ({"still_areas": [{"id": "a"}]}, "still_area 'a': expected exactly one of ground and image_px"),
        ({"still_areas": [{"id": "a", "image_px": [[0, 0], [9, 9], [9, 0], [0, 9]]}]}, "must not cross itself"),
        (
            {"still_areas": [{"id": "a", "image_px": [[0, 0], [9, 9], [9, 0]]}] * 2},
            "still_area 'a' stands here twice",
        ),
    ],
)
def test_what_a_filter_must_not_say(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FilterOptions.model_validate(options)


def test_sizes_through_the_ground_are_those_of_the_thing() -> None:
    pose = CAMERA.pose
    assert pose is not None
    boxes = np.array([person_px(east_m, north_m, height_m=1.8) for east_m, north_m in ((0.0, 15.0), (-6.0, 40.0))])
    width_m, height_m = LOCATOR.sizes_m(boxes, pose).T
    np.testing.assert_allclose(height_m, [1.8, 1.8], atol=1e-6)
    np.testing.assert_allclose(width_m, [0.72, 0.72], atol=1e-6)


def test_a_height_is_not_measured_from_straight_above() -> None:
    above = CameraPose(east_m=0, north_m=0, up_m=30, heading_deg=0, pitch_deg=-90)
    (width_m, height_m) = LOCATOR.sizes_m(np.array([[310.0, 230, 330, 260]]), above)[0]
    assert width_m == pytest.approx(1.0, abs=0.01)
    assert np.isnan(height_m)
