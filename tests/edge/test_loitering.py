"""When staying becomes loitering, and that neither dropped frames nor a pole in the way change that."""

from collections.abc import Sequence

import pytest

from contract.events import Certainty, Stage
from contract.labels import Label
from edge.plane import OnGround
from edge.rule import Finding, Subject
from edge.rules.loitering import LoiteringRule, Options, open_rule
from tests.edge.yard import FRAME, site, subject

START, UPDATE, END = Stage.START, Stage.UPDATE, Stage.END
SECOND_US = 1_000_000
Told = list[tuple[float, Stage]]


def _rule(**options: object) -> LoiteringRule:
    return open_rule(
        site().zones[0], OnGround(FRAME), Options.model_validate({"after_s": 10.0, "update_still_s": 600, **options})
    )


def _play(rule: LoiteringRule, frames: Sequence[tuple[float, Sequence[Subject]]]) -> list[tuple[float, Finding]]:
    """Findings with the second of their frame; `frames` are seconds and who is there."""
    return [
        (at_s, finding)
        for at_s, subjects in frames
        for finding in rule.judge(subjects, captured_at_us=round(at_s * SECOND_US))
    ]


def _told(found: Sequence[tuple[float, Finding]]) -> Told:
    return [(at_s, finding.stage) for at_s, finding in found]


def _each(
    step_s: float, until_s: float, subjects: Sequence[Subject], *, from_s: float = 0.0
) -> list[tuple[float, Sequence[Subject]]]:
    return [(from_s + n * step_s, subjects) for n in range(round((until_s - from_s) / step_s))]


INSIDE, OUTSIDE = [subject(0, 20)], [subject(9, 20)]
HIDDEN = [subject(0, 20, is_seen=False)]


def test_it_begins_when_somebody_stayed_for_long_enough() -> None:
    found = _play(_rule(), _each(0.1, 12, INSIDE))
    assert _told(found) == [(10.0, START)]
    assert found[0][1].started_at_us == 10 * SECOND_US
    assert found[0][1].certainty is Certainty.PROBABLE


def test_who_passes_through_does_not_loiter() -> None:
    assert _play(_rule(), [*_each(0.1, 9.9, INSIDE), *_each(0.1, 20, OUTSIDE, from_s=9.9)]) == []


@pytest.mark.parametrize("step_s", [0.04, 0.1, 0.5, 2.0, 5.0])
def test_dropped_frames_change_nothing(step_s: float) -> None:
    assert _told(_play(_rule(), _each(step_s, 15, INSIDE))) == [(10.0, START)]


def test_a_gap_in_the_frames_counts_as_time_inside() -> None:
    assert _told(_play(_rule(), [(0.0, INSIDE), (0.1, INSIDE), (9.9, INSIDE), (10.0, INSIDE)])) == [(10.0, START)]


def test_a_while_behind_a_pole_counts_and_starts_nothing_by_itself() -> None:
    frames = [*_each(0.1, 4, INSIDE), *_each(0.1, 6.5, HIDDEN, from_s=4.0), *_each(0.1, 12, INSIDE, from_s=6.5)]
    assert _told(_play(_rule(), frames)) == [(10.0, START)]
    frames = [*_each(0.1, 9, INSIDE), *_each(0.1, 11, HIDDEN, from_s=9.0), *_each(0.1, 12, INSIDE, from_s=11.0)]
    assert _told(_play(_rule(), frames)) == [(11.0, START)]


def test_a_step_outside_does_not_begin_it_anew_and_staying_outside_does() -> None:
    step = [*_each(0.1, 5, INSIDE), *_each(0.1, 7, OUTSIDE, from_s=5.0), *_each(0.1, 12, INSIDE, from_s=7.0)]
    away = [*_each(0.1, 5, INSIDE), *_each(0.1, 9, OUTSIDE, from_s=5.0), *_each(0.1, 20, INSIDE, from_s=9.0)]
    assert _told(_play(_rule(), step)) == [(10.0, START)]
    assert _told(_play(_rule(), away)) == [(19.0, START)]


def test_it_ends_after_some_time_outside_or_when_the_track_is_gone() -> None:
    leaves = [*_each(0.5, 12, INSIDE), *_each(0.5, 20, OUTSIDE, from_s=12.0)]
    vanishes = [*_each(0.5, 12, INSIDE), (12.0, [])]
    # The update: inside is no longer probable.
    assert _told(_play(_rule(update_move_m=50), leaves)) == [(10.0, START), (12.0, UPDATE), (14.5, END)]
    assert _told(_play(_rule(), vanishes)) == [(10.0, START), (12.0, END)]


