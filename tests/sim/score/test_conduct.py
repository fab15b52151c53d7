"""How vehicles behaved, by hand: dock at 10 m east, 80 m south; fence 200 m around; the walker is gone at 40 s."""

import json
from pathlib import Path

import pytest

from sim.score.score import score_run
from sim.score.sections import Conduct
from tests.sim.score.run_builder import Line, build, decision, square, vehicle


def conduct(folder: Path, *lines: Line, events: list[Line] | None = None) -> Conduct:
    build(folder, vehicles=list(lines), events=events)
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
