"""A configuration from afar: what is taken, what is refused, and that the feeds it does not touch never notice."""

import random
import threading
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contract.clock import SystemClock
from contract.commands import Command, Verb
from contract.configuration import DesiredConfiguration, ReportedConfiguration, desired_of, site_digest
from contract.envelope import Origin
from contract.errors import DocumentError
from contract.events import Event, Stage
from contract.site import Site
from contract.topics import COMMAND, DESIRED
from detectors.detector import Detector
from detectors.errors import InferenceError, ModelError
from detectors.scheduler import Batching
from edge.configuration_memory import ConfigurationMemory
from edge.errors import EdgeError, SetUpError
from edge.feed import Feed
from edge.from_afar import Local, accepted
from edge.link.commands import Errand
from edge.link.outbox import Outbox
from edge.link.zone_memory import ZoneMemory
from edge.node import Node
from edge.opening import Opener
from edge.pipeline import StepResult
from edge.poses.fixed import FixedPose
from edge.posts import Lineup
from edge.remote import Applied, Remote
from edge.settings import EvidenceSettings, FeedSettings, ModelSettings, WatchSettings
from edge.source import Source
from tests.conftest import ManualClock
from tests.edge.test_camera import ScriptedSource, Step
from tests.edge.test_node import Bus, Eyes, endless, running, wait_until
from tests.edge.yard import detections_text, picture, site

Settings = dict[str, Any]
CHANCE = random.Random(1)


def two_cameras() -> Site:
    """The yard with a camera more in the same place, which has a zone of its own."""
    data = site().model_dump(mode="json")
    data["cameras"].append({**data["cameras"][0], "id": "roof"})
    data["zones"].append({**data["zones"][0], "id": "yard", "cameras": ["roof"]})
    return Site.model_validate(data)


def settings_of(*, roof: Settings | None = None, **changes: Any) -> Settings:
    mast = {"camera": "mast", "url": "mast.mp4", "origin": "replayed", "detections": "nobody.jsonl"}
    return {"feeds": [mast, {**mast, "camera": "roof", "url": "roof.mp4", **(roof or {})}], **changes}


def wanted(version: int = 1, settings: Settings | None = None, yard: Site | None = None) -> DesiredConfiguration:
    return desired_of(
        version=version, settings=settings or settings_of(), site=(yard or two_cameras()).model_dump(mode="json")
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's, with recordings that nobody reads."""
    for name in ("mast.mp4", "roof.mp4", "other.mp4"):
        (tmp_path / name).write_bytes(b"video")
    (tmp_path / "nobody.jsonl").write_text(detections_text([(0, [])], width_px=640, height_px=480))
    return tmp_path


def local_of(folder: Path, settings: Settings | None = None) -> Local:
    return Local(WatchSettings.model_validate(settings or settings_of()), two_cameras(), folder)


# What is taken at all


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"feeds": []}, "settings: feeds: Tuple should have at least 1 item", id="nothing to watch"),
        pytest.param({"data_dir": "/"}, "settings: data_dir: unknown key", id="the node's own affair"),
        pytest.param({"model": {"name": "/tmp/x.onnx"}}, "model.name: expected the name", id="a model's path"),
        pytest.param({"model": {"name": "x.engine"}}, "model.name: expected the name of a model", id="an engine"),
        pytest.param(
            {"roof": {"appearance": {"model": "/tmp/x.onnx"}}},
            "appearance.model: expected the name",
            id="looks by path",
        ),
        pytest.param({"evidence": {"kept": False}}, "evidence.kept: expected True", id="no evidence"),
        pytest.param({"roof": {"url": "/etc/passwd"}}, "feed 'roof': url: expected a file in", id="absolute"),
        pytest.param({"roof": {"url": "../out.mp4"}}, "url: expected a file in the folder", id="out of the folder"),
        pytest.param({"roof": {"url": "link.mp4"}}, "url: expected a file in the folder", id="a link out of it"),
        pytest.param({"roof": {"url": "concat:roof.mp4|x"}}, "url: expected a file in the folder", id="a protocol"),
        pytest.param({"roof": {"url": "a\0.mp4"}}, "url: expected a file in the folder", id="a NUL"),
        pytest.param({"roof": {"url": "x" * 300}}, "url: expected a file in the folder", id="too long a name"),
        pytest.param({"roof": {"detections": "../d.jsonl"}}, "detections: expected a file in", id="detections"),
        pytest.param({"roof": {"pose_file": "/p.jsonl"}}, "pose: expected a file in the folder", id="poses"),
        pytest.param({"roof": {"url": "http://h/x"}}, "url: expected an address of gst+rtsp, rtp", id="a scheme"),
        pytest.param({"roof": {"url": "file:///etc/x"}}, "url: expected an address of", id="a file's scheme"),
        pytest.param({"live": "rtsp://h/1\r\nX: y"}, "url: expected an address of", id="a line break"),
        pytest.param({"live": "rtsp://u:pw@h/1"}, "expected user and password_env, got them", id="secret"),
        pytest.param({"live": "v4l2:///dev/../etc/x"}, "expected no '..' in an address", id="out of /dev"),
        pytest.param({"secret": "HOME"}, "expected a name that begins with VEDETTE_CAMERA_", id="any variable"),
        pytest.param({"yard": "other"}, "site: expected 'yard' as in the node's own", id="another site"),
    ],
)
def test_what_a_node_never_takes_from_the_network(folder: Path, change: Settings, says: str) -> None:
    (folder / "link.mp4").symlink_to("/etc/hostname")
    changes, roof = dict(change), dict(change.get("roof", {}))
    changes.pop("roof", None)
    if url := changes.pop("live", None):
        roof = {"url": url, "origin": "live", "detections": None}
    if name := changes.pop("secret", None):
        roof = {"url": "rtsp://h/1", "origin": "live", "detections": None, "user": "u", "password_env": name}
    yard = two_cameras().model_copy(update={"id": changes.pop("yard", "yard")})
    desired = wanted(1, {**settings_of(roof=roof), **changes}, yard)
    with pytest.raises((DocumentError, SetUpError)) as caught:
        accepted(desired, local_of(folder))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_camera_may_be_given_a_password_that_is_meant_for_cameras(folder: Path) -> None:
    live = {"url": "rtsp://10.20.0.5/1", "origin": "live", "detections": None, "user": "u"}
    local = local_of(folder, settings_of(roof={**live, "password_env": "ROOF_PASSWORD"}))
    for name in ("ROOF_PASSWORD", "VEDETTE_CAMERA_3"):
        watch, _ = accepted(wanted(1, settings_of(roof={**live, "password_env": name})), local)
        assert watch.feeds[1].password_env == name


