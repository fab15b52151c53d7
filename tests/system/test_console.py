"""A night in the control room, in a real browser: from an alarm to its line in the audit log, and what must never fail.

Each test waits for what a person would see; nothing here waits for a length of time.
"""

import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sim.chromium import open_browser
from tests.conftest import ROOT, need
from tests.system.desk import PASSWORD, Desk, need_console, open_desk, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system
PATIENCE_MS = 30_000.0
SIZE: Any = {"width": 1280, "height": 800}
# Pixels of what the clip shows now, small.
FRAME = """(video) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 36];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 64, 36);
  return [...context.getImageData(0, 0, 64, 36).data];
}"""

# Sent as the page sends it.
ORDER = """async ([path, body]) => {
  const { csrf } = await (await fetch("/api/v1/session")).json();
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  return (await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).status;
}"""
# The middle of what is drawn in the colour of copters; trails have it too, but shine through.
DRONE_PX = """() => {
  const canvas = document.querySelector("canvas.movement");
  const [, hex] = /#(\\w{6})/.exec(getComputedStyle(canvas).getPropertyValue("--good"));
  const wanted = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [n, x, y] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] !== 255 || wanted.some((each, at) => data[i + at] !== each)) continue;
    [n, x, y] = [n + 1, x + ((i / 4) % canvas.width), y + Math.floor(i / 4 / canvas.width)];
  }
  const { left, top, width } = canvas.getBoundingClientRect();
  return [left + (x / n) * (width / canvas.width), top + (y / n) * (width / canvas.width)];
}"""
AXE = ROOT / "fleet/console/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
JUDGED = """async (tags) => {
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
  return violations.flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.target}: ${node.failureSummary}`));
}"""
FROZEN = {
    "no WebGL": "HTMLCanvasElement.prototype.getContext = () => null",
    "no frame is drawn": "window.requestAnimationFrame = () => 0",
}
ORDERS = re.compile("recall|hold|return|acknowledge|approve|send|release|patrol|waypoint", re.IGNORECASE)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    need_console()
    with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(desk: Desk) -> Iterator["Browser"]:
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: "Browser", tmp_path: Path) -> Iterator["Page"]:
    """What stood on it at the end is kept beside the test's other files."""
    from playwright.sync_api import Error

    context = browser.new_context(viewport=SIZE, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    forbidden: list[str] = []
    opened.on("console", lambda said: forbidden.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    with suppress(Error):
        opened.screenshot(path=tmp_path / "last.png", timeout=5_000)
    context.close()
    assert forbidden == []


@contextmanager
def another(page: "Page") -> Iterator["Page"]:
    """The screen of somebody else, who has a browser of their own."""
    assert page.context.browser is not None
    context = page.context.browser.new_context(viewport=SIZE, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def sign_in(page: "Page", desk: Desk, name: str) -> None:
    """With the link that this person was given, the first time."""
    link = desk.links.pop(name, None)
    if link is not None:
        page.goto(link)
        page.get_by_label(re.compile("password", re.IGNORECASE)).fill(PASSWORD)
        page.get_by_role("button", name="Set password").click()
        page.get_by_text("Your password is set").wait_for()
    else:
        page.goto(desk.url)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("status").get_by_text("Live", exact=True).first.wait_for()


def order(page: "Page", path: str, **body: object) -> int:
    """What the API answers to whoever is signed in on this page, whatever the page itself would offer."""
    status: int = page.evaluate(ORDER, [f"/api/v1{path}", body])
    return status


def apart_px(page: "Page", place: str) -> float:
    """On the map, from the one drone that is drawn there to a place's name."""
    drone_x, drone_y = page.evaluate(DRONE_PX)
    name = page.locator(".maplibregl-marker").filter(has_text=place).first.bounding_box()
    assert name is not None
    return math.hypot(drone_x - name["x"], drone_y - name["y"])


def test_an_alarm_is_answered_from_its_first_sight_to_its_line_in_the_audit_log(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    queue = page.get_by_label("Alarms and trouble")
    queue.get_by_text("Alarms (0)").wait_for()
    desk.edge.start()
    card = queue.get_by_role("article").filter(has_text="in zone north-fence").first
    card.wait_for()
    assert "open" in card.inner_text()

    card.get_by_role("button", name="Acknowledge").click()
    card.get_by_text("acknowledged", exact=True).first.wait_for()
    at_dock_px = apart_px(page, "North fence")
    card.get_by_role("button", name="Approve", exact=True).click()
    card.get_by_text(re.compile("drone-1 .*under way")).first.wait_for()
    wait_until(lambda: apart_px(page, "North fence") < 0.6 * at_dock_px, "the drone arrives on the map")

    card.get_by_text("Evidence").click()
    clip = card.get_by_label("Clip")
    clip.wait_for()
    clip.evaluate("(video) => { video.muted = true; video.loop = true; return video.play(); }")
    wait_until(lambda: clip.evaluate("(video) => video.currentTime") > 0.2, "the clip plays")
    first = clip.evaluate(FRAME)
    wait_until(lambda: how_different(first, clip.evaluate(FRAME)) > 0.5, "the clip's picture changes")

    card.get_by_role("button", name="Confirmed").click()
    card.get_by_text("closed", exact=True).first.wait_for()

    with another(page) as office:
        sign_in(office, desk, "Ada Byron")
        office.get_by_role("link", name="Audit").click()
        office.get_by_label("Who (whole name)").fill("Olga Berg")
        office.get_by_label("Act (whole)").fill("close")
        office.get_by_role("button", name="Search", exact=True).click()
        row = office.get_by_role("row").filter(has_text="disposition: confirmed")
        row.wait_for()
        assert "Olga Berg" in row.inner_text()


def how_different(one: list[int], other: list[int]) -> float:
    """Mean over all pixels, of 255."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


def test_a_viewer_sees_all_of_it_and_orders_nothing(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Vera Lind")
    page.get_by_text("drone-1").first.wait_for()
    offered = [each for each in page.get_by_role("button", name=ORDERS).all() if each.is_enabled()]
    assert [each.inner_text() for each in offered] == []
    statuses = {
        path: order(page, path) for path in ("/recall-all", "/vehicles/drone-1/hold", "/vehicles/drone-1/return")
    }
    assert set(statuses.values()) == {403}, statuses


@pytest.mark.parametrize("script", FROZEN.values(), ids=FROZEN.keys())
def test_recall_all_works_with_a_map_that_is_frozen(desk: Desk, page: "Page", script: str) -> None:
    sign_in(page, desk, "Olga Berg")
    assert order(page, "/vehicles/drone-1/release") in (200, 409)
    before = returns_in_store(desk)
    page.add_init_script(script)
    page.reload()
    page.get_by_role("button", name="Recall all", exact=True).click()
    page.get_by_role("button", name="Recall all now").click()
    wait_until(lambda: desk.vehicle().get("latched_because") == "return ordered by Olga Berg", "the drone is latched")
    wait_until(lambda: returns_in_store(desk) > before, "the order is in the store")


def test_the_page_heals_by_itself_when_the_coordinator_comes_back(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    page.evaluate("window.isTheSamePage = true")
    desk.fleet.kill()
    try:
        page.get_by_text("No word from the coordinator").first.wait_for()
        assert page.get_by_role("button", name="Recall all", exact=True).is_enabled()
    finally:
        desk.fleet.start()
    page.get_by_role("status").get_by_text("Live", exact=True).first.wait_for()
    assert page.evaluate("window.isTheSamePage")
    assert order(page, "/vehicles/drone-1/hold") == 200


def test_somebody_is_let_in_by_a_link_and_out_by_a_click(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Ada Byron")
    page.goto(f"{desk.url}/people")
    form = page.get_by_role("form", name="Add a person")
    form.get_by_label(re.compile("^Name")).fill("Bob Hall")
    form.get_by_label("Role").select_option("operator")
    form.get_by_role("button", name="Add").click()
    desk.links["Bob Hall"] = page.get_by_label("Link for Bob Hall").get_by_role("textbox").input_value()
    page.get_by_role("button", name="Close").click()
    with another(page) as elsewhere:
        sign_in(elsewhere, desk, "Bob Hall")
        page.get_by_role("button", name="Disable Bob Hall").click()
        page.get_by_role("button", name="Yes").click()
        page.get_by_role("row").filter(has_text="Bob Hall").get_by_text("let in no more").wait_for()
        elsewhere.get_by_role("button", name="Sign in").wait_for()
    page.get_by_role("button", name="Disable Ada Byron").click()
    page.get_by_role("button", name="Yes").click()
    page.get_by_role("alert").get_by_text("is the last administrator").wait_for()


def test_what_the_map_showed_is_played_again_and_cannot_be_taken_for_now(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Ada Byron")
    page.goto(desk.url + "/replay")
    heading = page.get_by_role("heading", name="Replay, not live")
    heading.wait_for()  # the first block of the recorder takes ten seconds
    page.get_by_role("button", name="Recall all").wait_for()
    page.get_by_label("Vehicles then").get_by_text("drone-1").wait_for()
    moment = page.get_by_label("Moment shown")
    began = moment.get_attribute("aria-valuetext")
    page.get_by_role("button", name="Play").click()
    wait_until(lambda: moment.get_attribute("aria-valuetext") != began, "the clock of the replay runs")
    page.goto(desk.url + "/replay?at=1000000000000000")
    page.get_by_text("Nothing was recorded at this moment").wait_for()
    page.get_by_role("button", name="To the next recording").click()
    page.get_by_label("Vehicles then").get_by_text("drone-1").wait_for()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_on_any_page(desk: Desk, page: "Page", scheme: Any) -> None:
    need(AXE.is_file(), "axe-core (make console)")
    page.emulate_media(color_scheme=scheme)
    sign_in(page, desk, "Ada Byron")
    links = page.get_by_role("navigation").get_by_role("link").all()
    paths = dict.fromkeys(["/", *(each.get_attribute("href") or "/" for each in links)])
    wrong: dict[str, list[str]] = {}
    for path in paths:
        page.goto(desk.url + path)
        page.get_by_role("main").wait_for()
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE.read_text())
        wrong[path] = page.evaluate(JUDGED, RULES)
    assert wrong == {path: [] for path in paths}


def returns_in_store(desk: Desk) -> int:
    """How often the audit log says that Olga Berg ordered the drone home, read from the file itself."""
    query = "SELECT count(*) FROM audit WHERE actor = 'Olga Berg' AND subject = 'drone-1' AND act LIKE '%return%'"
    with closing(sqlite3.connect(f"file:{desk.folder}/fleet/fleet.db?mode=ro", uri=True)) as store:
        (count,) = store.execute(query).fetchone()
    return int(count)
