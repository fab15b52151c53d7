"""What a changed golden is told as."""

from pathlib import Path

import pytest

from tests.sim.golden import HINTS, difference, without_hops

SCENARIO = Path("walk-in.yaml")
NODE = '{"type":"node","at_us":1000000,"node":"edge-1","state":"online"}\n'
TRACK = '{"type":"track","stage":"start","captured_at_us":2500000,"track":1,"label":"person"}\n'
EVENT = '{"captured_at_us":3000000,"sequence":1,"body":{"type":"event","sighting":{"score":0.81}}}\n'
TASK = '{"type":"task","at_us":4000000,"task":"t","state":"sent"}\n'


def test_the_same_log_has_no_difference() -> None:
    assert difference(NODE + TRACK, NODE + TRACK, scenario=SCENARIO) == ""


def test_a_changed_line_is_told_by_its_fields_its_time_and_what_may_be_behind_it() -> None:
    told = difference(NODE + EVENT + TASK, NODE + EVENT.replace("0.81", "0.83") + TASK, scenario=SCENARIO)

    assert told.splitlines() == [
        "walk-in: 1 of 3 lines are gone, 1 are new (event -1 +1)",
        "first at line 2, 2.000 s after the first line: event changed",
        "    body.sighting.score: expected 0.81, got 0.83",
        f"why it might: {HINTS['event']}",
        "if it should be so: python -m tests.sim.bless walk-in",
    ]


@pytest.mark.parametrize(
    ("golden", "now", "told"),
    [
        pytest.param(NODE + TASK, NODE + TRACK + TASK, f"got track: {TRACK}", id="a line came"),
        pytest.param(NODE + TRACK + TASK, NODE + TASK, f"expected track: {TRACK}", id="a line went"),
    ],
)
def test_a_line_that_came_or_went_is_told_whole(golden: str, now: str, told: str) -> None:
    difference_told = difference(golden, now, scenario=SCENARIO).replace('": ', '":').replace(', "', ',"')

    assert told.strip() in difference_told
    assert "why it might: detections, the modelled eye or the tracker changed" in difference_told


def test_hops_are_no_part_of_a_golden() -> None:
    assert without_hops(NODE + '{"type":"hop","at_us":1,"took_us":5}\n' + TASK) == NODE + TASK
