"""A simulated autopilot: MAVLink bytes in, MAVLink bytes out, virtual seconds in between.

It has no socket and no clock. Unasked it says little: a client that does not ask for messages sees hardly more than
heartbeats, as on the real thing.
"""

import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from pymavlink.dialects.v20 import ardupilotmega as mavlink

from sim.autopilot import commands
from sim.autopilot.copter import Copter
from sim.autopilot.link import AUTOPILOT_COMPONENT, Link
from sim.autopilot.machine import EKF_READY_S, STEP_S, Machine
from sim.autopilot.missions import MissionServer
from sim.autopilot.other_station import OtherStation
from sim.autopilot.parameters import WireValue
from sim.autopilot.rover import Rover
from sim.autopilot.signing import AHEAD_S, Signing
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.autopilot.telemetry import BUILDERS, STREAMS
from sim.autopilot.traffic import PassingAircraft
from sim.autopilot.truth import Truth, truth_of

Message = Any  # pymavlink has no types
TIMESYNC_EACH_S = 10.0
PARAMETERS_PER_STEP = 4  # a full list takes a second, as it does on a radio
POSITION_ONLY_MASK = 0b000111111000  # SET_POSITION_TARGET: velocity and acceleration ignored, position used


class Autopilot:
    """`receive` bytes, `step` time, take `outgoing` frames. Link ids count from 0."""

    def __init__(self, spec: AutopilotSpec, *, links: int = 1) -> None:
        self.spec = spec
        self.machine: Machine = Copter(spec) if spec.kind is Kind.COPTER else Rover(spec)
        chance = random.Random(f"{spec.seed}/{spec.system_id}/signing")  # noqa: S311 - a delay, not a secret
        self.signing = Signing(ahead_s=chance.uniform(*AHEAD_S))
        self.links = [Link(spec.system_id, number, self.signing) for number in range(links)]
        self.missions = MissionServer(self.machine, asks_with_mission_request=spec.asks_with_mission_request)
        self.stations: list[OtherStation] = []  # on its link, beside whoever it was given to
        self.commands: Counter[int] = Counter()  # of what could move it, by the sender's system id
        self.wants_reboot = False
        self._rest_s = 0.0
        self._start_links()

    def _start_links(self) -> None:
        now_s = self.machine.now_s
        for link in self.links:
            link.streams.clear()
            link.set_interval(mavlink.MAVLINK_MSG_ID_HEARTBEAT, 1.0, now_s=now_s)
            if now_s == 0.0:  # the board's console comes over the same wire before the first frame
                link.outgoing.append(
                    f"\r\n\r\nInit Ardu{self.spec.kind.value.title()} V{self.spec.firmware}\r\n".encode()
                )
        self._parameters_to_send: list[tuple[Link, int]] = []
        self._next_timesync_s = now_s + TIMESYNC_EACH_S
        self._origin_was_told = now_s >= EKF_READY_S

    # The three verbs

    def receive(self, data: bytes, link_id: int = 0, *, is_stream: bool = False) -> None:
        """Bytes as they came; whatever is not MAVLink is skipped."""
        link = self.links[link_id]
        for message in link.deframer.feed(data, is_stream=is_stream):
            handler = _HANDLERS.get(message.get_msgId())
            if handler is not None and self.signing.accepts(message) and self._is_for_us(message):
                self._count(message)
                handler(self, link, message)

    def step(self, dt_s: float) -> None:
        """Let `dt_s` of the vehicle's own time pass."""
        self._rest_s += dt_s
        while self._rest_s >= STEP_S - 1e-9:
            self._rest_s -= STEP_S
            self.machine.step(STEP_S)
            self.signing.pass_time(STEP_S)
            if self.wants_reboot:
                self._reboot()
            for station in self.stations:
                for frame in station.step(STEP_S):
                    self.receive(frame)
            self._speak()

    def outgoing(self, link_id: int = 0) -> list[bytes]:
        """Frames since the last call, one a datagram."""
        link = self.links[link_id]
        frames = list(link.outgoing)
        link.outgoing.clear()
        return frames

    def truth(self) -> Truth:
        """For judging a run; a client never sees it."""
        return truth_of(self.machine)

    # Faults, for whoever runs a scenario

    def gnss_jump(self, east_m: float, north_m: float) -> None:
        """From now on the receiver says it is so far beside where it is; (0, 0) is the end of it.

        Up to 5 m the vehicle takes it for movement. Beyond, as ArduPilot's EKF3 does, it rejects the receiver for 10 s
        ("GPS Glitch or Compass error", high position variance, mode and way unchanged) and then, if the receiver
        insists, believes it: GLOBAL_POSITION_INT leaps, a place the vehicle holds by itself moves along, a commanded
        one does not, so that it truly flies beside it. Its fence is judged by what it believes. Not measured on a real
        autopilot: times and gate are EKF3's defaults.
        """
        self.machine.navigation.receiver_off = (east_m, north_m)

    def gnss_lose(self) -> None:
        """No satellites: fix_type 1, EKF variance; a copter under way in a mode that needs a position lands where the
        wind takes it, a rover holds. The reported position stands still."""
        self.machine.navigation.lose()

    def gnss_recover(self) -> None:
        """A fix again; position modes can be entered 2 s later. The mode stays what the failsafe made it."""
        self.machine.navigation.recover(self.machine.now_s)

    def battery_sag(self, to_frac: float) -> None:
        """Charge drops at once to this share, if there was more; the failsafe follows within a second if armed."""
        self.machine.battery.sag_to(to_frac)

    def traffic_begins(self, aircraft: PassingAircraft) -> None:
        """Its receiver hears this aircraft from now on."""
        self.machine.receiver.begin(aircraft, now_s=self.machine.now_s)

    def traffic_ends(self, icao: int) -> None:
        self.machine.receiver.end(icao)

    def blow(self, wind_m_s: float, from_deg: float) -> None:
        """Another wind from now on; gusts go on about it."""
        self.machine.wind.blow(wind_m_s, from_deg)

    def pilot_takes(self, mode: str) -> None:
        """A pilot's mode switch, as on his remote control; his sticks are centred, so that nothing sinks. Raises
        KeyError for a mode that this kind of vehicle has not; one it cannot enter now is refused with a text."""
        self.machine.pilot_has_sticks = True
        self.machine.set_mode(self.machine.mode_type[mode])

    def pilot_leaves(self, mode: str) -> None:
        """He switches once more and lets the sticks go. Raises KeyError."""
        self.machine.set_mode(self.machine.mode_type[mode])
        self.machine.pilot_has_sticks = False

    # Speaking

    def report(self, link: Link, message_id: int) -> None:
        """Send one message of the state, if there is something to say."""
        message = BUILDERS[message_id](self.machine)
        if message is not None:
            link.send(message)

    def broadcast(self, message: Message) -> None:
        for link in self.links:
            link.send(message)

    def _speak(self) -> None:
        machine = self.machine
        now_s = machine.now_s
        for link in self.links:
            for message_id in link.take_due(now_s):
                self.report(link, message_id)
        if machine.texts:
            for severity, text in machine.texts:
                self.broadcast(mavlink.MAVLink_statustext_message(severity, text.encode()))
            machine.texts.clear()
        if machine.mission.reached is not None:
            self.broadcast(mavlink.MAVLink_mission_item_reached_message(machine.mission.reached))
            machine.mission.reached = None
        if now_s >= EKF_READY_S:
            self._tell_origin_and_home()
        if now_s >= self._next_timesync_s:
            self._next_timesync_s = now_s + TIMESYNC_EACH_S
            self.broadcast(mavlink.MAVLink_timesync_message(0, round(now_s * 1e9)))
        if self._parameters_to_send:
            for link, index in self._parameters_to_send[:PARAMETERS_PER_STEP]:
                self._send_parameter(link, machine.parameters.read_at(index))
            del self._parameters_to_send[:PARAMETERS_PER_STEP]
        for link, message in self.missions.step():
            link.send(message)

    def _tell_origin_and_home(self) -> None:
        """Once when they become known; home again when arming moves it."""
        if not self._origin_was_told:
            self._origin_was_told = True
            self.broadcast(BUILDERS[mavlink.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN](self.machine))
        if not self.machine.home_was_told:
            self.machine.home_was_told = True
            self.broadcast(BUILDERS[mavlink.MAVLINK_MSG_ID_HOME_POSITION](self.machine))

    def _send_parameter(self, link: Link | None, value: WireValue | None) -> None:
        """To one link, or to all of them; a name that does not exist gets no answer."""
        if value is None:
            return
        count = len(self.machine.parameters)
        message = mavlink.MAVLink_param_value_message(value.name.encode(), value.value, value.type, count, value.index)
        if link is None:
            self.broadcast(message)
        else:
            link.send(message)

    def _reboot(self) -> None:
        self.wants_reboot = False
        self.machine.boot()
        self.missions.forget_transfers()
        self.signing.forget_streams()
        self._start_links()

    # Listening

    def _count(self, message: Message) -> None:
        is_order = message.get_msgId() in MOVING
        if is_order and getattr(message, "command", None) not in commands.ONLY_TELEMETRY:
            self.commands[message.get_srcSystem()] += 1

    def _is_for_us(self, message: Message) -> bool:
        system = getattr(message, "target_system", 0)
        component = getattr(message, "target_component", 0)
        return system in (0, self.spec.system_id) and component in (0, AUTOPILOT_COMPONENT)

    def _on_heartbeat(self, _link: Link, message: Message) -> None:
        if message.get_srcSystem() == int(self.machine.parameters["SYSID_MYGCS"]):
            self.machine.gcs_heard_at_s = self.machine.now_s

    def _on_command_long(self, link: Link, message: Message) -> None:
        call = commands.Call(
            message.command,
            (message.param1, message.param2, message.param3, message.param4),
            _degrees7(message.param5),
            _degrees7(message.param6),
            message.param7,
            mavlink.MAV_FRAME_GLOBAL_RELATIVE_ALT,
            is_int=False,
        )
        self._answer_command(link, message, call)

    def _on_command_int(self, link: Link, message: Message) -> None:
        params = (message.param1, message.param2, message.param3, message.param4)
        call = commands.Call(message.command, params, message.x, message.y, message.z, message.frame, is_int=True)
        self._answer_command(link, message, call)

    def _answer_command(self, link: Link, message: Message, call: commands.Call) -> None:
        result = commands.execute(self, link, call)
        link.send(
            mavlink.MAVLink_command_ack_message(
                call.command, result, 0, 0, message.get_srcSystem(), message.get_srcComponent()
            )
        )

    def _on_set_mode(self, link: Link, message: Message) -> None:
        done = self.machine.set_mode(message.custom_mode)
        sender = (message.get_srcSystem(), message.get_srcComponent())
        link.send(
            mavlink.MAVLink_command_ack_message(11, commands.ACCEPTED if done else commands.FAILED, 0, 0, *sender)
        )

    def _on_position_target(self, _link: Link, message: Message) -> None:
        """Position targets only; there is no answer, not even to one that is not followed."""
        machine = self.machine
        uses_position_only = message.type_mask & 0b000111111111 == POSITION_ONLY_MASK
        if machine.mode is not machine.guided or not uses_position_only:
            return
        call = commands.Call(
            0,
            (0.0, 0.0, 0.0, 0.0),
            message.lat_int,
            message.lon_int,
            message.alt,
            message.coordinate_frame,
            is_int=True,
        )
        target = commands.target_of(machine, call)
        if target is not None and machine.may_go_to(target):
            machine.go_to(target)

    def _on_param_set(self, _link: Link, message: Message) -> None:
        self._send_parameter(None, self.machine.parameters.write(_name(message), message.param_value))
        self.machine.settings_changed()

    def _on_param_request_read(self, link: Link, message: Message) -> None:
        read = self.machine.parameters
        by_index = message.param_index >= 0
        self._send_parameter(link, read.read_at(message.param_index) if by_index else read.read(_name(message)))

    def _on_param_request_list(self, link: Link, _message: Message) -> None:
        waiting = [(to, index) for to, index in self._parameters_to_send if to is not link]
        self._parameters_to_send = waiting + [(link, index) for index in range(len(self.machine.parameters))]

    def _on_request_data_stream(self, link: Link, message: Message) -> None:
        rate_hz = min(message.req_message_rate, commands.MAX_RATE_HZ)
        interval_s = 1 / rate_hz if message.start_stop and rate_hz > 0 else None
        for message_id in STREAMS.get(message.req_stream_id, ()):
            link.set_interval(message_id, interval_s, now_s=self.machine.now_s)

    def _on_timesync(self, link: Link, message: Message) -> None:
        if message.tc1 == 0:
            link.send(mavlink.MAVLink_timesync_message(round(self.machine.now_s * 1e9), message.ts1))

    def _on_setup_signing(self, _link: Link, message: Message) -> None:
        """Nothing while armed, and no answer either way."""
        if not self.machine.armed:
            self.signing.set_up(bytes(message.secret_key), message.initial_timestamp)

    def _on_mission(self, link: Link, message: Message) -> None:
        for answer in self.missions.receive(link, message):
            link.send(answer)


