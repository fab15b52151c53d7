"""Procedures for tests, and the yard they are for."""

from contract.site import Site
from fleet.decision.sop_document import Procedure, ProcedureBook, parse_procedures
from tests.fleet.messages import make_site

INTRUDER = """
schema_version: 1
procedures:
  - id: intruder
    name: Intruder
    steps:
      - {id: verify, do: verify, within_s: 10, otherwise: send}
      - {id: send, do: dispatch, autonomy: approval, answer_s: 60, arrive_s: 90, attempts: 2, otherwise: call}
      - {id: look, do: look, within_s: 30, otherwise: call}
      - {id: seen, do: wait, within_s: 120, otherwise: call}
      - {id: done, do: stand_down, autonomy: automatic, then: end}
      - {id: call, do: escalate, autonomy: automatic, to: duty manager, why: nobody answers}
"""


def book_of(text: str, site: Site | None = None) -> ProcedureBook:
    return parse_procedures(text, source="sop.yaml", site=site or make_site())


def procedure_of(*steps: str, when: str = "{}") -> Procedure:
    lines = "\n".join(f"      - {{{step}}}" for step in steps)
    text = (
        f"schema_version: 1\nprocedures:\n  - id: p\n    name: The procedure\n    when: {when}\n    steps:\n{lines}\n"
    )
    return book_of(text).procedures[0]
