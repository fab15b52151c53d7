"""What waits to be sent while the broker takes its time."""

import asyncio
from collections.abc import Mapping
from typing import cast

import aiomqtt
import anyio
import pytest

from contract.bus import BusMessage
from contract.topics import ACK, COMMAND
from fleet.broker_settings import BrokerSettings
from fleet.mqtt_bus import MAX_UNREAD, MqttBus
from tests.conftest import ManualClock


class Client:
    """A broker's side that notes what it was given."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []

    async def publish(self, topic: str, payload: bytes, *_: object, **__: object) -> None:
        self.heard.append((topic, payload))


def said(name: str, node: str, words: str) -> BusMessage:
    return BusMessage({"ack": ACK, "command": COMMAND}[name].address(site="yard", node=node), words.encode(), qos=1)


@pytest.mark.anyio
async def test_of_many_acks_to_a_node_the_newest_is_sent_and_commands_do_not_wait_behind_them(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, bus = Client(), MqttBus(BrokerSettings(port=1), site_id="yard", clock=clock)
    monkeypatch.setattr(bus, "_stay_connected", lambda *_: anyio.sleep_forever())
    async with bus.opened():
        bus.is_connected = True
        for n in range(500):
            assert bus.publish(said("ack", "gate-1", str(n)))
        assert bus.publish(said("ack", "gate-2", "one"))
        for n in range(2):
            assert bus.publish(said("command", "gate-1", str(n)))
        await _send(bus, client)
        assert bus.publish(said("ack", "gate-1", "500"))
        await _send(bus, client)
    assert [(topic.split("/")[3:], words) for topic, words in client.heard] == [
        (["gate-1", "ack"], b"499"),
        (["gate-2", "ack"], b"one"),
        (["gate-1", "command"], b"0"),
        (["gate-1", "command"], b"1"),
        (["gate-1", "ack"], b"500"),
    ]


@pytest.mark.anyio
async def test_what_is_read_a_message_a_pass_of_the_loop_is_one_batch(clock: ManualClock) -> None:
    bus, loop = MqttBus(BrokerSettings(port=1), site_id="yard", clock=clock), asyncio.get_running_loop()

    def read(n: int) -> None:
        bus._arrived(came(n))
        if n < 150:
            loop.call_soon(read, n + 1)

    loop.call_soon(read, 1)
    first, second = await bus.receive(at_most=100), await bus.receive(at_most=100)
    assert [int(each.message.payload) for each in (*first, *second)] == list(range(1, 151))
    assert (len(first), len(second)) == (100, 50)


@pytest.mark.anyio
async def test_an_ack_waits_for_the_connection_and_nothing_else_does(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, bus = Client(), MqttBus(BrokerSettings(port=1), site_id="yard", clock=clock)
    monkeypatch.setattr(bus, "_stay_connected", lambda *_: anyio.sleep_forever())
    async with bus.opened():
        assert bus.publish(said("ack", "gate-1", "2"))
        assert not bus.publish(said("command", "gate-1", "set"))
        await _send(bus, client)
    assert [words for _, words in client.heard] == [b"2"]


def test_more_than_is_kept_is_turned_away(clock: ManualClock) -> None:
    bus = MqttBus(BrokerSettings(port=1), site_id="yard", clock=clock)
    for n in range(MAX_UNREAD):
        bus._arrived(came(n))
    with pytest.raises(asyncio.QueueFull):
        bus._arrived(came(MAX_UNREAD))


def came(n: int) -> aiomqtt.Message:
    return aiomqtt.Message("vedette/v1/yard/gate-1/events", b"%d" % n, 1, False, n, None)


async def _send(bus: MqttBus, client: Client) -> None:
    """Until nothing waits."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bus._send, cast("aiomqtt.Client", client), tasks.cancel_scope)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, object]]:
    return "asyncio", {}
