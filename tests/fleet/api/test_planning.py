"""Procedures are checked and tried, patrols planned and QGroundControl's plans read, before any of it is anybody's."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from contract.site import parse_site
from fleet.plan_exchange import patrol_plan, read_plan
from tests.conftest import ROOT
from tests.fleet.office import Office

DEMO = parse_site(Path(ROOT / "deploy/sites/demo.yaml").read_text(), source="demo.yaml")
PROCEDURES = """\
schema_version: 1
procedures:
  - id: night
    name: Night
    steps:
      - {id: tell, do: notify, to: the guard, text: somebody is there, autonomy: approval, otherwise: end}
      - {id: end-of-it, do: stand_down, autonomy: automatic}
"""


def post(client: TestClient, path: str, body: dict[str, Any], *, status: int = 200) -> Any:
    answer = client.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_linter_marks_the_line(client: TestClient) -> None:
    verdict = post(client, "/procedures/check", {"text": PROCEDURES})
    assert verdict["procedures"] == ["night"]
    assert verdict["marks"] == [
        {
            "line": 6,
            "where": "night/tell",
            "what": "endless wait: it asks persons and sets no answer_s",
            "severity": "warning",
        }
    ]


def test_what_cannot_be_read_is_one_error_at_its_line(client: TestClient) -> None:
    verdict = post(client, "/procedures/check", {"text": PROCEDURES.replace("stand_down", "dance")})
    (mark,) = verdict["marks"]
    assert (mark["severity"], mark["line"], verdict["procedures"]) == ("error", 7, [])


def test_a_dry_run_says_what_would_happen_and_commands_nothing(client: TestClient, office: Office) -> None:
    happens = [{"at_s": 20, "do": "approve", "by": "anna"}]
    told = post(client, "/procedures/try", {"text": PROCEDURES, "happens": happens})
    assert told["is_over"] is True
    assert [line["at_s"] for line in told["lines"]][:1] == [0.0]
    assert any("anna" in line["what"] for line in told["lines"])
    waits = post(client, "/procedures/try", {"text": PROCEDURES})
    assert (waits["is_over"], waits["step"]) == (False, "tell")
    assert office.kestrel.orders == []


def test_a_dry_run_of_nonsense_is_refused_in_a_line(client: TestClient) -> None:
    refused = post(client, "/procedures/try", {"text": "procedures: ["}, status=409)
    assert "\n" not in refused["detail"]


def test_a_patrol_goes_to_qgroundcontrol_and_comes_back() -> None:
    patrol = DEMO.patrols[0]
    read = read_plan(patrol_plan(DEMO, patrol))
    assert [stop.position for stop in read.stops] == [each.position for each in patrol.waypoints]
    assert [stop.dwell_s for stop in read.stops] == [each.dwell_s for each in patrol.waypoints]
    assert (read.altitude_m, read.fence, read.remarks) == (patrol.altitude_m, DEMO.geofence.polygon, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{", "plan: not JSON", id="not JSON"),
        pytest.param("{}", "plan: expected fileType Plan, as QGroundControl writes it", id="another file"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(client: TestClient, text: str, said: str) -> None:
    assert post(client, "/patrols/import", {"text": text}, status=409)["detail"] == said


def test_a_survey_is_told_and_not_guessed(client: TestClient) -> None:
    plan = json.loads(patrol_plan(DEMO, DEMO.patrols[0]))
    plan["mission"]["items"].insert(1, {"type": "ComplexItem", "complexItemType": "survey"})
    read = post(client, "/patrols/import", {"text": json.dumps(plan)})
    assert read["remarks"] == ["item 2 left out: survey, command None"]
    assert len(read["waypoints"]) == len(DEMO.patrols[0].waypoints)


def test_a_plan_of_patrols_says_longest_gap_entropy_and_coverage(client: TestClient) -> None:
    pytest.importorskip("ortools")
    site = DEMO.model_dump(mode="json")
    plan = post(client, "/patrols/plan", {"site": site, "spacing_m": 60, "rounds": 6})
    assert plan["gap_s"] >= plan["fixed_gap_s"] > 0
    assert plan["longest_wait_s"] <= plan["gap_s"]
    assert 0.1 < plan["covered_frac"] < 1.0
    team = plan["teams"][0]
    assert team["bits"] > 0
    assert len(team["route"]) >= len(team["patrol"]["points"]) + 1
    refused = post(client, "/patrols/plan", {"site": site, "gap_min": 1.0}, status=409)
    assert refused["detail"].startswith("expected a gap of at least")
