"""What the linter finds in procedures that can be read: each with where it stands."""

import pytest

from contract.site import Site
from fleet.decision.sop_lint import findings
from tests.fleet.decision.procedures import INTRUDER, book_of
from tests.fleet.messages import SITE_TEXT, make_site

REAL = SITE_TEXT.replace("simulated: true", "simulated: false")
ONE = """
schema_version: 1
procedures:
  - id: p
    name: The procedure
    when: {when}
    steps:
{steps}
"""


def found(*steps: str, when: str = "{}", site: Site | None = None) -> list[tuple[str, str]]:
    text = ONE.replace("{when}", when).replace("{steps}", "\n".join(f"      - {{{each}}}" for each in steps))
    where = site or make_site()
    return [(each.where, each.what) for each in findings(book_of(text, where), where)]


WAIT = "id: seen, do: wait, within_s: 60, otherwise: end"
SEND = "id: send, do: dispatch, autonomy: automatic, arrive_s: 60, otherwise: end"


def test_a_sound_procedure_is_not_complained_of() -> None:
    assert findings(book_of(INTRUDER), make_site()) == []


@pytest.mark.parametrize(
    ("steps", "finding"),
    [
        pytest.param(
            (WAIT + ", then: end", "id: b, do: stand_down, autonomy: automatic"),
            ("p/b", "dead: nothing leads to it"),
            id="dead",
        ),
        pytest.param(
            ("id: a, do: stand_down, otherwise: end",),
            ("p/a", "endless wait: it asks persons and sets no answer_s"),
            id="endless wait",
        ),
        pytest.param(
            ("id: a, do: wait, within_s: 60, otherwise: a, then: a",),
            ("p/a", "no way out: from here the procedure goes round until the incident is closed"),
            id="no way out",
        ),
        pytest.param(
            (
                "id: seen, do: wait, within_s: 60, otherwise: b, then: end",
                "id: b, do: escalate, answer_s: 60, otherwise: end, to: Ada, why: silence",
            ),
            ("p/b", "asks for approval after nobody answered: who is silent will not answer this either"),
            id="asks the silent",
        ),
    ],
)
def test_what_is_surely_not_meant_is_found(steps: tuple[str, ...], finding: tuple[str, str]) -> None:
    assert found(*steps) == [finding]


def test_safety_4_automatic_dispatch_of_a_real_vehicle_without_a_grant_is_told() -> None:
    site = make_site(REAL)
    assert found(SEND) == []
    ((where, what),) = found(SEND, site=site)
    assert where == "p/send"
    assert what.endswith("the site grants no autonomy for north-fence, middle")


def test_zones_that_no_procedure_covers_are_named() -> None:
    assert found(WAIT, when="{zones: [middle]}") == [
        ("zone north-fence", "no intrusion there begins a procedure; the others wait for a person")
    ]
    assert [where for where, what in found(WAIT, when="{labels: [animal]}") if what.startswith("only some")] == [
        "zone north-fence",
        "zone middle",
    ]


def test_a_procedure_behind_a_wider_one_never_applies() -> None:
    second = INTRUDER.split("procedures:\n")[1].replace("id: intruder", "id: later")
    (finding,) = findings(book_of(INTRUDER + second), make_site())
    assert (finding.where, finding.what) == ("later", "never applies: 'intruder' before it takes all of its incidents")
