from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.events import Certainty
from contract.kinds import EventKind, Severity
from contract.labels import Label
from fleet.picture.priority import Factors, OddHours, priority_of, trouble_priority
from tests.fleet.messages import SITE_TEXT, make_site

PERSON_IN_A_LOUD_ZONE = Factors(Severity.HIGH, Label.PERSON, EventKind.INTRUSION, Certainty.PROBABLE, 0.9)
# Each factor from harmless to severe.
SEVERITIES = [Severity.LOW, Severity.MEDIUM, Severity.HIGH]
LABELS = [Label.ANIMAL, Label.OTHER, Label.BICYCLE, Label.PERSON]
KINDS = [EventKind.UNCLASSIFIED_MOVEMENT, EventKind.INTRUSION, EventKind.LOITERING]
CERTAINTIES = [Certainty.POSSIBLE, Certainty.PROBABLE]


def two_of(values: Sequence[object]) -> st.SearchStrategy[list[object]]:
    """The harmless one first."""
    return st.lists(st.integers(0, len(values) - 1), min_size=2, max_size=2).map(
        lambda two: [values[index] for index in sorted(two)]
    )


WORSE = st.one_of(
    st.tuples(st.just("severity"), two_of(SEVERITIES)),
    st.tuples(st.just("label"), two_of(LABELS)),
    st.tuples(st.just("kind"), two_of(KINDS)),
    st.tuples(st.just("certainty"), two_of(CERTAINTIES)),
    st.tuples(st.just("score"), two_of([0.0, 0.3, 0.5, 0.79, 0.8, 1.0])),
    st.tuples(st.just("repeats"), two_of(range(20))),
    st.tuples(st.sampled_from(["is_quiet_hour", "is_outside_hours"]), two_of([False, True])),
)
FACTORS = st.builds(
    Factors,
    severity=st.sampled_from(Severity),
    label=st.sampled_from(Label),
    kind=st.sampled_from(EventKind),
    certainty=st.sampled_from(Certainty),
    score=st.floats(0, 1),
    is_quiet_hour=st.booleans(),
    is_outside_hours=st.booleans(),
    repeats=st.integers(0, 20),
)


@given(factors=FACTORS, change=WORSE)
def test_what_is_worse_in_one_factor_is_never_less_urgent(factors: Factors, change: tuple[str, list[object]]) -> None:
    name, (harmless, severe) = change
    before = priority_of(replace(factors, **{name: harmless}))  # type: ignore[arg-type]
    after = priority_of(replace(factors, **{name: severe}))  # type: ignore[arg-type]
    assert after.level <= before.level
    assert after.rank <= before.rank


@pytest.mark.parametrize(
    ("change", "level"),
    [
        pytest.param({}, 1, id="a person in a zone of high severity"),
        pytest.param({"severity": Severity.MEDIUM}, 2, id="of medium severity"),
        pytest.param({"severity": Severity.MEDIUM, "is_quiet_hour": True}, 1, id="of medium severity, at night"),
        pytest.param({"severity": Severity.LOW}, 3, id="of low severity"),
        pytest.param({"certainty": Certainty.POSSIBLE, "score": 0.6}, 2, id="possibly outside, fairly sure"),
        pytest.param({"label": Label.ANIMAL}, 2, id="an animal"),
        pytest.param(
            {"severity": Severity.LOW, "label": Label.OTHER, "kind": EventKind.UNCLASSIFIED_MOVEMENT, "score": 0.1},
            5,
            id="something that moves in a zone of low severity",
        ),
    ],
)
def test_levels_of_what_happens_often(change: dict[str, object], level: int) -> None:
    assert priority_of(replace(PERSON_IN_A_LOUD_ZONE, **change)).level == level  # type: ignore[arg-type]


def test_it_says_why_in_words() -> None:
    priority = priority_of(replace(PERSON_IN_A_LOUD_ZONE, is_outside_hours=True, repeats=3))
    assert priority.why == (
        "zone of high severity (+40)",
        "person (+20)",
        "intrusion (+15)",
        "probable position (+5)",
        "the detector is sure (+10)",
        "outside the zone's hours (+10)",
        "alarm number 4 of the zone within 10 minutes (+5)",
    )
    assert priority.points == 105


def test_a_trouble_that_uncovers_zones_is_looked_at_before_one_that_does_not() -> None:
    uncovers = trouble_priority(Severity.HIGH, uncovered_zones=("north-fence",))
    assert uncovers.rank < trouble_priority(Severity.MEDIUM).rank
    assert uncovers.why == ("trouble of high severity", "nobody watches north-fence")


def at(hour: int) -> int:
    """That hour on the site's wall in winter."""
    return round(datetime(2026, 1, 14, hour - 1, tzinfo=timezone.utc).timestamp() * 1e6)


def test_quiet_hours_and_a_zones_own_hours_are_those_of_the_sites_clock() -> None:
    hours = '\n    hours: [{start: "18:00", end: "07:00"}]'
    odd = OddHours(make_site(SITE_TEXT.replace("name: North fence", "name: North fence" + hours)))
    assert [odd.is_quiet(at(hour)) for hour in (5, 6, 21, 22)] == [True, False, False, True]
    assert [odd.is_outside("north-fence", at(hour)) for hour in (6, 7, 17, 18)] == [False, True, True, False]
    assert not odd.is_outside("middle", at(12))  # it has no hours
