"""From an event on a real broker to a simulated copter, over real MAVLink bytes, that looks at the intruder."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from contract.clock import SystemClock
from contract.events import Health, Stage
from contract.geo import GeoPoint
from contract.tasks import TaskState
from contract.topics import HEALTH
from fleet.app import Running, running
from fleet.picture.incidents import IncidentKind
from fleet.records import reads
from fleet.settings import FleetSettings, resolved
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.udp import SimulatedFleet
from sim.embedded_broker import free_port
from tests.fleet.messages import SITE_TEXT, make_envelope, make_event, make_status, on_bus, status_on_bus
from tests.system.mosquitto import Mosquitto

pytestmark = pytest.mark.system
DOCK = GeoPoint(lat_deg=51.9995, lon_deg=13.0)
SPEEDUP = 4.0


async def until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    until_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until_s, f"not within {timeout_s} s: {what}"
        await asyncio.sleep(0.02)


def now_us() -> int:
    return time.time_ns() // 1000


async def investigate(node: mqtt.Client, coordinator: Running) -> dict[str, int]:
    """Say the event, keep saying where he is, wait until he was looked at; the hops of the trace."""
    fleet = coordinator.fleet
    node.publish(*_as_published(status_on_bus(make_envelope(make_status()))))
    await until(lambda: fleet.vehicles["kestrel"].state.not_ready_because == (), 60, "kestrel ready")
    await until(lambda: fleet.vehicles["kestrel"].state.safety_uploaded, 60, "fence uploaded")
    captured_us = now_us()
    event = make_event(sequence=1, captured_at_us=captured_us, sent_after_us=now_us() - captured_us)
    node.publish(*_as_published(on_bus(event)))
    await until(lambda: fleet.response.tasks, 5, "a task")
    (task_id,) = fleet.response.tasks
    revision = 0
    until_s = time.monotonic() + 90
    while task_id in fleet.response.tasks:
        assert time.monotonic() < until_s, fleet.response.tasks[task_id]
        await asyncio.sleep(0.5)
        revision += 1
        captured_us = now_us()
        update = make_event(sequence=revision + 1, stage=Stage.UPDATE, revision=revision, captured_at_us=captured_us)
        node.publish(*_as_published(on_bus(update)))
        health = make_envelope(Health(feeds=(), outbox_rows=0), sent_at_us=captured_us)
        node.publish(*_as_published(on_bus(health, topic=HEALTH)))
    fleet.coordinator.write_out()
    with fleet.store.reading() as connection:
        task = reads.task(connection, task_id)
        decisions = reads.decisions_of(connection, task_id=task_id)
        hops = reads.hops(connection, event.trace_id)
    assert task is not None
    assert (task.state, task.reason) == (TaskState.DONE, "")
    assert task.trace_id == event.trace_id
    assert [decision["order"]["order"] for decision in decisions][:2] == ["Launch", "GoTo"]
    assert all(decision["gate_revision"] >= 1 for decision in decisions)
    return hops


def _as_published(message: object) -> tuple[str, bytes, int]:
    return message.topic, message.payload, message.qos  # type: ignore[attr-defined]


def test_an_event_becomes_a_copter_that_looks_at_the_intruder(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "site.yaml").write_text(SITE_TEXT + "response: {observe_s: 4}\n")
    (tmp_path / "broker").mkdir()

    async def run(broker: Mosquitto) -> tuple[dict[str, int], list[str]]:
        settings = FleetSettings.model_validate(
            {
                "site_file": "site.yaml",
                "data_dir": "data",
                "broker": {"port": broker.port},
                "http": {"port": 0},
                "connections": {"kestrel": f"udpin:127.0.0.1:{port}"},
            }
        )
        spec = AutopilotSpec(
            kind=Kind.COPTER,
            system_id=1,
            home=DOCK,
            home_amsl_m=40.0,
            connect=f"udpout:127.0.0.1:{port}",
            boot_s_already=60.0,
        )
        node = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="gate-1", protocol=mqtt.MQTTv5)
        async with SimulatedFleet([spec], speedup=SPEEDUP), running(resolved(settings, tmp_path), SystemClock()) as it:
            node.connect("127.0.0.1", broker.port)
            node.loop_start()
            try:
                hops = await investigate(node, it)
            finally:
                node.disconnect()
                node.loop_stop()
            with it.fleet.store.reading() as connection:
                (incident,) = reads.incidents(connection, kind=IncidentKind.INTRUSION)
            return hops, [entry.what for entry in incident.timeline]

    with Mosquitto(tmp_path / "broker") as broker:
        hops, timeline = asyncio.run(run(broker))
    assert {"decode", "detect", "broker", "ingest", "decision", "gate", "mavlink_ack"} == hops.keys()
    assert hops["decision"] + hops["gate"] + hops["mavlink_ack"] < 2_000_000
    assert timeline[1].startswith("kestrel: chosen: ")
    assert timeline[-1] == "kestrel has looked at it"
    assert (tmp_path / "data" / "flight.tlog").stat().st_size > 10_000
