"""A real clip with its published calibration and ground truth: the detector, the tracker and the site file together."""

import json
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.clock import SystemClock
from contract.geo import GeoPoint
from contract.site import Site, parse_site
from detectors.opening import open_detector
from edge.perception.locate import Locator
from edge.source import RECORDING_START, SourceOptions, open_source
from sim.playback import Place, Playback
from sim.score.mot import Boxes, read_mot, score_mot
from tests.conftest import ROOT

pytestmark = pytest.mark.shared

SITE_FILE = ROOT / "deploy" / "sites" / "pets2009.yaml"
INTRUDER, FPS = 13, 10
PERSON = 0  # COCO


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site(SITE_FILE.read_text(), source=str(SITE_FILE))


@pytest.fixture(scope="module")
def truth(shared: Path) -> Boxes:
    return read_mot(shared / "truth" / "PETS09-S2L1-gt.txt")


@pytest.fixture(scope="module")
def played(shared: Path, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one replay of the whole clip."""
    folder = tmp_path_factory.mktemp("pets2009")
    camera = site.camera("view-001")
    assert camera.pose is not None
    model = shared / "models" / "yolox_nano_640x640.onnx"
    detector = open_detector(str(model), folders=(), cache=folder)
    source = open_source(SourceOptions(str(shared / "feeds" / "vtest.avi")), clock=SystemClock())
    with (
        Playback(folder, detector, Place(site, camera, camera.pose)) as playback,
        closing(playback.play(source)) as frames,
    ):
        assert [frame.index for frame in frames] == list(range(795))
        playback.end()
    return folder


def _feet_enu(boxes: Boxes, site: Site) -> list[tuple[float, float]]:
    """Where the middles of the lower edges stand on the ground."""
    camera, frame = site.camera("view-001"), site.local_frame()
    assert camera.pose is not None
    xyxy = np.column_stack([boxes.xywh_px[:, :2], boxes.xywh_px[:, :2] + boxes.xywh_px[:, 2:]])
    fixes = Locator(lens=camera.lens, frame=frame).locate(xyxy, camera.pose)
    points = [frame.to_enu(fix.point) for fix in fixes if fix is not None]
    assert len(points) == len(boxes)
    return [(point.east_m, point.north_m) for point in points]


def _first_start(folder: Path) -> dict[str, Any]:
    lines = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    return next(line for line in lines if line.get("body", {}).get("stage") == "start")


def test_tracks_are_as_good_as_issue_2_asks(played: Path, truth: Boxes) -> None:
    tracks = read_mot(played / "tracks.txt")
    score = score_mot(truth, tracks.where(tracks.class_index == PERSON))

    assert score.mota >= 0.83
    assert score.idf1 >= 0.72


def test_the_first_intruder_is_located_within_a_metre_of_the_ground_truth(
    played: Path, truth: Boxes, site: Site
) -> None:
    start = _first_start(played)
    seconds = start["captured_at_us"] / 1e6 - RECORDING_START.timestamp()
    then = truth.where((truth.frame == round(seconds * FPS) + 1) & (truth.identity == INTRUDER))
    ((east_m, north_m),) = _feet_enu(then, site)
    located = site.local_frame().to_enu(GeoPoint(**start["body"]["sighting"]["ground"]["point"]))

    assert start["body"]["zone"] == "lawn"
    assert 10.0 < seconds < 12.5
    assert np.hypot(located.east_m - east_m, located.north_m - north_m) < 1.0


def test_the_zone_is_empty_until_its_intruder_comes(truth: Boxes, site: Site) -> None:
    (zone,) = site.zones
    corners = [site.local_frame().to_enu(corner) for corner in zone.polygon]
    west_m, east_m = min(c.east_m for c in corners), max(c.east_m for c in corners)
    south_m, north_m = min(c.north_m for c in corners), max(c.north_m for c in corners)
    until = truth.where(truth.frame <= 139)
    feet = _feet_enu(until, site)
    inside = [west_m < east < east_m and south_m < north < north_m for east, north in feet]

    frames = until.frame[inside].tolist()
    assert set(until.identity[inside].tolist()) == {INTRUDER}
    assert frames[0] == 104
    assert all(b - a == 1 for a, b in pairwise(frames))


def test_nobody_flies_over_people_and_the_fence_is_far(truth: Boxes, site: Site) -> None:
    frame = site.local_frame()
    flown = [point.position for patrol in site.patrols for point in patrol.waypoints]
    flown += [dock.position for dock in site.docks] + [rally.position for rally in site.rally_points]
    points = np.array([(p.east_m, p.north_m) for p in map(frame.to_enu, flown)])
    feet = np.array(_feet_enu(truth, site))
    fence = np.array([(p.east_m, p.north_m) for p in map(frame.to_enu, site.geofence.polygon)])
    everything = np.concatenate([points, feet])

    assert np.linalg.norm(points[:, None] - feet, axis=2).min() > 40.0
    assert (everything.min(axis=0) - fence.min(axis=0)).min() > 60.0
    assert (fence.max(axis=0) - everything.max(axis=0)).min() > 60.0
