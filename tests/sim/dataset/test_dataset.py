"""Sets of labelled pictures: the same from the same seed, formats that agree, boxes on who is there, a test split of
its own."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from sim.__main__ import app
from sim.dataset import command
from sim.dataset.command import draw_place, register, write_set
from sim.dataset.files import Name, begin, part_of, write_picture
from sim.dataset.labels import Labelled, Picture
from sim.dataset.plan import SPLITS, Plan
from sim.world.errors import WorldError

PLAN = Plan(train=5, val=2, test=2, seed=3)


def written(out: Path, plan: Plan = PLAN) -> Path:
    write_set(out, plan, workers=1, command="vedette-sim dataset small", console=Console(quiet=True))
    return out


@pytest.fixture(scope="module")
def small(renderer: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("sets") / "small")


def bytes_of(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_equal_seeds_give_equal_bytes_and_another_seed_the_same_test_split(small: Path, tmp_path: Path) -> None:
    again = bytes_of(written(tmp_path / "again"))
    other = bytes_of(written(tmp_path / "other", Plan(train=1, val=0, test=2, seed=4)))

    assert again == bytes_of(small)
    assert other["images/train/000000.jpg"] != again["images/train/000000.jpg"]
    assert {name for name in other if "/test" in name} == {name for name in again if "/test" in name}
    assert all(other[name] == again[name] for name in other if "/test" in name)


def test_yolo_and_coco_say_the_same_of_what_is_learned(small: Path) -> None:
    for split in SPLITS:
        document = json.loads((small / "annotations" / f"{split}.json").read_text())
        assert [each["name"] for each in document["categories"]] == ["person", "vehicle", "animal"]
        for image in document["images"]:
            picture = cv2.imread(str(small / "images" / split / image["file_name"]))
            assert picture is not None
            assert picture.shape[:2] == (image["height"], image["width"])
            learned = [a for a in document["annotations"] if a["image_id"] == image["id"] and not a["iscrowd"]]
            lines = (small / "labels" / split / image["file_name"]).with_suffix(".txt").read_text().splitlines()
            rows = np.array([line.split() for line in lines], float).reshape(-1, 5)
            boxes = np.array([a["bbox"] for a in learned], float).reshape(-1, 4)
            assert (rows[:, 0] + 1).tolist() == [a["category_id"] for a in learned]
            sizes = rows[:, 3:] * (image["width"], image["height"])
            assert sizes == pytest.approx(boxes[:, 2:], abs=0.01)
            assert rows[:, 1:3] * (image["width"], image["height"]) - sizes / 2 == pytest.approx(boxes[:, :2], abs=0.01)


def test_the_set_names_its_splits_its_classes_and_how_it_was_made(small: Path) -> None:
    data, card = yaml.safe_load((small / "data.yaml").read_text()), json.loads((small / "card.json").read_text())

    assert data == {
        "path": ".",
        **{split: f"images/{split}" for split in SPLITS},
        "names": {0: "person", 1: "vehicle", 2: "animal"},
    }
    assert {split: card["splits"][split]["pictures"] for split in SPLITS} == {"train": 5, "val": 2, "test": 2}
    assert (card["licence"], card["seed"]) == ("Apache-2.0", 3)
    assert "vedette-sim dataset small" in (small / "card.md").read_text()
    assert cv2.imread(str(small / "sheet.jpg")) is not None


def test_who_stands_alone_before_the_camera_fills_the_box(renderer: None) -> None:
    from contract.site import CameraPose, OpenCvLens
    from sim.dataset.place import Body, Place, Sun
    from sim.dataset.shots import standing_of
    from sim.scenario import Gait
    from sim.sight import axes_of

    pose = CameraPose(east_m=300.0, north_m=290.0, up_m=4.0, heading_deg=0.0, pitch_deg=-18.0)
    lens = OpenCvLens(model="opencv", width_px=640, height_px=480, fx_px=700, fy_px=700, cx_px=320, cy_px=240)
    person = Body("person", 0, standing_of(Gait.WALK, 301.0, 300.0))
    sun = Sun(45.0, 180.0, ambient=0.5, diffuse=0.4, shadows=False, from_camera=0.1)
    with Place(1) as place:
        image, _, extents = place.draw([person], pose, lens, sun)
        without, _, _ = place.draw([], pose, lens, sun)
    changed = np.abs(image - without).max(axis=2) > 0
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    x1, y1, x2, y2 = extents[0].xyxy_px

    assert extents[0].visible_frac == 1.0
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == pytest.approx((x1, y1, x2, y2), abs=2)
    right, down, forward = axes_of(pose) @ np.array([1.0, 10.0, -4.0])  # to where it stands
    assert y2 == pytest.approx(240 + 700 * down / forward, abs=6)
    assert (x1 + x2) / 2 == pytest.approx(320 + 700 * right / forward, abs=12)


@pytest.mark.parametrize(
    ("height_px", "visible_frac", "levels", "iscrowd"),
    [
        pytest.param(8.0, 0.25, 6.0, 0, id="just enough of all"),
        pytest.param(7.9, 1.0, 99.0, 1, id="too small"),
        pytest.param(90.0, 0.24, 99.0, 1, id="too much hidden"),
        pytest.param(90.0, 1.0, 5.9, 1, id="lost in the dark"),
    ],
)
def test_what_nobody_could_tell_is_ignored(
    tmp_path: Path, height_px: float, visible_frac: float, levels: float, iscrowd: int
) -> None:
    begin(tmp_path, PLAN)
    one = Labelled("animal", (10.0, 20.0, 30.0, 20.0 + height_px), visible_frac, 12.0, levels)
    picture = Picture(np.zeros((120, 160, 3), np.uint8), (one,), "day", "mast", "clear")

    _, (annotation,) = write_picture(tmp_path, Name("val", 7), picture, site_seed=5)

    assert annotation["iscrowd"] == iscrowd
    assert (tmp_path / "labels/val/000007.txt").read_text().startswith("2 ") == (not iscrowd)


def test_no_seed_reaches_the_places_of_the_test_split_or_those_of_another_seed() -> None:
    plans = [Plan(train=100_000, val=100_000, test=5_000, seed=seed) for seed in (0, 1, 7_999)]
    test = {share.site_seed for share in plans[0].places("test")}
    own = [{share.site_seed for split in ("train", "val") for share in plan.places(split)} for plan in plans]

    assert all({share.site_seed for share in plan.places("test")} == test for plan in plans)
    assert all(not seeds & test for seeds in own)
    assert not own[0] & own[1]


def test_every_picture_of_a_split_belongs_to_one_place() -> None:
    shares = Plan(train=29, val=0, test=0, seed=1).places("train")

    assert [number for share in shares for number in range(share.first, share.first + share.count)] == list(range(29))
    assert len({share.site_seed for share in shares}) == len(shares)


def test_what_was_begun_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def draw(job: command.Job) -> int:
        out, split, number, share = job
        drawn.append(share.site_seed)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        part_of(out, split, number).write_text(json.dumps({"images": [], "annotations": []}))
        return share.count

    monkeypatch.setattr(command, "draw_place", draw)
    monkeypatch.setattr(command, "finish", lambda *_, **__: {})
    monkeypatch.setattr(command, "check_renderer", lambda: None)
    plan = Plan(train=40, val=0, test=0, seed=1)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, plan)
    written(tmp_path, plan)

    first, second, *rest = drawn
    assert rest[0] == second
    assert first not in rest
    assert len(drawn) == len(plan.places("train")) + 1


Line = Callable[..., str]


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    """What the command says when it stops with exit code 2."""
    register(app)

    def said(*words: str) -> str:
        result = CliRunner().invoke(app, ["dataset", *words])
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        return result.stderr

    return said


def test_a_folder_with_something_else_in_it_stays_as_it_is(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "check_renderer", lambda: None)
    (tmp_path / "letter.txt").write_text("mine")

    assert "expected no such folder or an empty one" in line(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_what_was_begun_otherwise_is_not_mixed(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "check_renderer", lambda: None)
    begin(tmp_path, PLAN)

    assert "was begun with other options" in line(str(tmp_path), "--pictures", "1")


def test_a_machine_that_cannot_draw_says_what_is_missing(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise WorldError("rendering: expected EGL or OSMesa, got neither")

    monkeypatch.setattr(command, "check_renderer", none)

    assert line(str(tmp_path / "set")) == "vedette-sim dataset: rendering: expected EGL or OSMesa, got neither\n"
    assert not (tmp_path / "set").exists()


def test_nothing_asked_is_nothing_made(line: Line, tmp_path: Path) -> None:
    assert "expected at least one picture" in line(str(tmp_path), "--pictures", "0", "--val", "0", "--test", "0")


def test_a_place_is_drawn_by_its_own_seed_alone(small: Path, tmp_path: Path) -> None:
    begin(tmp_path, PLAN)
    (share,) = PLAN.places("val")

    draw_place((tmp_path, "val", 0, share))

    name = "images/val/000001.jpg"
    assert (tmp_path / name).read_bytes() == (small / name).read_bytes()
