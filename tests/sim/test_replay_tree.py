"""A tree in the wind, and at the end a hand: nobody is there, so nothing may be told, wherever the zone is."""

from contextlib import closing
from pathlib import Path

import pytest

from contract.clock import SystemClock
from contract.site import Site
from detectors.opening import open_detector
from edge.source import SourceOptions, open_source
from sim.playback import Place, Playback
from tests.edge.yard import corners, site

pytestmark = pytest.mark.shared


@pytest.fixture
def garden() -> Site:
    """The yard through the lens of the recording, 320 by 240; all ground is watched by every rule of a zone."""
    yard = site(dwell_s=0.0, polygon=corners(0.0, 55.0, 50.0), rules={"intrusion": {}, "loitering": {"after_s": 5}})
    lens = yard.cameras[0].lens.model_copy(
        update={"width_px": 320, "height_px": 240, "fx_px": 300.0, "fy_px": 300.0, "cx_px": 160.0, "cy_px": 120.0}
    )
    camera = yard.cameras[0].model_copy(update={"lens": lens})
    return yard.model_copy(update={"cameras": (camera,)})


def test_a_tree_in_the_wind_is_no_intrusion(shared: Path, garden: Site, tmp_path: Path) -> None:
    detector = open_detector(str(shared / "models" / "yolox_nano_416.onnx"), folders=(), cache=tmp_path)
    source = open_source(SourceOptions(str(shared / "feeds" / "tree.avi")), clock=SystemClock())
    place = Place(garden, garden.cameras[0], garden.cameras[0].pose)
    with Playback(tmp_path, detector, place) as playback, closing(playback.play(source)) as frames:
        count = sum(1 for _ in frames)
        playback.end()

    assert count > 60
    assert playback.told == {}
