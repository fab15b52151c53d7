"""What counts as an attack where a zone has hours or other rules, and at a line; each moment computed by hand."""

from pathlib import Path
from typing import Any

import pytest

from sim.score.score import score_run
from tests.sim.score.run_builder import Line, build, point, square, us, walker


def zone(**more: Any) -> Line:
    return {"id": "yard", "name": "Yard", "polygon": square(0, 0, 20, 20), "cameras": ["cam-1"], **more}


def line(**more: Any) -> Line:
    """From west to east through the middle of the yard, so that left is north."""
    return {"id": "across", "name": "Across", "points": [point(0, 10), point(20, 10)], "cameras": ["cam-1"], **more}


def attacks(folder: Path, **more: Any) -> list[tuple[str, float, float]]:
    """Where, from and until which second."""
    found = score_run(build(folder, **more)).attacks
    return [(each.zone, (each.starts_at_us - us(0)) / 1e6, (each.left_at_us - us(0)) / 1e6) for each in found]


def test_where_only_loitering_counts_an_attack_begins_when_it_has_lasted(tmp_path: Path) -> None:
    patient = {"zones": [zone(rules={"loitering": {"after_s": 15}})]}
    too_patient = {"zones": [zone(rules={"loitering": {"after_s": 25}})]}

    ((where, starts_s, left_s),) = attacks(tmp_path / "a", places=patient)

    assert where == "yard"
    assert (starts_s, left_s) == pytest.approx((25.0, 30.0), abs=0.1)
    assert attacks(tmp_path / "b", places=too_patient) == []


def test_out_of_its_hours_nobody_attacks_a_zone_unless_a_person_set_it(tmp_path: Path) -> None:
    by_night = {"zones": [zone(hours=[{"start": "18:00", "end": "06:00"}])]}  # it is 13:00 on the wall
    from_20_s_on = {"zones": [zone(hours=[{"start": "13:00:20", "end": "14:00"}])]}
    sets = [{"at_s": 12.0, "do": "set_zone", "target": "yard"}]

    assert attacks(tmp_path / "a", places=by_night) == []
    ((_, starts_s, _),) = attacks(tmp_path / "b", places=from_20_s_on)
    assert starts_s == pytest.approx(20.0, abs=0.1)
    ((_, starts_s, _),) = attacks(tmp_path / "c", places=by_night, operator=sets)
    assert starts_s == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize(("direction", "at_s"), [("either", [20.0]), ("right_to_left", [20.0]), ("left_to_right", [])])
def test_a_crossing_counts_the_way_that_the_line_says(direction: str, at_s: list[float], tmp_path: Path) -> None:
    found = attacks(tmp_path, places={"zones": [], "lines": [line(direction=direction)]})

    assert [starts_s for _, starts_s, _ in found] == [pytest.approx(each, abs=0.1) for each in at_s]


def test_who_turns_back_upon_the_line_did_not_cross_it(tmp_path: Path) -> None:
    stops = [(10, 0), (10, 10.3), (10, 9.8), (10, 10.2), (10, 0)]
    route = [{"east_m": east_m, "north_m": north_m} for east_m, north_m in stops]

    assert attacks(tmp_path, places={"zones": [], "lines": [line()]}, actors=[walker(route=route)]) == []
