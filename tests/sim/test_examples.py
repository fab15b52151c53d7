"""The examples of docs/simulator.md: a plan's variant made as it says there is another plan, and nothing else."""

from pathlib import Path

from sim.scenario_file import load_scenario
from tests.conftest import ROOT

EXAMPLES = ROOT / "docs" / "examples"


def test_the_two_plans_of_rounds_differ_in_how_often_alone(tmp_path: Path) -> None:
    slower = tmp_path / "six.site.yaml"
    text = (EXAMPLES / "rounds.site.yaml").read_text(encoding="utf-8")
    slower.write_text(text.replace("every_min: 3.0", "every_min: 6.0"), encoding="utf-8")

    often = load_scenario(EXAMPLES / "rounds.yaml").site
    seldom = load_scenario(EXAMPLES / "rounds.yaml", site_path=slower).site

    assert [each.every_min for site in (often, seldom) for each in site.patrols] == [3.0, 6.0]
    same = seldom.patrols[0].model_copy(update={"every_min": 3.0})
    assert seldom.model_copy(update={"patrols": (same,)}) == often
