"""A site file says what it means, or one line says what is wrong with it."""

from datetime import time

import pytest

from contract.errors import DocumentError
from contract.hours import Hours
from contract.site import Direction, parse_site

GOOD = """\
schema_version: 1
id: yard
name: A yard
time_zone: Europe/Berlin
origin: {lat_deg: 52.0, lon_deg: 13.0, ground_amsl_m: 60}
geofence:
  polygon:
    - {lat_deg: 51.999, lon_deg: 12.999}
    - {lat_deg: 51.999, lon_deg: 13.001}
    - {lat_deg: 52.001, lon_deg: 13.001}
cameras:
  - id: mast
    node: edge-1
    lens: {model: opencv, width_px: 640, height_px: 360, fx_px: 500, fy_px: 500, cx_px: 320, cy_px: 180}
    pose: {east_m: 0, north_m: 0, up_m: 5, heading_deg: 10, pitch_deg: -15}
zones:
  - id: north-gate
    name: North gate
    cameras: [mast]
    polygon:
      - {lat_deg: 52.0001, lon_deg: 13.0}
      - {lat_deg: 52.0002, lon_deg: 13.0}
      - {lat_deg: 52.0002, lon_deg: 13.0001}
lines:
  - id: path
    name: Path
    cameras: [mast]
    points: [{lat_deg: 52.0001, lon_deg: 13.0}, {lat_deg: 52.0002, lon_deg: 13.0}]
docks:
  - {id: dock-1, position: {lat_deg: 52.0, lon_deg: 13.0}}
vehicles:
  - id: drone-1
    kind: ardupilot_copter
    connection: udpin:127.0.0.1:14550
    system_id: 1
    dock: dock-1
    cruise_speed_m_s: 8
    return_altitude_m: 30
patrols:
  - id: round
    vehicle: drone-1
    altitude_m: 25
    every_min: 10
    hours: {start: 22:00, end: 06:00}
    waypoints:
      - {position: {lat_deg: 52.0, lon_deg: 13.0}}
      - {position: {lat_deg: 52.0001, lon_deg: 13.0}}
"""


IN_PICTURE = ("    points: [{", "    image_px: [[10, 200], [630, 200]] #")


def broken(old: str, new: str) -> str:
    assert old in GOOD
    text = GOOD.replace(old, new)
    with pytest.raises(DocumentError) as caught:
        parse_site(text, source="yard.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_site_is_read() -> None:
    site = parse_site(GOOD, source="yard.yaml")
    assert [each.id for each in site.watched_by("mast")] == ["north-gate", "path"]
    assert site.lines[0].direction is Direction.EITHER
    assert site.patrols[0].hours == Hours(start=time(22, 0), end=time(6, 0))
    assert site.local_frame().to_enu(site.docks[0].position).east_m == pytest.approx(0.0, abs=1e-6)


def test_a_two_point_polygon_is_refused_by_the_name_of_its_zone() -> None:
    said = broken("      - {lat_deg: 52.0002, lon_deg: 13.0001}\n", "")
    assert said == "yard.yaml:20: zones.'north-gate'.polygon: a polygon needs at least 3 points, got 2"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param(
            "name: A yard", "nmae: A yard", "yard.yaml:1: name: required, but missing (and 1 more)", id="typo"
        ),
        pytest.param(
            "    dock: dock-1", "    dock: dock-1\n    colour: red", "'drone-1'.colour: unknown key", id="extra"
        ),
        pytest.param("id: yard", "id: yard\nid: yard", "yard.yaml:3: key 'id' stands here twice", id="key twice"),
        pytest.param("Europe/Berlin", "Europe/Atlantis", "expected a time zone", id="time zone"),
        pytest.param(
            "dock: dock-1\n    cr", "dock: dock-9\n    cr", "expected a dock of this site, got 'dock-9'", id="dock"
        ),
        pytest.param("cameras: [mast]", "cameras: [pole]", "expected a camera of this site, got 'pole'", id="camera"),
        pytest.param("lat_deg: 52.0, lon_deg: 13.0, g", "lat_deg: 91, lon_deg: 13.0, g", "got 91", id="latitude 91"),
        pytest.param("    return_altitude_m: 30\n", "", "needs its own return_altitude_m", id="no return altitude"),
        pytest.param("pitch_deg: -15", "pitch_deg: .nan", "pitch_deg", id="NaN"),
        pytest.param("schema_version: 1", "schema_version: 2", "schema_version", id="other version"),
        pytest.param("id: yard", "id: [yard", "yard.yaml:3:", id="not YAML"),
        pytest.param("points: [{", "points: [] #", "a line needs at least 2 points, got 0", id="no line"),
        pytest.param("id: path", "id: north-gate", "zone 'north-gate' stands here twice", id="line and zone of one id"),
        pytest.param("id: path", "id: path\n    rules: {digging: {}}", "rules", id="unknown rule"),
        pytest.param(
            "id: path",
            "id: path\n    initially_set: false\n    hours: [{}]",
            "'path': expected hours or initially_set: false, got both",
            id="set by hours and not at all",
        ),
        pytest.param(
            "    points: [{",
            "    image_px: [[1, 2], [3, 4]]\n    points: [{",
            "line 'path': expected exactly one",
            id="twice",
        ),
        pytest.param("    points: [{", "    direction: either #", "line 'path': expected exactly one", id="not drawn"),
        pytest.param(IN_PICTURE[0], "    image_px: [[1, 2]] #", "needs at least 2 points, got 1", id="pixels too few"),
        pytest.param(
            IN_PICTURE[0],
            "    image_px: [[1, 2], [700, 4]] #",
            "line 'path': expected corners within the 640x360 of camera 'mast', got [700, 4]",
            id="outside the picture",
        ),
        pytest.param("id: path", "id: path\n    hours: [{days: []}]", "days", id="hours on no day"),
    ],
)
def test_a_wrong_site_is_one_clear_line(old: str, new: str, says: str) -> None:
    assert says in broken(old, new)