def _name(message: Message) -> str:
    name: str = message.param_id
    return name.rstrip("\0")


def _degrees7(degrees: float) -> int:
    return round(degrees * 1e7) if math.isfinite(degrees) and abs(degrees) < 214 else 0


_HANDLERS: dict[int, Callable[[Autopilot, Link, Message], None]] = {
    mavlink.MAVLINK_MSG_ID_HEARTBEAT: Autopilot._on_heartbeat,
    mavlink.MAVLINK_MSG_ID_COMMAND_LONG: Autopilot._on_command_long,
    mavlink.MAVLINK_MSG_ID_COMMAND_INT: Autopilot._on_command_int,
    mavlink.MAVLINK_MSG_ID_SET_MODE: Autopilot._on_set_mode,
    mavlink.MAVLINK_MSG_ID_SET_POSITION_TARGET_GLOBAL_INT: Autopilot._on_position_target,
    mavlink.MAVLINK_MSG_ID_PARAM_SET: Autopilot._on_param_set,
    mavlink.MAVLINK_MSG_ID_PARAM_REQUEST_READ: Autopilot._on_param_request_read,
    mavlink.MAVLINK_MSG_ID_PARAM_REQUEST_LIST: Autopilot._on_param_request_list,
    mavlink.MAVLINK_MSG_ID_REQUEST_DATA_STREAM: Autopilot._on_request_data_stream,
    mavlink.MAVLINK_MSG_ID_TIMESYNC: Autopilot._on_timesync,
    mavlink.MAVLINK_MSG_ID_SETUP_SIGNING: Autopilot._on_setup_signing,
    mavlink.MAVLINK_MSG_ID_MISSION_COUNT: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_ITEM_INT: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_REQUEST_LIST: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_REQUEST_INT: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_REQUEST: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_CLEAR_ALL: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_SET_CURRENT: Autopilot._on_mission,
    mavlink.MAVLINK_MSG_ID_MISSION_ACK: Autopilot._on_mission,
}

# What could move the vehicle, or change what it does by itself.
MOVING = frozenset(
    {
        mavlink.MAVLINK_MSG_ID_COMMAND_LONG,
        mavlink.MAVLINK_MSG_ID_COMMAND_INT,
        mavlink.MAVLINK_MSG_ID_SET_MODE,
        mavlink.MAVLINK_MSG_ID_SET_POSITION_TARGET_GLOBAL_INT,
        mavlink.MAVLINK_MSG_ID_PARAM_SET,
        mavlink.MAVLINK_MSG_ID_MISSION_COUNT,
        mavlink.MAVLINK_MSG_ID_MISSION_ITEM_INT,
        mavlink.MAVLINK_MSG_ID_MISSION_CLEAR_ALL,
        mavlink.MAVLINK_MSG_ID_MISSION_SET_CURRENT,
    }
)
