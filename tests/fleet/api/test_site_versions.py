"""Versions of the site: proposed, judged, put to work for the next start, rolled back; nothing that runs changes."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from contract.site import Site
from fleet.api.app import create_api
from fleet.app import api_parts
from fleet.errors import SetUpError
from fleet.site_versions import SiteVersions
from tests.fleet.api.conftest import make_archive, make_client
from tests.fleet.messages import SITE_TEXT
from tests.fleet.office import Here, Office

ADA = {"by": "Ada Byron", "why": "the fence was moved"}


def judge(site: Site) -> None:
    if site.id != "yard":
        raise SetUpError(f"sensors: expected a sensor of site '{site.id}', got 'door'")


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE_TEXT)
    return path


@pytest.fixture
def versions(office: Office, site_file: Path) -> SiteVersions:
    made = SiteVersions(office.fleet.store, office.clock, site_file=site_file, judge=judge)
    made.begin()
    return made


@pytest.fixture
def client(office: Office, versions: SiteVersions) -> TestClient:
    archive = make_archive(office, Path("no-evidence-here"))
    parts = api_parts(office.fleet, Here(), people=None, archive=archive, clock=office.clock, versions=versions)
    return TestClient(create_api(parts), base_url="http://127.0.0.1:8080")


def get(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(client: TestClient, path: str, body: dict[str, Any], *, status: int = 200) -> Any:
    answer = client.post(f"/api/v1{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def moved_zone(client: TestClient, north_deg: float = 1e-4) -> dict[str, Any]:
    site: dict[str, Any] = copy.deepcopy(get(client, "/site/versions/1")["site"])
    for corner in site["zones"][0]["polygon"]:
        corner["lat_deg"] += north_deg
    return site


def test_the_version_of_the_start_is_recorded_once(client: TestClient, office: Office, site_file: Path) -> None:
    listed = get(client, "/site/versions")
    assert (listed["in_force"], listed["waiting"], listed["remark"]) == (1, None, "")
    assert [(each["standing"], each["kind"], each["by"]) for each in listed["versions"]] == [
        ("in_force", "found", "coordinator")
    ]
    again = SiteVersions(office.fleet.store, office.clock, site_file=site_file)
    again.begin()
    assert [each.number for each in again.listed()] == [1]
    assert get(client, "/site/versions/1")["text"] == SITE_TEXT


def test_a_proposal_says_in_metres_what_it_changes_and_changes_nothing_yet(client: TestClient, site_file: Path) -> None:
    site = moved_zone(client)
    verdict = post(client, "/site/check", {"site": site, "based_on": 1})
    assert verdict["would_start"] is True
    assert [(each["kind"], each["id"], each["how"]) for each in verdict["changes"]] == [
        ("zone", "north-fence", "moved")
    ]
    assert verdict["changes"][0]["words"] == "zone 'north-fence': moved by 11.1 m"
    said = post(client, "/site/versions", {**ADA, "site": site, "based_on": 1})
    assert (said["version"]["standing"], said["what"]) == ("proposed", "version 2 proposed; it changes nothing yet")
    assert get(client, "/site/versions/2/changes?against=1")["changes"] == verdict["changes"]
    assert site_file.read_text() == SITE_TEXT
    assert get(client, "/audit")[0]["act"] == "propose_site"


def test_every_fault_of_a_draft_is_one_line_with_its_place(client: TestClient) -> None:
    site = moved_zone(client)
    site["zones"][0]["polygon"][1]["lat_deg"] = 95.0
    site["zones"][0]["colour"] = "red"
    verdict = post(client, "/site/check", {"site": site})
    assert verdict["would_start"] is False
    faults = {each["place"]: each["what"] for each in verdict["faults"]}
    assert faults["zones.'north-fence'.colour"] == "unknown key"
    assert faults["zones.'north-fence'.polygon.1.lat_deg"].endswith("less than or equal to 90, got 95.0")
    refused = post(client, "/site/versions", {**ADA, "site": site}, status=409)
    assert refused["detail"].endswith("(and 1 more)")


def test_a_version_put_to_work_waits_for_the_next_start(
    client: TestClient, office: Office, site_file: Path, versions: SiteVersions
) -> None:
    post(client, "/site/versions", {**ADA, "site": moved_zone(client)})
    said = post(client, "/site/versions/2/put-to-work", ADA)
    assert "it counts from the coordinator's next start" in said["what"]
    assert said["version"]["standing"] == "waits_for_next_start"
    listed = get(client, "/site/versions")
    assert (listed["in_force"], listed["waiting"]) == (1, 2)
    assert get(client, "/site")["zones"][0]["polygon"] == get(client, "/site/versions/1")["site"]["zones"][0]["polygon"]
    assert yaml.safe_load(site_file.read_text())["id"] == "yard"
    assert not list(site_file.parent.glob(".*.new"))
    row = get(client, "/audit")[0]
    assert (row["act"], row["subject"], row["detail"]["why"]) == ("put_site_to_work", "site version 2", ADA["why"])
    started = SiteVersions(office.fleet.store, office.clock, site_file=site_file)
    started.begin()
    assert (started.in_force, started.waiting().number) == (2, None)


def test_rolling_back_is_a_new_version_with_the_old_text(client: TestClient, site_file: Path, office: Office) -> None:
    post(client, "/site/versions", {**ADA, "site": moved_zone(client)})
    post(client, "/site/versions/1/roll-back", ADA, status=409)
    post(client, "/site/versions/2/put-to-work", ADA)
    said = post(client, "/site/versions/1/roll-back", {**ADA, "why": "the fence stands again"})
    assert (said["version"]["number"], said["version"]["based_on"], said["version"]["kind"]) == (3, 1, "rolled_back")
    assert site_file.read_text() == SITE_TEXT
    started = SiteVersions(office.fleet.store, office.clock, site_file=site_file)
    started.begin()
    assert started.in_force == 3


def test_what_a_start_would_refuse_is_not_put_to_work(client: TestClient, site_file: Path) -> None:
    site = {**moved_zone(client), "id": "orchard"}
    post(client, "/site/versions", {**ADA, "site": site})
    verdict = get(client, "/site/versions/2/check")
    assert verdict["faults"] == [{"place": "", "what": "sensors: expected a sensor of site 'orchard', got 'door'"}]
    post(client, "/site/versions/2/put-to-work", ADA, status=409)
    assert site_file.read_text() == SITE_TEXT


def test_a_file_changed_by_hand_is_kept_before_it_is_written_over(client: TestClient, site_file: Path) -> None:
    post(client, "/site/versions", {**ADA, "site": moved_zone(client)})
    by_hand = f"{SITE_TEXT}# by hand\n"
    site_file.write_text(by_hand)
    assert "changed by hand" in get(client, "/site/versions")["remark"]
    post(client, "/site/versions/2/put-to-work", ADA)
    assert get(client, "/site/versions/3")["text"] == by_hand


def test_a_file_that_cannot_be_written_is_one_line_and_in_the_audit(client: TestClient, site_file: Path) -> None:
    post(client, "/site/versions", {**ADA, "site": moved_zone(client)})
    (site_file.parent / ".site.yaml.new").mkdir()
    refused = post(client, "/site/versions/2/put-to-work", ADA, status=409)
    assert refused["detail"].endswith("site.yaml: Is a directory")
    assert [row["act"] for row in get(client, "/audit")[:2]] == ["site_not_written", "put_site_to_work"]
    assert get(client, "/site/versions")["waiting"] is None


def test_a_proposal_without_a_change_or_a_reason_is_refused(client: TestClient) -> None:
    same = get(client, "/site/versions/1")["site"]
    assert "nothing is changed" in post(client, "/site/versions", {**ADA, "site": same}, status=409)["detail"]
    post(client, "/site/versions", {"by": "Ada Byron", "why": "", "site": moved_zone(client)}, status=422)
    post(client, "/site/versions", {**ADA, "site": same, "text": SITE_TEXT}, status=422)


def test_geojson_goes_out_and_comes_back_and_adds_no_camera(client: TestClient) -> None:
    out = get(client, "/site/versions/1/geojson")
    zone = next(each for each in out["features"] if each["id"] == "zone/north-fence")
    ring = zone["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    site = get(client, "/site/versions/1")["site"]
    back = post(client, "/site/import", {"site": site, "geojson": out})
    assert (back["faults"], back["verdict"]["would_start"]) == ([], True)
    new = {**zone, "properties": {"kind": "zone", "id": "yard-south", "cameras": zone["properties"]["cameras"]}}
    tower = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [13.2, 52.1]}}
    tower["properties"] = {"kind": "tower", "id": "t"}
    back = post(client, "/site/import", {"site": site, "geojson": {**out, "features": [new, tower]}})
    assert back["taken"] == ["zone 'yard-south' (new)"]
    assert [each["place"] for each in back["faults"]] == ["features.1"]
    assert [(each["how"], each["id"]) for each in back["verdict"]["changes"]] == [("added", "yard-south")]


def test_a_replay_has_no_file_to_write(office: Office) -> None:
    client = make_client(office)
    assert get(client, "/site/versions") == {"in_force": None, "waiting": None, "remark": "", "versions": []}


def test_yaml_that_repeats_itself_without_end_is_refused(client: TestClient) -> None:
    text = "a: &a [x]\n" + "b: [" + ", ".join(["*a"] * 60) + "]\n"
    verdict = post(client, "/site/check", {"text": text})
    assert verdict["faults"][0]["what"] == "line: expected at most 50 aliases (*name), got 60"
