"""QGroundControl plans: what a site file can say of them, and what it cannot."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.geo import LocalFrame, distance_m
from contract.site import Geofence, Patrol
from sim.tape.errors import TapeError
from sim.tape.plan import SitePieces, as_yaml, read_plan

CENTRE = [52.1, 13.2]


def waypoint(lat: float, lon: float, *, height_m: float = 30.0, hold_s: float = 0.0, **more: Any) -> dict[str, Any]:
    params = [hold_s, 0, 0, None, lat, lon, height_m]
    return {"type": "SimpleItem", "command": 16, "frame": 3, "params": params, **more}


def plan(**parts: Any) -> dict[str, Any]:
    """The form of QGroundControl's developer guide, "Plan File Format"."""
    items = [
        {"type": "SimpleItem", "command": 22, "frame": 3, "params": [0, 0, 0, None, 0, 0, 30]},
        waypoint(52.1001, 13.2001),
        waypoint(52.1002, 13.2004, hold_s=8.0),
        {"type": "SimpleItem", "command": 20, "frame": 2, "params": [0, 0, 0, 0, 0, 0, 0]},
    ]
    whole: dict[str, Any] = {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": {"items": items, "plannedHomePosition": [*CENTRE, 45.0]},
        "geoFence": {
            "version": 2,
            "polygons": [
                {"inclusion": True, "polygon": [[52.099, 13.199], [52.099, 13.202], [52.101, 13.202]]},
                {"inclusion": False, "polygon": [[52.0995, 13.2], [52.0995, 13.201], [52.1, 13.201]]},
            ],
            "circles": [{"inclusion": False, "circle": {"center": CENTRE, "radius": 20.0}}],
        },
        "rallyPoints": {"version": 2, "points": [[52.1003, 13.2005, 20]]},
    }
    return {**whole, **parts}


def read(tmp_path: Path, content: object) -> SitePieces:
    path = tmp_path / "north.plan"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_plan(path, vehicle="drone-1", name="north")


def test_a_plan_becomes_fence_no_fly_rally_points_and_a_patrol(tmp_path: Path) -> None:
    pieces = read(tmp_path, plan())

    assert pieces.geofence is not None
    assert [(p.lat_deg, p.lon_deg) for p in pieces.geofence.polygon] == [
        (52.099, 13.199),
        (52.099, 13.202),
        (52.101, 13.202),
    ]
    assert [(area.id, len(area.polygon)) for area in pieces.no_fly] == [("north-no-fly-1", 3), ("north-no-fly-2", 24)]
    assert [(p.id, p.position.lat_deg) for p in pieces.rally_points] == [("north-rally-1", 52.1003)]
    (patrol,) = pieces.patrols
    assert (patrol.vehicle, patrol.altitude_m) == ("drone-1", 30.0)
    assert [(w.position.lat_deg, w.dwell_s) for w in patrol.waypoints] == [(52.1001, 0.0), (52.1002, 8.0)]
    assert pieces.left_out == ("mission.items.0: take-off", "mission.items.3: return to launch")


def test_what_is_printed_is_read_as_parts_of_a_site_file(tmp_path: Path) -> None:
    pieces = read(tmp_path, plan())
    parts = yaml.safe_load(as_yaml(pieces))

    assert Geofence.model_validate(parts["geofence"]) == pieces.geofence
    assert [Patrol.model_validate(each) for each in parts["patrols"]] == list(pieces.patrols)
    assert as_yaml(pieces).startswith("# left out: mission.items.0: take-off\n")


