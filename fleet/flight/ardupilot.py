"""What ArduPilot's copter and rover have in common: orders into commands, and waiting for the vehicle to show it.

An acknowledgement is never the end of an order: a mode counts when a heartbeat shows it, a target when it is reported.
LOITER, ALT_HOLD and POSHOLD are never used: they read a throttle stick that nobody holds, and the aircraft sinks.
"""

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping
from typing import ClassVar

import anyio
import structlog
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from contract.clock import Clock
from contract.geo import GeoPoint, LocalFrame, distance_m
from contract.site import Vehicle as VehicleSpec
from fleet.flight.ardupilot_look import look_ahead, look_at, look_by_region
from fleet.flight.ardupilot_parameters import is_listed, parameter_request
from fleet.flight.ardupilot_safety import upload_safety
from fleet.flight.capabilities import Lack
from fleet.flight.errors import CommandRefused, FlightError, LinkDown, NoAnswer, NotConfirmed
from fleet.flight.half_mission import HalfMission
from fleet.flight.mavlink_codec import Frame, Message
from fleet.flight.mavlink_link import Link
from fleet.flight.mavlink_mission import MissionKind, first_seqs, item_of_seq, mission_of, upload_verified
from fleet.flight.mavlink_port import Act, Port, command_long, reposition
from fleet.flight.mavlink_quality import RoundTrip
from fleet.flight.mavlink_streams import Streams
from fleet.flight.orbit import mission_of_orbit
from fleet.flight.orders import (
    Approval,
    ComingHome,
    Disarm,
    FlyMission,
    GoTo,
    Hold,
    HoldLow,
    Land,
    Launch,
    LookAt,
    Orbit,
    ReturnHome,
    Sent,
    ToDock,
    UploadSafety,
)
from fleet.flight.other_stations import Act as OthersAct
from fleet.flight.other_stations import OtherStations
from fleet.flight.snapshots import renewed
from fleet.flight.telemetry import Airframe, Telemetry, hear, late_s, moved, not_ready_because
from fleet.flight.vehicle import FlightMode, Progress, VehicleState

_TICK_S = 0.25  # how late a request for telemetry may be
_OTHERS_TOLD_EACH_US = 10_000_000

TAKEN_UP_WITHIN_S = 10.0  # a target shows in POSITION_TARGET_GLOBAL_INT each 0.5 s
TARGET_WITHIN_M = 1.5
ARRIVED_WITHIN_M = 3.0
ARM_EACH_S = 1.0
DISARM_WITHIN_S = 5.0
STOPS_WITHIN_S = 10.0
STILL_M_S = 0.1
MOVING_M_S = 0.5  # towards the target: more than a held position wanders
MISSION_RUNS = (None, 3, 5)  # MISSION_STATE: not said, active, complete

_log = structlog.get_logger(__name__)


