"""A procedure in a real browser: two persons for a launch, and a no that says why; and what is around the plan."""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from contract.geo import GeoPoint
from fleet.surroundings import ConsoleSettings, Orthophoto, OtherSite
from tests.system.desk import Desk, need_console, open_desk, wait_until
from tests.system.test_console import AXE, JUDGED, RULES, another, browser, page, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["browser", "page"]  # fixtures
pytestmark = pytest.mark.system
GROUND_RGB = (150, 60, 140)
CORNERS = tuple(
    GeoPoint(lat_deg=lat, lon_deg=lon) for lat, lon in ((52.11, 13.19), (52.11, 13.21), (52.09, 13.21), (52.09, 13.19))
)
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
    need_console()
    folder = tmp_path_factory.mktemp("desk")
    Image.new("RGB", (64, 64), GROUND_RGB).save(folder / "yard.png")
    photo = Orthophoto(file=folder / "yard.png", corners=CORNERS)
    others = (OtherSite(name="Harbour", url="https://harbour.example:8443"),)
    console = ConsoleSettings(orthophoto=photo, other_sites=others)
    with open_desk(folder, procedure=TWO_PERSONS, console=console) as opened:
        yield opened


def test_the_photograph_lies_under_the_plan_and_other_sites_beside_the_name(desk: Desk, page: "Page") -> None:
    page.emulate_media(color_scheme="light")
    sign_in(page, desk, "Vera Lind")

    def share() -> float:
        shot = page.locator("section.map").screenshot()
        pixels = Image.open(io.BytesIO(shot)).convert("RGB").tobytes()
        rgb = list(zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True))
        return sum(all(abs(a - b) < 12 for a, b in zip(each, GROUND_RGB, strict=True)) for each in rgb) / len(rgb)

    wait_until(lambda: share() > 0.3, "the ground is drawn, and the plan over it")
    page.get_by_label("Other sites").click()
    link = page.get_by_role("link", name="Harbour")
    assert link.get_attribute("href") == "https://harbour.example:8443"
    assert axe_on(page) == []


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
    page.locator("p.consent").get_by_text("approved by Olga Berg").wait_for()  # the timeline tells it too
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
