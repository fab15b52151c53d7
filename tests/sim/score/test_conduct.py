"""How vehicles behaved, by hand: dock at 10 m east, 80 m south; fence 200 m around; the walker is gone at 40 s."""

import json
from pathlib import Path

import pytest

from sim.score.score import score_run
from sim.score.sections import Conduct
from tests.sim.score.run_builder import Line, build, decision, square, us, vehicle


def conduct(folder: Path, *lines: Line, events: list[Line] | None = None, faults: list[Line] | None = None) -> Conduct:
    build(folder, vehicles=list(lines), events=events, faults=faults or [])
    document = json.loads((folder / "site.yaml").read_text())
    document["no_fly"] = [{"id": "tank", "polygon": square(-50, -60, -30, -40)}]
    (folder / "site.yaml").write_text(json.dumps(document))
    return score_run(folder).vehicles["drone-1"]


def test_time_in_a_no_fly_area_counts_in_the_air_only(tmp_path: Path) -> None:
    lines = [vehicle(10.0, -40, -50, 0.0), vehicle(20.0, -40, -50, 20.0), vehicle(23.0, -20, -50, 20.0)]

    found = conduct(tmp_path, *lines)

    assert (found.no_fly_s, found.outside_geofence_s, found.active_s) == (3.0, 0.0, 40.0)


def test_time_outside_the_geofence_counts_until_the_end(tmp_path: Path) -> None:
    found = conduct(tmp_path, vehicle(10.0, 0, -190, 20.0), vehicle(50.0, 0, -201, 20.0))

    assert found.outside_geofence_s == 10.0


def test_the_nearest_person_is_measured_on_the_ground_and_only_from_the_air(tmp_path: Path) -> None:
    on_the_pad = vehicle(15.0, 10, 5, 0.0)  # the walker is at 10 east, 5 north

    found = conduct(tmp_path, on_the_pad, vehicle(20.0, 10, -20, 20.0), vehicle(45.0, 10, 30, 20.0))

    assert found.nearest_person_m == pytest.approx(30.0)


def test_approved_orders_are_counted_and_refused_ones_are_not(tmp_path: Path) -> None:
    events = [decision(12.0, "approved"), decision(13.0, "refused", "wind"), decision(14.0, "approved")]

    assert conduct(tmp_path, vehicle(0.0, 10, -80, 0.0), events=events).orders == 2


def test_where_it_ends_is_told(tmp_path: Path) -> None:
    home = conduct(tmp_path / "home", vehicle(0.0, 0, 0, 20.0), vehicle(30.0, 13, -76, 0.1))
    away = conduct(tmp_path / "away", vehicle(0.0, 10, -80, 20.0))

    assert home.ends_from_home_m == pytest.approx(5.0, abs=0.001)
    assert away.ends_from_home_m == pytest.approx(0.0, abs=0.001)
    assert (home.ends_active, away.ends_active) == (0, 1)


PILOT: Line = {
    "kind": "pilot_takes",
    "vehicle": "drone-1",
    "at_s": 20.0,
    "for_s": 20.0,
    "mode": "LOITER",
    "leaves_in": "LAND",
}
STATION: Line = {
    "kind": "other_station",
    "vehicle": "drone-1",
    "at_s": 10.0,
    "acts": [{"after_s": 10.0, "do": "go_to"}],
}


@pytest.mark.parametrize(
    ("fault", "overruled"), [pytest.param(PILOT, 2, id="pilot"), pytest.param(STATION, 2, id="another station")]
)
def test_commands_that_reach_a_vehicle_in_other_hands_are_counted(tmp_path: Path, fault: Line, overruled: int) -> None:
    commands = {5.0: 3, 21.0: 4, 25.0: 5, 31.0: 6, 41.0: 7}  # at 21 s nobody can have heard of it yet
    lines = [{**vehicle(at_s, 0, 0, 20.0), "commands": count} for at_s, count in commands.items()]
    back = {"type": "operator", "at_us": us(35.0), "by": "Ada", "do": "take_back", "target": "drone-1"}

    found = conduct(tmp_path, *lines, events=[{**back, "outcome": "done"}], faults=[fault])

    assert (found.commands, found.overruled) == (7, overruled)


def test_time_by_hand_and_breaches_are_the_vehicles_own_word(tmp_path: Path) -> None:
    lines = [
        vehicle(10.0, 0, 0, 20.0),
        {**vehicle(20.0, 0, 0, 20.0), "mode": "LOITER", "fence_breaches": 1},
        {**vehicle(28.0, 0, 0, 20.0), "mode": "RTL", "fence_breaches": 1},
    ]

    found = conduct(tmp_path, *lines)

    assert (found.by_hand_s, found.fence_breaches) == (8.0, 1)


def test_a_stranger_with_the_id_of_ours_is_judged_too(tmp_path: Path) -> None:
    stranger = {"kind": "same_id", "vehicle": "drone-1", "named": "stranger", "at_s": 5.0, "east_m": 30, "north_m": 0}
    line = {**vehicle(5.0, 30, 0, 0.0), "vehicle": "stranger"}
    build(tmp_path, vehicles=[line], faults=[stranger])

    assert score_run(tmp_path).vehicles["stranger"].active_s == 0.0
