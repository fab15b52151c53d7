"""Who crosses a line, which way, how sure that is, and that nobody is counted twice."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.events import Certainty, Stage
from contract.labels import Label
from edge.drawn_line import DrawnLine
from edge.plane import OnGround
from edge.rule import Finding, Subject
from edge.rules.line_crossing import LineCrossingRule, Options, open_rule
from tests.edge.yard import FRAME, line, site, subject

START, UPDATE, END = Stage.START, Stage.UPDATE, Stage.END
STEP_US = 100_000
Place = tuple[float, float]
WEST_TO_EAST = [-2.0, -1.0, -0.2, 0.2, 1.0, 2.0]  # metres east, along 20 m north


def _rule(
    *points: Place,
    direction: str = "either",
    hold_s: float = 3.0,
    labels: Sequence[str] = ("person",),
    **options: float,
) -> LineCrossingRule:
    drawn = site(lines=[line(*points, direction=direction, labels=labels)]).lines[0]
    checked = Options.model_validate({"hold_s": hold_s, "update_s": 60.0, **options})
    return open_rule(drawn, OnGround(FRAME), checked)


def _play(rule: LineCrossingRule, frames: Sequence[Sequence[Subject]]) -> list[tuple[int, Finding]]:
    """Findings with the index of their frame."""
    return [
        (index, finding)
        for index, subjects in enumerate(frames)
        for finding in rule.judge(subjects, captured_at_us=index * STEP_US)
    ]


def _walk(*east_m: float, sigma_m: float = 0.1) -> list[list[Subject]]:
    return [[subject(east, 20.0, sigma_m=sigma_m)] for east in east_m]


def _starts(found: Sequence[tuple[int, Finding]]) -> list[int]:
    return [index for index, finding in found if finding.stage is START]


@pytest.mark.parametrize(
    ("direction", "to_east", "to_west"),
    [("either", [4], [4]), ("left_to_right", [4], []), ("right_to_left", [], [4])],
)
def test_the_direction_is_that_of_one_who_stands_at_the_first_point_and_looks_to_the_next(
    direction: str, to_east: list[int], to_west: list[int]
) -> None:
    assert (
        _starts(_play(_rule(direction=direction), _walk(*WEST_TO_EAST))) == to_east
    )  # the line runs north: west is left
    assert _starts(_play(_rule(direction=direction), _walk(*(-east for east in WEST_TO_EAST)))) == to_west


def test_a_crossing_has_a_start_and_an_end() -> None:
    found = _play(_rule(hold_s=1.0), _walk(*WEST_TO_EAST, *[3.0] * 20))
    assert [(index, finding.stage, finding.revision) for index, finding in found] == [(4, START, 0), (14, END, 1)]
    assert found[0][1].started_at_us == 400_000
    assert found[0][1].sighting == subject(1.0, 20.0).sighting


def test_it_ends_when_the_track_is_gone() -> None:
    found = _play(_rule(), [*_walk(*WEST_TO_EAST), []])
    assert [(index, finding.stage) for index, finding in found] == [(4, START), (6, END)]


@pytest.mark.parametrize(
    ("east_m", "crossed"),
    [
        pytest.param([-2, -0.3, 0.3, -0.3, 0.3, -0.3, 0.3, 2], [7], id="dithers on the line and crosses once"),
        pytest.param([-2, -0.3, 0.3, -0.3, 0.3, -0.3, -2], [], id="dithers on the line and turns back"),
        pytest.param([-2, 0.4, -2, 0.4, -2], [], id="looks over it again and again"),
        pytest.param([-0.3, 0.3, 2], [], id="was never seen on the other side"),
        pytest.param([-2, 0.0, 0.0, 2], [3], id="stands on it for a while"),
        pytest.param([-9, 9], [1], id="one frame before and one after"),
    ],
)
def test_a_crossing_needs_a_way_on_both_sides(east_m: list[float], crossed: list[int]) -> None:
    assert _starts(_play(_rule(), _walk(*east_m))) == crossed


def test_who_goes_to_and_fro_has_one_event_until_he_is_quiet() -> None:
    found = _play(_rule(hold_s=1.0), _walk(*[-2.0, 2.0] * 10, *[2.0] * 20, -2.0))
    assert [(index, finding.stage) for index, finding in found] == [(1, START), (29, END), (40, START)]


def test_the_way_between_two_sights_is_straight_through_dropped_frames_and_predictions() -> None:
    predicted = [[subject(0.0, 20.0, is_seen=False)]] * 20
    assert _starts(_play(_rule(), [*_walk(-2.0), *predicted, *_walk(2.0)])) == [21]
    assert _starts(_play(_rule(), [*_walk(-2.0), *predicted])) == []


def test_a_frame_that_is_misread_hides_no_crossing() -> None:
    misread = [[subject(1.0, 20.0, label=Label.OTHER)]]
    assert _starts(_play(_rule(), [*_walk(-2.0, -1.0), *misread, *_walk(2.0)])) == [3]
    assert _play(_rule(), [[subject(east, 20.0, label=Label.ANIMAL)] for east in WEST_TO_EAST]) == []


def test_who_walks_round_the_end_of_a_line_does_not_cross_it() -> None:
    places = [(-2.0, 28.0), (-2.0, 32.0), (2.0, 32.0), (2.0, 28.0)]
    assert _play(_rule(), [[subject(*place)] for place in places]) == []


def test_what_an_unset_line_did_not_see_is_no_crossing() -> None:
    assert _starts(_play(_rule(), [*_walk(-2.0), [], *_walk(2.0, 3.0)])) == []


@pytest.mark.parametrize(
    ("sigma_m", "expected"),
    [
        pytest.param(0.1, [(4, Certainty.PROBABLE)], id="sure"),
        pytest.param(3.0, [(4, Certainty.POSSIBLE), (6, Certainty.PROBABLE)], id="probable only farther on"),
        pytest.param(30.0, [], id="an error beyond all measure says nothing"),
    ],
)
def test_the_position_error_decides_how_sure_a_crossing_is(
    sigma_m: float, expected: list[tuple[int, Certainty]]
) -> None:
    rule = _rule(update_s=0.1, update_move_m=50.0)
    found = _play(rule, _walk(-2.0, -1.0, -0.2, 0.2, 0.6, 1.0, 1.5, 3.0, sigma_m=sigma_m))
    assert [(index, finding.certainty) for index, finding in found] == expected


def test_two_people_cross_for_themselves() -> None:
    frames = [[subject(east, 20.0, track=1), subject(-east, 22.0, track=2)] for east in WEST_TO_EAST]
    assert [(i, f.sighting.track) for i, f in _play(_rule(direction="left_to_right"), frames)] == [(4, 1)]


BENT = ((0.0, 10.0), (0.0, 20.0), (10.0, 20.0))


def test_a_bent_line_is_crossed_once_also_at_its_corner() -> None:
    drawn = DrawnLine(BENT)
    corner = (-1.0, 21.0), (1.0, 19.0)
    assert drawn.crossings(*corner) == 1
    assert drawn.crossings(*reversed(corner)) == -1
    assert drawn.crossings((-1.0, 15.0), (5.0, 21.0)) == 0  # in by one part, out by the other


coordinates = st.tuples(st.integers(-12, 12), st.integers(8, 24))


@given(st.lists(coordinates, min_size=3, max_size=20))
def test_a_way_that_returns_to_where_it_began_crosses_a_closed_line_as_often_in_as_out(places: list[Place]) -> None:
    square = DrawnLine([(-5, 15), (5, 15), (5, 21), (-5, 21), (-5, 15)])
    way = [(east + 0.25, north + 0.25) for east, north in (*places, places[0])]
    assert sum(square.crossings(a, b) for a, b in pairwise(way)) == 0


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([-3.0, -0.3, 0.3, 3.0])), max_size=3), max_size=60)
)
def test_every_start_has_its_one_end_and_revisions_without_a_gap(scenes: list[list[tuple[int, float]]]) -> None:
    frames = [[subject(east_m, 20, track=track) for track, east_m in dict(scene).items()] for scene in scenes]
    found = [finding for _, finding in _play(_rule(hold_s=0.3), [*frames, []])]
    for key in {(finding.sighting.track, finding.started_at_us) for finding in found}:
        life = [f for f in found if (f.sighting.track, f.started_at_us) == key]
        assert [f.revision for f in life] == list(range(len(life)))
        assert [f.stage for f in life] == [START, *[UPDATE] * (len(life) - 2), END]
