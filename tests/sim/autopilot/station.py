"""A ground station in virtual time: sends messages to one Autopilot and keeps what comes back."""

from collections.abc import Sequence
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.geo import GeoPoint, PointEnu
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.deframing import Deframer
from sim.autopilot.machine import Machine
from sim.autopilot.spec import AutopilotSpec, Kind

HOME = GeoPoint(lat_deg=52.1, lon_deg=5.1)
HOME_AMSL_M = 40.0
Message = Any
Sent = tuple[int, int, tuple[float, ...], int, int, float]  # command, frame, params, x, y, z


def spec(kind: Kind = Kind.COPTER, **changes: Any) -> AutopilotSpec:
    values: dict[str, Any] = {
        "kind": kind,
        "system_id": 1,
        "home": HOME,
        "home_amsl_m": HOME_AMSL_M,
        "boot_s_already": 60.0,
        "wind_m_s": 0.0,
    }
    return AutopilotSpec(**{**values, **changes})


class Station:
    """Two stations can share a vehicle: give the second the first's autopilot."""

    def __init__(
        self, autopilot: Autopilot, *, system_id: int = 250, component_id: int = 190, link_id: int = 0
    ) -> None:
        self.autopilot = autopilot
        self.link_id = link_id
        self.heard: list[Message] = []
        self.beats = True
        self._codec = mavlink.MAVLink(None, srcSystem=system_id, srcComponent=component_id)
        self._deframer = Deframer()
        self._next_beat_s = 0.0

    @classmethod
    def of(cls, kind: Kind = Kind.COPTER, **changes: Any) -> "Station":
        return cls(Autopilot(spec(kind, **changes)))

    @property
    def machine(self) -> Machine:
        return self.autopilot.machine

    def send(self, message: Message) -> None:
        self.autopilot.receive(bytes(message.pack(self._codec)), self.link_id)

    def run(self, seconds: float) -> None:
        """Let virtual time pass, with a heartbeat each second."""
        for _ in range(round(seconds / 0.2)):
            if self.beats and self.machine.now_s >= self._next_beat_s:
                self._next_beat_s = self.machine.now_s + 1.0
                self.send(mavlink.MAVLink_heartbeat_message(6, 8, 0, 0, 4, 3))
            self.autopilot.step(0.2)
            self.listen()

    def listen(self) -> None:
        for frame in self.autopilot.outgoing(self.link_id):
            self.heard += self._deframer.feed(frame, is_stream=False)

    def until(self, condition: Any, *, within_s: float) -> float:
        """Seconds it took; fails when it never came true."""
        start_s = self.machine.now_s
        while not condition():
            assert self.machine.now_s - start_s < within_s, f"not within {within_s} s of the vehicle's time"
            self.run(0.2)
        return self.machine.now_s - start_s

    def all(self, name: str) -> list[Message]:
        self.listen()
        return [message for message in self.heard if message.get_type() == name]

    def last(self, name: str) -> Message:
        found = self.all(name)
        assert found, f"no {name} came"
        return found[-1]

    def texts(self) -> list[str]:
        return [message.text for message in self.all("STATUSTEXT")]

    def command(self, command: int, *params: float) -> int:
        """COMMAND_LONG; the result acknowledged."""
        filled = [*params, *[0.0] * (7 - len(params))]
        self.send(mavlink.MAVLink_command_long_message(1, 1, command, 0, *filled))
        return self._acknowledged(command)

    def command_int(
        self, command: int, *, params: tuple[float, ...] = (), x: int, y: int, z: float, frame: int = 3
    ) -> int:
        filled = [*params, *[0.0] * (4 - len(params))]
        self.send(mavlink.MAVLink_command_int_message(1, 1, frame, command, 0, 0, *filled, x, y, z))
        return self._acknowledged(command)

    def _acknowledged(self, command: int) -> int:
        ack = self.last("COMMAND_ACK")
        assert ack.command == command
        return int(ack.result)

    def ask_for(self, message_id: int, hz: float = 5.0) -> None:
        assert self.command(511, message_id, 1e6 / hz) == 0

    def degrees7(self, east_m: float, north_m: float) -> tuple[int, int]:
        point, _ = self.machine.frame.to_geo(PointEnu(east_m, north_m))
        return round(point.lat_deg * 1e7), round(point.lon_deg * 1e7)

    def go_to(self, east_m: float, north_m: float, up_m: float) -> int:
        x, y = self.degrees7(east_m, north_m)
        return self.command_int(192, params=(-1.0, 1.0, 0.0, float("nan")), x=x, y=y, z=up_m)

    def set_parameter(self, name: str, value: float) -> None:
        self.send(mavlink.MAVLink_param_set_message(1, 1, name.encode(), value, 9))
        self.listen()

    def airborne(self, above_home_m: float = 20.0) -> "Station":
        """GUIDED, armed, at a height."""
        assert self.command(176, 1, 4) == 0
        assert self.command(400, 1) == 0
        assert self.command(22, 0, 0, 0, 0, 0, 0, above_home_m) == 0
        self.until(lambda: self.machine.motion.up_m > above_home_m - 0.5, within_s=60)
        self.run(2)
        return self

    def upload(self, items: Sequence[Sent], mission_type: int = 0) -> int:
        """The whole protocol; items are (command, frame, params, x, y, z). The result of MISSION_ACK."""
        before = len(self.all("MISSION_ACK"))
        self.send(mavlink.MAVLink_mission_count_message(1, 1, len(items), mission_type))
        answered = len(self.all("MISSION_REQUEST_INT")) + len(self.all("MISSION_REQUEST"))
        self.listen()
        for _ in range(len(items) + 1):
            acks = self.all("MISSION_ACK")[before:]
            if acks:
                return int(acks[0].type)
            requests = [m for m in self.heard if m.get_type() in ("MISSION_REQUEST_INT", "MISSION_REQUEST")]
            assert len(requests) >= answered
            self.send_item(requests[-1].seq, items[requests[-1].seq], mission_type)
        return int(self.all("MISSION_ACK")[before:][0].type)

    def send_item(self, seq: int, item: Sent, mission_type: int = 0) -> None:
        command, frame, params, x, y, z = item
        filled = [*params, *[0.0] * (4 - len(params))]
        message = mavlink.MAVLink_mission_item_int_message(
            1, 1, seq, frame, command, 0, 1, *filled, x, y, z, mission_type
        )
        self.send(message)
        self.listen()

    def read_back(self, mission_type: int = 0) -> list[Message]:
        self.send(mavlink.MAVLink_mission_request_list_message(1, 1, mission_type))
        count = self.last("MISSION_COUNT").count
        items = []
        for seq in range(count):
            self.send(mavlink.MAVLink_mission_request_int_message(1, 1, seq, mission_type))
            items.append(self.last("MISSION_ITEM_INT"))
        return items
