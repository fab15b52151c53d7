"""Our receiving side under hostile MAVLink: a link, vehicles and a transfer under way, and what must hold of them.

Two vehicles have a key and one has none; behind each is a simulated autopilot that goes on speaking truly. What must
hold: nothing is raised, of a vehicle with a key only its own fresh frames are heard, every value of a state is one that
can be, and all that we send is harmless or part of the one order that was given.
"""

import contextlib
import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import structlog

from contract.geo import GeoPoint, LocalFrame, PointEnu
from contract.site import Site, VehicleKind
from fleet.flight.ardupilot import ArdupilotVehicle
from fleet.flight.ardupilot_safety import upload_safety
from fleet.flight.errors import FlightError
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID, Encoder, Frame, FrameParser
from fleet.flight.mavlink_link import Link, OnFrame, is_harmless
from fleet.flight.mavlink_mission import Item, MissionKind, fence_of, mission_of, rally_of, upload_verified
from fleet.flight.mavlink_port import Act, Port
from fleet.flight.mavlink_signing import Signing
from fleet.flight.mavlink_sources import Address
from fleet.flight.mavlink_transport import OnData
from fleet.flight.orders import FlyMission, MissionItem
from fleet.flight.safety_plan import safety_plan
from fleet.flight.telemetry import Telemetry
from fleet.flight.tlog import Tlog
from fleet.flight.vehicle import VehicleState
from fleet.flight.vehicles import ardupilot_copter, ardupilot_rover
from sim.approved import approved_hold
from sim.autopilot.autopilot import Autopilot
from sim.autopilot.spec import AutopilotSpec, Kind
from sim.clock import VirtualClock, run_virtually
from sim.soak.hostile_mavlink import Hostile

BLOCK_MESSAGES = 10_000  # each block is a world of its own: a finding is played again from its number
START_US = 1_767_225_600_000_000
AT_ONCE = 20  # messages in one turn of 20 ms
TURN_S = 0.02
HOME = GeoPoint(lat_deg=52.0, lon_deg=13.0)
KEYS = {1: bytes(range(32)), 3: bytes(range(100, 132))}
WITHOUT_KEY = 2
FIRMWARE = 0x040603FF
WRITES = ("MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_CLEAR_ALL", "PARAM_SET", "COMMAND_LONG")


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "above_home_m": (-1_000, 20_000),
    "amsl_m": (-1_000, 20_000),
    "velocity_east_m_s": (-400, 400),
    "velocity_north_m_s": (-400, 400),
    "heading_deg": (0, 360),
    "battery_frac": (0, 1),
    "gnss_fix": (3, 8),
    "gnss_sigma_m": (0, 5e6),
    "wind_m_s": (0, 100),
    "mission_seq": (0, 65_535),
    "mission_state": (1, 5),
    "link_loss_frac": (0, 1),
    "round_trip_s": (0, 60),
}


class Broken(Exception):
    """Something that must hold did not; the text says what."""


@dataclass(slots=True)
class Told:
    """Of one block. heard: frames that a vehicle of ours was believed to have sent. writes: of what we sent, what is
    part of a transfer."""

    heard: int = 0
    sent: int = 0
    writes: int = 0
    transfers: int = 0
    failed_transfers: int = 0


class _Wire:
    """The transport of our link: what we send goes to the autopilots, and is judged."""

    local_port: int | None = None
    dialled: Address | None = None

    def __init__(self, *, keeps_datagrams: bool) -> None:
        self.keeps_datagrams = keeps_datagrams
        self.on_data: OnData = lambda _data, _address: None
        self.on_sent: Callable[[bytes], None] = lambda _raw: None

    async def open(self, on_data: OnData) -> None:
        self.on_data = on_data

    async def run(self) -> None:
        await anyio.sleep_forever()

    def send(self, raw: bytes, address: Address) -> bool:
        self.on_sent(raw)
        return True

    def close(self) -> None:
        pass


class _WatchedLink(Link):
    """What reaches a vehicle is seen first, and its state after it."""

    def __init__(
        self, name: str, *, on_heard: Callable[[Frame], None], after: Callable[[int], None], **options: Any
    ) -> None:
        super().__init__(name, **options)
        self._on_heard, self._after = on_heard, after

    def attach(self, system_id: int, on_frame: OnFrame) -> None:
        def seen(frame: Frame, has_moved: bool) -> None:
            self._on_heard(frame)
            on_frame(frame, has_moved)
            self._after(system_id)

        super().attach(system_id, seen)


