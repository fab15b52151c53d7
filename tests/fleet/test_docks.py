"""Docks at the coordinator: what people see of them, what they order, and the troubles they make."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from contract.site import parse_site
from fleet.errors import SetUpError
from fleet.flight.dock import DockDriver
from fleet.flight.docks.http_json import Driver
from fleet.picture.incidents import Incident, IncidentKind
from fleet.settings import FleetSettings, load_dock_tokens
from sim.dock import LID_S, SimulatedDock
from tests.conftest import ManualClock
from tests.fleet.api.conftest import make_client
from tests.fleet.messages import SITE_TEXT
from tests.fleet.office import Office, open_office

DOCK = """docks:
  - id: pad
    position: {lat_deg: 51.9995, lon_deg: 13.0}
    kind: http_json
    connection: "http://127.0.0.1:8090"
    alternate: rally
"""
PAD = "docks:\n  - {id: pad, position: {lat_deg: 51.9995, lon_deg: 13.0}}\n"
SITE = parse_site(SITE_TEXT.replace(PAD, DOCK), source="site.yaml")
ADA = {"by": "Ada Byron"}


@dataclass
class Yard:
    """A coordinator whose vehicle stands in a dock."""

    office: Office
    client: TestClient
    peer: SimulatedDock
    driver: DockDriver

    def pass_time(self, seconds: float) -> None:
        self.office.clock.advance(seconds)
        asyncio.run(self.driver.turn())
        self.office.pass_time(0.1)

    def dock(self) -> dict[str, Any]:
        (dock,) = self.client.get("/api/v1/docks").json()
        assert self.client.get("/api/v1/snapshot").json()["docks"] == [dock]
        return dict(dock)

    def order(self, verb: str) -> tuple[int, Any]:
        answer = self.client.post(f"/api/v1/docks/pad/{verb}", json=ADA)
        return answer.status_code, answer.json()

    @property
    def troubles(self) -> list[Incident]:
        """Of docks; nodes say nothing here, and that is a trouble too."""
        incidents = self.office.fleet.ingest.incidents.values()
        return [each for each in incidents if each.subject == "dock:pad" and each.kind is IncidentKind.TROUBLE]


@pytest.fixture
def yard() -> Iterator[Yard]:
    made: list[tuple[SimulatedDock, Driver]] = []

    def docks_of(clock: ManualClock) -> Mapping[str, DockDriver]:
        peer = SimulatedDock("pad", clock=clock, pad=lambda: "vehicle")
        made.append((peer, Driver(SITE.docks[0], clock=clock, exchange=peer.exchange)))
        return {"pad": made[0][1]}

    with open_office(site=SITE, docks_of=docks_of) as office:
        yield Yard(office, make_client(office), *made[0])


def test_a_dock_is_shown_as_it_is_heard_and_with_what_holds_its_vehicle_back(yard: Yard) -> None:
    never = yard.dock()
    assert (never["cover"], never["is_silent"], never["heard_age_s"]) == (None, True, None)
    assert "dock 'pad': not heard yet" in never["holds_back"]
    yard.pass_time(0.5)
    heard = yard.dock()
    assert (heard["vehicle"], heard["alternate"], heard["pad"]) == ("kestrel", "rally", "vehicle")
    assert (heard["cover"], heard["is_silent"], heard["holds_back"]) == ("closed", False, ["dock 'pad' is closed"])


def test_a_person_opens_it_on_record_and_its_state_says_when_it_is_done(yard: Yard) -> None:
    yard.pass_time(0.5)
    status, dock = yard.order("open")
    assert (status, dock["doing"], dock["cover"]) == (200, "open", "closed")
    yard.pass_time(0.5)
    yard.pass_time(LID_S)
    assert (yard.dock()["cover"], yard.dock()["doing"], yard.dock()["holds_back"]) == ("open", None, [])
    (entry,) = [each for each in yard.client.get("/api/v1/audit").json() if each["subject"] == "dock pad"]
    assert (entry["actor"], entry["act"], entry["detail"]["cover"]) == ("Ada Byron", "dock open", "closed")


def test_what_it_must_not_be_told_is_refused_on_record(yard: Yard) -> None:
    yard.pass_time(0.5)
    yard.office.kestrel.state = replace(yard.office.kestrel.state, armed=True)
    status, problem = yard.order("close")
    assert (status, problem["detail"]) == (409, "dock 'pad': 'kestrel' has its motors armed")
    (entry,) = [each for each in yard.client.get("/api/v1/audit").json() if each["subject"] == "dock pad"]
    assert entry["act"] == "refused dock close"
    assert yard.peer.told == []
    assert yard.client.post("/api/v1/docks/shed/open", json=ADA).status_code == 404


@pytest.mark.parametrize(
    ("is_out", "wrong", "title", "severity"),
    [
        (False, {"fault": "lid motor hot"}, "dock 'pad': lid motor hot", "medium"),
        (True, {"fault": "lid motor hot"}, "dock 'pad': lid motor hot", "high"),
        (True, {"cover": "closed"}, "dock 'pad' is closed while its vehicle is out", "high"),
        (False, {"is_silent": True}, "dock 'pad' is not heard: no answer: ConnectionError", "medium"),
    ],
)
def test_safety_18_a_dock_in_trouble_is_an_incident_until_it_is_well_again(
    yard: Yard, is_out: bool, wrong: dict[str, Any], title: str, severity: str
) -> None:
    yard.peer.cover = "open"
    yard.pass_time(1.0)
    assert yard.troubles == []
    yard.office.kestrel.state = replace(yard.office.kestrel.state, armed=is_out)
    for name, value in wrong.items():
        setattr(yard.peer, name, value)
    yard.pass_time(9.0)
    (trouble,) = yard.troubles
    assert (trouble.title, trouble.severity.value, trouble.origin.value) == (title, severity, "simulated")
    assert 'vedette_dock_trouble{dock="pad"} 1.0' in yard.office.fleet.metrics.exposition().decode()
    yard.peer.fault, yard.peer.cover, yard.peer.is_silent = "", "open", False
    yard.pass_time(1.0)
    yard.pass_time(1.0)
    assert yard.troubles == []
    assert 'vedette_dock_trouble{dock="pad"} 0.0' in yard.office.fleet.metrics.exposition().decode()


def test_its_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = FleetSettings.model_validate(
        {"site_file": "site.yaml", "data_dir": "data", "dock_tokens": {"pad": "PAD_TOKEN"}}
    )
    monkeypatch.setenv("PAD_TOKEN", "s3cret")
    assert load_dock_tokens(settings) == {"pad": "s3cret"}
    for bad in ("", "a\nb"):
        monkeypatch.setenv("PAD_TOKEN", bad)
        with pytest.raises(SetUpError, match="dock_tokens: 'pad': expected a token of printable letters in PAD_TOKEN"):
            load_dock_tokens(settings)
