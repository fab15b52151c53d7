"""A mask by class hides tracked objects, also between, before and after the pictures in which they were found."""

from collections.abc import Sequence

import numpy as np
import pytest

from contract.labels import Label
from contract.site import CameraPose
from detectors.frame import ImageBgr
from edge.area import PrivacyMask
from edge.footage.covers import AROUND_US, GAP_US, Covers, Judged
from edge.footage.mask import Mask
from edge.perception.locate import Locator
from edge.perception.track import Track, TrackState
from tests.edge.yard import FRAME, corners, person_px, site

CAMERA = site().cameras[0]
assert CAMERA.pose is not None
POSE: CameraPose = CAMERA.pose
LABELS = (Label.PERSON, Label.MOTOR_VEHICLE)
PERSON, CAR = 0, 1
STEP_US = 200_000
EVERYWHERE = PrivacyMask(id="passers-by", labels=(Label.PERSON,))
WHITE: ImageBgr = np.full((480, 640, 3), 255, np.uint8)
Box = tuple[float, float, float, float]


def covers(*masks: PrivacyMask) -> Covers:
    return Covers(masks or (EVERYWHERE,), labels=LABELS, locator=Locator(lens=CAMERA.lens, frame=FRAME), frame=FRAME)


def seen(
    box: Box,
    at_us: int,
    *,
    track: int = 1,
    what: int = PERSON,
    state: TrackState = TrackState.CONFIRMED,
    ago_us: int = 0,
) -> Track:
    return Track(track, what, 0.9, box, state, 0, at_us - ago_us)


def judged(*boxes: Box | None, what: int = PERSON, state: TrackState = TrackState.CONFIRMED) -> list[Judged]:
    """One a step; None: nobody."""
    steps = enumerate(boxes)
    return [
        Judged(n * STEP_US, [] if box is None else [seen(box, n * STEP_US, what=what, state=state)], POSE)
        for n, box in steps
    ]


def hidden(found: object, box: Box) -> bool:
    """One of the boxes holds all of it."""
    assert isinstance(found, np.ndarray)
    return any((each[:2] <= box[:2]).all() and (each[2:] >= box[2:]).all() for each in found)


def shows_all(found: object) -> bool:
    assert isinstance(found, np.ndarray)
    return len(found) == 0


HERE, THERE = person_px(0.0, 20.0), person_px(2.0, 20.0)


def test_between_two_sights_all_the_way_from_one_to_the_other_is_hidden() -> None:
    found = covers().at(STEP_US // 2, judged(HERE, THERE))
    assert hidden(found, (HERE[0], HERE[1], THERE[2], THERE[3]))


@pytest.mark.parametrize("state", [TrackState.TENTATIVE, TrackState.CONFIRMED, TrackState.COASTING])
def test_whoever_is_followed_is_hidden_believed_or_not(state: TrackState) -> None:
    assert hidden(covers().at(0, judged(HERE, state=state)), HERE)


def test_somebody_is_hidden_a_while_before_he_is_found_and_after_he_is_lost() -> None:
    found_late = judged(*[None] * 10, HERE, HERE)
    lost = judged(HERE, *[None] * 10)
    for away_us in (0, 100_000, AROUND_US):
        ran_px = (HERE[3] - HERE[1]) * 1.9 * away_us / 1e6
        box = (HERE[0] - ran_px, HERE[1], HERE[2] - ran_px, HERE[3])
        assert hidden(covers().at(10 * STEP_US - away_us, found_late), box)
        assert hidden(covers().at(away_us, lost), box)
    assert shows_all(covers().at(10 * STEP_US - AROUND_US - 1, found_late))
    assert shows_all(covers().at(AROUND_US + 1, lost))


def test_one_who_is_only_predicted_is_hidden_the_more_widely_the_longer_nobody_saw_him() -> None:
    def size_px(ago_us: int) -> float:
        found = covers().at(0, [Judged(0, [seen(HERE, 0, state=TrackState.COASTING, ago_us=ago_us)], POSE)])
        assert found is not None
        return float(found[0, 2] - found[0, 0])

    assert size_px(0) < size_px(400_000) < size_px(AROUND_US) == size_px(2 * AROUND_US)


def test_other_classes_are_shown_but_not_one_that_was_called_a_person_just_before() -> None:
    assert shows_all(covers().at(0, judged(HERE, what=CAR)))
    flickers = [*judged(HERE), Judged(STEP_US, [seen(HERE, STEP_US, what=CAR)], POSE)]
    assert hidden(covers().at(STEP_US, flickers), HERE)


def test_what_lies_in_a_gap_or_beyond_what_was_judged_is_not_known() -> None:
    gap = [Judged(0, [], POSE), Judged(GAP_US + 1, [], POSE)]
    assert covers().at(GAP_US // 2, gap) is None
    assert covers().at(GAP_US + 2, gap) is None
    assert covers().at(-1, gap) is None
    assert covers().at(0, gap) is not None
    assert covers().at(0, []) is None


@pytest.mark.parametrize(
    "mask",
    [
        {"id": "street", "labels": ["person"], "ground": corners(0.0, 20.0, 3.0)},
        {"id": "street", "labels": ["person"], "image_px": [(230, 350), (410, 350), (410, 420), (230, 420)]},
    ],
    ids=["ground", "picture"],
)
def test_within_an_area_only_who_stands_surely_outside_it_is_shown(mask: dict[str, object]) -> None:
    in_area = covers(PrivacyMask.model_validate(mask))
    away = person_px(9.0, 22.0)
    assert hidden(in_area.at(0, judged(HERE)), HERE)
    assert shows_all(in_area.at(0, judged(away)))
    unplaced = [Judged(0, [seen((300.0, 10.0, 340.0, 110.0), 0)], None)]
    if "ground" in mask:
        assert hidden(in_area.at(0, unplaced), (300.0, 10.0, 340.0, 110.0))


def _mask(*masks: PrivacyMask) -> Mask:
    return Mask(masks, locator=Locator(lens=CAMERA.lens, frame=FRAME), frame=FRAME, labels=LABELS)


def _is_black(image: ImageBgr, box: Sequence[float]) -> bool:
    left, top, right, bottom = (round(side) for side in box)
    return not image[top:bottom, left:right].any()


@pytest.mark.parametrize("scale", [1, 2])
def test_a_picture_of_any_size_shows_the_place_and_not_the_person(scale: int) -> None:
    small = WHITE[::scale, ::scale]
    painted = _mask(EVERYWHERE).painted(small, [POSE], at_us=0, judged=judged(HERE))
    assert _is_black(painted, [side / scale for side in HERE])
    assert (painted != 0).mean() > 0.9
    assert (small == 255).all()


def test_what_nobody_knows_is_black_in_the_whole_area() -> None:
    assert not _mask(EVERYWHERE).painted(WHITE, [POSE]).any()
    street = PrivacyMask.model_validate({"id": "street", "labels": ["person"], "ground": corners(0.0, 20.0, 3.0)})
    painted = _mask(street).painted(WHITE, [POSE])
    assert _is_black(painted, HERE)
    assert (painted[:, :100] == 255).all()


def test_a_camera_with_a_mask_by_class_is_never_stored_as_it_came() -> None:
    assert _mask(EVERYWHERE).meets(POSE)
    assert _mask(EVERYWHERE).follows
    assert not _mask().meets(POSE)


def test_a_mask_without_a_place_needs_its_classes() -> None:
    with pytest.raises(ValueError, match="mask 'all': expected exactly one of ground and image_px"):
        PrivacyMask(id="all")