@dataclass(slots=True)
class Siege:
    """One block. Raises Broken, or whatever was raised by what is besieged."""

    seed: int
    block: int
    told: Told = field(default_factory=Told)
    _owed: set[bytes] = field(default_factory=set)  # true frames of vehicles with a key that were not heard yet
    _port: Port = field(init=False)

    def play(self, messages: int = BLOCK_MESSAGES) -> Told:
        clock = VirtualClock(START_US)
        run_virtually(lambda: self._play(messages, clock), clock=clock)
        return self.told

    async def _play(self, messages: int, clock: VirtualClock) -> None:
        chance = random.Random(f"{self.seed}/{self.block}")  # noqa: S311 - what is sent, not a secret
        wire = _Wire(keeps_datagrams=chance.random() < 0.7)
        speaks_from_anywhere = chance.random() < 0.3
        link = _WatchedLink(
            "siege",
            on_heard=self._on_heard,
            after=lambda system_id: self._judge(vehicles[system_id]),
            transport=wire,
            encoder=Encoder(),
            clock=clock,
            tlog=Tlog(None, clock=clock),
            is_alive=lambda: True,
            signing={system_id: Signing(key, clock=clock) for system_id, key in KEYS.items()},
        )
        vehicles = {number: _vehicle(number, link=link, clock=clock) for number in (1, 2, 3)}
        autopilots = {number: _autopilot(number, clock) for number in (1, 2, 3)}
        hostile = Hostile(chance, tuple(autopilots), clock)
        wire.on_sent = lambda raw: self._on_sent(raw, autopilots)
        self._port = Port(link, WITHOUT_KEY, clock=clock)
        await link.open()
        async with anyio.create_task_group() as group:
            group.start_soon(link.run)
            for vehicle in vehicles.values():
                group.start_soon(vehicle.run)
            group.start_soon(self._transfer_again_and_again, self._port, clock)
            for number in range(messages):
                address: Address = ("siege", 1)
                if speaks_from_anywhere and chance.random() < 0.2:
                    address = ("anywhere", chance.randrange(50_000))
                wire.on_data(hostile.attack(), address)
                if number % AT_ONCE == 0:
                    self._let_them_speak(autopilots, wire, hostile)
                    await anyio.sleep(TURN_S)
            group.cancel_scope.cancel()

    def _let_them_speak(self, autopilots: Mapping[int, Autopilot], wire: _Wire, hostile: Hostile) -> None:
        for number, autopilot in autopilots.items():
            autopilot.step(TURN_S)
            for raw in autopilot.outgoing():
                if number in KEYS:
                    self._owed.add(raw)
                hostile.overhear(raw)
                wire.on_data(raw, ("siege", 1))

    async def _transfer_again_and_again(self, port: Port, clock: VirtualClock) -> None:
        """Fence, rally points and parameters, then a mission, to the vehicle that anybody may speak for."""
        state = VehicleState(
            _SPECS[WITHOUT_KEY].id, VehicleKind.ARDUPILOT_ROVER, WITHOUT_KEY, simulated=True, armed=False
        )
        telemetry = Telemetry(state, bound_uid=None, firmware_version=FIRMWARE)
        while True:
            for kind in (MissionKind.FENCE, MissionKind.MISSION):
                await anyio.sleep(0.2)
                approval = approved_hold(state, _SITE, clock.monotonic_us())
                act = Act(port, approval, telemetry=lambda: telemetry, on_progress=lambda _text: None)
                port.begin(act)
                try:
                    if kind is MissionKind.FENCE:
                        await upload_safety(act, _PLAN, kind=state.kind)
                    else:
                        await upload_verified(act, MissionKind.MISSION, _ITEMS[0], said="mission")
                    self.told.transfers += 1
                except FlightError:
                    self.told.failed_transfers += 1

    # What must hold

    def _on_heard(self, frame: Frame) -> None:
        self.told.heard += 1
        if frame.system_id in KEYS:
            if frame.raw not in self._owed:
                raise Broken(f"vehicle {frame.system_id} has a key, and was moved by {frame.raw.hex()}")
            self._owed.discard(frame.raw)
        elif frame.system_id == WITHOUT_KEY:
            self._port.deliver(frame)

    def _on_sent(self, raw: bytes, autopilots: Mapping[int, Autopilot]) -> None:
        self.told.sent += 1
        (frame,) = FrameParser().feed_datagram(raw)
        if not is_harmless(frame.message):
            self.told.writes += 1
            if not _belongs_to_the_transfer(frame.message):
                raise Broken(f"sent {frame.message}")
        for autopilot in autopilots.values():
            autopilot.receive(raw)

    @staticmethod
    def _judge(vehicle: ArdupilotVehicle) -> None:
        wrong = tuple(wrong_in(vehicle.state))
        if wrong:
            raise Broken(f"{vehicle.spec.id}: {', '.join(wrong)}")


