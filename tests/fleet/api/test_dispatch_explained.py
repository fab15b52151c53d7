"""GET incidents/{id}/dispatch: the fleet ranked for an incident, worked out a vehicle at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from contract.site import Area
from fleet.picture.incidents import Incident
from tests.fleet.api.conftest import make_client
from tests.fleet.api.test_incident_routes import post
from tests.fleet.api.test_routes import ADA, NOBODY, get
from tests.fleet.messages import geo, make_event, make_site
from tests.fleet.office import Answer, Here, Office, open_office
from tests.fleet.test_response import TWO_VEHICLES_TEXT, merlin_on_pad


def explained(client: TestClient, office: Office) -> Any:
    (incident,) = office.fleet.ingest.incidents
    return get(client, f"/incidents/{incident}/dispatch")


def by_vehicle(answer: Any) -> dict[str, Any]:
    return {each["vehicle"]: each for each in answer["vehicles"]}


def test_a_low_battery_is_told_with_its_figures_and_the_other_vehicle_wins() -> None:
    merlin = merlin_on_pad()
    with open_office(site=make_site(TWO_VEHICLES_TEXT), others=(merlin,)) as office:
        office.kestrel.state = replace(office.kestrel.state, battery_frac=0.28)
        office.hear(make_event(sequence=1))

        answer = explained(make_client(office), office)

        assert (answer["chosen"], answer["on_it"]) == ("merlin", "merlin")
        told = by_vehicle(answer)
        kestrel, energy = told["kestrel"], told["kestrel"]["energy"]
        assert (kestrel["rank"], kestrel["battery_frac"], told["merlin"]["rank"]) == (None, 0.28, 1)
        assert kestrel["why"].startswith("no stand-off point: battery 28%, expected ")
        parts = sum(energy[part] for part in ("there_frac", "on_station_frac", "back_frac", "reserve_frac"))
        assert parts == pytest.approx(energy["needs_frac"])
        assert energy["needs_frac"] > 0.28


def test_a_no_fly_area_between_is_told_with_the_way_round_it() -> None:
    corners = tuple(geo(east, north) for east, north in ((-10, -25), (10, -25), (10, -15), (-10, -15)))
    area = Area(id="school", polygon=corners)
    rally = [each.model_copy(update={"position": geo(-80.0, 20.0)}) for each in make_site().rally_points]
    docks = [each.model_copy(update={"position": geo(-80.0, 20.0)}) for each in make_site().docks]
    site = make_site(TWO_VEHICLES_TEXT).model_copy(
        update={"no_fly": (area,), "rally_points": tuple(rally), "docks": tuple(docks)}
    )
    merlin = merlin_on_pad()
    merlin.state = replace(merlin.state, position=geo(100.0, 20.0), home=geo(100.0, 20.0))
    with open_office(site=site, others=(merlin,)) as office:
        office.kestrel.state = replace(office.kestrel.state, home=geo(-80.0, 20.0))
        office.hear(make_event(sequence=1, at_m=(0.0, 20.0)))

        told = by_vehicle(explained(make_client(office), office))

        assert told["kestrel"]["around"] == ["no-fly area 'school'"], told
        assert len(told["kestrel"]["way"]) > 3  # up, over at least one corner, to the stand-off point
        assert told["kestrel"]["detour_m"] > 1.0
        assert told["merlin"]["rank"] is not None


def test_it_orders_nothing_and_writes_nothing(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1))
    before = (get(client, "/audit"), get(client, "/tasks"), len(office.kestrel.orders))

    explained(client, office)
    explained(client, office)

    assert (get(client, "/audit"), get(client, "/tasks"), len(office.kestrel.orders)) == before


def test_an_incident_that_there_is_not_or_is_closed_or_has_no_place_says_so(client: TestClient, office: Office) -> None:
    assert client.get(f"/api/v1/incidents/{NOBODY}/dispatch").status_code == 404
    office.hear(make_event(sequence=1, at_m=None))
    (incident,) = office.fleet.ingest.incidents
    path = f"/api/v1/incidents/{incident}/dispatch"
    nowhere = client.get(path)
    assert (nowhere.status_code, nowhere.json()["detail"]) == (
        409,
        f"incident {incident}: where it is on the ground is not known",
    )
    post(client, f"/incidents/{incident}/close", {**ADA, "disposition": "test"})
    assert client.get(path).json()["detail"] == f"incident {incident}: it is closed"


class CountingCore(Here):
    """How often the loop was free between two pieces of work."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = 0

    async def __call__(self, act: Callable[[], Answer]) -> Answer:
        self.pieces += 1
        return act()


def test_the_loop_is_free_between_any_two_vehicles() -> None:
    with open_office(site=make_site(TWO_VEHICLES_TEXT), others=(merlin_on_pad(),)) as office:
        office.hear(make_event(sequence=1))
        core = CountingCore()

        explained(make_client(office, core=core), office)

        assert core.pieces == 1 + 2 + 1 + 1  # the moment, two vehicles, the choice, nothing left


def test_the_more_urgent_of_two_that_wait_gets_the_only_vehicle(client: TestClient, office: Office) -> None:
    office.kestrel.state = replace(office.kestrel.state, battery_frac=None)  # nobody can go yet
    office.hear(make_event(sequence=1), make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle"))
    first, second = office.fleet.ingest.incidents.values()
    office.fleet.ingest.keep(_with_level(first, 4), ())
    office.fleet.ingest.keep(_with_level(second, 1), ())
    office.kestrel.state = replace(office.kestrel.state, battery_frac=0.95)

    low = get(client, f"/incidents/{first.incident_id}/dispatch")
    office.pass_time(1.0)

    assert low["chosen"] is None
    assert low["vehicles"][0]["why"].endswith(f"and it goes to {second.incident_id}, which is more urgent")
    (task,) = get(client, "/tasks")
    assert task["incident_id"] == str(second.incident_id)


def _with_level(incident: Incident, level: int) -> Incident:
    return incident.model_copy(update={"priority": incident.priority.model_copy(update={"level": level})})
