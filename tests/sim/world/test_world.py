"""The drawn world: the same every time, its truth agrees with the edge's own geometry, weather and light do what they
should."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from contract.geo import PointEnu
from contract.labels import Label
from contract.site import CameraPose, OpenCvLens
from edge.perception.locate import Locator
from sim.actors import GAIT_SIZE_M, Walk
from sim.scenario import Gait, Loaded
from sim.sight import Seen
from sim.world.drawn import Drawn, Noise, VehiclePlace
from sim.world.errors import WorldError
from sim.world.opening import open_world
from tests.sim.world.conftest import Load

LENS = OpenCvLens(model="opencv", width_px=640, height_px=360, fx_px=719.0, fy_px=719.0, cx_px=320.0, cy_px=180.0)
POSE = CameraPose(east_m=0.0, north_m=0.0, up_m=3.75, heading_deg=82.0, pitch_deg=-12.0)
NOISE = Noise(0.02, seed=1, camera="fence-cam")
SIZES = [(640, 360), (1280, 720)]
GAITS = ["walk", "run", "crouch", "crawl"]

pytestmark = pytest.mark.usefixtures("renderer")


def stop(east_m: float, north_m: float) -> dict[str, float]:
    return {"east_m": east_m, "north_m": north_m}


def way(actor_id: str, *stops: tuple[float, float], **words: object) -> dict[str, object]:
    return {"id": actor_id, "route": [stop(*each) for each in stops], **words}


def boxes(drawn: Drawn) -> dict[str, Seen]:
    return {box.actor: box for box in drawn.boxes}


@dataclass(frozen=True)
class Stage:
    """A scenario and its world."""

    loaded: Loaded
    world: object

    def draw(self, time_s: float, pose: CameraPose = POSE, lens: OpenCvLens = LENS, **more: object) -> Drawn:
        drawn: Drawn = self.world.draw(time_s, pose, lens, **more)  # type: ignore[attr-defined]
        return drawn


@pytest.fixture(scope="module")
def crowd(load: Load) -> Iterator[Stage]:
    """By day: each gait on the gravel, one hidden behind another, one who comes late, an animal, a car, a copter."""
    actors = [way(gait, (9.0 + 4.0 * i, 2.5), (9.0 + 4.0 * i, -1.5), gait=gait) for i, gait in enumerate(GAITS)]
    actors += [
        way("front", (12.0, -1.9), speed_m_s=0.1),
        way("behind", (14.0, -2.25), speed_m_s=0.1),
        way("late", (12.0, 1.0), starts_at_s=20.0),
        way("fox", (26.0, 2.0), (26.0, -2.0), kind="animal"),
        way("car", (40.0, -1.0), (45.0, -1.0), kind="motor_vehicle"),
    ]
    loaded = load(actors=actors)
    with open_world(loaded, sizes_px=SIZES) as world:
        yield Stage(loaded, world)


@pytest.fixture(scope="module")
def night(load: Load) -> Iterator[Stage]:
    with open_world(load(light={"is_night": True}), sizes_px=SIZES) as world:
        yield Stage(load(), world)


def test_the_same_moment_is_the_same_bytes_in_a_world_built_again(crowd: Stage) -> None:
    first = crowd.draw(1.0, noise=NOISE)
    crowd.draw(2.0, noise=NOISE)
    with open_world(crowd.loaded, sizes_px=SIZES) as again:
        second = again.draw(1.0, POSE, LENS, noise=NOISE)

    assert np.array_equal(second.image_bgr, first.image_bgr)
    assert second.boxes == first.boxes


def test_another_seed_is_another_picture_of_the_same_truth(crowd: Stage) -> None:
    first, second = (crowd.draw(1.0, noise=Noise(0.02, seed, "fence-cam")) for seed in (1, 2))

    assert not np.array_equal(first.image_bgr, second.image_bgr)
    assert first.boxes == second.boxes


@pytest.mark.parametrize("time_s", [0.5, 1.0])
@pytest.mark.parametrize("gait", GAITS)
def test_the_edge_locates_the_box_where_the_actor_stands(crowd: Stage, gait: str, time_s: float) -> None:
    """Its lowest pixels are the nearer foot's toes, half a step ahead of the hips at most."""
    locator = Locator(lens=LENS, frame=crowd.loaded.site.local_frame())
    actor = next(actor for actor in crowd.loaded.scenario.actors if actor.id == gait)
    standing = Walk(actor).at(time_s)
    assert standing is not None

    (fix,) = locator.locate(np.array([boxes(crowd.draw(time_s))[gait].xyxy_px], float), POSE)

    assert fix is not None
    place = crowd.loaded.site.local_frame().to_enu(fix.point)
    assert place.horizontal_distance_m(PointEnu(standing.east_m, standing.north_m)) < 0.6


