"""When the demo's story is over though it came to no good end, and what it refuses before anything is started."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from contract.envelope import Origin
from contract.events import FeedState, FeedStatus, NodeState
from contract.geo import PointEnu
from contract.tasks import TaskKind, TaskState
from edge.errors import FeedUnreadable
from fleet.api.models import NodeView
from sim.demo import is_anybody_out, is_played
from sim.demo_setup import DEMO_SITE, RECORDINGS, DemoError, Feed, choose_cast
from tests.sim.test_story import SITE, scene, task

CAMERA = SITE.cameras[0]
FEED = Feed(CAMERA, "yard.mp4", Origin.REPLAYED)


@pytest.mark.parametrize(
    ("state", "origin", "is_over"),
    [
        pytest.param(FeedState.OK, Origin.REPLAYED, False, id="plays"),
        pytest.param(FeedState.ENDED, Origin.REPLAYED, True, id="ended"),
        pytest.param(FeedState.LOST, Origin.SIMULATED, True, id="unreadable"),
        pytest.param(FeedState.LOST, Origin.LIVE, False, id="a live feed comes back"),
    ],
)
def test_a_recording_is_played_once_its_node_says_so(state: FeedState, origin: Origin, is_over: bool) -> None:
    told = FeedStatus(camera=CAMERA.id, state=state, since_us=1)
    node = NodeView(
        id=CAMERA.node,
        state=NodeState.ONLINE,
        is_silent=False,
        heard_age_s=0.1,
        software="",
        boot=1,
        feeds=(told,),
        health=(),
        outbox_rows=0,
        missing=(),
        trouble=None,
    )
    now = scene(0.0, (), PointEnu(0.0, 0.0, 0.0))
    now = replace(now, known=now.known.model_copy(update={"nodes": (node,)}))
    assert is_played(now, replace(FEED, origin=origin)) is is_over


@pytest.mark.parametrize(
    ("kind", "state", "is_out"),
    [
        pytest.param(TaskKind.INVESTIGATE, TaskState.EXECUTING, True, id="on an errand"),
        pytest.param(TaskKind.INVESTIGATE, TaskState.DONE, False, id="errand done"),
        pytest.param(TaskKind.PATROL, TaskState.SUSPENDED, True, id="a patrol that has yet to go on"),
        pytest.param(TaskKind.PATROL, TaskState.EXECUTING, False, id="a patrol goes on for long"),
    ],
)
def test_the_story_waits_for_who_is_out(kind: TaskKind, state: TaskState, is_out: bool) -> None:
    assert is_anybody_out(scene(0.0, (task(state, kind),), PointEnu(0.0, 0.0, 0.0))) is is_out


def test_a_feed_that_is_no_video_is_refused_before_anything_starts(tmp_path: Path) -> None:
    text, model = tmp_path / "text.avi", tmp_path / "model.onnx"
    text.write_text("hello")
    model.write_bytes(b"")
    site = DEMO_SITE.with_name("pets2009.yaml")
    with pytest.raises(FeedUnreadable, match=r"text\.avi: expected a video"):
        choose_cast(feed=str(text), site_path=site, camera=None, model=str(model), console=Console(quiet=True))


def test_a_feed_of_another_size_than_the_lens_is_refused_before_anything_starts(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"")
    feed = str(RECORDINGS / "fence-cam.mp4")
    site = DEMO_SITE.with_name("pets2009.yaml")
    with pytest.raises(FeedUnreadable, match="expected pictures of 768x576 as its lens in the site file says"):
        choose_cast(feed=feed, site_path=site, camera=None, model=str(model), console=Console(quiet=True))


def test_a_carried_camera_takes_no_feed_of_ones_own(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"")
    with pytest.raises(DemoError, match="'drone-1-cam' is carried by 'drone-1'"):
        choose_cast(
            feed=str(RECORDINGS / "fence-cam.mp4"),
            site_path=DEMO_SITE,
            camera="drone-1-cam",
            model=str(model),
            console=Console(quiet=True),
        )