def test_one_who_stays_is_told_again_now_and_then() -> None:
    assert _told(_play(_rule(update_still_s=5), _each(0.5, 21, INSIDE))) == [
        (10.0, START),
        (15.0, UPDATE),
        (20.0, UPDATE),
    ]


def test_with_a_radius_only_who_stays_near_one_place_loiters() -> None:
    to_and_fro = [(n * 0.1, [subject(-4 + 8 * abs((n / 40) % 2 - 1), 20)]) for n in range(300)]
    assert _told(_play(_rule(update_move_m=50), to_and_fro)) == [(10.0, START)]
    assert _play(_rule(radius_m=2.0, leave_s=1.0), to_and_fro) == []
    assert _told(_play(_rule(radius_m=2.0, leave_s=1.0), _each(0.1, 12, INSIDE))) == [(10.0, START)]


def test_a_position_that_is_not_sure_is_possibly_loitering() -> None:
    unsure = [subject(4.9, 24.9, sigma_m=2.0)]
    assert [finding.certainty for _, finding in _play(_rule(), _each(0.5, 12, unsure))] == [Certainty.POSSIBLE]


def test_only_the_labels_of_the_zone_loiter() -> None:
    assert _play(_rule(), _each(0.5, 30, [subject(0, 20, label=Label.ANIMAL)])) == []


def _found_again(at_m: float, *, gap_s: float) -> list[tuple[float, int]]:
    """Somebody stays for 6 s and is lost, and another appears; when which of them loiters."""
    before = _each(0.5, 6, [subject(0, 20, track=1)])
    gap = _each(0.5, 6 + gap_s, [], from_s=6.0)
    after = _each(0.5, 30, [subject(at_m, 20, track=2)], from_s=6 + gap_s)
    found = _play(_rule(), [*before, *gap, *after])
    return [(at_s, f.sighting.track) for at_s, f in found if f.stage is START]


def test_who_is_lost_and_found_again_as_another_has_stayed_since_he_came() -> None:
    assert _found_again(0.5, gap_s=1.0) == [(10.0, 2)]
    assert _found_again(0.5, gap_s=4.0) == [(20.0, 2)]  # too long ago
    assert _found_again(4.0, gap_s=1.0) == [(17.0, 2)]  # too far away


def test_who_was_there_all_the_time_or_is_seen_gives_his_time_to_nobody() -> None:
    passes = [subject(0.5, 20, track=1)]
    walks_by = [subject(9, 20, track=2)]
    frames = [*_each(0.5, 6, [*passes, *walks_by]), *_each(0.5, 30, [subject(0.5, 20, track=2)], from_s=6.0)]
    assert [at_s for at_s, f in _play(_rule(), frames) if f.stage is START] == [16.0]
    both = [subject(0, 20, track=1), subject(0.5, 20, track=2)]
    frames = [*_each(0.5, 6, both[:1]), *_each(0.5, 20, both, from_s=6.0)]
    found = [(at_s, f.sighting.track) for at_s, f in _play(_rule(), frames) if f.stage is START]
    assert found == [(10.0, 1), (16.0, 2)]


def test_the_missing_one_who_returns_has_kept_his_time_too() -> None:
    one, two = subject(0, 20, track=1), subject(0.5, 20, track=2)
    hidden = subject(0, 20, track=1, is_seen=False)
    frames = [*_each(0.5, 6, [one]), *_each(0.5, 8, [hidden, two], from_s=6.0), *_each(0.5, 12, [one, two], from_s=8.0)]
    found = [(at_s, f.sighting.track) for at_s, f in _play(_rule(), frames) if f.stage is START]
    assert found == [(10.0, 1), (10.0, 2)]


def test_each_track_has_its_own_time() -> None:
    one, two = subject(0, 20, track=1), subject(2, 20, track=2)
    found = _play(_rule(), [*_each(0.5, 5, [one]), *_each(0.5, 16, [one, two], from_s=5.0)])
    assert [(at_s, finding.sighting.track) for at_s, finding in found] == [(10.0, 1), (15.0, 2)]