@pytest.mark.parametrize("gait", list(Gait))
def test_a_person_is_as_tall_as_its_gait_claims(crowd: Stage, gait: Gait) -> None:
    """Seen level from ahead, 20 m away."""
    index = GAITS.index(gait.value)
    height_m = GAIT_SIZE_M[gait][0]
    pose = CameraPose(east_m=9.0 + 4.0 * index, north_m=-18.0, up_m=height_m / 2.0, heading_deg=0.0, pitch_deg=0.0)

    _, y1, _, y2 = boxes(crowd.draw(0.2, pose))[gait.value].xyxy_px

    assert (y2 - y1) / LENS.fy_px * 20.0 == pytest.approx(height_m, rel=0.35 if gait is Gait.CRAWL else 0.12)


def test_who_stands_behind_another_is_seen_in_part_and_says_so(crowd: Stage) -> None:
    seen = boxes(crowd.draw(0.0))

    assert seen["front"].visible_frac == 1.0
    assert 0.05 < seen["behind"].visible_frac < 0.8


def test_labels_are_those_of_the_kinds(crowd: Stage) -> None:
    seen = boxes(crowd.draw(0.5))

    labels = (seen["walk"].label, seen["fox"].label, seen["car"].label)
    assert labels == (Label.PERSON, Label.ANIMAL, Label.MOTOR_VEHICLE)


def test_nobody_is_in_the_picture_before_his_time(crowd: Stage) -> None:
    assert "late" not in boxes(crowd.draw(19.9))
    assert "late" in boxes(crowd.draw(20.0))


def test_a_picture_without_truth_is_the_same_picture(crowd: Stage) -> None:
    with_truth, without = crowd.draw(1.0), crowd.draw(1.0, with_truth=False)

    assert without.boxes == ()
    assert np.array_equal(with_truth.image_bgr, without.image_bgr)


def test_a_box_ends_at_the_picture_s_edge(crowd: Stage) -> None:
    left_of_it = POSE.model_copy(update={"heading_deg": 99.0})

    x1, _, x2, _ = boxes(crowd.draw(0.0, left_of_it))["walk"].xyxy_px

    assert x1 == 0
    assert 0 < x2 < 60


def test_a_lens_of_twice_the_pixels_draws_the_same_view(crowd: Stage) -> None:
    twice = LENS.model_copy(
        update={"width_px": 1280, "height_px": 720, "fx_px": 1438.0, "fy_px": 1438.0, "cx_px": 640.0, "cy_px": 360.0}
    )

    small, large = boxes(crowd.draw(1.0)), boxes(crowd.draw(1.0, POSE, twice))

    assert np.array(large["walk"].xyxy_px) / 2.0 == pytest.approx(np.array(small["walk"].xyxy_px), abs=1.5)


def test_own_vehicles_are_seen_by_others_and_not_by_their_own_camera(crowd: Stage) -> None:
    copter = VehiclePlace("drone-1", 10.0, 0.0, 3.0, 90.0)
    on_board = CameraPose(east_m=10.0, north_m=0.0, up_m=2.9, heading_deg=90.0, pitch_deg=-10.0)

    empty, watched = crowd.draw(1.0), crowd.draw(1.0, vehicles=[copter])
    own_empty, own = crowd.draw(1.0, on_board), crowd.draw(1.0, on_board, vehicles=[copter])

    changed = np.argwhere((empty.image_bgr != watched.image_bgr).any(axis=2))
    assert len(changed) > 200
    assert np.ptp(changed, axis=0).max() < 80
    assert np.array_equal(own_empty.image_bgr, own.image_bgr)


