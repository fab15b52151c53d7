"""Zones and lines drawn in a camera's picture are judged by the foot point in it, located on the ground or not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from contract.clock import SystemClock
from contract.events import Certainty, Event, Stage
from contract.kinds import EventKind
from contract.site import Direction, Site
from edge.errors import SetUpError
from edge.plane import InPicture, plane_of
from edge.pose import FeedPlace, open_poses
from edge.pose_settings import KlvPoseSettings
from edge.rule import Finding, Subject, open_rule
from tests.edge.test_pipeline import events_of, pipeline_of, walk
from tests.edge.yard import FRAME, line, person_px, site, subject

Place = tuple[float, float]
CORNERS = [(200, 300), (440, 300), (440, 400), (200, 400)]  # of 640x480
PERIOD_US = 200_000


def yard(corners: Sequence[Place] = CORNERS) -> Site:
    return site(polygon=None, image_px=corners)


def standing(x_px: float, foot_px: float, *, height_px: float = 100.0, is_located: bool = False) -> Subject:
    """Unless asked for it, nobody knows where on the ground."""
    box_px = (x_px - 20.0, foot_px - height_px, x_px + 20.0, foot_px)
    return subject(0.0, 20.0, box_px=box_px, is_located=is_located)


def told(
    kind: EventKind, seen: Sequence[Subject], place: Site | None = None, **options: object
) -> list[tuple[int, Finding]]:
    """Findings of the first zone, or of the first line for a rule of one, with the index of their frame."""
    place = place or yard()
    watched = place.lines[0] if kind is EventKind.LINE_CROSSING else place.zones[0]
    rule = open_rule(kind, watched, plane=plane_of(watched, frame=FRAME, lens=place.cameras[0].lens), options=options)
    return [
        (index, finding)
        for index, each in enumerate(seen)
        for finding in rule.judge([each], captured_at_us=index * PERIOD_US)
    ]


def starts(found: Sequence[tuple[int, Finding]]) -> list[int]:
    return [index for index, finding in found if finding.stage is Stage.START]


def test_who_stands_in_the_picture_s_zone_intrudes_though_nobody_knows_where_on_the_ground() -> None:
    found = told(EventKind.INTRUSION, [standing(320, 350)] * 5)
    assert [(index, finding.certainty) for index, finding in found] == [(3, Certainty.PROBABLE)]
    assert found[0][1].sighting.ground is None
    assert told(EventKind.INTRUSION, [standing(320, 290)] * 5) == []  # his head is in it, his foot is not


@pytest.mark.parametrize(
    ("corners", "foot_px", "certainty"),
    [
        pytest.param(CORNERS, 350, Certainty.PROBABLE, id="well inside"),
        pytest.param(
            [(318, 348), (322, 348), (322, 352), (318, 352)], 350, Certainty.POSSIBLE, id="narrower than foot"
        ),
        pytest.param([(316, 348), (324, 348), (324, 352), (316, 352)], 358, None, id="beside it"),
    ],
)
def test_the_error_of_the_foot_decides_between_probable_and_possible(
    corners: list[Place], foot_px: float, certainty: Certainty | None
) -> None:
    found = told(EventKind.INTRUSION, [standing(320, foot_px)] * 5, yard(corners))
    assert [finding.certainty for _, finding in found] == ([] if certainty is None else [certainty])


def test_what_is_drawn_to_the_lower_edge_holds_those_whose_feet_are_below_the_picture() -> None:
    to_the_edge = yard([(200, 300), (440, 300), (440, 478), (200, 478)])
    not_quite = yard([(200, 300), (440, 300), (440, 440), (200, 440)])
    cut_off = [standing(320, 480, height_px=300)] * 5
    assert [f.certainty for _, f in told(EventKind.INTRUSION, cut_off, to_the_edge)] == [Certainty.PROBABLE]
    assert told(EventKind.INTRUSION, cut_off, not_quite) == []


def test_between_the_edge_and_the_margin_nobody_leaves_and_the_margin_is_as_high_as_the_box_says() -> None:
    inside, near, away = standing(320, 395), standing(320, 420), standing(320, 470)
    found = told(EventKind.INTRUSION, [*[inside] * 5, *[near] * 10, *[away] * 10], margin_m=0.5, update_still_s=60)
    assert [(index, f.stage) for index, f in found if f.stage is not Stage.UPDATE] == [
        (3, Stage.START),
        (20, Stage.END),
    ]


def test_one_stays_too_long_in_a_picture_and_a_radius_is_measured_by_the_height_of_the_box() -> None:
    stands = [standing(320, 350)] * 60
    to_and_fro = [standing(220 + 100 * (index % 3), 350) for index in range(60)]  # 100 px are 1.7 m
    assert starts(told(EventKind.LOITERING, stands, after_s=10)) == [50]
    assert starts(told(EventKind.LOITERING, to_and_fro, after_s=10)) == [50]
    assert starts(told(EventKind.LOITERING, to_and_fro, after_s=10, radius_m=1.0, leave_s=0.2)) == []


def test_what_has_no_name_must_travel_and_does_so_on_the_ground_where_that_is_known() -> None:
    def there(east_m: float, *, is_located: bool) -> Subject:
        return subject(east_m, 20.0, box_px=person_px(east_m, 20.0), is_located=is_located)

    for is_located in (True, False):
        walks = [there(-2.0 + 0.2 * index, is_located=is_located) for index in range(20)]
        sways = [there(0.2 * (index % 2), is_located=is_located) for index in range(20)]
        assert starts(told(EventKind.UNCLASSIFIED_MOVEMENT, walks)) == [10 if is_located else 11]
        assert starts(told(EventKind.UNCLASSIFIED_MOVEMENT, sways)) == []


@pytest.mark.parametrize(
    ("direction", "to_the_right", "to_the_left"), [("either", 1, 1), ("left_to_right", 1, 0), ("right_to_left", 0, 1)]
)
def test_left_and_right_of_a_line_are_those_of_one_who_stands_in_the_picture(
    direction: str, to_the_right: int, to_the_left: int
) -> None:
    """It begins at the lower edge and leads away from the camera, so left of it is left in the picture."""
    place = site(lines=[line(points=None, image_px=[(320, 480), (320, 300)], direction=direction)])
    walks = [standing(x_px, 400) for x_px in range(200, 441, 20)]
    right, left = (told(EventKind.LINE_CROSSING, each, place) for each in (walks, walks[::-1]))
    assert ([f.direction for _, f in right], [f.direction for _, f in left]) == (
        [Direction.LEFT_TO_RIGHT] * to_the_right,
        [Direction.RIGHT_TO_LEFT] * to_the_left,
    )


def test_a_line_that_ends_at_the_lower_edge_is_crossed_also_by_who_has_no_feet_in_the_picture() -> None:
    place = site(lines=[line(points=None, image_px=[(320, 300), (320, 479)])])
    walks = [standing(x_px, 480, height_px=150) for x_px in range(100, 541, 40)]
    assert len(starts(told(EventKind.LINE_CROSSING, walks, place))) == 1
    assert (
        told(EventKind.LINE_CROSSING, walks, site(lines=[line(points=None, image_px=[(320, 300), (320, 460)])])) == []
    )


def test_through_the_pipeline_an_event_of_the_picture_has_its_place_on_the_ground() -> None:
    events: list[Event] = events_of(walk(pipeline_of(yard()), [(0.0, 30.0)] * 15))
    assert [event.stage for event in events] == [Stage.START]
    ground = events[0].sighting.ground
    assert ground is not None
    assert FRAME.to_enu(ground.point).north_m == pytest.approx(30.0, abs=0.5)


def test_a_feed_whose_pose_changes_is_refused(tmp_path: Path) -> None:
    place = FeedPlace(yard().cameras[0], yard(), "rtsp://camera/1", tmp_path, SystemClock())
    with pytest.raises(SetUpError, match="expected a fixed pose, as 'gate' is drawn in its picture, got klv"):
        open_poses(KlvPoseSettings(kind="klv"), place)


def test_a_zone_in_pieces_along_the_lower_edge_goes_on_below_each_of_them() -> None:
    horseshoe = [(100, 300), (500, 300), (500, 480), (400, 480), (400, 340), (200, 340), (200, 480), (100, 480)]
    outline = InPicture(height_px=480).outline(yard(horseshoe).zones[0])
    assert outline.bounds == (100.0, -960.0, 500.0, -300.0)
    assert outline.area == pytest.approx(400 * 40 + 2 * 100 * (960 - 340))
