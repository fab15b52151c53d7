"""Files of evidence: nodes put them here piece by piece, people look at them, and nobody puts what is not asked for."""

import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from contract.evidence import EvidenceKind, MediaType
from contract.kinds import Severity
from fleet.api.evidence_desk import EvidenceDesk
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from tests.fleet.api.conftest import ROLES, make_archive, make_client, make_people
from tests.fleet.messages import make_event, make_manifest
from tests.fleet.office import Here, Office

CLIP = bytes(range(256)) * 2500  # 640 kB: two pieces and a rest
SHA = hashlib.sha256(CLIP).hexdigest()
URL = f"/api/v1/evidence/{SHA}"
EVENT = make_event(sequence=1)


def as_node(node: str, offset: int | str | None = None) -> dict[str, str]:
    headers = {"authorization": f"Bearer token-of-{node}"}
    return headers if offset is None else {**headers, "upload-offset": str(offset)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence"


@pytest.fixture
def door(office: Office, folder: Path) -> TestClient:
    """Two nodes have a token, and the first has said that it keeps CLIP."""
    credentials = NodeCredentials(office.fleet.store)
    for node in ("gate-1", "gate-2"):
        credentials.add(node, digest_of(f"token-of-{node}"), by="Ada", at_us=1)
    office.hear(EVENT, make_manifest(sequence=2, of=EVENT, sha256=SHA, bytes=len(CLIP)))
    make_archive(office, folder).open()
    return make_client(office, make_people(office), folder=folder)


def put(door: TestClient, data: bytes, offset: int | str = 0, *, node: str = "gate-1", url: str = URL) -> Response:
    return door.put(url, content=data, headers=as_node(node, offset))


def told(answer: Response) -> tuple[int, str | None, str | None]:
    return answer.status_code, answer.headers.get("upload-offset"), answer.headers.get("upload-complete")


def look(door: TestClient, url: str = URL, **headers: str) -> Response:
    return door.get(url, headers={"authorization": f"Bearer {ROLES['viewer']}", **headers})


def test_a_file_comes_in_pieces_and_is_whole_once_its_hash_is_right(
    door: TestClient, office: Office, folder: Path
) -> None:
    assert told(door.head(URL, headers=as_node("gate-1"))) == (200, "0", "?0")
    assert told(put(door, CLIP[:300_000])) == (200, "300000", "?0")
    assert look(door).status_code == 404
    assert told(door.head(URL, headers=as_node("gate-1"))) == (200, "300000", "?0")
    assert told(put(door, CLIP[300_000:], 300_000)) == (201, str(len(CLIP)), "?1")
    assert told(door.head(URL, headers=as_node("gate-1"))) == (200, str(len(CLIP)), "?1")
    assert [path.name for path in folder.iterdir()] == [SHA]
    assert (folder / SHA).read_bytes() == CLIP

    incident = door.get("/api/v1/incidents", headers={"authorization": f"Bearer {ROLES['viewer']}"}).json()[0]
    (listed,) = look(door, f"/api/v1/incidents/{incident['incident_id']}").json()["evidence"]
    assert (listed["node"], listed["place"], listed["url"]) == ("gate-1", "here", URL)


def test_a_browser_seeks_in_a_clip_and_runs_nothing_of_it(door: TestClient) -> None:
    put(door, CLIP)
    part = look(door, range="bytes=256-511")
    assert (part.status_code, part.content) == (206, CLIP[256:512])
    assert part.headers["content-range"] == f"bytes 256-511/{len(CLIP)}"
    whole = look(door)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["cache-control"] == "private, no-store"
    assert look(door, range=f"bytes={len(CLIP)}-").status_code == 416


def test_the_end_of_a_file_that_is_there_but_was_not_judged_yet_is_an_empty_piece(
    door: TestClient, folder: Path
) -> None:
    (folder / f"{SHA}.gate-1.part").write_bytes(CLIP)  # the coordinator was killed before it looked
    assert told(door.head(URL, headers=as_node("gate-1"))) == (200, str(len(CLIP)), "?0")
    assert told(put(door, b"", len(CLIP))) == (201, str(len(CLIP)), "?1")


def test_a_killed_coordinator_that_never_told_its_store_is_told_again(door: TestClient, folder: Path) -> None:
    (folder / SHA).write_bytes(CLIP)
    assert look(door).status_code == 404
    assert told(put(door, b"", len(CLIP))) == (201, str(len(CLIP)), "?1")
    assert look(door).content == CLIP


def test_a_wrong_file_is_thrown_away_and_may_come_again(door: TestClient, folder: Path) -> None:
    answer = put(door, CLIP[:-1] + b"x")
    assert (answer.status_code, "thrown away" in answer.json()["detail"]) == (422, True)
    assert list(folder.iterdir()) == []
    assert told(put(door, CLIP)) == (201, str(len(CLIP)), "?1")


def test_a_piece_that_does_not_go_on_where_the_last_ended_changes_nothing(door: TestClient, folder: Path) -> None:
    put(door, CLIP[:300_000])
    for offset in (0, 1, 299_999, 300_001, len(CLIP)):
        answer = put(door, CLIP[offset : offset + 5], offset)
        assert told(answer) == (409, "300000", "?0")
        assert answer.json()["detail"] == f"expected offset 300000, got {offset}"
    assert (folder / f"{SHA}.gate-1.part").read_bytes() == CLIP[:300_000]


def test_what_is_no_offset_is_one_line(door: TestClient, folder: Path) -> None:
    for offset in ("-1", "0x10", "1e3", "999999999999999999999999", "", "bytes 0-5/6", str(2**53)):
        answer = put(door, CLIP, offset)
        assert (answer.status_code, answer.json()["detail"].count("\n")) == (422, 0)
    assert put(door, CLIP, 2**53 - 1).status_code == 413
    assert list(folder.iterdir()) == []


def test_more_than_the_manifest_says_is_not_taken(door: TestClient, folder: Path) -> None:
    assert put(door, CLIP + b"more").status_code == 413

    def without_length() -> Iterator[bytes]:
        yield CLIP
        yield CLIP

    answer = door.put(URL, content=without_length(), headers=as_node("gate-1", 0))
    assert answer.status_code == 413
    assert (folder / f"{SHA}.gate-1.part").stat().st_size == len(CLIP)


def test_what_no_manifest_names_and_what_is_another_nodes_is_not_taken(door: TestClient, folder: Path) -> None:
    for answer in (put(door, CLIP, node="gate-2"), put(door, CLIP, url="/api/v1/evidence/" + "0" * 64)):
        assert answer.status_code == 404
        assert answer.json()["detail"].startswith("evidence ")
    assert door.head(URL, headers=as_node("gate-2")).status_code == 404
    for path in ("/api/v1/evidence/..%2f..%2fetc%2fpasswd", "/api/v1/evidence/" + SHA.upper()):
        assert put(door, CLIP, url=path).status_code in (404, 405, 422)  # 405: where the console is built
    assert list(folder.iterdir()) == []


def test_only_nodes_put_and_only_people_look(door: TestClient, folder: Path) -> None:
    put(door, CLIP)
    for headers in ({}, {"authorization": f"Bearer {ROLES['pilot']}"}, {"authorization": "Bearer no"}):
        answer = door.put(URL, content=CLIP, headers={**headers, "upload-offset": "0"})
        assert (answer.status_code, answer.json()["detail"]) == (401, "expected a node's bearer token")
    assert door.get(URL, headers=as_node("gate-1")).status_code == 401
    assert door.get(URL).status_code == 401


def test_the_least_important_gives_way_first_and_never_to_what_is_less_important(
    office: Office, door: TestClient, folder: Path
) -> None:
    files = {name: os.urandom(1000) for name in ("low", "high", "newer")}
    shas = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    for number, (name, severity) in enumerate(
        {"low": Severity.LOW, "high": Severity.HIGH, "newer": Severity.MEDIUM}.items()
    ):
        event = make_event(sequence=10 + 2 * number, track=50 + number)
        event = event.model_copy(update={"body": event.body.model_copy(update={"severity": severity})})
        office.hear(event, make_manifest(sequence=11 + 2 * number, of=event, sha256=shas[name], bytes=1000))
    archive = make_archive(office, folder, max_bytes=2000)
    desk = EvidenceDesk(archive, Here())

    async def come(name: str) -> int:
        wanted = archive.wanted("gate-1", shas[name])
        return (await desk.take(wanted, _once(files[name]), offset=0))[0]

    for name in ("low", "high", "newer"):
        assert anyio.run(come, name) == 1000
    assert {path.name for path in folder.iterdir()} == {shas["high"], shas["newer"]}
    answer = put(door, files["low"], url=f"/api/v1/evidence/{shas['low']}")
    assert (answer.status_code, "gave way" in answer.json()["detail"]) == (410, True)

    office.clock.advance(86_400 * 30)  # more than is kept
    assert set(archive.outdated()) == {shas["high"], shas["newer"]}


def test_a_file_of_low_importance_finds_no_room_among_more_important_ones(
    office: Office, door: TestClient, folder: Path
) -> None:
    put(door, CLIP)  # of an event of high severity
    low = make_event(sequence=20, track=9)
    low = low.model_copy(update={"body": low.body.model_copy(update={"severity": Severity.LOW})})
    snapshot = make_manifest(
        sequence=21, of=low, kind=EvidenceKind.SNAPSHOT, media_type=MediaType.JPEG, sha256="ab" * 32, bytes=5000
    )
    office.hear(low, snapshot)
    archive = make_archive(office, folder, max_bytes=len(CLIP) + 4999)
    with pytest.raises(Exception, match="no room for 5000 bytes"):
        archive.victims(archive.wanted("gate-1", "ab" * 32))
    assert look(door).content == CLIP


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def test_two_uploads_of_one_node_never_meet_in_one_file(office: Office, door: TestClient, folder: Path) -> None:
    desk = EvidenceDesk(make_archive(office, folder), Here())
    wanted = desk.archive.wanted("gate-1", SHA)
    refused: list[Exception] = []

    async def in_the_middle_of() -> AsyncIterator[bytes]:
        yield CLIP[:1000]
        try:
            await desk.take(wanted, _once(b"x" * 1000), offset=1000)
        except Exception as err:  # noqa: BLE001 - looked at below
            refused.append(err)
        yield CLIP[1000:]

    async def both() -> tuple[int, bool]:
        return await desk.take(wanted, in_the_middle_of(), offset=0)

    assert anyio.run(both) == (len(CLIP), True)
    assert [getattr(err, "detail", "") for err in refused] == ["another upload of node 'gate-1' runs"]
    assert (folder / SHA).read_bytes() == CLIP
