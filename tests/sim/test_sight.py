"""What a camera sees by geometry agrees with where the edge believes that it looks; the two were written apart."""

import math
import random

import numpy as np
import pytest

from contract.geo import GeoPoint, LocalFrame
from contract.site import CameraPose, Lens, OpenCvLens, TsaiLens
from edge.perception.locate import Locator
from sim.actors import Standing
from sim.scenario import Actor, ActorKind, Gait, Stop
from sim.sight import Sight, axes_of

PINHOLE = OpenCvLens(model="opencv", width_px=1280, height_px=720, fx_px=1100.0, fy_px=1090.0, cx_px=640.0, cy_px=360.0)
BENT = PINHOLE.model_copy(update={"k1": -0.25, "k2": 0.07, "p1": 0.001, "p2": -0.002})
TSAI = TsaiLens(
    model="tsai",
    width_px=768,
    height_px=576,
    focal_mm=5.5,
    kappa1_per_mm2=0.005,
    cx_px=384.0,
    cy_px=288.0,
    sx=1.0,
    dpx_mm=0.0074,
    dpy_mm=0.0074,
)
FRAME = LocalFrame(GeoPoint(lat_deg=52.0, lon_deg=13.0), ground_amsl_m=40.0)
NORTH = CameraPose(east_m=0.0, north_m=0.0, up_m=4.0, heading_deg=0.0, pitch_deg=-10.0)


def standing(
    east_m: float,
    north_m: float,
    *,
    heading_deg: float = 0.0,
    kind: ActorKind = ActorKind.PERSON,
    name: str = "somebody",
) -> Standing:
    actor = Actor(id=name, kind=kind, route=(Stop(east_m=east_m, north_m=north_m),))
    return Standing(actor, east_m, north_m, heading_deg, 0.0, 0.0)


def corners(who: Standing) -> list[tuple[float, float, float]]:
    """Of the box, from its size and the words heading, ahead and to the right."""
    height_m, width_m, length_m = who.size_m
    heading = math.radians(who.heading_deg)
    return [
        (
            who.east_m + ahead * math.sin(heading) + right * math.cos(heading),
            who.north_m + ahead * math.cos(heading) - right * math.sin(heading),
            up_m,
        )
        for ahead in (-length_m / 2, length_m / 2)
        for right in (-width_m / 2, width_m / 2)
        for up_m in (0.0, height_m)
    ]


@pytest.mark.parametrize("lens", [PINHOLE, BENT, TSAI], ids=["pinhole", "bent", "tsai"])
def test_a_box_is_where_the_edges_locator_projects_it(lens: Lens) -> None:
    chance = random.Random(3)
    sight, locator = Sight(lens), Locator(lens=lens, frame=FRAME)
    compared = 0
    for _ in range(300):
        who = standing(chance.uniform(-15, 15), chance.uniform(5, 60), heading_deg=chance.uniform(0, 360))
        pose = CameraPose(
            east_m=chance.uniform(-3, 3),
            north_m=chance.uniform(-3, 0),
            up_m=chance.uniform(2, 20),
            heading_deg=chance.uniform(-20, 20),
            pitch_deg=chance.uniform(-30, 0),
            roll_deg=chance.uniform(-10, 10),
        )

        pixels = locator.project(np.array(corners(who)), pose)

        whole = (pixels >= 0).all() and (pixels <= (lens.width_px, lens.height_px)).all()
        if whole:  # else it is clipped, or where no lens model holds
            (seen,) = sight.seen([who], pose)
            assert seen.xyxy_px == pytest.approx([*pixels.min(axis=0), *pixels.max(axis=0)], abs=1e-6)
            compared += 1
    assert compared > 50


def test_axes_are_right_down_and_forward() -> None:
    right, down, forward = axes_of(CameraPose(east_m=0, north_m=0, up_m=1, heading_deg=90.0, pitch_deg=0.0))

    assert right.tolist() == pytest.approx([0.0, -1.0, 0.0], abs=1e-12)
    assert down.tolist() == pytest.approx([0.0, 0.0, -1.0], abs=1e-12)
    assert forward.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-12)


def test_a_person_ahead_is_in_the_middle_and_taller_than_wide() -> None:
    (seen,) = Sight(PINHOLE).seen([standing(0.0, 20.0)], NORTH)

    left, top, right, bottom = seen.xyxy_px
    assert (left + right) / 2 == pytest.approx(640.0, abs=0.5)
    assert 1.75 * 1100 / 21 < bottom - top < 1.75 * 1100 / 19 + 10
    assert right - left < (bottom - top) / 2
    assert seen.visible_frac == 1.0


@pytest.mark.parametrize(
    ("east_m", "north_m"),
    [
        pytest.param(0.0, -20.0, id="behind"),
        pytest.param(0.0, 0.2, id="under the camera"),
        pytest.param(40.0, 20.0, id="beside the picture"),
        pytest.param(0.0, 3000.0, id="too far to fill two pixels"),
    ],
)
def test_who_is_not_in_the_picture_is_not_seen(east_m: float, north_m: float) -> None:
    assert Sight(PINHOLE).seen([standing(east_m, north_m)], NORTH) == ()


def test_a_box_across_the_edge_is_clipped_to_the_picture() -> None:
    edge_east_m = 20.0 * 640.0 / 1100.0

    (seen,) = Sight(PINHOLE).seen([standing(edge_east_m, 20.0)], NORTH)

    assert seen.xyxy_px[2] == 1280.0
    assert seen.xyxy_px[0] < 1280.0


def test_everybody_keeps_name_and_label_in_the_scenarios_order() -> None:
    around = [
        standing(-3.0, 20.0, name="walker"),
        standing(0.0, -20.0, name="behind"),
        standing(0.0, 30.0, kind=ActorKind.MOTOR_VEHICLE, name="van"),
        standing(3.0, 20.0, kind=ActorKind.ANIMAL, name="dog"),
    ]

    seen = Sight(PINHOLE).seen(around, NORTH)

    assert [(each.actor, each.label.value) for each in seen] == [
        ("walker", "person"),
        ("van", "motor_vehicle"),
        ("dog", "animal"),
    ]


def test_nobody_is_seen_where_nobody_is() -> None:
    assert Sight(PINHOLE).seen([], NORTH) == ()


def test_who_crawls_is_lower_than_who_walks() -> None:
    def height_px(gait: Gait) -> float:
        actor = Actor(id="a", gait=gait, route=(Stop(east_m=0.0, north_m=20.0),))
        (seen,) = Sight(PINHOLE).seen([Standing(actor, 0.0, 20.0, 90.0, 0.0, 0.0)], NORTH)
        return seen.height_px

    assert height_px(Gait.WALK) > 1.4 * height_px(Gait.CROUCH) > 1.9 * height_px(Gait.CRAWL)
