"""Other sensors over a real mosquitto: one in our envelope, one in JSON of its own."""

import json
import signal
import uuid
from pathlib import Path
from typing import Any

import pytest

from contract.codec import encode
from contract.envelope import Envelope, Origin
from contract.events import Stage
from contract.sensors import SensorAlarm
from contract.topics import SENSOR_ALARMS
from tests.fleet.messages import SITE_TEXT
from tests.system.mosquitto import Mosquitto
from tests.system.test_fleet_broker import CONFIG, Coordinator, Node, now_us, wait_until

pytestmark = pytest.mark.system
SENSORS = """
sensors:
  - {id: fence-7, name: Fence 7, kind: fence_vibration, zones: [north-fence]}
  - {id: door-1, name: Door, kind: door_contact, zones: [middle]}
"""
MAPPING = """
sensors:
  - {{topic: factory/fence/7, sensor: fence-7, value: state, alarm_when: [ALARM], clear_when: [OK]}}
"""


def of_sensors(coordinator: Coordinator) -> dict[str, dict[str, Any]]:
    return {alarm["sensor"]: alarm for alarm in coordinator.get("/alarms") if alarm["sensor"] is not None}


def test_both_kinds_of_device_are_heard_and_an_alarm_outlives_the_coordinator(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        device = Node(broker.port, "door-1")
        coordinator = Coordinator(tmp_path, broker.port, CONFIG + MAPPING, site_text=SITE_TEXT + SENSORS)
        try:
            wait_until(coordinator.is_ready, 20, "ready")
            device.say_raw("factory/fence/7", json.dumps({"state": "ALARM"}).encode())
            at_us = now_us()
            envelope = Envelope(
                message_id=uuid.UUID(int=7),
                site="yard",
                node="door-1",
                boot=0,
                captured_at_us=at_us,
                sent_at_us=at_us,
                origin=Origin.LIVE,
                trace_id="d" * 32,
                hops_us={},
                body=SensorAlarm(stage=Stage.START),
            )
            device.say_raw(SENSOR_ALARMS.address(site="yard", node="door-1"), encode(envelope))
            wait_until(lambda: len(of_sensors(coordinator)) == 2, 20, "both alarms")
            assert of_sensors(coordinator)["door-1"]["captured_at_us"] == at_us
            coordinator.end(signal.SIGKILL)
            coordinator = Coordinator(tmp_path, broker.port, CONFIG + MAPPING, site_text=SITE_TEXT + SENSORS)
            wait_until(coordinator.is_ready, 20, "ready again")
            device.say_raw("factory/fence/7", json.dumps({"state": "OK"}).encode())
            wait_until(lambda: of_sensors(coordinator)["fence-7"]["ended_at_us"] is not None, 20, "the end")
            assert len(of_sensors(coordinator)) == 2
        finally:
            coordinator.end(signal.SIGKILL)
            device.close()
