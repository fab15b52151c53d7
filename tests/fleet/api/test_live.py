import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from contract.events import Tracks
from contract.topics import TRACKS
from fleet.api.models import ZoneView
from fleet.live import MAX_WAITING, LiveFeed
from tests.fleet.api.conftest import LIVE
from tests.fleet.messages import NOW_US, fix_at, make_envelope, make_event, make_sighting, on_bus
from tests.fleet.office import Office


def test_first_a_snapshot_then_what_changed(client: TestClient, office: Office) -> None:
    with client.websocket_connect(LIVE) as socket:
        snapshot = socket.receive_json()
        assert (snapshot["type"], snapshot["alarms"], len(snapshot["vehicles"])) == ("snapshot", [], 1)
        office.hear(make_event(sequence=1))
        alarm, incident, task = (socket.receive_json() for _ in range(3))
        assert (alarm["type"], alarm["data"]["title"]) == ("alarm", "person in zone north-fence")
        assert (incident["type"], incident["data"]["incident_id"]) == ("incident", alarm["data"]["incident_id"])
        assert (task["type"], task["data"]["state"]) == ("task", "created")


def test_tracks_are_told_as_they_come(client: TestClient, office: Office) -> None:
    with client.websocket_connect(LIVE) as socket:
        socket.receive_json()
        tracks = Tracks(camera="cam-north", sightings=(make_sighting(ground=fix_at(0, 20)),))
        office.hear(on_bus(make_envelope(tracks), topic=TRACKS))
        told = socket.receive_json()
        assert (told["type"], told["data"]["camera"], told["data"]["captured_at_us"]) == ("tracks", "cam-north", NOW_US)


def test_a_snapshot_holds_what_happened_before(client: TestClient, office: Office) -> None:
    office.hear(make_event(sequence=1))
    with client.websocket_connect(LIVE) as socket:
        snapshot = socket.receive_json()
    assert [alarm["zone"] for alarm in snapshot["alarms"]] == ["north-fence"]
    assert [task["kind"] for task in snapshot["tasks"]] == ["investigate"]


def test_a_page_of_another_origin_hears_nothing(client: TestClient) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect(LIVE, headers={"origin": "http://evil.example"}),
    ):
        pass


def zone(name: str) -> ZoneView:
    return ZoneView(id="z", name=name, is_set=True)


def test_a_client_that_falls_behind_gets_a_snapshot_instead_of_a_queue() -> None:
    async def listen() -> list[str | None]:
        feed = LiveFeed()
        with feed.subscribed() as subscription:
            assert subscription is not None
            feed.publish("zone", zone("first"))
            heard = [await subscription.take()]
            for number in range(MAX_WAITING + 5):
                feed.publish("zone", zone(str(number)))
            heard.append(await subscription.take())
            feed.publish("zone", zone("last"))
            heard.append(await subscription.take())
            return heard

    first, behind, last = asyncio.run(listen())
    assert first == f'{{"type":"zone","data":{zone("first").model_dump_json()}}}'
    assert behind is None
    assert last is not None
    assert '"last"' in last


def test_a_listener_waits_for_the_next_change() -> None:
    async def listen() -> str | None:
        feed = LiveFeed()
        with feed.subscribed() as subscription:
            assert subscription is not None
            asyncio.get_running_loop().call_later(0.02, feed.publish, "zone", zone("later"))
            return await asyncio.wait_for(subscription.take(), 5.0)

    heard = asyncio.run(listen())
    assert heard is not None
    assert '"later"' in heard


def test_what_changed_in_one_batch_comes_in_its_order_and_wakes_a_listener_once() -> None:
    async def listen() -> tuple[list[str | None], int]:
        feed, loop, woken = LiveFeed(), asyncio.get_running_loop(), 0
        wake = loop.call_soon_threadsafe

        def counted(*asked: Any) -> asyncio.Handle:
            nonlocal woken
            woken += 1
            return wake(*asked)

        with feed.subscribed() as subscription, pytest.MonkeyPatch.context() as patched:
            assert subscription is not None
            patched.setattr(loop, "call_soon_threadsafe", counted)
            feed.publish_written([("alarm", '{"n":1}'), ("incident", '{"n":2}')])
            return [await subscription.take(), await subscription.take()], woken

    heard, woken = asyncio.run(listen())
    assert heard == ['{"type":"alarm","data":{"n":1}}', '{"type":"incident","data":{"n":2}}']
    assert woken == 1
