"""Orders by hand, in a real browser: the gate's answer stands there before the order, and only a pilot gives it.

Nothing happens at this site but what is ordered here: its node is never started.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import need
from tests.system.desk import Desk, need_console, open_desk, wait_until
from tests.system.test_console import AXE, JUDGED, RULES, another, browser, order, page, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["browser", "page"]  # fixtures
pytestmark = pytest.mark.system
WIDTH_PX, HEIGHT_PX = 1280, 720  # of the fence camera
GHOST_RGB = (79, 168, 255)  # of a way that the gate would approve
OVER_NO_FLY, OUTSIDE = ("52.10036", "13.19861"), ("52.10500", "13.20000")
YARD = ("52.10060", "13.20050")
LOOK_AT_YARD: Any = {"what": "go_and_look", "point": {"lat_deg": float(YARD[0]), "lon_deg": float(YARD[1])}}
FRESH = re.compile("The gate would approve")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    need_console()
    with open_desk(tmp_path_factory.mktemp("desk")) as opened:
        yield opened


def point_at(page: "Page", point: tuple[str, str]) -> None:
    page.get_by_label("Latitude").fill(point[0])
    page.get_by_label("Longitude").fill(point[1])


def open_tasks(desk: Desk) -> list[dict[str, Any]]:
    ends = ("done", "failed", "cancelled", "refused")
    return [each for each in desk.get("/api/v1/tasks") or () if each["state"] not in ends]


def ghost_px(page: "Page") -> int:
    """Pixels of the map in the colour of a way that is only thought of."""
    from PIL import Image

    shot = page.get_by_role("region", name=re.compile("^Map: click")).screenshot()
    pixels = Image.open(io.BytesIO(shot)).convert("RGB").tobytes()
    rgb = zip(pixels[0::3], pixels[1::3], pixels[2::3], strict=True)
    return sum(all(abs(a - b) < 25 for a, b in zip(each, GHOST_RGB, strict=True)) for each in rgb)


def test_what_may_not_be_is_refused_in_words_before_any_order(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    page.get_by_role("link", name="Vehicles").click()
    panel = page.get_by_role("region", name="Order for drone-1")
    give = panel.get_by_role("button", name=re.compile("^Give the order"))
    assert not give.is_enabled()  # no point yet
    point_at(page, OUTSIDE)
    panel.get_by_text("The gate would refuse").wait_for()
    assert "fence" in panel.get_by_role("listitem").first.inner_text()
    assert not give.is_enabled()
    panel.get_by_role("button", name="Orbit", exact=True).click()
    point_at(page, OVER_NO_FLY)
    panel.get_by_text(re.compile("no-fly area 'substation'")).first.wait_for()
    assert not give.is_enabled()
    panel.get_by_role("button", name="Look there").click()
    panel.get_by_text("it is not in the air: send it to go and look").wait_for()
    assert not give.is_enabled()
    assert desk.get("/api/v1/tasks") == []


def test_a_click_in_a_fixed_camera_s_picture_is_a_point_on_the_ground_and_no_order(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    page.get_by_role("link", name="Live", exact=True).click()
    page.get_by_role("button", name="Enlarge fence-cam").click()
    page.get_by_role("button", name="Send somebody to a point").click()
    ground = page.get_by_role("button", name="fence-cam: the point on the ground")
    box = ground.bounding_box()
    assert box is not None
    ground.click(position={"x": box["width"] / 2, "y": 2.0})
    page.get_by_text(re.compile("camera 'fence-cam'")).wait_for()  # no ground up there
    ground.click(position={"x": box["width"] / 2, "y": box["height"] * 0.9})
    page.get_by_text(re.compile("The gate would")).wait_for()
    seen = desk.get(f"/api/v1/cameras/fence-cam/ground?x_px={WIDTH_PX / 2}&y_px={HEIGHT_PX * 0.9}")["point"]
    typed = float(page.get_by_label("Latitude").input_value()), float(page.get_by_label("Longitude").input_value())
    assert typed == pytest.approx((seen["lat_deg"], seen["lon_deg"]), abs=2e-5)  # a pixel is some decimetres
    assert desk.get("/api/v1/tasks") == []


def test_a_viewer_sees_the_vehicles_and_has_no_order_to_give(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Vera Lind")
    page.get_by_role("link", name="Vehicles").click()
    page.get_by_role("row").filter(has_text="drone-1").get_by_text("ready", exact=True).wait_for()
    page.get_by_text("orders are given by operators and pilots").wait_for()
    assert page.get_by_role("button", name=re.compile("^Give the order")).count() == 0
    assert not page.get_by_role("button", name="Hold: drone-1").is_enabled()
    assert order(page, "/vehicles/drone-1/preview", **LOOK_AT_YARD) == 403
    assert order(page, "/vehicles/drone-1/tasks", **LOOK_AT_YARD) == 403


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing_on_the_order_panel(desk: Desk, page: "Page", scheme: str) -> None:
    need(AXE.is_file(), "axe-core (make console)")
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    sign_in(page, desk, "Olga Berg")
    wrong: dict[str, list[str]] = {}
    for path in ("/vehicles", "/health"):
        page.goto(desk.url + path)
        if path == "/vehicles":
            page.get_by_label("Or a place of the site").select_option(label="North fence (zone)")
            page.get_by_text(re.compile("The gate would")).wait_for()
        else:
            page.get_by_role("heading", name="Health").wait_for()
        page.evaluate(AXE.read_text())
        wrong[path] = page.evaluate(JUDGED, RULES)
    assert wrong == {"/vehicles": [], "/health": []}


def test_a_look_is_foreseen_ordered_by_two_presses_and_told_as_it_goes(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    page.get_by_role("link", name="Vehicles").click()
    panel, row = (
        page.get_by_role("region", name="Order for drone-1"),
        page.get_by_role("row").filter(has_text="drone-1"),
    )
    row.get_by_text("may be sent").wait_for()
    point_at(page, YARD)
    panel.get_by_text(FRESH).wait_for()
    told = panel.inner_text()
    assert re.search(r"There in\s+\d+ s", told)
    assert re.search(r"Way\s+\d\d m", told)
    assert re.search(r"\d+ % → \d+ % when done → \d+ % at home again \(reserve 25 %\)", told)
    wait_until(lambda: ghost_px(page) > 200, "the way is drawn on the map")
    assert desk.get("/api/v1/tasks") == []

    panel.get_by_role("button", name=re.compile("^Give the order")).click()
    panel.get_by_role("button", name=re.compile("^Press again to give it")).wait_for()
    assert desk.get("/api/v1/tasks") == []  # the first press gives nothing
    panel.get_by_role("button", name=re.compile("^Press again to give it")).click()
    panel.get_by_text("Ordered. The task is in the table.").wait_for()
    row.get_by_text(re.compile("Look: under way .* m to the stand-off point")).wait_for()
    row.get_by_text("at work").wait_for()
    assert ghost_px(page) < 100
    with another(page) as office:
        sign_in(office, desk, "Vera Lind")
        office.get_by_role("link", name="Vehicles").click()
        office.get_by_role("row").filter(has_text="drone-1").get_by_text(re.compile("Look: under way")).wait_for()
    row.get_by_text(re.compile("on scene: in view from")).wait_for()
    (task,) = desk.get("/api/v1/tasks")
    assert (task["kind"], task["approved_by"], task["incident_id"]) == ("investigate", "Olga Berg", None)


def test_a_copter_on_its_way_home_is_stopped_and_turned_to_a_point(desk: Desk, page: "Page") -> None:
    sign_in(page, desk, "Olga Berg")
    page.get_by_role("link", name="Vehicles").click()
    panel, row = (
        page.get_by_role("region", name="Order for drone-1"),
        page.get_by_role("row").filter(has_text="drone-1"),
    )
    if not any(each["kind"] == "investigate" for each in open_tasks(desk)):
        wait_until(lambda: desk.get("/api/v1/sendable") == [{"vehicle": "drone-1", "reasons": []}], "it may be sent")
        assert order(page, "/vehicles/drone-1/tasks", **LOOK_AT_YARD) == 200
    wait_until(lambda: (desk.vehicle().get("above_home_m") or 0.0) > 15.0, "it is in the air")
    if open_tasks(desk):
        row.get_by_role("button", name="Cancel task: drone-1").click()
    wait_until(lambda: not open_tasks(desk), "it comes home")
    page.goto(
        f"{desk.url}/vehicles?vehicle=drone-1&what=look&lat={YARD[0]}&lon={YARD[1]}"
    )  # as another page leads here
    panel.get_by_text(FRESH).wait_for()
    panel.get_by_role("button", name=re.compile("^Give the order")).click()
    panel.get_by_role("button", name=re.compile("^Press again to give it")).click()
    row.get_by_text(re.compile(r"Look from the air: under way – looks at the point, \d+ s left")).wait_for()
    wait_until(lambda: desk.vehicle().get("speed_m_s", 9.0) < 0.5, "it stands")
