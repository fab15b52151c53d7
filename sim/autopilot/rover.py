"""A ground vehicle: no takeoff, arms and drives; stays armed when it came home; stops short of its fence."""

import math

from contract.geo import PointEnu
from sim.autopilot import items as kept
from sim.autopilot.energy import rover_current_a
from sim.autopilot.machine import CRITICAL, Machine
from sim.autopilot.mission_run import MissionState
from sim.autopilot.modes import Mode, RoverMode
from sim.autopilot.motion import turn_between_deg
from sim.autopilot.parameters import ROVER
from sim.autopilot.spec import AutopilotSpec

COASTS_AT_M_S2 = 0.5  # motors off: nothing brakes
STOPS_INSIDE_M = 0.3  # of the target: it has arrived
TURNS_ON_THE_SPOT_BEYOND_DEG = 60.0


class Rover(Machine):
    """ArduRover's modes."""

    mode_type = RoverMode
    guided = RoverMode.GUIDED
    auto = RoverMode.AUTO
    returning = RoverMode.RTL

    def __init__(self, spec: AutopilotSpec) -> None:
        super().__init__(spec, ROVER)

    def boot(self, *, already_s: float = 0.0) -> None:
        super().boot(already_s=already_s)
        self._item_until_s: float | None = None

    def is_under_way(self) -> bool:
        return self.armed

    def system_status(self) -> int:
        if self.in_failsafe:
            return 5
        return 3 if self.mode is RoverMode.HOLD or not self.armed else 4

    @property
    def cruise_m_s(self) -> float:
        rtl = self.parameters["RTL_SPEED"] if self.mode is RoverMode.RTL else 0.0
        return rtl or self.parameters["WP_SPEED"]

    @property
    def accel_m_s2(self) -> float:
        return self.parameters["ATC_ACCEL_MAX"]

    @property
    def current_a(self) -> float:
        return rover_current_a(ground_speed_m_s=self.motion.forward_speed_m_s)

    def battery_action(self) -> Mode | None:
        return {0: None, 1: RoverMode.RTL}.get(int(self.parameters["BATT_FS_LOW_ACT"]), RoverMode.HOLD)

    def gcs_action(self) -> Mode | None:
        return {0: None, 1: RoverMode.RTL}.get(int(self.parameters["FS_ACTION"]), RoverMode.HOLD)

    def without_position(self) -> None:
        self.say(CRITICAL, "EKF failsafe: changed to HOLD")
        self.set_mode(RoverMode.HOLD, by_failsafe=True)

    def mode_refusal(self, mode: Mode) -> str | None:
        return "no mission" if mode is RoverMode.AUTO and not self.mission.has_items else None

    def disarm(self, *, forced: bool = False) -> bool:
        done = super().disarm(forced=forced)
        if done and self.mode is not RoverMode.AUTO:
            self.mission.reset()
        return done

    def entered(self, mode: Mode) -> None:
        if mode is RoverMode.RTL:
            self.target = self.home
        if mode is RoverMode.AUTO:
            self.mission.start_or_resume()

    # Driving

    def control(self, dt_s: float) -> None:
        if self.mode is RoverMode.AUTO and self.armed:
            self.mission.step(begin=self.begin_item, is_done=self.item_is_done)
            if self.mission.state is MissionState.COMPLETE:
                self.target = None
        speed_m_s = self._steer(dt_s) if self._may_drive() else 0.0
        accel = self.accel_m_s2 if self.armed else COASTS_AT_M_S2
        self.motion.drive(speed_m_s=speed_m_s, accel_m_s2=accel, dt_s=dt_s)

    def _may_drive(self) -> bool:
        driving = self.mode in (RoverMode.GUIDED, RoverMode.AUTO, RoverMode.RTL)
        return self.armed and driving and not self.is_paused and not self.battery.is_flat

    def _steer(self, dt_s: float) -> float:
        """Turn towards the target; the speed to ask for."""
        self.motion.turn_deg_s = 0.0
        if self.target is None:
            return 0.0
        here = self.motion
        east, north = self.target.east_m - here.east_m, self.target.north_m - here.north_m
        distance_m = math.hypot(east, north)
        if distance_m <= STOPS_INSIDE_M:
            return 0.0
        heading = math.degrees(math.atan2(east, north))
        error_deg = abs(turn_between_deg(here.heading_deg, heading))
        here.turn(heading, rate_deg_s=self.parameters["ATC_STR_RAT_MAX"] / 2, dt_s=dt_s)
        if error_deg > TURNS_ON_THE_SPOT_BEYOND_DEG:
            return 0.0
        return min(self.speed_towards(distance_m) * math.cos(math.radians(error_deg)), self._fence_speed_m_s())

    def _fence_speed_m_s(self) -> float:
        """Slow enough to stop FENCE_MARGIN inside the fence when heading for it."""
        margin_m = self.parameters["FENCE_MARGIN"]
        depth_m = self.limits.boundary_depth_m(self.motion.point)
        heading = math.radians(self.motion.heading_deg)
        ahead = PointEnu(self.motion.east_m + math.sin(heading) * 0.1, self.motion.north_m + math.cos(heading) * 0.1)
        if math.isinf(depth_m) or self.limits.boundary_depth_m(ahead) >= depth_m:
            return math.inf
        room_m = depth_m - margin_m
        return math.sqrt(self.accel_m_s2 * room_m) if room_m > 0 else 0.0

    # Mission items

    def begin_item(self, item: kept.Item) -> None:
        self._item_until_s = None
        if item.command in (kept.WAYPOINT, kept.LOITER_TIME, kept.LOITER_UNLIM):
            self.target = self.item_point(item)
        elif item.command == kept.RTL:
            self.target = self.home
        elif item.command == kept.DELAY:
            self._item_until_s = self.now_s + item.params[0]
        else:
            self.carry_out_at_once(item)

    def item_is_done(self, item: kept.Item) -> bool:
        if item.command in (kept.TAKEOFF, kept.LAND):
            return True  # nothing a rover can do: passed over
        if item.command == kept.DELAY:
            return self._item_until_s is not None and self.now_s >= self._item_until_s
        arrived = (
            self.target is None or self.target.horizontal_distance_m(self.motion.point) <= self.parameters["WP_RADIUS"]
        )
        if item.command == kept.LOITER_UNLIM or not arrived:
            return False
        if self._item_until_s is None:
            self._item_until_s = self.now_s + item.params[0]
        return self.now_s >= self._item_until_s