def test_a_rolled_camera_agrees_with_the_edge_s_projection(crowd: Stage) -> None:
    pose = CameraPose(east_m=0.0, north_m=-2.0, up_m=9.0, heading_deg=75.0, pitch_deg=-35.0, roll_deg=12.0)
    standing = Walk(crowd.loaded.scenario.actors[0]).at(1.0)
    assert standing is not None
    middle = np.array([[standing.east_m, standing.north_m, 0.9]])

    ((x, y),) = Locator(lens=LENS, frame=crowd.loaded.site.local_frame()).project(middle, pose)
    x1, y1, x2, y2 = boxes(crowd.draw(1.0, pose))["walk"].xyxy_px

    assert math.dist((x, y), ((x1 + x2) / 2.0, (y1 + y2) / 2.0)) < 8.0


@pytest.mark.parametrize(
    ("update", "says"),
    [
        pytest.param({"k1": -0.2}, "expected k1, k2, k3, p1 and p2 of 0", id="distorted"),
        pytest.param({"fx_px": 700.0}, "expected square pixels, got fx_px 700 and fy_px 719", id="oblong pixels"),
    ],
)
def test_a_lens_that_cannot_be_drawn_is_refused(crowd: Stage, update: dict[str, float], says: str) -> None:
    with pytest.raises(WorldError, match=says):
        crowd.draw(0.0, POSE, LENS.model_copy(update=update))


def test_a_size_larger_than_was_announced_is_refused(crowd: Stage) -> None:
    with pytest.raises(WorldError, match="expected at most 1280x720 pixels, got 1920x1080"):
        crowd.draw(0.0, POSE, LENS.model_copy(update={"width_px": 1920, "height_px": 1080}))


def under_lamp(image: npt.NDArray[np.uint8]) -> float:
    """Brightness of the gravel in the middle of the strip."""
    return float(image[180:260, 300:360].mean())


def test_lamps_light_the_ground_by_night_and_nothing_else_does(crowd: Stage, night: Stage, load: Load) -> None:
    with open_world(load(light={"is_night": True, "lamps_on": False}), sizes_px=SIZES) as dark:
        unlit = under_lamp(dark.draw(0.0, POSE, LENS).image_bgr)

    assert unlit < 15
    assert under_lamp(night.draw(0.0).image_bgr) > 4 * unlit
    assert under_lamp(crowd.draw(0.0).image_bgr) > 100


def test_the_picture_falls_off_away_from_the_lamps(night: Stage) -> None:
    image = night.draw(0.0).image_bgr

    assert image[20:60, :200].mean() < 0.4 * under_lamp(image)


def test_haze_hides_what_is_far_and_spares_what_is_near(load: Load, crowd: Stage) -> None:
    with open_world(load(weather={"visibility_m": 120.0}), sizes_px=SIZES) as world:
        hazy = world.draw(30.0, POSE, LENS).image_bgr
    clear = crowd.draw(30.0).image_bgr

    assert hazy[40:70, :200].std() < 0.4 * clear[40:70, :200].std()
    assert hazy[300:, :120].std() > 0.6 * clear[300:, :120].std()


@pytest.mark.parametrize(("wind_m_s", "moves"), [(0.0, False), (12.0, True)])
def test_plants_move_with_the_wind_only(load: Load, wind_m_s: float, moves: bool) -> None:
    with open_world(load(weather={"wind_m_s": wind_m_s}), sizes_px=SIZES) as world:
        first, later = (world.draw(time_s, POSE, LENS).image_bgr for time_s in (0.0, 0.7))

    changed = np.argwhere((first != later).any(axis=2))
    assert bool(len(changed)) is moves
