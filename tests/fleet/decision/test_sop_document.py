"""What a procedures file may say, and the one line that comes of what it must not."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from contract.errors import DocumentError
from fleet.decision.sop_document import Autonomy, DispatchStep
from fleet.settings import read_procedures, read_site
from fleet.sop_command import procedures_schema
from tests.conftest import ROOT
from tests.fleet.decision.procedures import INTRUDER, book_of, procedure_of

FOLDER = ROOT / "deploy" / "procedures"


def test_a_person_decides_unless_the_file_says_otherwise() -> None:
    procedure = procedure_of("id: a, do: dispatch, arrive_s: 60, otherwise: end")
    (step,) = procedure.steps
    assert isinstance(step, DispatchStep)
    assert (step.autonomy, step.needs_persons, step.attempts) == (Autonomy.APPROVAL, 1, 3)
    assert procedure.after(step) == "end"


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        pytest.param(
            "id: a, do: dispatch, arrive_s: 60", "expected otherwise: it can fail", id="a failure into nothing"
        ),
        pytest.param("id: a, do: verify, within_s: 5", "otherwise: required, but missing", id="a wait into nothing"),
        pytest.param(
            "id: a, do: stand_down, autonomy: automatic, otherwise: end",
            "expected no otherwise: it cannot fail",
            id="a failure of what cannot fail",
        ),
        pytest.param(
            "id: a, do: stand_down, autonomy: unless_vetoed, otherwise: end",
            "expected veto_s with autonomy unless_vetoed",
            id="a veto without a time",
        ),
        pytest.param(
            "id: a, do: stand_down, veto_s: 5, otherwise: end", "expected veto_s with autonomy", id="a veto of approval"
        ),
        pytest.param(
            "id: a, do: notify, to: Ada, text: come, autonomy: automatic, answer_s: 5",
            "expected answer_s only where a person is asked",
            id="an answer to no question",
        ),
        pytest.param(
            "id: a, do: verify, within_s: 5, otherwise: b",
            "step 'a': expected a step of 'p' or end, got 'b'",
            id="a step that is not there",
        ),
        pytest.param(
            "id: end, do: verify, within_s: 5, otherwise: end", "cannot be called 'end'", id="a step named end"
        ),
        pytest.param("id: a, do: sing", "does not match any of the expected tags", id="no such deed"),
        pytest.param("id: a, do: verify, within_s: 0, otherwise: end", "greater than 0", id="no time at all"),
        pytest.param("id: a, do: verify, within_s: .nan, otherwise: end", "finite number", id="not a time"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused_with_its_line(step: str, complaint: str) -> None:
    with pytest.raises(DocumentError, match=r"^sop.yaml:\d+: [^\n]+$") as caught:
        procedure_of(step)
    assert complaint in str(caught.value)


def test_a_zone_that_the_site_has_not_is_refused_with_its_line() -> None:
    with pytest.raises(DocumentError, match=r"^sop.yaml:5: .*expected a zone or line of site 'yard' .*got 'moon'$"):
        procedure_of("id: a, do: verify, within_s: 5, otherwise: end", when="{zones: [north-fence, moon]}")


@pytest.mark.parametrize("kind", ["movement", "trouble"])
def test_safety_19_what_has_no_name_or_no_place_sends_nobody_by_itself(kind: str) -> None:
    with pytest.raises(DocumentError, match=r"step 'a': (nobody is sent to a trouble|movement without a name)"):
        procedure_of(
            "id: a, do: dispatch, autonomy: automatic, arrive_s: 9, otherwise: end", when=f"{{kinds: [{kind}]}}"
        )


def test_steps_that_go_round_without_time_passing_are_refused() -> None:
    with pytest.raises(DocumentError, match=r"sop.yaml:7: .*a -> b -> a goes round without any time passing$"):
        procedure_of(
            "id: a, do: notify, autonomy: automatic, to: Ada, text: come",
            "id: b, do: escalate, autonomy: automatic, to: Bo Ek, why: nobody came, then: a",
        )


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(DocumentError, match="step 'a' stands here twice"):
        procedure_of(*["id: a, do: verify, within_s: 5, otherwise: end"] * 2)
    with pytest.raises(DocumentError, match="procedure 'intruder' stands here twice"):
        book_of(INTRUDER + INTRUDER.split("procedures:\n")[1])


def test_the_committed_schema_is_fresh_and_takes_the_shipped_file() -> None:
    committed = json.loads((FOLDER / "procedures.schema.json").read_text(encoding="utf-8"))
    assert committed == procedures_schema(), "run `vedette-fleet sop schema > deploy/procedures/procedures.schema.json`"
    Draft202012Validator.check_schema(committed)
    shipped = yaml.safe_load((FOLDER / "sterile-night.yaml").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(committed).iter_errors(shipped)) == []


def test_the_shipped_procedures_are_of_their_site() -> None:
    site = read_site(ROOT / "deploy" / "sites" / "sterile-two-cameras.yaml")
    book = read_procedures(FOLDER / "sterile-night.yaml", site)
    assert [each.id for each in book.procedures] == ["intruder", "something-moves", "trouble"]
