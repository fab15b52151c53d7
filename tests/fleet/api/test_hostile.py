"""The API under schemathesis: whatever comes in by the API's own description, no answer is a fault of ours."""

import json
import sys
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings

from fleet.api.limits import RequestLimits
from fleet.api.openapi import PATH
from fleet.records.auth import Role
from tests.fleet.api.conftest import ROLES, make_client, make_people
from tests.fleet.office import open_office

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
EXAMPLES = 3  # of what the description allows, and as many of what it does not
ALMIGHTY = {"authorization": f"Bearer {ROLES['admin']}"}
OTHERS = {"/api/v1/set-up", "/api/v1/session"}  # argon2 for each try: they have tests of their own


@pytest.mark.skipif(sys.version_info < (3, 11), reason="schemathesis is for Python 3.11 and newer")
def test_no_answer_is_a_fault_of_ours() -> None:
    import schemathesis
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_dict(json.loads(PATH.read_text()))
    with open_office() as office:
        people = make_people(office)
        people.give_role("Admin Smith", Role.ADMIN, is_pilot=True, by="test")
        client = make_client(office, people, limits=RequestLimits(per_s=1e9, burst=1e9))
        client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
        faults: list[str] = []
        asked: set[str] = set()
        statuses: set[int] = set()

        def ask(case: Any) -> None:
            asked.add(case.operation.label)
            given = case.as_transport_kwargs(base_url="http://127.0.0.1:8080")
            given = {key: given[key] for key in ("method", "url", "params", "json", "data", "headers") if key in given}
            if "data" in given:
                given["content"] = given.pop("data")
            answer = client.request(**{**given, "headers": {**dict(given.get("headers") or {}), **ALMIGHTY}})
            statuses.add(answer.status_code)
            is_problem = answer.headers.get("content-type") == "application/problem+json"
            if answer.status_code >= 500 or (answer.status_code >= 400 and not is_problem and case.method != "HEAD"):
                faults.append(f"{case.operation.label}: {answer.status_code} {answer.text[:200]} for {given}")

        for result in schema.get_all_operations():
            operation = result.ok()  # type: ignore[union-attr]
            if operation.path in OTHERS:
                continue
            runs = settings(
                max_examples=EXAMPLES,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                strategy = operation.as_strategy(generation_mode=mode)  # type: ignore[arg-type]
                runs(hypothesis.given(case=strategy)(ask))()

    assert faults == []
    assert len(asked) >= 35
    assert {200, 404, 409, 422} <= statuses