# What becomes of it


class Cameras(Opener):
    """Opens as a node does, but for the model: `eyes` is what there is."""

    eyes: list[Detector | ModelError]

    def model(self, model: ModelSettings) -> Detector:
        opened = self.eyes.pop(0)
        if isinstance(opened, ModelError):
            raise opened
        return opened


@dataclass
class Rig:
    """A Remote without a node: what it would have exchanged, and with what."""

    folder: Path
    settings: Settings = field(default_factory=settings_of)
    eyes: list[Detector | ModelError] = field(default_factory=list)
    lineups: list[Lineup] = field(default_factory=list)
    evidence: list[EvidenceSettings] = field(default_factory=list)
    wrong: str = ""
    unfit: list[float] = field(default_factory=list)  # rates of feeds of which no node can be made

    def __post_init__(self) -> None:
        opener = Cameras(self.folder, {}, SystemClock(), say=lambda _: None)
        object.__setattr__(opener, "eyes", self.eyes)
        local = local_of(self.folder, self.settings)
        self.memory = ConfigurationMemory(self.folder / "configuration.json")
        self.remote = Remote(local, opener, self.memory, clock=ManualClock())
        self.remote.attach(self._exchange)
        self.feeds = self.remote.begin(self._built)

    def _built(self, _applied: Applied, feeds: list[Feed]) -> list[Feed]:
        if self.unfit == [feed.rate_min_hz for feed in feeds]:
            raise SetUpError("rule 'loitering': speed: unknown option")
        return feeds

    def _exchange(self, lineup: Lineup, _batching: Batching, evidence: EvidenceSettings) -> None:
        if self.wrong:
            raise EdgeError(self.wrong)
        self.lineups.append(lineup)
        self.evidence.append(evidence)

    def fresh(self) -> list[list[str]]:
        return [[feed.camera for feed in lineup.fresh] for lineup in self.lineups]

    def refusal(self) -> tuple[int, str] | None:
        refused = self.remote.reported.refused
        return None if refused is None else (refused.version, refused.reason)


