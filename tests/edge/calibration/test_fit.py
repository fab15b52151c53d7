"""From points to a pose: what is known is found again, with errors that are true, and nonsense is refused."""

import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from contract.geo import PointEnu
from contract.site import CameraPose, Lens, OpenCvLens, Site, parse_site
from edge.calibration.doubts import doubts_about
from edge.calibration.fit import POSE_NAMES, Asked, fit_camera
from edge.calibration.pairs import Mark
from edge.errors import CalibrationError
from edge.perception.locate import Locator, axes
from tests.conftest import ROOT
from tests.edge.calibration.surveyed import FRAME, LENS, POSE, ground, seen

BENT = LENS.model_copy(update={"k1": -0.22})
# Ground of the PETS scene, in the data set's own metres: spread over the picture of view 001.
PETS_PLACES = [
    *(PointEnu(e, n) for e, n in [(-20, -4), (-14, -6), (-10, 2), (-6, -12), (-4, -4), (-2, 5)]),
    *(PointEnu(e, n) for e, n in [(1, -8), (3, 1), (6, 4), (8, -10)]),
]


@pytest.fixture(scope="module")
def pets() -> Site:
    path = ROOT / "deploy/sites/pets2009.yaml"
    return parse_site(path.read_text(encoding="utf-8"), source=path.name)


def values(pose: CameraPose) -> list[float]:
    return [getattr(pose, name) for name in POSE_NAMES]


@pytest.mark.parametrize("heights_m", [(0.0,), (0.0, 1.2, 2.5)], ids=["flat ground", "points at heights"])
@pytest.mark.parametrize(
    "pose",
    [
        pytest.param(POSE, id="a mast"),
        pytest.param(POSE.model_copy(update={"heading_deg": 181.0, "roll_deg": -20.0}), id="looking south, askew"),
        pytest.param(POSE.model_copy(update={"up_m": 2.6, "pitch_deg": -6.0}), id="low and flat"),
    ],
)
def test_a_pose_is_found_from_exact_points(pose: CameraPose, heights_m: tuple[float, ...]) -> None:
    marks = seen(ground(pose, heights_m=heights_m), pose=pose)

    found = fit_camera(marks, LENS, asked=Asked())

    assert found.rms_px == pytest.approx(0.0, abs=1e-4)
    assert axes(found.pose) == pytest.approx(axes(pose), abs=1e-6)
    assert values(found.pose)[:3] == pytest.approx(values(pose)[:3], abs=1e-4)
    assert found.ground_m == pytest.approx(np.zeros(10), abs=1e-4)


def test_a_camera_that_looks_straight_down_has_no_special_place() -> None:
    pose = CameraPose(east_m=0.0, north_m=0.0, up_m=20.0, heading_deg=0.0, pitch_deg=-90.0)
    places = [PointEnu(e, n, h) for e, n, h in [(-9, -5, 0), (9, -5, 1), (8, 6, 0), (-8, 5, 2), (1, 1, 0), (4, -2, 0)]]

    found = fit_camera(seen(places, pose=pose), LENS, asked=Asked())

    assert axes(found.pose) == pytest.approx(axes(pose), abs=1e-6)
    assert found.pose.up_m == pytest.approx(20.0, abs=1e-4)


@pytest.mark.parametrize("guess", [0.6, 1.0, 1.7], ids=lambda share: f"guessed {share} times")
def test_focal_length_and_distortion_are_found_where_they_are_asked_for(guess: float) -> None:
    guessed = LENS.model_copy(update={"fx_px": LENS.fx_px * guess, "fy_px": LENS.fy_px * guess})
    marks = seen(ground(POSE, heights_m=(0.0, 1.5)), lens=BENT)

    found = fit_camera(marks, guessed, asked=Asked(focal=True, distortion=True))

    assert isinstance(found.lens, OpenCvLens)
    assert found.lens.fx_px == pytest.approx(1000.0, abs=0.1)
    assert found.lens.fy_px == pytest.approx(1000.0, abs=0.1)
    assert found.lens.k1 == pytest.approx(-0.22, abs=1e-3)
    assert values(found.pose) == pytest.approx(values(POSE), abs=0.01)


@pytest.mark.parametrize("asked", [Asked(), Asked(focal=True)], ids=["pose", "focal length too"])
def test_the_sigmas_are_what_repeated_clicks_scatter(asked: Asked) -> None:
    places = ground(POSE)
    runs = [fit_camera(seen(places, noise_px=2.0, seed=n), LENS, asked=asked, click_sigma_px=2.0) for n in range(16)]

    off = [(np.array(values(run.pose)) - values(POSE)) / [run.sigma[name] for name in POSE_NAMES] for run in runs]
    in_sigmas = np.sqrt(np.mean(np.square(off), axis=0))  # 1 would be exact; the larger noise is believed, so less
    assert (in_sigmas > 0.5).all()
    assert (in_sigmas < 1.3).all()


def test_the_published_camera_of_the_pets_recordings_is_found_again(pets: Site) -> None:
    """Its Tsai lens, ten places of its ground, clicks one pixel off: within three sigmas, and within 0.3 m."""
    camera = pets.camera("view-001")
    assert camera.pose is not None
    marks = seen(PETS_PLACES, lens=camera.lens, pose=camera.pose, noise_px=1.0, seed=1)

    found = fit_camera(marks, camera.lens, asked=Asked())

    off = np.abs(np.array(values(found.pose)) - values(camera.pose))
    assert (off <= 3.0 * np.array([found.sigma[name] for name in POSE_NAMES])).all()
    assert off[:3].max() < 0.3
    assert off[3:].max() < 0.5
    assert np.median(found.ground_m) < 0.2