class ArdupilotVehicle(ABC):
    """One vehicle; build it, `run` it in a task group."""

    airframe: ClassVar[Airframe]
    numbers: ClassVar[Mapping[FlightMode, int]]  # custom_mode of what we order
    lacks: ClassVar[tuple[Lack, ...]] = ()
    has_nose: ClassVar[bool] = False  # turns where it stands to what is to be looked at
    disarmed_in: ClassVar[FlightMode | None] = None  # the mode it must be in to disarm; None: whichever it is in

    def __init__(self, spec: VehicleSpec, *, link: Link, clock: Clock) -> None:
        self.spec = spec
        self._link = link
        self._clock = clock
        self._port = Port(link, spec.system_id, clock=clock)
        state = VehicleState(spec.id, spec.kind, spec.system_id, spec.simulated, lacks=self.lacks)
        self._telemetry = Telemetry(state, bound_uid=spec.autopilot_uid)
        self._streams = Streams(self._port, for_cameras=link.is_forwarded)
        self._round_trip = RoundTrip(spec.system_id)
        self._mission_seqs: tuple[int, ...] = ()  # where the items of the mission that it flies begin
        self._half_mission = HalfMission(self._port, vehicle_id=spec.id)
        self._others = OtherStations((link.system_id, link.component_id), spec.system_id)
        self._told: tuple[tuple[Telemetry, bool, bool, int | None, float | None], VehicleState] | None = None
        link.attach(spec.system_id, self._on_frame)

    @property
    def state(self) -> VehicleState:
        """Put together anew only when something it is made of has changed: it is read far more often than that. The
        loss of frames changes with a frame, and so with telemetry."""
        telemetry, system_id, now_us = self._telemetry, self.spec.system_id, self._clock.monotonic_us()
        is_quarantined, is_forged = self._link.is_quarantined(system_id), self._link.is_forged(system_id)
        round_trip_s = self._round_trip.round_trip_s(now_us)
        made_of = (telemetry, is_quarantined, is_forged, late_s(telemetry, now_us), round_trip_s)
        told = self._told
        if told is not None and told[0][0] is telemetry and told[0][1:] == made_of[1:]:
            return told[1]
        seq = telemetry.state.mission_seq
        state = renewed(
            telemetry.state,
            link_loss_frac=self._link.loss_frac(system_id),
            round_trip_s=round_trip_s,
            not_ready_because=not_ready_because(
                telemetry, now_us=now_us, is_listed=is_listed, is_quarantined=is_quarantined, is_forged=is_forged
            ),
            mission_seq=None if seq is None else item_of_seq(seq, self._mission_seqs),
        )
        self._told = (made_of, state)
        return state

    @property
    def telemetry(self) -> Telemetry:
        """Everything heard, raw; for logs and tests."""
        return self._telemetry

    async def run(self) -> None:
        """Ask for telemetry, and ask again when it stops or the autopilot rebooted; until cancelled."""
        boots = self._telemetry.boots
        while True:
            if self._telemetry.boots != boots:
                boots = self._telemetry.boots
                self._streams.forget()
                _log.warning("autopilot rebooted", vehicle=self.spec.id)
            self._streams.ask(self._telemetry)
            now_us = self._clock.monotonic_us()
            if self._telemetry.state.heard_at_us is not None and late_s(self._telemetry, now_us) is None:
                self._say(self._round_trip.question(now_us))
                for name in self._others.doubted(now_us):
                    self._say(parameter_request(self.spec.system_id, name))
                self._half_mission.clear(self._telemetry.state.mode)
            await anyio.sleep(_TICK_S)

    async def carry_out(self, approval: Approval, *, on_progress: Progress) -> Sent:
        if approval.vehicle_id != self.spec.id:
            raise CommandRefused(f"{self.spec.id}: the approval is for vehicle '{approval.vehicle_id}'")
        act = Act(self._port, approval, telemetry=lambda: self._telemetry, on_progress=on_progress)
        act.raise_if_expired()
        order = approval.order
        if not isinstance(order, Hold | ReturnHome | Land):
            self._refuse_strangers(act)
        self._port.begin(act)
        if not isinstance(order, LookAt):
            self._others.expect_target(None)
        if isinstance(order, Hold | ReturnHome | Land):
            await self._come_home(act, order)
        elif isinstance(order, UploadSafety):
            await self._upload_safety(act, order)
        elif isinstance(order, Launch):
            await self._launch_if_safe(act, order)
        elif isinstance(order, GoTo):
            await self._go_to(act, order)
        elif isinstance(order, ToDock):
            await self._go_to(act, GoTo(order.point, order.above_home_m, order.speed_m_s))
        elif isinstance(order, LookAt):
            await look_at(act, order.point, has_nose=self.has_nose)
        elif isinstance(order, Orbit):
            await self._orbit(act, order)
        elif isinstance(order, FlyMission):
            await self._fly_mission(act, order)
        else:
            await self._disarm(act, order)
        return act.sent()

    def doubt_mission(self) -> None:
        self._half_mission.leave()

    def come_home(self, order: ComingHome) -> None:
        """Once, from any thread; raises LinkDown."""
        if isinstance(order, HoldLow):
            target = reposition(self.spec.system_id, order.point, above_home_m=order.above_home_m)
            self._port.send_home(target, what=type(order).__name__)
            return
        mode = self.coming_home_mode(order)
        message = command_long(
            self.spec.system_id,
            mavlink.MAV_CMD_DO_SET_MODE,
            *(float(mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED), float(self.numbers[mode])),
        )
        self._port.send_home(message, what=type(order).__name__)

    @abstractmethod
    def coming_home_mode(self, order: Hold | ReturnHome | Land) -> FlightMode:
        """Which mode does it."""

    @abstractmethod
    async def launch(self, act: Act, order: Launch) -> None:
        """GUIDED is set and confirmed by `take_guided`, motors by `arm`."""

    @abstractmethod
    def mission_refusal(self, state: VehicleState) -> str | None:
        """Why a mission cannot start from here."""

    # Orders

    async def _come_home(self, act: Act, order: Hold | ReturnHome | Land) -> None:
        await self.take(act, self.coming_home_mode(order))

    async def _upload_safety(self, act: Act, order: UploadSafety) -> None:
        self._set_safety_uploaded(False)
        try:
            self._others.expect_parameters({})
            doubts = self._others.safety_doubts
            self._others.expect_parameters(await upload_safety(act, order.plan, kind=self.spec.kind))
            self._refuse_doubts(act, since=doubts)
        except FlightError as err:
            self._telemetry = renewed(self._telemetry, safety_refusal=str(err).removeprefix(f"{act.name}: "))
            raise
        self._set_safety_uploaded(True)

    def _refuse_doubts(self, act: Act, *, since: int) -> None:
        if self._others.safety_doubts != since:
            raise NotConfirmed(f"{act.name}: meanwhile {self._telemetry.state.others_did}")

    async def _launch_if_safe(self, act: Act, order: Launch) -> None:
        if not self._telemetry.state.safety_uploaded:
            raise CommandRefused(f"{act.name}: fence and failsafes are not in the vehicle, so it is not armed")
        await self.launch(act, order)

    async def _go_to(self, act: Act, order: GoTo) -> None:
        self._refuse_unknown_height(act, order.above_home_m)
        if order.look_at is None:
            look_ahead(act)
        if self._telemetry.state.mode is FlightMode.GUIDED:  # so that it never starts faster; below it is made sure of
            act.send(command_long(act.port.system_id, mavlink.MAV_CMD_DO_CHANGE_SPEED, *_speed(order.speed_m_s)))
        started_us = self._clock.monotonic_us()
        height = "" if order.above_home_m is None else f" {order.above_home_m:.1f} m above home"
        await act.command_at(
            mavlink.MAV_CMD_DO_REPOSITION,
            order.point,
            above_home_m=order.above_home_m or 0.0,
            params=(-1.0, float(mavlink.MAV_DO_REPOSITION_FLAGS_CHANGE_MODE), 0.0, math.nan),
            said=f"DO_REPOSITION {_place(order.point)}{height}",
        )
        await self._or_hold(act, self._set_speed(act, order.speed_m_s))  # again: a mode just entered has its own speed
        if not await act.mode_is(self.numbers[FlightMode.GUIDED], since_us=started_us, within_s=TAKEN_UP_WITHIN_S):
            raise NotConfirmed(f"{act.name}: acknowledged, but the heartbeat shows mode {self._telemetry.state.mode}")
        if not await act.until(lambda: self._is_on_its_way(order.point, started_us), within_s=TAKEN_UP_WITHIN_S):
            raise NotConfirmed(f"{act.name}: acknowledged, but neither its target nor its motion shows it")
        self._others.expect_target(order.point)
        if order.look_at is not None:  # after the target: taking up a target points the nose ahead again
            await self._try(act, look_by_region(act, order.look_at))

    async def _orbit(self, act: Act, order: Orbit) -> None:
        """As a mission: DO_ORBIT is unknown to ArduPilot, and CIRCLE is flown by parameters that a stick changes."""
        await self._fly_mission(act, mission_of_orbit(order))
        await self._try(act, look_by_region(act, order.centre))  # after AUTO, which points the nose ahead again

    async def _fly_mission(self, act: Act, order: FlyMission) -> None:
        state = self._telemetry.state
        if not 0 <= order.from_index < len(order.items):
            raise CommandRefused(f"{act.name}: expected from_index below {len(order.items)}, got {order.from_index}")
        for item in order.items:
            self._refuse_unknown_height(act, item.above_home_m)
        refusal = self.mission_refusal(state)
        if refusal is not None:
            raise CommandRefused(f"{act.name}: {refusal}")
        if state.home is None:
            raise CommandRefused(f"{act.name}: home is not known, and a mission begins with it")
        if state.mode is FlightMode.AUTO:  # an upload overwrites in place: never under a running mission
            await self.take(act, FlightMode.HOLD)
        look_ahead(act)
        items = mission_of(order, home=state.home)
        self._half_mission.begin()
        said, on_left = f"mission of {len(order.items)} points", self._half_mission.leave
        await upload_verified(act, MissionKind.MISSION, items, said=said, on_left=on_left)
        self._mission_seqs = first_seqs(order)
        seq = self._mission_seqs[order.from_index]
        await act.command(mavlink.MAV_CMD_DO_SET_MISSION_CURRENT, seq, 1.0, said=f"DO_SET_MISSION_CURRENT {seq}")
        await self.take(act, FlightMode.AUTO)
        since_us = self._clock.monotonic_us()
        speed = self._set_speed(act, order.speed_m_s)
        await (self._or_hold(act, speed) if order.from_index else self._try(act, speed))  # the first brings its own

        def runs() -> bool:
            now = self._telemetry.state
            is_fresh = self._telemetry.heard.get("MISSION_CURRENT", 0) > since_us
            return is_fresh and now.mission_state in MISSION_RUNS and (now.mission_seq or 0) >= seq

        if not await act.until(runs, within_s=TAKEN_UP_WITHIN_S):
            now = self._telemetry.state
            raise NotConfirmed(
                f"{act.name}: expected item {seq} active, got item {now.mission_seq}, state {now.mission_state}"
            )

    async def _disarm(self, act: Act, order: Disarm) -> None:
        refusal = self.disarm_refusal(self._telemetry.state)
        if refusal is not None:
            raise CommandRefused(f"{act.name}: {refusal}")
        if self.disarmed_in is not None:
            await self.take(act, self.disarmed_in)
            await act.until(self._stands_still, within_s=STOPS_WITHIN_S)  # else the vehicle says no
        await act.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 0.0, said="disarm")  # never with 21196: that falls
        since_us = self._clock.monotonic_us()
        if not await act.until(lambda: self._armed_since(since_us) is False, within_s=DISARM_WITHIN_S):
            raise NotConfirmed(f"{act.name}: acknowledged, but the heartbeat still says armed")

    def disarm_refusal(self, state: VehicleState) -> str | None:
        """Why it may not be disarmed here; the vehicle refuses in the air by itself as well."""
        return None

    # Steps that orders are made of

    async def take(self, act: Act, mode: FlightMode) -> None:
        await act.take_mode(self.numbers[mode], called=mode.value)

    async def arm(self, act: Act) -> None:
        """Once a second until the vehicle agrees or the approval expires; its reasons are told meanwhile."""
        while True:
            try:
                await act.command(mavlink.MAV_CMD_COMPONENT_ARM_DISARM, 1.0, said="arm")
            except CommandRefused as refusal:
                act.progress(str(refusal))
                await act.until(lambda: False, within_s=ARM_EACH_S)
                if self._clock.monotonic_us() >= act.approval.expires_at_us:
                    raise
            else:
                return

    async def _set_speed(self, act: Act, speed_m_s: float) -> None:
        await act.command(
            mavlink.MAV_CMD_DO_CHANGE_SPEED, *_speed(speed_m_s), said=f"DO_CHANGE_SPEED {speed_m_s:.1f} m/s"
        )

    async def _try(self, act: Act, step: Awaitable[None]) -> None:
        """A step whose refusal does not undo the order; being overtaken still ends it."""
        try:
            await step
        except (CommandRefused, NoAnswer, NotConfirmed) as err:
            act.raise_if_overtaken()
            act.progress(str(err))

    async def _or_hold(self, act: Act, step: Awaitable[None]) -> None:
        """A step without which the vehicle must not go on: it holds (unless a pilot has it), and the error goes on."""
        try:
            await step
        except FlightError:
            if self._telemetry.state.mode is not FlightMode.MANUAL:
                await self._try(act, self.take(act, FlightMode.HOLD))
            raise

    def _refuse_unknown_height(self, act: Act, above_home_m: float | None) -> None:
        if self.spec.kind.flies and above_home_m is None:
            raise CommandRefused(f"{act.name}: expected a height above home for a copter")

    # What the vehicle shows

    def _is_on_its_way(self, point: GeoPoint, since_us: int) -> bool:
        now = self._telemetry
        if (
            now.target is not None
            and (now.target_at_us or 0) > since_us
            and distance_m(now.target, point) < TARGET_WITHIN_M
        ):
            return True
        state = now.state
        if state.position is None or (state.position_at_us or 0) <= since_us:
            return False
        way = LocalFrame(state.position, ground_amsl_m=0.0).to_enu(point)
        ahead_m = math.hypot(way.east_m, way.north_m)
        if ahead_m < ARRIVED_WITHIN_M:
            return True
        east, north = state.velocity_east_m_s or 0.0, state.velocity_north_m_s or 0.0
        return (east * way.east_m + north * way.north_m) / ahead_m > MOVING_M_S

    def _stands_still(self) -> bool:
        state = self._telemetry.state
        east, north = state.velocity_east_m_s, state.velocity_north_m_s
        return east is not None and north is not None and math.hypot(east, north) < STILL_M_S

    def _armed_since(self, since_us: int) -> bool | None:
        """What heartbeats after `since_us` say; None while there was none."""
        return self._telemetry.state.armed if (self._telemetry.mode_at_us or 0) > since_us else None

    # Identity and telemetry

    def _refuse_strangers(self, act: Act) -> None:
        """SAFETY 11: only the autopilot that is bound to this vehicle is commanded. Coming home asks nobody."""
        now = self._telemetry
        uid = now.state.autopilot_uid
        if uid is None or uid != now.bound_uid:
            raise CommandRefused(f"{act.name}: expected autopilot UID {now.bound_uid or 'to be known'}, got {uid}")
        if now.wrong_type is not None:
            raise CommandRefused(f"{act.name}: expected a {self.airframe.called}, got heartbeat type {now.wrong_type}")

    def _set_safety_uploaded(self, is_uploaded: bool) -> None:
        state = renewed(self._telemetry.state, safety_uploaded=is_uploaded)
        self._telemetry = renewed(self._telemetry, state=state, safety_refusal="")

    def _on_frame(self, frame: Frame, has_moved: bool) -> None:
        if has_moved:
            self._telemetry = moved(self._telemetry)
        self._telemetry = hear(
            self._telemetry, frame.message, now_us=self._clock.monotonic_us(), airframe=self.airframe
        )
        act = self._others.hear(frame.message, self._telemetry, self._clock.monotonic_us())
        if act is not None:
            self._note_others(act)
        self._link.keep_pace(self.spec.system_id, self._telemetry.pace)
        if frame.name == "TIMESYNC":
            self._say(self._round_trip.hear(frame.message, self._clock.monotonic_us()))
        elif frame.name == "MISSION_ACK":
            self._half_mission.hear(frame.message)
        self._port.deliver(frame)

    def _note_others(self, act: OthersAct) -> None:
        now_us, state = self._clock.monotonic_us(), self._telemetry.state
        if state.others_did_at_us is None or now_us - state.others_did_at_us > _OTHERS_TOLD_EACH_US:
            _log.warning("another station acts", vehicle=self.spec.id, what=act.what)
        if act.undoes_safety:
            self._set_safety_uploaded(False)
        state = renewed(self._telemetry.state, others_did=act.what, others_did_at_us=now_us)
        self._telemetry = renewed(self._telemetry, state=state)

    def _say(self, message: Message | None) -> None:
        """What is asked again soon where there is no link now."""
        if message is not None:
            with contextlib.suppress(LinkDown):
                self._port.send_harmless(message)


def _speed(speed_m_s: float) -> tuple[float, float, float]:
    return float(mavlink.SPEED_TYPE_GROUNDSPEED), speed_m_s, -1.0  # throttle as it is


def _place(point: GeoPoint) -> str:
    return f"{point.lat_deg:.7f},{point.lon_deg:.7f}"
