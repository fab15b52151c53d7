"""When an intrusion starts, what is told of it, and that it always ends."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.events import Certainty, Stage
from contract.labels import Label
from edge.plane import OnGround
from edge.rule import Finding, Subject
from edge.rules.intrusion import IntrusionRule, Options, open_rule
from tests.edge.yard import FRAME, site, subject

START, UPDATE, END = Stage.START, Stage.UPDATE, Stage.END


def _rule(options: Options | None = None, *, dwell_s: float = 0.5, half_m: float = 5.0) -> IntrusionRule:
    return open_rule(site(dwell_s=dwell_s, half_m=half_m).zones[0], OnGround(FRAME), options or Options())


def _play(rule: IntrusionRule, frames: Sequence[Sequence[Subject]], *, fps: float = 10.0) -> list[tuple[int, Finding]]:
    """Findings with the index of their frame."""
    return [
        (index, finding)
        for index, subjects in enumerate(frames)
        for finding in rule.judge(subjects, captured_at_us=round(index * 1e6 / fps))
    ]


def _stages(found: list[tuple[int, Finding]]) -> list[tuple[int, Stage]]:
    return [(index, finding.stage) for index, finding in found]


def test_an_intrusion_starts_after_the_dwell() -> None:
    found = _play(_rule(dwell_s=0.5), [[subject(0, 20)]] * 8)
    assert _stages(found) == [(5, START)]
    assert found[0][1].started_at_us == 500_000
    assert found[0][1].certainty is Certainty.PROBABLE


def test_stepping_out_starts_the_dwell_again() -> None:
    inside, outside = [subject(0, 20)], [subject(7, 20)]
    assert _stages(_play(_rule(dwell_s=0.5), [inside] * 4 + [outside] + [inside] * 6)) == [(10, START)]


def test_frames_without_a_sight_neither_start_nor_reset_the_dwell() -> None:
    inside, predicted = [subject(0, 20)], [subject(0, 20, is_seen=False)]
    assert _stages(_play(_rule(dwell_s=0.5), [inside] + [predicted] * 7 + [inside])) == [(8, START)]
    assert _play(_rule(dwell_s=0.0), [predicted] * 20) == []


@pytest.mark.parametrize(
    ("half_m", "east_m", "north_m", "sigma_m", "expected"),
    [
        pytest.param(5.0, 0.0, 20.0, 0.1, Certainty.PROBABLE, id="well inside"),
        pytest.param(5.0, 4.9, 24.9, 2.0, Certainty.POSSIBLE, id="just inside a corner with a wide error"),
        pytest.param(5.0, 5.3, 20.0, 2.0, None, id="just outside with a wide error"),
        pytest.param(1.0, 0.0, 20.0, 2.0, Certainty.POSSIBLE, id="a zone smaller than the error is not blind"),
        pytest.param(1.0, 0.0, 20.0, 30.0, None, id="an error beyond all measure says nothing"),
        pytest.param(5.0, 20.0, 20.0, 0.1, None, id="far outside"),
    ],
)
def test_the_position_error_decides_how_sure_a_start_is(
    half_m: float, east_m: float, north_m: float, sigma_m: float, expected: Certainty | None
) -> None:
    found = _play(_rule(half_m=half_m), [[subject(east_m, north_m, sigma_m=sigma_m)]] * 8)
    assert [finding.certainty for _, finding in found] == ([] if expected is None else [expected])


def test_only_the_labels_of_the_zone_start_an_intrusion() -> None:
    assert _play(_rule(), [[subject(0, 20, label=Label.BICYCLE)]] * 20) == []


def test_what_is_no_person_may_be_asked_to_have_moved_and_a_person_is_not() -> None:
    zone = site(dwell_s=0.0, labels=["person", "motor_vehicle"]).zones[0]

    def told(label: Label, *east_m: float) -> list[tuple[int, Stage]]:
        rule = open_rule(zone, OnGround(FRAME), Options(travel_m=2.0))
        return _stages(_play(rule, [[subject(east, 20, label=label)] for east in east_m]))

    assert told(Label.MOTOR_VEHICLE, 0.0, 0.5, 1.9) == []
    assert told(Label.MOTOR_VEHICLE, 0.0, 0.5, 2.1) == [(2, START)]
    assert told(Label.MOTOR_VEHICLE, 7.0, 4.0) == [(1, START)]  # it came from outside
    assert told(Label.PERSON, 0.0) == [(0, START)]


def test_whoever_came_in_as_a_person_stays_one() -> None:
    person, misread = [subject(0, 20)], [subject(0, 20, label=Label.ANIMAL)]
    assert _stages(_play(_rule(dwell_s=0.0), [person] + [misread] * 30)) == [(0, START)]


def test_an_unlocated_track_starts_nothing_and_ends_nothing() -> None:
    unlocated = Subject(subject(0, 20).sighting.model_copy(update={"ground": None}), is_seen=True, point=None)
    assert _play(_rule(dwell_s=0.0), [[unlocated]] * 20) == []
    assert _stages(_play(_rule(dwell_s=0.0), [[subject(0, 20)]] + [[unlocated]] * 30)) == [(0, START)]


def test_it_ends_after_some_time_outside_the_margin() -> None:
    options = Options(margin_m=0.5, leave_s=1.0, update_s=60.0)
    inside, in_margin, outside = [subject(4, 20)], [subject(5.3, 20)], [subject(5.8, 20)]
    frames = [inside] + [in_margin] * 20 + [outside] * 5 + [in_margin] + [outside] * 20
    assert _stages(_play(_rule(options, dwell_s=0.0), frames)) == [(0, START), (37, END)]


def test_it_ends_when_the_track_is_gone_with_the_last_sighting() -> None:
    found = _play(_rule(dwell_s=0.0), [[subject(0, 20)], [subject(0, 20.2)], [], []])
    assert _stages(found) == [(0, START), (2, END)]
    assert found[1][1].sighting == subject(0, 20.2).sighting


def test_one_who_moves_is_told_once_a_second() -> None:
    frames = [[subject(-4 + 0.1 * i, 20)] for i in range(35)]
    found = _play(_rule(dwell_s=0.0), frames)
    assert _stages(found) == [(0, START), (10, UPDATE), (20, UPDATE), (30, UPDATE)]
    assert [finding.revision for _, finding in found] == [0, 1, 2, 3]


def test_one_who_stands_still_is_told_every_ten_seconds() -> None:
    assert _stages(_play(_rule(dwell_s=0.0), [[subject(0, 20)]] * 205)) == [(0, START), (100, UPDATE), (200, UPDATE)]


def test_losing_certainty_is_told() -> None:
    sure, unsure = [subject(4.5, 20)], [subject(4.5, 20, sigma_m=5.0)]
    found = _play(_rule(dwell_s=0.0), [sure] * 5 + [unsure] * 7)
    assert [(index, finding.certainty) for index, finding in found] == [
        (0, Certainty.PROBABLE),
        (10, Certainty.POSSIBLE),
    ]


def test_two_people_have_an_intrusion_each() -> None:
    frames = [[subject(0, 20, track=1), subject(2, 20, track=2)]] * 3 + [[subject(2, 20, track=2)]] * 2
    found = _play(_rule(dwell_s=0.0), frames)
    assert [(i, f.stage, f.sighting.track) for i, f in found] == [(0, START, 1), (0, START, 2), (3, END, 1)]


@given(st.lists(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0.0, 4.9, 5.3, 9.0])), max_size=3), max_size=60))
def test_every_start_has_its_one_end_and_revisions_without_a_gap(scenes: list[list[tuple[int, float]]]) -> None:
    frames = [[subject(east_m, 20, track=track) for track, east_m in dict(scene).items()] for scene in scenes]
    found = [finding for _, finding in _play(_rule(dwell_s=0.2), [*frames, []])]
    for key in {(finding.sighting.track, finding.started_at_us) for finding in found}:
        life = [f for f in found if (f.sighting.track, f.started_at_us) == key]
        assert [f.revision for f in life] == list(range(len(life)))
        assert [f.stage for f in life] == [START, *[UPDATE] * (len(life) - 2), END]
