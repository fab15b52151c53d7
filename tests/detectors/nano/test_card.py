"""A card says what a model learned from and how it did when it was last judged, and claims nothing else."""

from pathlib import Path

import pytest

from contract.labels import Label
from detectors.errors import ModelError
from detectors.manifest import InputSize, Manifest
from detectors.nano.card import write_card
from detectors.nano.state import Plan, State

MANIFEST = Manifest(
    name="fence",
    sha256="ab" * 32,
    size_bytes=3_640_000,
    licence="ours",
    source="us",
    training_data="our gate, 300 pictures",
    head="yolox",
    input=InputSize(width_px=416, height_px=416),
    classes=("person",),
    labels={Label.PERSON: ("person",)},
)
STATE = State(Plan(steps=100, batch=8, side_px=416, seed=3), 60, {})
HEAD = "step,side_px,ap50_person,ap50_vehicle,ap50_animal\n"


def test_a_card_tells_the_latest_judgement_of_what_the_state_holds(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(
        HEAD + "20,320,0.1000,0.2000,0.0000\n40,416,,0.4000,0.1000\n60,416,,,\n80,416,0.9,,\n"
    )

    write_card(tmp_path / "fence.md", MANIFEST, STATE, tmp_path / "curve.csv")

    card = (tmp_path / "fence.md").read_text()
    assert "| AP50 at step 40 | vehicle 0.4000, animal 0.1000, on up to 300 pictures of val at 416 px |" in card
    assert "| learned from | our gate, 300 pictures |" in card
    assert "| training | 60 of 100 steps of 8 pictures, seed 3, rate 0.002 |" in card
    assert "Nobody's safety may depend on it alone." in card


def test_a_training_that_was_not_judged_claims_nothing(tmp_path: Path) -> None:
    (tmp_path / "curve.csv").write_text(HEAD + "20,416,,,\n")

    write_card(tmp_path / "fence.md", MANIFEST, STATE, tmp_path / "curve.csv")

    assert "AP50" not in (tmp_path / "fence.md").read_text()


def test_a_training_without_its_curve_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"curve\.csv: expected the curve of a training"):
        write_card(tmp_path / "fence.md", MANIFEST, STATE, tmp_path / "curve.csv")
