"""What a console shows around the site's plan: a photograph of the ground, and where the other sites are."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import ValidationError

from contract.geo import GeoPoint
from fleet.api.app import create_api
from fleet.api.surroundings import PHOTO
from fleet.app import api_parts
from fleet.errors import SetUpError
from fleet.settings import load_settings
from fleet.surroundings import ConsoleSettings, Orthophoto, OtherSite, media_type_of
from tests.fleet.api.conftest import make_archive, make_client
from tests.fleet.office import Here, Office

CORNERS = tuple(
    GeoPoint(lat_deg=lat, lon_deg=lon) for lat, lon in ((52.001, 13), (52.001, 13.002), (52, 13.002), (52, 13))
)


def photo_in(folder: Path, name: str = "yard.png", kind: str = "PNG") -> Path:
    file = folder / name
    Image.new("RGB", (40, 30), (200, 40, 40)).save(file, kind)
    return file


def client_of(office: Office, console: ConsoleSettings) -> TestClient:
    archive = make_archive(office, Path("no-evidence-here"))
    parts = api_parts(office.fleet, Here(), people=None, archive=archive, clock=office.clock, console=console)
    return TestClient(create_api(parts), base_url="http://127.0.0.1:8080")


def test_the_ground_and_the_other_sites_are_told_with_the_picture_s_own_type(office: Office, tmp_path: Path) -> None:
    photo = Orthophoto(file=photo_in(tmp_path, "yard.jpg", "JPEG"), corners=CORNERS)
    others = (OtherSite(name="Harbour", url="https://harbour.example:8443"),)
    with client_of(office, ConsoleSettings(orthophoto=photo, other_sites=others)) as client:
        told = client.get("/api/v1/surroundings").json()
        picture = client.get(told["orthophoto"]["url"])

    assert told["other_sites"] == [{"name": "Harbour", "url": "https://harbour.example:8443"}]
    assert told["orthophoto"]["corners"][0] == {"lat_deg": 52.001, "lon_deg": 13.0}
    assert (picture.headers["content-type"], picture.content) == ("image/jpeg", photo.file.read_bytes())


def test_a_site_without_them_says_so(office: Office) -> None:
    with make_client(office) as client:
        assert client.get("/api/v1/surroundings").json() == {"orthophoto": None, "other_sites": []}
        assert client.get(f"/api/v1{PHOTO}").status_code == 404


def test_paths_are_those_beside_the_settings(tmp_path: Path) -> None:
    corners = [corner.model_dump() for corner in CORNERS]
    document = {
        "site_file": "s.yaml",
        "data_dir": "d",
        "console": {"orthophoto": {"file": "yard.png", "corners": corners}},
    }
    (tmp_path / "fleet.yaml").write_text(json.dumps(document))

    photo = load_settings(tmp_path / "fleet.yaml").console.orthophoto

    assert photo is not None
    assert photo.file == tmp_path / "yard.png"


@pytest.mark.parametrize(
    "order", [(0, 2, 1, 3), (3, 2, 1, 0), (0, 1, 1, 0)], ids=["crossed", "the other way round", "no area"]
)
def test_corners_go_round_the_picture(order: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="expected corners clockwise from the picture's top left"):
        Orthophoto(file=Path("yard.png"), corners=tuple(CORNERS[number] for number in order))


@pytest.mark.parametrize(
    "url", ["http://harbour.example", "ftp://harbour.example", "https://me@harbour.example", "harbour"]
)
def test_another_site_is_a_page_that_nobody_reads_along(url: str) -> None:
    with pytest.raises(ValidationError, match="expected https"):
        OtherSite(name="Harbour", url=url)
    assert OtherSite(name="Desk", url="http://127.0.0.1:8081").url == "http://127.0.0.1:8081"


def test_what_is_no_picture_or_too_large_is_refused_at_the_start_in_one_line(tmp_path: Path) -> None:
    text, wide = tmp_path / "yard.txt", tmp_path / "wide.png"
    text.write_text("no picture")
    Image.new("L", (9000, 1)).save(wide)
    for file, words in (
        (text, "expected a picture, JPEG, PNG or WebP"),
        (wide, "expected at most 8192 pixels a side, got 9000x1"),
        (tmp_path / "none.png", "No such file or directory"),
    ):
        with pytest.raises(SetUpError, match=f"^orthophoto {file}: {words}$"):
            media_type_of(Orthophoto(file=file, corners=CORNERS))
