"""A procedure in a real browser: two persons for a launch, and a no that says why."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from sim.chromium import what_is_missing
from tests.conftest import ROOT, need
from tests.system.desk import Desk, open_desk
from tests.system.test_console import AXE, JUDGED, RULES, another, browser, page, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["browser", "page"]  # fixtures
pytestmark = pytest.mark.system
TWO_PERSONS = """
schema_version: 1
procedures:
  - id: intruder
    name: Somebody inside the fence
    when: {kinds: [intrusion]}
    steps:
      - {id: send, do: dispatch, autonomy: two_persons, answer_s: 300, arrive_s: 300, otherwise: call, then: call}
      - {id: call, do: notify, autonomy: approval, answer_s: 300, to: police, text: come, otherwise: end, then: end}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    missing = what_is_missing()
    need(missing is None, missing or "")
    need((ROOT / "fleet/console/dist/index.html").is_file(), "the built console (make console)")
    with open_desk(tmp_path_factory.mktemp("desk"), procedure=TWO_PERSONS) as opened:
        yield opened


def axe_on(page: "Page") -> list[str]:
    page.evaluate(AXE.read_text())
    wrong: list[str] = page.evaluate(JUDGED, RULES)
    return wrong


def test_two_persons_approve_and_a_veto_says_why(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    desk.edge.start()
    card = page.get_by_label("Alarms and trouble").get_by_role("article").filter(has_text="in zone north-fence").first
    card.get_by_text("2 approvals missing").wait_for()
    card.get_by_role("button", name="Approve", exact=True).click()
    card.get_by_text("1 approval missing").wait_for()

    card.get_by_role("link").first.click()
    page.get_by_text("approved by Olga Berg").wait_for()
    page.get_by_text("wants a second person").wait_for()
    page.get_by_text("You approved it: another person must.").first.wait_for()
    wrong = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        wrong += axe_on(page)
    assert wrong == []
    assert desk.get("/api/v1/tasks") == []  # one person sends nobody

    with another(page) as other:
        sign_in(other, desk, "Petra Kern")
        theirs = other.get_by_role("article").filter(has_text="in zone north-fence").first
        theirs.get_by_role("button", name="Approve", exact=True).click()
        theirs.get_by_text(re.compile("drone-1 .*under way")).first.wait_for()

        theirs.get_by_text("The procedure asks: notify (call)").wait_for()  # when the drone has them in view
        theirs.get_by_role("button", name="Veto", exact=True).click()
        theirs.get_by_label("Why").fill("the police are here already")
        other.keyboard.press("Enter")
        theirs.get_by_text("The procedure asks: notify (call)").wait_for(state="detached")

    with another(page) as office:
        sign_in(office, desk, "Ada Byron")
        office.get_by_role("link", name="Audit").click()
        office.get_by_label("Who (whole name)").fill("Petra Kern")
        office.get_by_role("button", name="Search", exact=True).click()
        office.get_by_role("row").filter(has_text="the police are here already").first.wait_for()
