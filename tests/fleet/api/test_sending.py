"""Orders by hand over the API: the gate's answer first, then the task, on the one road that every task goes."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from contract.geo import GeoPoint, PointEnu, distance_m
from fleet.errors import StoreError
from fleet.flight.orders import Hold, Land
from fleet.flight.vehicle import FlightMode
from tests.fleet.api.conftest import ROLES, make_client, make_people
from tests.fleet.messages import fix_at, geo, make_event, make_site
from tests.fleet.office import Office, open_office

ADA = {"by": "Ada Byron"}
THERE = fix_at(0.0, 60.0).point
LOOK = {**ADA, "what": "go_and_look", "point": THERE.model_dump()}
ROUND = {**ADA, "what": "orbit", "point": THERE.model_dump(), "radius_m": 30.0, "duration_s": 60.0}
THERE_FROM_HERE = {**ADA, "what": "look", "point": THERE.model_dump()}
PREVIEW, TASKS = "/api/v1/vehicles/kestrel/preview", "/api/v1/vehicles/kestrel/tasks"


def audit(client: TestClient) -> list[tuple[str, str]]:
    return [(row["actor"], row["act"]) for row in client.get("/api/v1/audit").json()]


def test_a_preview_says_what_would_be_flown_and_orders_nothing(client: TestClient, office: Office) -> None:
    answer = client.post(PREVIEW, json=LOOK)
    told = answer.json()
    assert (answer.status_code, told["verdict"], told["reasons"]) == (200, "approve", [])
    assert told["altitude_frame"] == "above_home"
    assert [stop["above_home_m"] for stop in told["way"]] == [0.0, 25.0, 25.0]
    assert told["battery_frac"] > told["battery_there_frac"] > told["battery_home_frac"] > told["reserve_frac"]
    assert told["arrives_in_s"] > 10.0
    office.pass_time(1.0)
    assert office.kestrel.orders == []
    assert (client.get("/api/v1/tasks").json(), audit(client)) == ([], [])


def test_an_order_makes_a_task_that_looks_from_the_stand_off(client: TestClient, office: Office) -> None:
    foreseen = client.post(PREVIEW, json=LOOK).json()
    answer = client.post(TASKS, json=LOOK)
    task = answer.json()
    assert (answer.status_code, task["kind"], task["state"]) == (200, "investigate", "created")
    assert (task["approved_by"], task["incident_id"]) == ("Ada Byron", None)
    assert task["stand_off"] == foreseen["stand_off"] != task["target"]
    assert audit(client) == [("Ada Byron", "send")]
    assert jobs(office) == [task["task_id"]]


def test_an_orbit_is_told_and_ordered_with_its_circle(client: TestClient, office: Office) -> None:
    told = client.post(PREVIEW, json=ROUND).json()
    assert (told["verdict"], told["turns"], told["radius_m"]) == ("approve", 3, 30.0)
    assert told["lasts_s"] == pytest.approx(70.0, rel=0.1)
    task = client.post(TASKS, json=ROUND).json()
    assert (task["kind"], task["turns"], task["radius_m"]) == ("orbit", 3, 30.0)
    begin = fix_at(0.0, 60.0).point.model_validate(task["stand_off"])
    assert distance_m(begin, THERE) == pytest.approx(30.0, abs=0.2)


REFUSED = [
    pytest.param({"battery_frac": 0.21}, {}, "battery 21%", id="battery"),
    pytest.param({"battery_frac": None}, {}, "battery is not known", id="battery unknown"),
    pytest.param({"heard_at_us": None}, {}, "not heard yet", id="no link"),
    pytest.param({"safety_uploaded": False}, {}, "are not confirmed", id="fence not in the vehicle"),
    pytest.param({"wind_m_s": 40.0}, {}, "wind 40.0 m/s", id="wind"),
    pytest.param({}, {"point": {"lat_deg": 52.01, "lon_deg": 13.0}}, "fence", id="outside the fence"),
]


@pytest.mark.parametrize(("state", "body", "reason"), REFUSED)
def test_what_the_gate_refuses_is_said_before_and_refused_when_ordered(
    client: TestClient, office: Office, state: dict[str, Any], body: dict[str, Any], reason: str
) -> None:
    office.kestrel.state = replace(office.kestrel.state, **state)
    for wish in (LOOK, ROUND):
        told = client.post(PREVIEW, json={**wish, **body}).json()
        assert told["verdict"] == "refuse"
        assert any(reason in each for each in told["reasons"]), told["reasons"]
        answer = client.post(TASKS, json={**wish, **body})
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert reason in answer.json()["detail"]
    assert (client.get("/api/v1/tasks").json(), office.kestrel.orders) == ([], [])


def test_a_latched_vehicle_is_refused_until_it_is_released(client: TestClient) -> None:
    client.post("/api/v1/vehicles/kestrel/hold", json=ADA)
    assert client.post(PREVIEW, json=LOOK).json()["reasons"] == ["the safety monitor has it: hold ordered by Ada Byron"]
    assert client.post(TASKS, json=LOOK).status_code == 409
    client.post("/api/v1/vehicles/kestrel/release", json=ADA)
    assert client.post(PREVIEW, json=LOOK).json()["verdict"] == "approve"


def test_a_link_that_grew_stale_refuses_and_return_is_still_foreseen(client: TestClient, office: Office) -> None:
    office.clock.advance(9.0)
    assert any("not heard for 9.0 s" in each for each in client.post(PREVIEW, json=LOOK).json()["reasons"])
    told = client.post(PREVIEW, json={**ADA, "what": "return"}).json()
    assert told["verdict"] == "approve"
    assert any("not heard for 9.0 s" in each for each in told["notes"])


def test_who_has_a_task_gets_no_second_one_by_hand(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1))
    (task,) = client.get("/api/v1/tasks").json()
    assert client.post(PREVIEW, json=LOOK).json()["reasons"] == [
        "it has a task already (investigate): cancel that first"
    ]
    answer = client.post(TASKS, json=LOOK)
    assert (answer.status_code, "cancel that first" in answer.json()["detail"]) == (409, True)
    assert [each["task_id"] for each in client.get("/api/v1/tasks").json()] == [task["task_id"]]


def test_the_answer_is_of_the_moment_the_order_is_judged_anew(client: TestClient, office: Office) -> None:
    assert client.post(PREVIEW, json=LOOK).json()["verdict"] == "approve"
    office.kestrel.state = replace(office.kestrel.state, battery_frac=0.2)
    assert client.post(TASKS, json=LOOK).status_code == 409


def test_an_order_sent_twice_with_one_key_is_one_task(client: TestClient, office: Office) -> None:
    first, second = (client.post(TASKS, json=LOOK, headers={"Idempotency-Key": '"k1"'}) for _ in range(2))
    assert first.json() == second.json()
    assert len(client.get("/api/v1/tasks").json()) == 1


def test_a_point_is_looked_at_from_the_air_and_where_it_is(client: TestClient, office: Office) -> None:
    assert client.post(PREVIEW, json=THERE_FROM_HERE).json()["reasons"] == [
        "it is not in the air: send it to go and look"
    ]
    assert client.post(TASKS, json=THERE_FROM_HERE).status_code == 409
    here = geo(0.0, 30.0)
    office.kestrel.state = replace(
        office.kestrel.state, armed=True, above_home_m=25.0, position=here, mode=FlightMode.GUIDED
    )
    told = client.post(PREVIEW, json=THERE_FROM_HERE).json()
    assert (told["verdict"], told["length_m"], told["lasts_s"], len(told["way"])) == ("approve", 0.0, 30.0, 1)
    task = client.post(TASKS, json=THERE_FROM_HERE).json()
    assert (task["kind"], task["approved_by"]) == ("look", "Ada Byron")
    assert distance_m(GeoPoint(**task["stand_off"]), here) < 0.1
    assert audit(client) == [("Ada Byron", "send")]
    assert jobs(office) == [task["task_id"]]


def test_each_vehicle_is_told_with_what_keeps_it_from_being_sent(client: TestClient, office: Office) -> None:
    assert client.get("/api/v1/sendable").json() == [{"vehicle": "kestrel", "reasons": []}]
    office.kestrel.state = replace(office.kestrel.state, battery_frac=None)
    (told,) = client.get("/api/v1/sendable").json()
    assert any("battery is not known" in each for each in told["reasons"])
    client.post("/api/v1/vehicles/kestrel/hold", json=ADA)
    assert client.get("/api/v1/sendable").json()[0]["reasons"] == [
        "the safety monitor has it: hold ordered by Ada Byron"
    ]


def test_a_click_in_a_picture_is_a_point_on_the_ground_to_send_somebody_to(client: TestClient, office: Office) -> None:
    lens = office.fleet.site.cameras[0].lens
    asked = f"/api/v1/cameras/cam-north/ground?x_px={lens.width_px / 2}&y_px="
    seen = client.get(f"{asked}{lens.height_px}").json()
    assert seen["camera"] == "cam-north"
    farther = client.get(f"{asked}{0.8 * lens.height_px}").json()
    pose = office.fleet.site.cameras[0].pose
    assert pose is not None
    stands, _ = office.fleet.site.local_frame().to_geo(PointEnu(pose.east_m, pose.north_m))
    near_m, far_m = (distance_m(stands, GeoPoint(**each["point"])) for each in (seen, farther))
    assert 1.0 < near_m < far_m < 100.0
    assert client.post(PREVIEW, json={**LOOK, "point": farther["point"]}).status_code == 200
    sky = client.get(f"{asked}0")
    assert (sky.status_code, "horizon" in sky.json()["detail"]) == (409, True)
    assert client.get("/api/v1/cameras/nobody/ground?x_px=1&y_px=1").status_code == 404
    assert client.get("/api/v1/cameras/cam-north/ground?x_px=nan&y_px=1").status_code == 422


def test_nothing_is_ordered_when_it_cannot_be_written_first(
    client: TestClient, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise StoreError("store: the disk is full")

    monkeypatch.setattr(office.fleet.store, "transaction", broken)
    assert client.post(TASKS, json=LOOK).status_code == 503
    assert jobs(office) == []


def test_a_real_vehicle_goes_for_a_named_pilot() -> None:
    with open_office(simulated=False, site=make_site()) as office:
        client = make_client(office, make_people(office))
        pilot, operator = ({"authorization": f"Bearer {ROLES[role]}"} for role in ("pilot", "operator"))
        body = {key: value for key, value in LOOK.items() if key != "by"}
        assert client.post(TASKS, json=body, headers=operator).status_code == 403
        assert client.post(PREVIEW, json=body, headers=operator).json()["verdict"] == "approve"
        task = client.post(TASKS, json=body, headers=pilot).json()
        assert (task["approved_by"], task["origin"]) == ("Pilot Smith", "live")


def test_a_preview_of_landing_draws_the_way_down(client: TestClient, office: Office) -> None:
    office.kestrel.state = replace(office.kestrel.state, armed=True, above_home_m=25.0, position=geo(0.0, 0.0))
    told = client.post(PREVIEW, json={**ADA, "what": "land"}).json()
    assert (told["verdict"], [stop["above_home_m"] for stop in told["way"]]) == ("approve", [25.0, 0.0])


def test_landing_goes_straight_to_the_monitor_and_latches(client: TestClient, office: Office) -> None:
    office.kestrel.state = replace(office.kestrel.state, armed=True, above_home_m=25.0)
    assert client.post("/api/v1/vehicles/kestrel/land", json=ADA).json()["what"] == "land ordered"
    assert office.kestrel.orders == [Land()]
    assert office.fleet.monitor.is_latched("kestrel") == "land ordered by Ada Byron"


def test_hold_is_foreseen_without_being_ordered(client: TestClient, office: Office) -> None:
    client.post(PREVIEW, json={**ADA, "what": "hold"})
    assert Hold() not in office.kestrel.orders
    assert office.fleet.monitor.is_latched("kestrel") is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"what": "go_and_look"}, id="no point"),
        pytest.param({"what": "fly_away", "point": THERE.model_dump()}, id="an unknown wish"),
        pytest.param({**LOOK, "point": {"lat_deg": float("nan"), "lon_deg": 13.0}}, id="latitude not a number"),
        pytest.param({**LOOK, "point": {"lat_deg": 52.0, "lon_deg": float("inf")}}, id="longitude without end"),
        pytest.param({**LOOK, "point": {"lat_deg": 91.0, "lon_deg": 13.0}}, id="beyond the pole"),
        pytest.param({**LOOK, "point": {"lat_deg": 0.0, "lon_deg": 0.0}}, id="an unset receiver"),
        pytest.param({**LOOK, "above_home_m": 500.0}, id="an unknown key"),
        pytest.param({**ROUND, "radius_m": float("nan")}, id="radius not a number"),
        pytest.param({**ROUND, "radius_m": -30.0}, id="a negative radius"),
        pytest.param({**ROUND, "radius_m": 1e9}, id="a radius beyond the site"),
        pytest.param({**ROUND, "duration_s": float("inf")}, id="for ever"),
        pytest.param({**ROUND, "duration_s": 0.0}, id="no time at all"),
        pytest.param([], id="not an object"),
    ],
)
@pytest.mark.parametrize("path", [PREVIEW, TASKS])
def test_nonsense_is_422_in_one_line(client: TestClient, office: Office, path: str, body: Any) -> None:
    answer = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "\n" not in answer.json()["detail"]
    assert office.kestrel.orders == []


@pytest.mark.parametrize("what", ["hold", "return", "land"])
def test_coming_to_rest_is_no_task(client: TestClient, what: str) -> None:
    assert client.post(TASKS, json={**ADA, "what": what}).status_code == 422


@pytest.mark.parametrize("path", ["preview", "tasks"])
def test_a_vehicle_that_is_not_there_is_404(client: TestClient, path: str) -> None:
    assert client.post(f"/api/v1/vehicles/nobody/{path}", json=LOOK).status_code == 404


def jobs(office: Office) -> list[str]:
    """Ids of what tasking has to do for the vehicle."""
    return [str(job.task.task_id) for job in office.fleet.tasking._desks["kestrel"].jobs]