def test_only_what_is_another_is_opened_anew(folder: Path) -> None:
    rig = Rig(folder)
    yard = two_cameras()
    moved = yard.model_copy(update={"zones": (yard.zones[0], yard.zones[1].model_copy(update={"dwell_s": 2.0}))})
    steps = [
        wanted(1),
        wanted(2, settings_of(roof={"rate_min_hz": 5})),
        wanted(3, settings_of(roof={"rate_min_hz": 5}), moved),
        wanted(4, settings_of(roof={"rate_min_hz": 5}, evidence={"post_roll_s": 9}), moved),
        wanted(5, settings_of(roof={"rate_min_hz": 5}, evidence={"pre_roll_s": 9}), moved),
        wanted(6, settings_of(rules={"loitering": {}}, evidence={"pre_roll_s": 9}), moved),
    ]
    for desired in steps:
        rig.remote.consider(desired)
    assert rig.fresh() == [[], ["roof"], ["roof"], [], ["mast", "roof"], ["mast", "roof"]]
    assert rig.evidence[3].post_roll_s == 9
    reported = rig.remote.reported
    assert (reported.version, reported.sha256) == (6, steps[-1].sha256)
    assert (reported.site_sha256, reported.refused) == (site_digest(moved), None)


def test_a_camera_can_be_taken_away(folder: Path) -> None:
    rig = Rig(folder)
    rig.remote.consider(wanted(1, {"feeds": settings_of()["feeds"][:1]}))
    assert (rig.lineups[0].cameras, rig.fresh()) == (("mast",), [[]])


def test_the_same_version_again_changes_nothing_and_an_older_one_is_refused(folder: Path) -> None:
    rig = Rig(folder)
    for desired in (wanted(3), wanted(3)):
        rig.remote.consider(desired)
    assert (len(rig.lineups), rig.refusal()) == (1, None)
    rig.remote.consider(wanted(2))
    assert rig.refusal() == (2, "expected a version after 3, which this node runs")
    rig.remote.consider(wanted(3, settings_of(roof={"url": "other.mp4"})))
    assert rig.refusal() == (3, "expected a version after 3, which this node runs")
    assert (len(rig.lineups), rig.remote.reported.version) == (1, 3)


@pytest.mark.parametrize(
    ("roof", "eyes", "says"),
    [
        pytest.param({"camera": "cellar"}, [], "expected a camera of this site (mast, roof)", id="camera"),
        pytest.param({"detections": None}, [ModelError("nobody added it")], "nobody added it", id="a model"),
        pytest.param({"detections": None}, [None], "no answer", id="a model that does not answer"),
        pytest.param({"detections": "mast.mp4"}, [], "mast.mp4", id="no detections"),
    ],
)
def test_what_cannot_be_opened_is_refused_before_anything_is_touched(
    folder: Path, roof: Settings, eyes: list[Any], says: str
) -> None:
    rig = Rig(folder, eyes=[each or blind() for each in eyes])
    rig.remote.consider(wanted(1))
    rig.remote.consider(wanted(2, settings_of(roof=roof, model={"score_min": 0.3})))
    version, reason = rig.refusal() or (0, "")
    assert (version, len(rig.lineups)) == (2, 1)
    assert says in reason
    assert rig.remote.reported.version == 1
    rig.remote.consider(wanted(3))
    assert (rig.remote.reported.version, rig.refusal()) == (3, None)


