"""`vedette-fleet plan`: pictures, plans that read back as what was planned, a patrol for the site, one-line errors."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from contract.roaming import RoamingPatrol
from fleet.__main__ import app
from fleet.settings import read_site
from sim.tape.plan import read_plan

DEMO = Path(__file__).parents[2] / "deploy" / "sites" / "demo.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plan")
    options = ["--vehicles", "drone-1", "--spacing-m", "80", "--rounds", "3", "--out", str(out)]
    result = CliRunner().invoke(app, ["plan", str(DEMO), *options])
    assert result.exit_code == 0, result.output
    assert "longest gap" in result.output
    return out


def test_it_draws_plan_coverage_and_idleness(made: Path) -> None:
    for name in ("plan", "coverage", "idleness"):
        assert (made / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_plan_reads_back_as_fence_no_fly_area_and_the_points_in_their_order(made: Path) -> None:
    site = read_site(DEMO)
    pieces = read_plan(made / "drone-1.plan", vehicle="drone-1", name="back")
    planned = RoamingPatrol.model_validate(yaml.safe_load((made / "roaming.yaml").read_text())["roaming"][0])

    assert pieces.geofence is not None
    assert pieces.geofence.polygon == site.geofence.polygon
    assert [area.polygon for area in pieces.no_fly] == [area.polygon for area in site.no_fly]
    assert [place.position for place in pieces.rally_points] == [place.position for place in site.rally_points]
    flown = list(dict.fromkeys(waypoint.position for waypoint in pieces.patrols[0].waypoints))
    wanted = [point.position for point in planned.points]
    assert [position for position in flown if position in wanted] == wanted


def test_the_plan_has_the_shape_that_qgroundcontrol_reads(made: Path) -> None:
    plan = json.loads((made / "drone-1.plan").read_text())

    assert (plan["fileType"], plan["version"], plan["groundStation"]) == ("Plan", 1, "QGroundControl")
    assert [plan[part]["version"] for part in ("mission", "geoFence", "rallyPoints")] == [2, 2, 2]
    items = plan["mission"]["items"]
    assert [item["doJumpId"] for item in items] == list(range(1, len(items) + 1))
    assert {item["type"] for item in items} == {"SimpleItem"}
    assert all(len(item["params"]) == 7 for item in items)
    assert (items[0]["command"], items[-1]["command"]) == (22, 20)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        pytest.param(["--vehicles", "drone-9"], 2, "(drone-1, rover-1), got 'drone-9'", id="a strange vehicle"),
        pytest.param(["--gap-min", "1", "--spacing-m", "100"], 1, "expected a gap of at least", id="too short a gap"),
    ],
)
def test_what_cannot_be_is_one_line(options: list[str], code: int, said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["plan", str(DEMO), "--out", str(tmp_path), *options])

    assert result.exit_code == code
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