def wrong_in(state: VehicleState) -> Iterator[str]:
    """What of a state cannot be."""
    for name, (least, most) in _BOUNDS.items():
        value = getattr(state, name)
        if value is not None and not (math.isfinite(value) and least <= value <= most):
            yield f"{name} {value}"
    for place in (state.position, state.home):
        if place is not None and not (abs(place.lat_deg) <= 90 and abs(place.lon_deg) <= 180):
            yield f"place {place}"
    for text in (state.last_text, state.others_did, *state.not_ready_because):
        if len(text) > 300 or not text.isprintable():
            yield f"text {text!r}"


def _belongs_to_the_transfer(message: Any) -> bool:
    """Is it a part of _PLAN or _MISSION, as they were given?"""
    name, to = message.get_type(), getattr(message, "target_system", None)
    if to != WITHOUT_KEY or name not in WRITES:
        return False
    if name == "MISSION_ITEM_INT":
        items = _ITEMS[message.mission_type]
        params = (message.param1, message.param2, message.param3, message.param4)
        item = Item(message.command, message.frame, params, message.x, message.y, message.z)
        return int(message.seq) < len(items) and items[message.seq] == item
    if name == "MISSION_COUNT":
        return bool(message.count == len(_ITEMS[message.mission_type]))
    if name == "COMMAND_LONG":
        return (message.command, message.param1) == (207, 1.0)
    return name == "MISSION_CLEAR_ALL" or message.param_id in _PARAMETERS


def _place(east_m: float, north_m: float) -> GeoPoint:
    return LocalFrame(HOME, ground_amsl_m=30.0).to_geo(PointEnu(east_m, north_m))[0]


def _corner(east_m: float, north_m: float) -> dict[str, float]:
    return _place(east_m, north_m).model_dump()


def _spec(number: int) -> dict[str, Any]:
    flies = number in KEYS
    return {
        "id": f"vehicle-{number}",
        "kind": VehicleKind.ARDUPILOT_COPTER if flies else VehicleKind.ARDUPILOT_ROVER,
        "connection": "udpin:127.0.0.1:0",
        "system_id": number,
        "simulated": True,
        "dock": "pad",
        "cruise_speed_m_s": 5.0,
        "return_altitude_m": 20.0 + number if flies else None,
    }


_SITE = Site.model_validate(
    {
        "schema_version": 1,
        "id": "siege",
        "name": "Siege",
        "time_zone": "UTC",
        "origin": {"lat_deg": HOME.lat_deg, "lon_deg": HOME.lon_deg, "ground_amsl_m": 30.0},
        "geofence": {"polygon": [_corner(-100, -100), _corner(100, -100), _corner(100, 100), _corner(-100, 100)]},
        "docks": [{"id": "pad", "position": _corner(0, 0)}],
        "rally_points": [{"id": "rally", "position": _corner(3, 3)}],
        "vehicles": [_spec(number) for number in (1, 2, 3)],
    }
)
_SPECS = {spec.system_id: spec for spec in _SITE.vehicles}
_PLAN = safety_plan(_SITE, _SPECS[WITHOUT_KEY].id, ground_station_system_id=OUR_SYSTEM_ID)
_MISSION = FlyMission(tuple(MissionItem(_place(5.0 * n, 5.0), None) for n in range(1, 9)), 0, 2.0)
_ITEMS = {0: mission_of(_MISSION, home=HOME), 1: fence_of(_PLAN), 2: rally_of(_PLAN)}
_PARAMETERS = (
    *("SYSID_MYGCS", "MAV_GCS_SYSID", "FENCE_TYPE", "FENCE_ACTION"),
    *("FENCE_ENABLE", "FS_GCS_ENABLE", "FS_ACTION", "BATT_FS_LOW_ACT"),
)


def _vehicle(number: int, *, link: Link, clock: VirtualClock) -> ArdupilotVehicle:
    driver = ardupilot_copter.Driver if number in KEYS else ardupilot_rover.Driver
    return driver(_SPECS[number], link=link, clock=clock)


def _autopilot(number: int, clock: VirtualClock) -> Autopilot:
    autopilot = Autopilot(
        AutopilotSpec(
            kind=Kind.COPTER if number in KEYS else Kind.ROVER,
            system_id=number,
            home=_place(10.0 * number, 0.0),
            home_amsl_m=30.0,
            boot_s_already=60.0,
        )
    )
    if number in KEYS:
        autopilot.signing.set_up(KEYS[number], (clock.wall_us() - 1_420_070_400_000_000) // 10)
    return autopilot


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Each hostile frame may be worth a line in a log; a million are not."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
