"""Live pictures through the real API: who may bring them, who may look."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from contract.live import JPEG, Offer, Offered, Watch, WatchStills, read_word
from fleet.live_view import MAX_WATCHED
from fleet.records.auth import digest_of
from fleet.records.node_credentials import NodeCredentials
from tests.fleet.api.conftest import make_client, make_people
from tests.fleet.office import Office
from tests.fleet.test_live_view import CAMERA, OTHERS, picture

NODES = "ws://127.0.0.1:8080/api/v1/nodes/live"
LOOK = f"ws://127.0.0.1:8080/api/v1/cameras/{CAMERA}/live"
GATE_1 = {"authorization": "Bearer token-of-gate-1"}
VIEWER = ["vedette", "bearer.v-token"]


@pytest.fixture
def guarded(office: Office) -> Iterator[TestClient]:
    """With people's tokens, and one loop for all connections as in the API's thread."""
    NodeCredentials(office.fleet.store).add("gate-1", digest_of("token-of-gate-1"), by="Ada", at_us=1)
    with make_client(office, make_people(office)) as client:
        yield client


def test_a_picture_goes_from_its_node_to_who_looks_and_nothing_goes_unasked(guarded: TestClient) -> None:
    with guarded.websocket_connect(NODES, headers=GATE_1) as node:
        with guarded.websocket_connect(LOOK, subprotocols=VIEWER) as viewer:
            assert viewer.receive_json()["is_node_here"] is True
            assert read_word(node.receive_text()) == Watch(camera=CAMERA, is_wanted=True)
            node.send_bytes(picture(10, is_key=True))
            assert viewer.receive_bytes() == picture(10, is_key=True)
            figures = guarded.get("/metrics", headers={"authorization": "Bearer v-token"}).text
            assert "vedette_live_viewers 1.0" in figures
            assert "vedette_live_nodes 1.0" in figures
        assert read_word(node.receive_text()) == Watch(camera=CAMERA, is_wanted=False)


def test_a_page_that_plays_no_video_asks_its_node_for_stills(guarded: TestClient) -> None:
    still = picture(11, is_key=True, codec=JPEG)
    with guarded.websocket_connect(f"{NODES}?speaks=stills", headers=GATE_1) as node:
        node.send_text(Offer(cameras=(Offered(camera=CAMERA, codec="avc1.64001F"),)).model_dump_json())
        with guarded.websocket_connect(f"{LOOK}?as=jpeg", subprotocols=VIEWER) as viewer:
            assert viewer.receive_json()["most_cameras"] == MAX_WATCHED
            assert read_word(node.receive_text()) == WatchStills(camera=CAMERA, is_wanted=True)
            node.send_bytes(picture(10, is_key=True))
            node.send_bytes(still)
            assert viewer.receive_bytes() == still
        assert read_word(node.receive_text()) == WatchStills(camera=CAMERA, is_wanted=False)


def test_a_page_that_asks_is_told_the_time_and_nonsense_is_ignored(guarded: TestClient) -> None:
    with guarded.websocket_connect(LOOK, subprotocols=VIEWER) as viewer:
        assert viewer.receive_json()["asked_at_ms"] is None
        for said in ("nonsense", '{"type":"ask","asked_at_ms":-1}', "x" * 2_000, '{"type":"ask","asked_at_ms":1234}'):
            viewer.send_text(said)
        viewer.send_bytes(b"{}")
        assert viewer.receive_json()["asked_at_ms"] == 1234


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="without a token"),
        pytest.param({"authorization": "Bearer v-token"}, id="a person's"),
        pytest.param({"authorization": "Bearer of-nobody"}, id="nobody's"),
        pytest.param({"sec-websocket-protocol": "vedette, bearer.token-of-gate-1"}, id="as a page would"),
    ],
)
def test_only_a_node_brings_pictures(guarded: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect(NODES, headers=headers):
        pass


@pytest.mark.parametrize("protocols", [None, ["vedette"], ["vedette", "bearer.token-of-gate-1"]])
def test_only_a_person_looks(guarded: TestClient, protocols: list[str] | None) -> None:
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect(LOOK, subprotocols=protocols):
        pass


def test_a_page_of_another_origin_sees_nothing(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LOOK, headers={"origin": "http://evil.example"}):
        pass


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (picture(0, camera=OTHERS), "expected a camera of node 'gate-1', got 'cam-south'"),
        (b"\x00\x05nonsense", "head of a picture: message: Invalid JSON"),
    ],
)
def test_a_node_that_lies_is_closed_with_one_line(guarded: TestClient, message: bytes, reason: str) -> None:
    with guarded.websocket_connect(NODES, headers=GATE_1) as node:
        node.send_bytes(message)
        with pytest.raises(WebSocketDisconnect) as closed:
            node.receive_text()
    assert closed.value.code == 1008
    assert closed.value.reason.startswith(reason)
    assert "\n" not in closed.value.reason


def test_who_asks_for_a_camera_that_is_none_is_told(guarded: TestClient) -> None:
    with (
        guarded.websocket_connect(LOOK.replace(CAMERA, "cellar"), subprotocols=VIEWER) as viewer,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        viewer.receive_text()
    assert closed.value.reason == "expected a camera of the site, got 'cellar'"
