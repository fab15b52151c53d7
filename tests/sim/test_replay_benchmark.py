"""How far tracks are from the truth on the ground, both through one calibration."""

from pathlib import Path

import pytest

from contract.site import CameraPose, OpenCvLens
from edge.perception.locate import Locator
from sim.benchmarks.replay import apart_on_the_ground_m
from sim.score.mot import read_mot
from tests.edge.yard import FRAME

POSE = CameraPose(east_m=0, north_m=0, up_m=5, heading_deg=0, pitch_deg=0)
LOCATOR = Locator(lens=OpenCvLens.pinhole(640, 480, focal_px=600.0), frame=FRAME)


def test_feet_are_compared_where_boxes_overlap_by_half(tmp_path: Path) -> None:
    """A foot 150 px below the horizon is 20 m away; one pixel lower it is 0.13 m nearer."""
    truth, tracks = tmp_path / "truth.txt", tmp_path / "tracks.txt"
    truth.write_text("1,1,310,340,20,50,1,0\n1,2,100,340,20,50,1,0\n2,1,310,340,20,50,1,0\n3,1,310,340,20,50,1,0\n")
    tracks.write_text("1,7,310,340,20,51,1,0\n1,8,300,340,20,80,1,0\n2,7,310,370,20,50,1,0\n")
    apart = apart_on_the_ground_m(read_mot(truth), read_mot(tracks), LOCATOR, POSE)
    assert apart == [pytest.approx(20.0 - 3000.0 / 151.0, abs=0.001)]
