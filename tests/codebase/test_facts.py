"""The facts about real autopilots and the tests that hold the simulated one to them."""

import re
from pathlib import Path

from tests.conftest import ROOT

PAGE = ROOT / "docs/simulator-autopilot.md"
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ELSEWHERE = {"Remote ID, orbit, traffic"}  # nothing a vehicle of ours does


def rows() -> list[tuple[str, str]]:
    """Fact and cell of tests."""
    cells = [line.strip("|").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [(fact.strip(), tests) for fact, tests in cells if fact.strip() != "fact"]


def test_every_fact_names_tests_that_exist() -> None:
    assert len(rows()) > 60
    for fact, tests in rows():
        proofs = PROOF.findall(tests)
        assert proofs, f"'{fact}': a fact without a test is forgotten with the next change"
        for path, name in proofs:
            assert f"def {name}(" in (ROOT / path).read_text(), f"'{fact}': {path} has no {name}"


def test_every_chapter_of_the_measurements_is_on_the_page(shared: Path) -> None:
    headings = re.findall(r"^## ([^(\n]+)", (shared / "FACTS-mavlink.md").read_text(), re.MULTILINE)
    on_the_page = re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)
    for heading in {each.strip() for each in headings} - ELSEWHERE:
        word = heading.split(",")[0].split()[0]
        assert any(word in title for title in on_the_page), f"'{heading}' has no chapter in {PAGE.name}"