def test_the_pose_found_is_that_of_the_data_sets_own_file(pets: Site, shared: Path) -> None:
    """View_001.xml: world to camera is R x + T, R = Rz Ry Rx, in millimetres."""
    extrinsic = ET.parse(shared / "truth" / "PETS2009_View_001.xml").find("Extrinsic")
    assert extrinsic is not None
    rx, ry, rz, *shift = (float(extrinsic.get(name, "")) for name in ("rx", "ry", "rz", "tx", "ty", "tz"))
    world_to_camera = Rotation.from_euler("ZYX", [rz, ry, rx]).as_matrix()
    camera = pets.camera("view-001")

    found = fit_camera(seen(PETS_PLACES, lens=camera.lens, pose=camera.pose or POSE), camera.lens, asked=Asked())

    assert values(found.pose)[:3] == pytest.approx(-world_to_camera.T @ shift / 1000.0, abs=0.001)
    assert axes(found.pose) == pytest.approx(world_to_camera.T, abs=1e-5)


def test_the_two_sigmas_for_the_site_file_cover_the_error_on_the_ground() -> None:
    """Located with the pose found, the points are nowhere more uncertain than repeated calibrations scatter them."""
    places = ground(POSE)
    exact = seen(places)
    boxes = np.array([[m.x_px - 1, m.y_px - 3, m.x_px + 1, m.y_px] for m in exact])
    located, told = [], []
    for seed in range(24):
        found = fit_camera(seen(places, noise_px=2.0, seed=seed), LENS, asked=Asked(), click_sigma_px=2.0)
        points = [FRAME.to_enu(fix.point) for fix in Locator(lens=LENS, frame=FRAME).locate(boxes, found.pose) if fix]
        located.append([(point.east_m, point.north_m) for point in points])
        told.append((found.pose.position_sigma_m, found.pose.attitude_sigma_deg))
    scatter_m = np.sqrt(np.var(located, axis=0).sum(axis=1))
    position_m, attitude_deg = np.mean(told, axis=0)
    away_m = np.array([math.hypot(p.east_m - POSE.east_m, p.north_m - POSE.north_m) for p in places])
    across_m, along_m = away_m, (away_m**2 + POSE.up_m**2) / POSE.up_m
    by_attitude = math.radians(attitude_deg) * np.hypot(across_m, along_m)
    covered_m = np.sqrt(by_attitude**2 + position_m**2 * (2.0 + (away_m / POSE.up_m) ** 2))
    assert (covered_m > 0.8 * scatter_m).all()
    assert (covered_m < 4.0 * scatter_m + 0.05).all()


def _doubts(marks: list[Mark], *, asked: Asked = Asked(), lens: Lens = LENS) -> str:  # noqa: B008 - frozen
    found = fit_camera(marks, lens, asked=asked)
    return "\n".join(doubts_about(marks, found, asked=asked, click_sigma_px=1.0))


def test_good_points_raise_no_doubt() -> None:
    assert _doubts(seen(ground(POSE), noise_px=0.7)) == ""


def test_a_point_that_was_measured_wrongly_is_named() -> None:
    marks = seen(ground(POSE), noise_px=0.3)
    wrong = PointEnu(marks[3].place.east_m + 3.0, marks[3].place.north_m)
    marks[3] = Mark("p3", marks[3].x_px, marks[3].y_px, wrong)

    assert "point 'p3': without it the others agree to 0." in _doubts(marks)


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param([0, 2, 5, 8], "only 4 points", id="few"),
        pytest.param([0, 3, 6], "at least 4 points for the pose, got 3", id="too few"),
    ],
)
def test_few_points_are_said_to_be_few(places: list[int], expected: str) -> None:
    marks = seen(ground(POSE))
    try:
        said = _doubts([marks[n] for n in places])
    except CalibrationError as err:
        said = str(err)
    assert expected in said


def test_points_in_one_corner_are_weak() -> None:
    places = [PointEnu(*(np.array([12.0, 20.0]) + d)) for d in [(0, 0), (2, 0), (0, 2), (2, 2), (1, 3), (3, 1)]]
    marks = seen(places, noise_px=0.5)
    assert all(mark.x_px > 640 for mark in marks)

    said = _doubts(marks)

    assert "right corner of the picture" in said
    assert "known only roughly" in said


def test_points_nearly_on_a_line_are_weak_and_on_a_line_refused() -> None:
    heading = math.radians(POSE.heading_deg)
    line = [PointEnu(-4 + d * math.sin(heading), 3 + d * math.cos(heading)) for d in (12, 16, 20, 25, 30)]
    with pytest.raises(CalibrationError, match="lie on one line"):
        fit_camera(seen(line), LENS, asked=Asked())
    beside = [*line, PointEnu(line[2].east_m + 0.8, line[2].north_m)]
    assert "nearly on one line" in _doubts(seen(beside))


def test_swapped_points_are_no_pose() -> None:
    marks = seen(ground(POSE))
    places = [mark.place for mark in marks]
    mixed = [Mark(m.name, m.x_px, m.y_px, place) for m, place in zip(marks, places[::-1], strict=True)]

    with pytest.raises(CalibrationError, match="swapped"):
        fit_camera(mixed, LENS, asked=Asked())


def test_a_tsai_lens_keeps_its_values(pets: Site) -> None:
    camera = pets.camera("view-001")
    with pytest.raises(CalibrationError, match="only the pose can be found"):
        fit_camera(seen(PETS_PLACES, lens=camera.lens, pose=camera.pose or POSE), camera.lens, asked=Asked(focal=True))
