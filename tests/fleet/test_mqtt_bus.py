"""What waits to be sent while the broker takes its time."""

from collections.abc import Mapping
from typing import cast

import aiomqtt
import anyio
import pytest

from contract.bus import BusMessage
from contract.topics import ACK, COMMAND
from fleet.mqtt_bus import MqttBus
from fleet.settings import BrokerSettings
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


async def _send(bus: MqttBus, client: Client) -> None:
    """Until nothing waits."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bus._send, cast("aiomqtt.Client", client), tasks.cancel_scope)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, object]]:
    return "asyncio", {}