def test_a_line_may_be_drawn_in_the_picture_of_one_fixed_camera() -> None:
    (line,) = parse_site(GOOD.replace(*IN_PICTURE), source="yard.yaml").lines
    assert (line.drawn, line.drawn_px) == ((), ((10.0, 200.0), (630.0, 200.0)))


def test_nothing_is_drawn_in_the_picture_of_a_camera_that_moves() -> None:
    carried = GOOD.replace(*IN_PICTURE).replace("    pose: {east_m: 0", "    vehicle: drone-1 #")
    with pytest.raises(DocumentError, match="line 'path': image_px needs a fixed camera, 'mast' is carried by"):
        parse_site(carried, source="yard.yaml")


def test_a_picture_is_one_camera_s() -> None:
    second = GOOD[GOOD.index("  - id: mast") : GOOD.index("zones:")].replace("mast", "pole")
    two = GOOD.replace("zones:", second + "zones:").replace(*IN_PICTURE)
    two = two.replace("name: Path\n    cameras: [mast]", "name: Path\n    cameras: [mast, pole]")
    with pytest.raises(DocumentError, match="line 'path': image_px is drawn in one camera's picture, got 2 cameras"):
        parse_site(two, source="yard.yaml")


def test_a_camera_is_fixed_or_carried() -> None:
    pose = "    pose: {east_m: 0, north_m: 0, up_m: 5, heading_deg: 10, pitch_deg: -15}\n"
    assert "expected exactly one of pose (fixed) and vehicle (carried)" in broken(pose, "")


def test_an_unknown_camera_is_told_with_the_known_ones() -> None:
    with pytest.raises(DocumentError, match=r"expected a camera of this site \(mast\), got 'pole'"):
        parse_site(GOOD, source="yard.yaml").camera("pole")


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        pytest.param(Hours(start=time(8), end=time(17)), time(8), time(17), id="day"),
        pytest.param(Hours(start=time(22), end=time(6)), time(2), time(12), id="past midnight"),
    ],
)
def test_hours_hold_their_start_and_not_their_end(hours: Hours, inside: time, outside: time) -> None:
    assert hours.contains(inside)
    assert not hours.contains(outside)


def test_equal_hours_are_the_whole_day() -> None:
    assert Hours().contains(time(3, 33))
