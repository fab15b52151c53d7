"""The sterile zone's site and scenery: readable, and the fixed camera sees the attacks that the scenarios make."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from shapely import Point, Polygon

from contract.documents import parse_document
from contract.site import parse_site
from edge.perception.locate import Locator
from sim.drawn_on_ground import places_of
from sim.scenario import Scenery

ROOT = Path(__file__).parents[2]
SITE = parse_site((ROOT / "deploy" / "sites" / "sterile.yaml").read_text("utf-8"), source="sterile.yaml")
SCENERY_FILE = ROOT / "sim" / "scenarios" / "sterile.scenery.yaml"
SCENERY = parse_document(SCENERY_FILE.read_text("utf-8"), Scenery, source=SCENERY_FILE.name)
FRAME = SITE.local_frame()
ATTACKED_EAST_M = [10.0, 15.0, 30.0]


def test_the_mast_stands_at_the_origin_so_that_east_is_the_distance() -> None:
    pose = SITE.camera("fence-cam").pose

    assert pose is not None
    assert (pose.east_m, pose.north_m) == (0.0, 0.0)
    assert 3.5 <= pose.up_m <= 4.0


@pytest.mark.parametrize("east_m", ATTACKED_EAST_M)
def test_the_camera_sees_a_person_whole_from_two_metres_before_the_zone_to_its_middle(east_m: float) -> None:
    camera = SITE.camera("fence-cam")
    assert camera.pose is not None
    places = [(east_m + east, north, up) for east in (-0.3, 0.3) for north in (5.0, 3.0, 0.0) for up in (0.0, 1.85)]

    pixels = Locator(lens=camera.lens, frame=FRAME).project(np.array(places), camera.pose)

    assert (pixels >= 0.0).all()
    assert (pixels <= (camera.lens.width_px, camera.lens.height_px)).all()


@pytest.mark.parametrize("east_m", ATTACKED_EAST_M)
def test_a_straight_way_in_meets_a_gap_of_the_fence_and_then_the_zone(east_m: float) -> None:
    zone = Polygon([(p.east_m, p.north_m) for p in places_of(SITE.zones[0], SITE)])
    outer = [line.line for line in SCENERY.fences]
    blocked = [
        (a, b)
        for line in outer
        for a, b in pairwise(line)
        if a.north_m == b.north_m == 4.0 and min(a.east_m, b.east_m) - 0.5 < east_m < max(a.east_m, b.east_m) + 0.5
    ]

    assert blocked == []
    assert not zone.contains(Point(east_m, 3.1))
    assert zone.contains(Point(east_m, 2.9))
    assert zone.contains(Point(east_m, 0.0))
