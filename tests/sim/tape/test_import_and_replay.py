"""Through the two doors: what was recorded elsewhere becomes a tape, and every recording is played back."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from contract.envelope import Envelope
from sim.import_tape import register as register_import
from sim.replay import register as register_replay
from sim.tape.items import Message
from sim.tape.reader import TapeReader, survey

ROOT = Path(__file__).parents[3]
RECORDINGS = ROOT / "sim" / "recordings"
SITE = ROOT / "deploy" / "sites" / "demo.yaml"

app = typer.Typer()
app.callback()(lambda: None)
register_import(app)
register_replay(app)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def drone_tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tape") / "drone.mcap"
    beside = [("--detections", "detections"), ("--poses", "poses")]
    files = [word for option, name in beside for word in (option, RECORDINGS / f"drone-1-cam.{name}.jsonl")]
    result = run(
        "import", RECORDINGS / "drone-1-cam.mp4", "--camera", "drone-1-cam", "--site", SITE, *files, "--out", path
    )
    assert result.exit_code == 0, result.output
    return path


def test_a_video_with_its_belongings_is_one_tape(drone_tape: Path) -> None:
    found = survey(drone_tape)

    assert found.topics == {
        "/camera/drone-1-cam/video": 200,
        "/camera/drone-1-cam/detections": 200,
        "/camera/drone-1-cam/pose": 200,
    }
    assert found.beside["site.yaml"] == SITE.read_bytes()
    assert json.loads(found.notes["/camera/drone-1-cam/detections"]["header"])["model"] == "yolox-nano-416"
    logged = [item.log_us for item in TapeReader(drone_tape).items() if isinstance(item, Message)]
    assert logged == sorted(logged)


def test_a_tape_replays_as_the_files_it_was_made_of(drone_tape: Path, tmp_path: Path) -> None:
    """Poses, detections and pictures of a camera under a flying drone; the site comes from the tape."""
    from_tape = run("replay", drone_tape, "--recorded", "--out", tmp_path / "tape")
    beside = RECORDINGS / "drone-1-cam.detections.jsonl"
    from_files = run("replay", RECORDINGS / "drone-1-cam.mp4", "--detections", beside, "--out", tmp_path / "files")

    assert (from_tape.exit_code, from_files.exit_code) == (0, 0), from_tape.output
    assert (tmp_path / "tape" / "tracks.txt").read_bytes() == (tmp_path / "files" / "tracks.txt").read_bytes()
    assert (tmp_path / "tape" / "detections.jsonl").read_text().splitlines()[1:] == beside.read_text().splitlines()[1:]
    poses = [json.loads(line) for line in (tmp_path / "tape" / "poses.jsonl").read_text().splitlines()]
    originals = [json.loads(line) for line in (RECORDINGS / "drone-1-cam.poses.jsonl").read_text().splitlines()]
    assert [p["pts_us"] for p in poses] == [p["pts_us"] for p in originals]
    assert [p["heading_deg"] for p in poses] == [p["heading_deg"] for p in originals]
    assert [p["up_m"] for p in poses] == pytest.approx([p["up_m"] for p in originals], abs=6e-4)


def test_events_of_a_tape_are_located_by_the_poses_on_it(drone_tape: Path, tmp_path: Path) -> None:
    """A zone under the drone's picture, which the demo's own site leaves to the mast."""
    text = SITE.read_text().replace("cameras: [fence-cam]", "cameras: [fence-cam, drone-1-cam]")
    assert text != SITE.read_text()
    site = tmp_path / "site.yaml"
    site.write_text(text)
    result = run("replay", drone_tape, "--recorded", "--site", site, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    events = [Envelope.model_validate(line) for line in lines if "body" in line]
    assert events
    first = events[0].body
    assert first.type == "event"
    assert first.sighting.ground is not None
    assert first.sighting.ground.sigma_m < 2.0


def test_ground_truth_is_on_the_tape_at_its_frames(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "pets.mcap"
    video, truth = shared / "feeds" / "vtest.avi", shared / "truth" / "PETS09-S2L1-gt.txt"
    result = run("import", video, "--camera", "view-1", "--gt", truth, "--out", out)
    assert result.exit_code == 0, result.output
    told = [i for i in TapeReader(out).items() if isinstance(i, Message) and i.topic == "/camera/view-1/truth"]

    assert len(told) == 795
    assert sum(len(message.content()["objects"]) for message in told) == 4650
    assert (told[1].at_us - told[0].at_us, told[-1].at_us - told[0].at_us) == (100_000, 79_400_000)


def test_the_aerial_clip_replays_with_its_footprint_on_the_map(shared: Path, tmp_path: Path) -> None:
    result = run("replay", shared / "feeds" / "aphill_klv_10s.ts", "--map-only", "--out", tmp_path)

    assert result.exit_code == 0, result.output
    footprints = json.loads((tmp_path / "footprints.geojson").read_text())["features"]
    assert len(footprints) == 300
    (ring,) = footprints[0]["geometry"]["coordinates"]
    assert ring[0] == pytest.approx([-77.3584159, 38.1853577], abs=1e-7)
    assert ring[0] == ring[4]
    (track,) = json.loads((tmp_path / "track.geojson").read_text())["features"]
    assert track["geometry"]["coordinates"][0] == pytest.approx([-77.356214, 38.15993, 1984.6], abs=1e-3)
    page = (tmp_path / "map.html").read_text()
    assert "aphill_klv_10s.ts" in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")  # it asks nobody


def test_a_capture_replays_as_a_track_and_its_damage_is_said(shared: Path, tmp_path: Path) -> None:
    result = run("replay", shared / "feeds" / "dronekit_flight.tlog", "--out", tmp_path)

    assert result.exit_code == 2
    assert "truncated: its last record is not whole; 75477 frames; 1314 damaged records" in result.stderr
    (track,) = json.loads((tmp_path / "track.geojson").read_text())["features"]
    assert track["properties"]["of"] == "vehicle 1"
    assert len(track["geometry"]["coordinates"]) == 2684
    assert (tmp_path / "map.html").is_file()


def test_a_truncated_tape_is_played_as_far_as_it_goes(drone_tape: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(drone_tape.read_bytes()[:500_000])
    result = run("replay", cut, "--recorded", "--out", tmp_path / "out")

    assert result.exit_code == 2
    frames = json.loads((tmp_path / "out" / "score.json").read_text())["frames"]
    assert 50 < frames < 200
    assert result.stderr == (f"vedette-sim replay: {cut}: truncated: its end is missing; {frames} frames were played\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["replay", "none.mcap"], "none.mcap: No such file", id="no tape"),
        pytest.param(["replay", "none.tlog"], "none.tlog: No such file", id="no capture"),
        pytest.param(
            ["replay", "DRONE", "--camera", "x"], "expected pictures of camera 'x', got those of", id="camera"
        ),
        pytest.param(["replay", "DRONE", "--start", "2026-01-01"], "says itself when it was", id="start"),
        pytest.param(["import", RECORDINGS / "fence-cam.mp4"], "--camera: expected the name", id="no camera"),
        pytest.param(["import", "none.plan"], "none.plan: No such file", id="no plan"),
    ],
)
def test_what_cannot_be_played_or_imported_is_one_line(
    drone_tape: Path, tmp_path: Path, arguments: list[object], line: str
) -> None:
    words = [drone_tape if word == "DRONE" else word for word in arguments]
    result = run(*words, "--out", tmp_path / "out.mcap")

    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1


def test_truth_of_another_video_is_refused_and_leaves_no_tape(tmp_path: Path) -> None:
    gt, out = tmp_path / "gt.txt", tmp_path / "x.mcap"
    gt.write_text("1,1,10,10,20,40,1,1,1\n700,1,10,10,20,40,1,1,1\n")
    result = run("import", RECORDINGS / "drone-1-cam.mp4", "--camera", "c", "--gt", gt, "--out", out)

    assert result.exit_code == 2
    assert "gt.txt: expected frames 1 to 200 of drone-1-cam.mp4, got 700" in result.stderr
    assert not out.exists()


def test_a_plan_is_printed_as_lines_of_a_site_file(tmp_path: Path) -> None:
    path = tmp_path / "North Fence.plan"
    path.write_text(json.dumps({"fileType": "Plan", "rallyPoints": {"points": [[52.1, 13.2, 0]]}}))
    result = run("import", path)

    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "rally_points:\n- id: north-fence-rally-1\n  position:\n    lat_deg: 52.1\n    lon_deg: 13.2\n"
    )
