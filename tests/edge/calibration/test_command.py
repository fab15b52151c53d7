"""`vedette-edge calibrate`: files in, a pose and a picture out, one line for what is wrong."""

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from contract.geo import PointEnu
from contract.site import parse_site
from edge.__main__ import main
from edge.calibration.drawing import draw_calibration
from edge.calibration.fit import Asked, fit_camera
from edge.calibration.pairs import read_pairs
from edge.perception.locate import Locator
from tests.edge.calibration.surveyed import FRAME, LENS, POSE, ground, seen
from tests.edge.conftest import MakeVideo
from tests.edge.yard import site

Call = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with a guessed pose, a grey picture and exact points in both ways of writing."""
    placed = site().model_dump(mode="json")
    camera = placed["cameras"][0]
    camera["lens"] = LENS.model_dump(mode="json")
    camera["pose"] = {"east_m": 0.0, "north_m": 0.0, "up_m": 4.0, "heading_deg": 0.0, "pitch_deg": -10.0}
    (tmp_path / "yard.yaml").write_text(yaml.safe_dump(placed))
    cv2.imwrite(str(tmp_path / "view.png"), np.full((720, 1280, 3), 90, np.uint8))
    frame = parse_site((tmp_path / "yard.yaml").read_text(), source="yard").local_frame()
    rows, points = ["name,x_px,y_px,lat_deg,lon_deg,height_m"], []
    for mark in seen(ground(POSE, heights_m=(0.0, 1.0))):
        geo, _ = frame.to_geo(PointEnu(mark.place.east_m, mark.place.north_m))
        rows.append(
            f"{mark.name},{mark.x_px:.3f},{mark.y_px:.3f},{geo.lat_deg:.9f},{geo.lon_deg:.9f},{mark.place.up_m}"
        )
        place = {"east_m": mark.place.east_m, "north_m": mark.place.north_m, "up_m": mark.place.up_m}
        points.append({"name": mark.name, "x_px": mark.x_px, "y_px": mark.y_px, **place})
    (tmp_path / "points.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "points.yaml").write_text(yaml.safe_dump({"points": points}))
    return tmp_path


@pytest.fixture
def call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    def run(*arguments: str) -> int:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["vedette-edge", "calibrate", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        code = caught.value.code
        return code if isinstance(code, int) else 0

    return run


STANDS = ("--camera", "mast", "--site", "yard.yaml", "--picture", "view.png")


@pytest.mark.parametrize("points", ["points.csv", "points.yaml"])
def test_what_it_prints_is_the_pose_for_the_site_file(
    points: str, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(points, *STANDS) == 0

    said = capsys.readouterr().out
    pose = yaml.safe_load(said[said.index("    pose:") :])["pose"]
    assert [pose[k] for k in ("east_m", "north_m", "up_m")] == pytest.approx([-4.0, 3.0, 6.0], abs=0.01)
    assert [pose[k] for k in ("heading_deg", "pitch_deg", "roll_deg")] == pytest.approx([31.0, -18.0, 1.5], abs=0.02)
    assert "p3" in said
    assert "weak:" not in said
    drawn = cv2.imread("calibration.png")
    assert drawn is not None
    assert drawn.shape == (720, 1280, 3)


def test_the_lens_is_printed_where_it_was_asked_for(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("points.csv", *STANDS, "--focal", "--distortion", "--out", "grid.jpg") == 0

    said = capsys.readouterr().out
    lens = yaml.safe_load(said[said.index("    lens:") :])["lens"]
    assert lens["fx_px"] == pytest.approx(1000.0, abs=1.0)
    assert lens.get("k1", 0.0) == pytest.approx(0.0, abs=0.005)


def test_a_frame_of_the_configured_feed_is_the_picture(
    folder: Path, call: Call, make_video: MakeVideo, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "yard.mp4").write_bytes(make_video(frames=2).read_bytes())
    feed = {"camera": "mast", "url": "yard.mp4", "origin": "replayed"}
    settings = {"node": "edge-1", "site_file": "yard.yaml", "data_dir": "data", "feeds": [feed]}
    (folder / "edge.yaml").write_text(yaml.safe_dump(settings))

    assert call("points.csv", "--camera", "mast", "--config", "edge.yaml") == 2  # of another size than the lens
    assert "expected pictures of 1280x720" in capsys.readouterr().err
    assert call("points.csv", "--camera", "mast", "--config", "edge.yaml", "--picture", "view.png") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("name,x_px\na,1", "y_px: required, but missing", id="a column is missing"),
        pytest.param("x_px,y_px,east_m\n1,2,3", "lat_deg with lon_deg and east_m with north_m", id="half a place"),
        pytest.param("x_px,y_px,east_m,north_m\n1,2,3", ":2: expected 4 columns", id="a short row"),
        pytest.param("x_px,y_px,east_m,north_m\n1,2,3,here", "north_m: Input should be a valid number", id="no number"),
        pytest.param("x_px,y_px,east_m,north_m\n1,900,3,4", "expected a pixel of a 1280x720 picture", id="outside"),
        pytest.param("x_px,y_px,lat_deg,lon_deg\n1,2,13.0,52.0", "within 2000 m of the site's origin", id="lon lat"),
        pytest.param("x_px,y_px,east_m,north_m\n1,2,3,4\n1,2,5,6", "are at the same place", id="clicked twice"),
        pytest.param("name,x_px,y_px,east_m,north_m\na,1,2,3,4\na,2,2,5,6", "point 'a' stands here twice", id="name"),
        pytest.param("x_px,y_px,east_m,north_m\n1,2,3,4", "at least 4 points for the pose, got 1", id="one point"),
        pytest.param("", "at least 4 points for the pose, got 0", id="empty"),
    ],
)
def test_points_that_cannot_be_are_one_line(
    text: str, expected: str, folder: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.csv").write_text(text)

    assert call("bad.csv", *STANDS) in (2, 78)

    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert expected in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(("no.csv", *STANDS), (2, "no.csv: No such file"), id="no points"),
        pytest.param(("points.csv", "--camera", "mast"), (78, "exactly one of --config and --site"), id="no site"),
        pytest.param(
            ("points.csv", "--camera", "mast", "--site", "yard.yaml"), (78, "expected a --picture"), id="no picture"
        ),
        pytest.param(("points.csv", *STANDS[:-1], "no.png"), (2, "no.png: No such file"), id="picture not there"),
        pytest.param(("points.csv", *STANDS[:-1], "points.csv"), (2, "points.csv: expected a video"), id="no image"),
        pytest.param(("points.csv", *STANDS, "--out", "grid.gif"), (2, "ends with .png or .jpg"), id="kind of picture"),
        pytest.param(("points.csv", *STANDS, "--out", "no/grid.png"), (2, "no/grid.png: No such"), id="no folder"),
        pytest.param(("points.csv", "--camera", "roof", *STANDS[2:]), (78, "got 'roof'"), id="no such camera"),
    ],
)
def test_a_wrong_call_is_one_line(
    arguments: tuple[str, ...], expected: tuple[int, str], call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    code, words = expected
    assert call(*arguments) == code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said


def test_the_grid_lies_where_the_camera_shows_the_ground() -> None:
    """At a crossing of two lines the grey picture is not grey; nothing is drawn above the horizon, nor on the input."""
    marks = seen(ground(POSE))
    found = fit_camera(marks, LENS, asked=Asked())
    grey = np.full((720, 1280, 3), 90, np.uint8)

    drawn = draw_calibration(grey, marks, found, frame=FRAME, grid_m=5.0)

    crossings = Locator(lens=LENS, frame=FRAME).project(np.array([[5.0, 15.0, 0.0], [10.0, 20.0, 0.0]]), POSE)
    for x, y in crossings.round().astype(int):
        assert (drawn[y - 1 : y + 2, x - 1 : x + 2] != 90).any()
    assert (drawn[:30] == 90).all()
    assert (grey == 90).all()


def test_byte_order_marks_and_blanks_of_spreadsheets_are_read(folder: Path) -> None:
    text = "\ufeffname, x_px, y_px, east_m, north_m, up_m\r\ngate, 10, 20.5, 3, 4,\r\n"
    (folder / "excel.csv").write_text(text, encoding="utf-8")

    (mark,) = read_pairs(folder / "excel.csv", frame=FRAME, lens=LENS)

    assert (mark.name, mark.x_px, mark.y_px, mark.place) == ("gate", 10.0, 20.5, PointEnu(3.0, 4.0, 0.0))