@pytest.mark.parametrize(("is_inclusion", "least_m", "most_m"), [(True, 19.8, 20.0), (False, 20.0, 20.2)])
def test_a_circle_is_never_taken_on_its_less_safe_side(
    tmp_path: Path, is_inclusion: bool, least_m: float, most_m: float
) -> None:
    circle = {"inclusion": is_inclusion, "circle": {"center": CENTRE, "radius": 20.0}}
    pieces = read(tmp_path, plan(geoFence={"circles": [circle]}))
    ring = pieces.geofence.polygon if pieces.geofence else pieces.no_fly[0].polygon
    frame = LocalFrame(ring[0].model_copy(update={"lat_deg": CENTRE[0], "lon_deg": CENTRE[1]}), ground_amsl_m=0.0)
    centre = frame.origin
    corners = [frame.to_enu(point) for point in ring]
    middles = [
        ((a.east_m + b.east_m) / 2, (a.north_m + b.north_m) / 2)
        for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
    ]

    nearest_m = min((east**2 + north**2) ** 0.5 for east, north in middles)
    farthest_m = max(distance_m(centre, point) for point in ring)
    assert (round(nearest_m, 2) >= least_m, round(farthest_m, 2) <= most_m) == (True, True)


def test_a_survey_is_flown_as_it_says(tmp_path: Path) -> None:
    survey = {
        "type": "ComplexItem",
        "complexItemType": "survey",
        "TransectStyleComplexItem": {"Items": [waypoint(52.1001, 13.2001), waypoint(52.1002, 13.2003)]},
    }
    pieces = read(
        tmp_path, plan(mission={"items": [survey, {"type": "ComplexItem", "complexItemType": "fwLandingPattern"}]})
    )

    assert len(pieces.patrols[0].waypoints) == 2
    assert pieces.left_out == ("mission.items.1: fwLandingPattern, which says not how it is flown",)


def test_heights_above_the_sea_count_from_the_planned_home_and_the_highest_is_taken(tmp_path: Path) -> None:
    items = [waypoint(52.1001, 13.2001, height_m=70.0, frame=0), waypoint(52.1002, 13.2002, height_m=28.0)]
    pieces = read(tmp_path, plan(mission={"items": items, "plannedHomePosition": [*CENTRE, 45.0]}))

    assert pieces.patrols[0].altitude_m == 28.0
    assert pieces.left_out == ("mission: heights [25.0, 28.0]: a patrol has one, the highest is taken",)


def with_item(**item: Any) -> dict[str, Any]:
    return plan(mission={"items": [{**waypoint(52.1, 13.2), **item}]})


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param('{"fileType": "Plan",\n oops}', "north.plan:2: expected a plan in JSON", id="not json"),
        pytest.param({"fileType": "Mission"}, "fileType: expected 'Plan'", id="another file"),
        pytest.param([], "fileType: expected 'Plan'", id="a list"),
        pytest.param(with_item(params=[1]), "mission.items.0.params: expected 7 numbers, got [1]", id="params"),
        pytest.param(
            with_item(params=[0, 0, 0, 0, "x", 0, 3]), "mission.items.0: expected a number, got 'x'", id="no number"
        ),
        pytest.param(
            with_item(params=[0, 0, 0, 0, 95, 0, 3]), "mission.items.0.lat_deg: Input should be", id="far north"
        ),
        pytest.param(plan(mission={"items": [{}]}), "mission.items.0.type: required, but missing", id="no type"),
        pytest.param(
            plan(geoFence={"polygons": [{"polygon": [CENTRE, CENTRE, CENTRE]}]}),
            "geoFence.polygon: a polygon must not name a point twice",
            id="no area",
        ),
        pytest.param(plan(geoFence=[]), "geoFence: expected a mapping, got list", id="geofence"),
        pytest.param(
            plan(geoFence={"circles": [{"circle": {"center": CENTRE}}]}),
            "geoFence.circles.0.radius: required, but missing",
            id="no radius",
        ),
    ],
)
def test_a_plan_that_is_none_is_one_line_with_its_key(tmp_path: Path, content: object, line: str) -> None:
    with pytest.raises(TapeError) as caught:
        read(tmp_path, content)

    assert line in str(caught.value)
    assert "north.plan" in str(caught.value)