def test_a_bug_that_a_configuration_meets_does_not_take_the_node_down(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is retained: it would come again with each start."""
    rig = Rig(folder)
    monkeypatch.setattr("edge.remote.accepted", lambda *_: 1 // 0)
    rig.remote.consider(wanted(1))
    assert rig.refusal() == (1, "ZeroDivisionError: integer division or modulo by zero")


def test_what_could_not_be_put_in_place_is_not_remembered(folder: Path) -> None:
    rig = Rig(folder)
    rig.remote.consider(wanted(1))
    rig.wrong = "the detector did not come to a pause within 15 s"
    rig.remote.consider(wanted(2))
    assert rig.refusal() == (2, rig.wrong)
    kept = rig.memory.load()
    assert kept is not None
    assert kept.version == 1


def test_a_disk_that_takes_nothing_leaves_the_old(folder: Path) -> None:
    rig = Rig(folder)
    (folder / "configuration.part").mkdir()
    rig.remote.consider(wanted(1))
    assert "configuration.json: cannot be written" in (rig.refusal() or (0, ""))[1]
    assert (rig.lineups, rig.remote.reported.version) == ([], None)


def test_a_node_without_its_coordinator_runs_what_it_last_ran(folder: Path) -> None:
    Rig(folder).remote.consider(wanted(7, settings_of(roof={"rate_min_hz": 5})))
    again = Rig(folder)
    assert [feed.rate_min_hz for feed in again.feeds] == [2.0, 5.0]
    assert (again.remote.reported.version, again.remote.reported.remark) == (7, "")
    again.remote.consider(wanted(6))
    assert (again.refusal() or (0, ""))[0] == 6


@pytest.mark.parametrize("spoil", ["cut short", "no longer there", "no longer put together"])
def test_what_cannot_be_run_again_gives_way_to_the_nodes_own_file_and_says_so(folder: Path, spoil: str) -> None:
    Rig(folder).remote.consider(wanted(7, settings_of(roof={"url": "other.mp4", "rate_min_hz": 5})))
    path = folder / "configuration.json"
    if spoil == "cut short":
        path.write_bytes(path.read_bytes()[:-20])
    elif spoil == "no longer there":
        (folder / "other.mp4").unlink()
    again = Rig(folder, unfit=[2.0, 5.0])
    assert [feed.rate_min_hz for feed in again.feeds] == [2.0, 2.0]
    reported = again.remote.reported
    assert (reported.version, reported.sha256) == (None, None)
    assert reported.remark.startswith("the node runs its own file: what came from afar cannot be run again: ")


def test_a_model_is_opened_beside_the_old_and_the_old_stays_where_it_does_not_answer(folder: Path) -> None:
    first, second = Eyes(), Eyes()
    rig = Rig(folder, settings_of(roof={"detections": None}), eyes=[first, blind(), second])
    replies: list[str] = []
    reload = Command(command_id=uuid.UUID(int=1), verb=Verb.RELOAD_MODEL, by="ada", expires_at_us=1)

    def done(reason: str = "", _files: Collection[str] = ()) -> None:
        replies.append(reason)

    for _ in range(2):
        rig.remote.carry_out(Errand(reload, "0" * 32, done))
    work_off(rig.remote, lambda: len(replies) == 2)
    assert replies == ["no answer", ""]
    assert [(feed.camera, feed.detector) for feed in rig.lineups[0].fresh] == [("roof", second)]
    restart = reload.model_copy(update={"verb": Verb.RESTART_FEED, "camera": "roof"})
    rig.remote.carry_out(Errand(restart, "0" * 32, done))
    work_off(rig.remote, lambda: len(replies) == 3)
    assert [(feed.camera, feed.detector) for feed in rig.lineups[1].fresh] == [("roof", second)]


def blind() -> Eyes:
    eyes = Eyes()
    eyes.error = InferenceError("no answer")
    return eyes


def work_off(remote: Remote, is_done: Callable[[], bool]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=remote.run, args=(stop,))
    thread.start()
    try:
        wait_until(is_done)
    finally:
        stop.set()
        thread.join(20)


# In a node at work


class Scripted(Opener):
    """Feeds that play what `sources` gives for a camera."""

    sources: Callable[[str], Source]

    def feeds(
        self,
        settings: WatchSettings,
        site: Site,
        *,
        model: Callable[[], Detector],
        only: Collection[str] | None = None,
    ) -> list[Feed]:
        return [self._scripted(each, site) for each in settings.feeds if only is None or each.camera in only]

    def _scripted(self, feed: FeedSettings, yard: Site) -> Feed:
        pose, camera = yard.camera(feed.camera).pose, feed.camera
        assert pose is not None
        return Feed(camera, lambda: self.sources(camera), Origin.REPLAYED, Eyes(), FixedPose(pose))


FRAMES = 60


def node_with(remote: Remote, outbox: Outbox, folder: Path, witness: Callable[[str, StepResult], None]) -> Node:
    return remote.begin(
        lambda applied, feeds: Node(
            site=applied.site,
            node="edge-1",
            feeds=feeds,
            outbox=outbox,
            zone_memory=ZoneMemory(folder / "zones.json"),
            clock=SystemClock(),
            chance=CHANCE,
            software="test",
            witness=witness,
            remote=remote,
        )
    )


def told(bus: Bus, camera: str) -> list[Event]:
    """Starts and ends."""
    return [event for event in bus.events() if event.sighting.camera == camera and event.stage is not Stage.UPDATE]


def version(bus: Bus) -> int | None:
    """As last reported."""
    bodies = [envelope.body for envelope in list(bus.envelopes)]
    return [None, *(body.version for body in bodies if isinstance(body, ReportedConfiguration))][-1]


def order(verb: Verb, **of: str) -> Command:
    clock = SystemClock()
    values = {"command_id": uuid.uuid4(), "verb": verb, "by": "ada", "expires_at_us": clock.wall_us() + 30_000_000}
    return Command.model_validate({**values, **of})


def _wait(event: threading.Event) -> None:
    assert event.wait(30)


def test_a_feed_that_stays_as_it_is_loses_no_frame_and_its_event_goes_on(folder: Path) -> None:
    """The other one is closed and opened anew, twice: its events end, and those of its next lives have other ids."""
    goes_on, bus = threading.Event(), Bus()
    judged: set[int] = set()
    steps: list[Step] = [picture(n) for n in range(FRAMES)]
    mast = ScriptedSource(*steps[:30], lambda: _wait(goes_on), *steps[30:], is_live=False)
    opener = Scripted(folder, {}, SystemClock(), say=lambda _: None)
    object.__setattr__(opener, "sources", lambda camera: mast if camera == "mast" else endless(live=False))
    remote = Remote(local_of(folder), opener, ConfigurationMemory(folder / "c.json"), clock=SystemClock())

    def witness(camera: str, result: StepResult) -> None:
        if camera == "mast":
            judged.add(result.captured_at_us)

    with Outbox(folder / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        node = node_with(remote, outbox, folder, witness)
        with running(node, bus):
            wait_until(lambda: len(judged) == 30 and len(told(bus, "roof")) == 1)
            bus.say(DESIRED.name, wanted(1, settings_of(roof={"rate_min_hz": 5})))
            wait_until(lambda: len(told(bus, "roof")) == 3 and version(bus) == 1)
            bus.say(COMMAND.name, order(Verb.RESTART_FEED, camera="roof"))
            wait_until(lambda: len(told(bus, "roof")) == 5)
            goes_on.set()
            wait_until(lambda: len(told(bus, "mast")) == 2)
    assert len(judged) == FRAMES
    assert [event.stage for event in told(bus, "mast")] == [Stage.START, Stage.END]
    assert [event.stage for event in told(bus, "roof")][:5] == [Stage.START, Stage.END] * 2 + [Stage.START]
    lives = {(event.event_id, event.sighting.track) for event in told(bus, "roof")}
    assert len(lives) == len({event_id for event_id, _ in lives}) == len({track for _, track in lives}) == 3


def test_a_detector_that_hangs_leaves_everything_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for ever, and what was given up is not done later."""
    monkeypatch.setattr("edge.posts.PAUSE_S", 0.2)
    hangs, is_hanging, goes_on, bus = threading.Event(), threading.Event(), threading.Event(), Bus()
    opener = Scripted(folder, {}, SystemClock(), say=lambda _: None)
    object.__setattr__(opener, "sources", lambda _camera: endless())
    remote = Remote(local_of(folder), opener, ConfigurationMemory(folder / "c.json"), clock=SystemClock())

    def witness(_camera: str, _result: StepResult) -> None:
        if hangs.is_set():
            is_hanging.set()
            assert goes_on.wait(30)

    with Outbox(folder / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        node = node_with(remote, outbox, folder, witness)
        with running(node, bus):
            wait_until(lambda: len(told(bus, "roof")) == 1)
            hangs.set()
            assert is_hanging.wait(30)
            bus.say(DESIRED.name, wanted(1, settings_of(roof={"rate_min_hz": 5})))
            wait_until(lambda: remote.reported.refused)
            monkeypatch.setattr("edge.posts.PAUSE_S", 30.0)
            hangs.clear()
            goes_on.set()
            bus.say(COMMAND.name, order(Verb.RESTART_FEED, camera="mast"))
            wait_until(lambda: len(told(bus, "mast")) == 3)
            refused = remote.reported.refused
            assert refused is not None
            assert (refused.version, refused.reason) == (1, "the detector did not pause within 0.2 s")
            assert [event.stage for event in told(bus, "roof")] == [Stage.START]


def test_a_zone_that_a_person_unset_stays_so_in_a_feed_that_is_opened_anew(folder: Path) -> None:
    bus = Bus()
    opener = Scripted(folder, {}, SystemClock(), say=lambda _: None)
    object.__setattr__(opener, "sources", lambda _camera: endless())
    remote = Remote(local_of(folder), opener, ConfigurationMemory(folder / "c.json"), clock=SystemClock())
    judged: list[str] = []
    with Outbox(folder / "outbox.sqlite", new_id=uuid.uuid4) as outbox:
        node = node_with(remote, outbox, folder, lambda camera, _result: judged.append(camera))
        with running(node, bus):
            wait_until(lambda: len(told(bus, "roof")) == 1)
            bus.say(COMMAND.name, order(Verb.UNSET_ZONE, zone="yard"))
            wait_until(lambda: len(told(bus, "roof")) == 2)
            bus.say(DESIRED.name, wanted(1, settings_of(roof={"rate_min_hz": 5})))
            wait_until(lambda: version(bus) == 1)
            seen = judged.count("roof")
            wait_until(lambda: judged.count("roof") > seen + 30)
    assert [event.stage for event in told(bus, "roof")] == [Stage.START, Stage.END]
