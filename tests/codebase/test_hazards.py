"""The hazard log and the tests that prove its barriers."""

import re

import pytest

from tests.conftest import ROOT, SHARED

LOG = ROOT / "docs/safety/hazards.md"
RULES = range(1, 23)
RULES_FILE = SHARED / "SAFETY.md"
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    lines = [line for line in LOG.read_text().splitlines() if re.match(r"\| H\d+ ", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def unproved(row: list[str]) -> list[str]:
    """What a row's barrier lacks."""
    proofs = PROOF.findall(row[-1])
    if not proofs:
        return [f"{row[0]}: a hazard without a test is a hope"]
    wrong = []
    for path, name in proofs:
        if not (ROOT / path).is_file():
            wrong.append(f"{row[0]}: {path} is no file")
        elif not re.search(rf"^ *(async )?def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE):
            wrong.append(f"{row[0]}: {path} has no {name}")
    return wrong


def test_every_hazard_names_a_test_that_exists() -> None:
    assert rows()
    for row in rows():
        assert unproved(row) == []


def test_every_safety_rule_has_a_hazard_and_every_rule_named_is_one() -> None:
    named = {int(n) for row in rows() for n in re.findall(r"\d+", row[1])}
    assert named == set(RULES), "the safety rules run from 1 to 22, and each stands against something"


def test_every_row_of_the_log_is_whole_and_has_a_number_of_its_own() -> None:
    lines = [line for line in LOG.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    assert len(rows()) == len(lines) - 2, "a row that does not begin with its number would be looked at by nobody"
    assert [row[0] for row in rows() if len(row) != 6 or not all(row)] == []
    ids = [row[0] for row in rows()]
    assert [each for each in ids if ids.count(each) > 1] == []


def test_a_row_without_a_test_or_with_one_that_is_gone_fails() -> None:
    assert unproved(["H1", "1", "a", "b", "c", "somebody looks"]) == ["H1: a hazard without a test is a hope"]
    gone = "`tests/codebase/test_hazards.py::test_that_is_gone`"
    assert unproved(["H1", "1", "a", "b", "c", gone]) == ["H1: tests/codebase/test_hazards.py has no test_that_is_gone"]
    assert unproved(["H1", "1", "a", "b", "c", "`tests/no_such.py::test_it`"]) == ["H1: tests/no_such.py is no file"]


def test_the_rules_are_those_that_stand_beside_the_checkout() -> None:
    if not RULES_FILE.is_file():
        pytest.skip("no ../shared beside this checkout")
    there = {int(n) for n in re.findall(r"^(\d+)\. ", RULES_FILE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert there == set(RULES)
