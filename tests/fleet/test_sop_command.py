"""`vedette-fleet sop`: check, try and schema."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.__main__ import app
from tests.conftest import ROOT
from tests.fleet.messages import SITE_TEXT

SHIPPED = ROOT / "deploy" / "procedures" / "sterile-night.yaml"
SITE = ROOT / "deploy" / "sites" / "sterile-two-cameras.yaml"
BOUND = ["--site", str(SITE)]


def sop(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["sop", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, " ".join(result.output.split())


def test_the_shipped_procedures_pass_the_check() -> None:
    assert sop("check", str(SHIPPED), *BOUND) == (0, "nothing to complain of")


def test_a_finding_is_a_line_and_the_answer_no(tmp_path: Path) -> None:
    site, file = tmp_path / "site.yaml", tmp_path / "sop.yaml"
    site.write_text(SITE_TEXT)
    file.write_text(
        "schema_version: 1\nprocedures:\n  - id: p\n    name: The one\n    steps:\n"
        "      - {id: a, do: stand_down, otherwise: end}\n"
    )
    code, said = sop("check", str(file), "--site", str(site))
    assert (code, said) == (1, "p/a: endless wait: it asks persons and sets no answer_s")


@pytest.mark.parametrize("command", ["check", "try"])
def test_a_file_that_is_wrong_or_missing_is_one_line(command: str, tmp_path: Path) -> None:
    wrong = tmp_path / "sop.yaml"
    wrong.write_text("schema_version: 1\nprocedures: []\n")
    code, said = sop(command, str(wrong), *BOUND)
    assert code == 78
    assert "procedures" in said
    assert sop(command, str(tmp_path / "none.yaml"), *BOUND)[0] == 78


def test_a_dry_run_shows_each_step_with_its_time_and_ends_as_the_file_says() -> None:
    story = ["14:approve=Ada", "15:under-way", "30:on-scene", "41:looked", "60:acknowledge"]
    code, said = sop("try", str(SHIPPED), *BOUND, *(part for each in story for part in ("--happens", each)))
    assert code == 0
    for line in (
        "10 │ verify: no second camera or sensor saw it in time",
        "14 │ send: approved by Ada",
        "30 │ send: on scene",
        "41 │ look: looked at",
        "60 │ done: stand down",
        "60 │ procedure over: finished",
    ):
        assert line in said


def test_a_dry_run_of_silence_shows_who_is_called() -> None:
    code, said = sop("try", str(SHIPPED), *BOUND, "--for-s", "3600")
    assert code == 0
    assert "70 │ send: nobody approved it in time" in said
    assert "190 │ above: escalate to duty manager" in said


def test_a_dry_run_that_comes_to_no_end_says_where_it_waits() -> None:
    code, said = sop("try", str(SHIPPED), *BOUND, "--for-s", "30")
    assert code == 1
    assert said.endswith("after 30 s it is still at 'send' (asking)")


def test_a_refusal_is_part_of_the_story() -> None:
    code, said = sop("try", str(SHIPPED), *BOUND, "--happens", "2:approve=Ada", "--for-s", "5")
    assert code == 1
    assert "refused: step 'verify': it is under way" in said


@pytest.mark.parametrize("happens", ["noon:approve=Ada", "5:dance", "5:approve", "5:looked=Ada"])
def test_a_story_that_makes_no_sense_is_wrong_usage(happens: str) -> None:
    code, said = sop("try", str(SHIPPED), *BOUND, "--happens", happens)
    assert code == 2
    assert f"got '{happens}'" in said


def test_an_unknown_procedure_is_wrong_usage() -> None:
    code, said = sop("try", str(SHIPPED), *BOUND, "--procedure", "tea")
    assert code == 2
    assert "expected one of intruder, something-moves, trouble, got 'tea'" in said


def test_the_schema_is_printed() -> None:
    result = CliRunner().invoke(app, ["sop", "schema"])
    assert json.loads(result.output)["title"] == "ProcedureBook"
