"""The hazard log and the tests that prove its barriers."""

import re
from pathlib import Path

from tests.conftest import ROOT

LOG = ROOT / "docs/safety/hazards.md"
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[list[str]]:
    lines = [line for line in LOG.read_text().splitlines() if re.match(r"\| H\d+ ", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_hazard_names_a_test_that_exists() -> None:
    assert rows()
    for row in rows():
        proofs = PROOF.findall(row[-1])
        assert proofs, f"{row[0]}: a hazard without a test is a hope"
        for path, name in proofs:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{row[0]}: {path} has no {name}"


def test_every_rule_named_in_the_log_is_a_rule() -> None:
    named = {int(n) for row in rows() for n in re.findall(r"\d+", row[1])}
    assert named <= set(range(1, 23)), "the safety rules run from 1 to 22"
    assert Path(LOG).is_file()
