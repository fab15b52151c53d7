"""A quadcopter: takes off only when told in GUIDED, sinks in modes that wait for a stick, comes home and disarms.

LOITER does not hold position: it reads a throttle stick that nobody holds.
"""

import math
from dataclasses import replace

from contract.geo import PointEnu
from sim.autopilot import items as kept
from sim.autopilot.energy import IDLE_A, copter_current_a
from sim.autopilot.machine import CRITICAL, INFO, Machine
from sim.autopilot.modes import CopterMode, Mode
from sim.autopilot.motion import air_speed_at_lean_m_s, approach_speed_m_s
from sim.autopilot.parameters import COPTER
from sim.autopilot.spec import AutopilotSpec

YAW_RATE_DEG_S = 60.0
YAW_HOLDS_WITHIN_M = 3.0  # closer to the target the nose stays where it is
TOUCHDOWN_TO_DISARM_S = 1.5
STABILIZE_SINK_M_S = 6.0  # throttle stick at zero
SETTLED_M = 0.3


class Copter(Machine):
    """ArduCopter's modes."""

    mode_type = CopterMode
    guided = CopterMode.GUIDED
    auto = CopterMode.AUTO
    returning = CopterMode.RTL

    def __init__(self, spec: AutopilotSpec) -> None:
        super().__init__(spec, COPTER)

    def boot(self, *, already_s: float = 0.0) -> None:
        super().boot(already_s=already_s)
        self.takeoff_to_m: float | None = None
        self.yaw_fixed_deg: float | None = None
        self.has_crashed = False
        self._landed_since_s: float | None = already_s
        self._is_landing = False
        self._rtl_phase = 0
        self._rtl_wait_until_s: float | None = None
        self._rtl_place = self.home
        self._item_until_s: float | None = None

    # What others ask

    @property
    def is_landed(self) -> bool:
        return self._landed_since_s is not None

    def is_under_way(self) -> bool:
        return self.armed and not self.is_landed

    def system_status(self) -> int:
        if self.in_failsafe:
            return 5
        return 4 if self.is_under_way() else 3

    @property
    def cruise_m_s(self) -> float:
        rtl = self.parameters["RTL_SPEED"] if self.mode is CopterMode.RTL else 0.0
        return (rtl or self.parameters["WPNAV_SPEED"]) / 100

    @property
    def current_a(self) -> float:
        if not self.is_under_way():
            return IDLE_A
        return copter_current_a(
            air_speed_m_s=math.hypot(*self.motion.through_air_m_s(self.wind.vector)), climb_m_s=self.motion.up_m_s
        )

    def battery_action(self) -> Mode | None:
        return {0: None, 1: CopterMode.LAND}.get(int(self.parameters["BATT_FS_LOW_ACT"]), CopterMode.RTL)

    def gcs_action(self) -> Mode | None:
        return CopterMode.LAND if self.parameters["FS_GCS_ENABLE"] == 5 else CopterMode.RTL

    def without_position(self) -> None:
        self.say(CRITICAL, "EKF Failsafe: changed to LAND Mode")
        self.set_mode(CopterMode.LAND, by_failsafe=True)

    def disarm_refusal(self) -> str | None:
        return None if self.is_landed else "not landed"

    def disarm(self, *, forced: bool = False) -> bool:
        was_armed = self.armed
        done = super().disarm(forced=forced)
        if done and was_armed:
            self.takeoff_to_m = None
            self.target = None
            self.mission.reset()
        return done

    def mode_refusal(self, mode: Mode) -> str | None:
        if mode is CopterMode.AUTO and not self.mission.has_items:
            return "init failed"
        if mode is CopterMode.AUTO and self.armed and self.is_landed and not self._mission_starts_with_takeoff():
            return "Missing Takeoff Cmd"
        return None

    def _mission_starts_with_takeoff(self) -> bool:
        ahead = self.mission.items[max(1, self.mission.seq) :]
        first = next((item for item in ahead if item.command in kept.NAVIGATION), None)
        return first is not None and first.command == kept.TAKEOFF

    def take_off(self, above_home_m: float) -> bool:
        """MAV_CMD_NAV_TAKEOFF."""
        if self.mode is not CopterMode.GUIDED or not self.armed or not self.is_landed or not above_home_m > 0:
            return False
        self.takeoff_to_m = above_home_m
        self.target = None
        self.is_guided_to_target = False
        return True

    def may_go_to(self, target: PointEnu) -> bool:
        return not self.limits.breach(target)

    def go_to(self, target: PointEnu) -> None:
        """On the ground it is taken, but nothing moves before a takeoff."""
        if not self.is_guided_to_target:
            # The position controller starts afresh: speeds and where to look asked for before are forgotten.
            self.takeoff_to_m = None
            self.speed_override_m_s = None
            self.nose_follows_roi = False
            self.yaw_fixed_deg = None
        super().go_to(target)

    def turn_to(self, heading_deg: float) -> None:
        self.nose_follows_roi = False
        self.yaw_fixed_deg = heading_deg % 360.0

    # Modes

    def entered(self, mode: Mode) -> None:
        self.takeoff_to_m = None
        self.yaw_fixed_deg = None
        self._is_landing = False
        self._rtl_phase = 0
        self._rtl_wait_until_s = None
        self.target = self.motion.stopping_point(self.accel_m_s2)
        if mode is CopterMode.RTL:
            self._rtl_place = self._nearest_way_home()
            self.target = PointEnu(self.motion.east_m, self.motion.north_m, self._rtl_height_m(self._rtl_place))
        if mode is CopterMode.AUTO and self.is_under_way():
            self.mission.start_or_resume()

    def _nearest_way_home(self) -> PointEnu:
        """Home, or a rally point that is nearer and not too far."""
        here = self.motion.point
        places = [self.home] if self.parameters["RALLY_INCL_HOME"] or not self.rally_items else []
        limit_m = self.parameters["RALLY_LIMIT_KM"] * 1000
        for item in self.rally_items:
            point = self.item_point(item)
            if not limit_m or point.horizontal_distance_m(here) <= limit_m:
                places.append(point)
        return min(places or [self.home], key=here.horizontal_distance_m)

    def _rtl_height_m(self, place: PointEnu) -> float:
        read = self.parameters
        wanted = place.up_m if place.up_m > 0 else read["RTL_ALT"] / 100
        lowest = max(2.0, self.motion.up_m + max(0.0, read["RTL_CLIMB_MIN"] / 100))
        height = max(wanted, lowest)
        if read["RTL_CONE_SLOPE"] > 0:
            height = max(lowest, min(height, place.horizontal_distance_m(self.motion.point) * read["RTL_CONE_SLOPE"]))
        return height

    def control(self, dt_s: float) -> None:
        if self.is_landed and not self.armed:
            return
        if not self.armed or self.battery.is_flat:
            self._without_motors(dt_s)
            return
        if self.mode is CopterMode.AUTO:
            self.mission.step(begin=self.begin_item, is_done=self.item_is_done)
        if self.is_landed and self.takeoff_to_m is None:
            self._stand(dt_s)
            return
        self._landed_since_s = None
        if self.mode is CopterMode.RTL:
            self._come_home()
        if self.mode is CopterMode.LAND or self._is_landing:
            self._sink(self._landing_speed_m_s(), dt_s, holds_place=True)
        elif self.mode is CopterMode.STABILIZE:
            self._sink(0.0 if self.pilot_has_sticks else STABILIZE_SINK_M_S, dt_s, holds_place=False)
        elif self.mode in (CopterMode.ALT_HOLD, CopterMode.LOITER, CopterMode.POSHOLD):
            self._sink(self._stick_sink_m_s(), dt_s, holds_place=self.mode is not CopterMode.ALT_HOLD)
        elif self.takeoff_to_m is not None and not self.is_paused:
            self._climb_out(dt_s)
        else:
            self._hold_or_go(dt_s)

    def _stand(self, dt_s: float) -> None:
        self.motion.rest()
        landed_s = self.now_s - max(self._landed_since_s or 0.0, self._armed_at_s)
        at_once = self._is_landing or self.mode in (CopterMode.LAND, CopterMode.RTL)
        delay_s = TOUCHDOWN_TO_DISARM_S if at_once else self.parameters["DISARM_DELAY"]
        if delay_s > 0 and landed_s >= delay_s:
            self.disarm(forced=True)

    def _without_motors(self, dt_s: float) -> None:
        if self.motion.up_m <= 0:
            self.has_crashed |= self.motion.up_m_s < -3.0
            self._touch_down()
            self.disarm(forced=True)
            return
        self._landed_since_s = None
        east, north = self.wind.vector
        self.motion.fall(wind_east_m_s=east, wind_north_m_s=north, dt_s=dt_s)

    def _touch_down(self) -> None:
        self.motion.rest()
        if self._landed_since_s is None:
            self._landed_since_s = self.now_s

    def _come_home(self) -> None:
        """Up to the return height, straight to the place, a wait above it, down."""
        height_m = self.target.up_m if self.target is not None else self.motion.up_m
        if self._rtl_phase == 0 and self.motion.up_m >= height_m - SETTLED_M:
            self._rtl_phase = 1
            self.target = PointEnu(self._rtl_place.east_m, self._rtl_place.north_m, height_m)
        elif self._rtl_phase == 1 and self._has_arrived(self._radius_m):
            self._rtl_phase = 2
            self._rtl_wait_until_s = self.now_s + self.parameters["RTL_LOIT_TIME"] / 1000
        elif self._rtl_phase == 2 and self._rtl_wait_until_s is not None and self.now_s >= self._rtl_wait_until_s:
            self._rtl_phase = 3
            self._is_landing = True

    def _landing_speed_m_s(self) -> float:
        read = self.parameters
        above_low = self.motion.up_m > read["LAND_ALT_LOW"] / 100
        return read["WPNAV_SPEED_DN" if above_low else "LAND_SPEED"] / 100

    def _stick_sink_m_s(self) -> float:
        if self.pilot_has_sticks:
            return 0.0
        return (self.parameters["PILOT_SPEED_DN"] or self.parameters["PILOT_SPEED_UP"]) / 100

    def _sink(self, sink_m_s: float, dt_s: float, *, holds_place: bool) -> None:
        if holds_place and self.ekf_ready:
            east, north = self._velocity_towards(self.target or self.motion.point)[:2]
        else:
            east, north = self.wind.vector
        self._fly(east, north, -sink_m_s, dt_s)
        if self.motion.up_m <= 0:
            self._touch_down()

    def _climb_out(self, dt_s: float) -> None:
        assert self.takeoff_to_m is not None
        missing_m = self.takeoff_to_m - self.motion.up_m
        self._fly(*self._velocity_towards(replace(self.motion.point, up_m=self.takeoff_to_m)), dt_s)
        if abs(missing_m) < SETTLED_M:
            self.target = PointEnu(self.motion.east_m, self.motion.north_m, self.takeoff_to_m)
            self.takeoff_to_m = None

    def _hold_or_go(self, dt_s: float) -> None:
        aim = self.held_at if self.is_paused else self.target
        self._fly(*self._velocity_towards(aim or self.motion.point), dt_s)

    @property
    def accel_m_s2(self) -> float:
        return self.parameters["WPNAV_ACCEL"] / 100

    @property
    def _accel_up_m_s2(self) -> float:
        return self.parameters["WPNAV_ACCEL_Z"] / 100

    @property
    def _radius_m(self) -> float:
        return self.parameters["WPNAV_RADIUS"] / 100

    def _velocity_towards(self, target: PointEnu) -> tuple[float, float, float]:
        """Straight at the target in three dimensions, slowed by whichever limit binds."""
        east, north = target.east_m - self.motion.east_m, target.north_m - self.motion.north_m
        up = target.up_m - self.motion.up_m
        flat_m = math.hypot(east, north)
        flat_speed = self.speed_towards(flat_m)
        climb_limit = self.parameters["WPNAV_SPEED_UP" if up > 0 else "WPNAV_SPEED_DN"] / 100
        up_speed = approach_speed_m_s(abs(up), speed_m_s=climb_limit, accel_m_s2=self._accel_up_m_s2)
        if flat_m > 1.0 and abs(up) > 1.0:
            scale = min(flat_speed / flat_m, up_speed / abs(up))
            return east * scale, north * scale, up * scale
        flat_scale = flat_speed / flat_m if flat_m > 0 else 0.0
        return east * flat_scale, north * flat_scale, math.copysign(up_speed, up)

    def _fly(self, east_m_s: float, north_m_s: float, up_m_s: float, dt_s: float) -> None:
        """Towards a velocity over ground, as far as leaning ANGLE_MAX against the air allows: beyond it drifts."""
        wind_east, wind_north = self.wind.vector
        air_m_s = math.hypot(east_m_s - wind_east, north_m_s - wind_north)
        most_m_s = air_speed_at_lean_m_s(math.radians(self.parameters["ANGLE_MAX"] / 100))
        if air_m_s > most_m_s:
            share = most_m_s / air_m_s
            east_m_s = wind_east + (east_m_s - wind_east) * share
            north_m_s = wind_north + (north_m_s - wind_north) * share
        self.motion.fly(
            east_m_s=east_m_s,
            north_m_s=north_m_s,
            up_m_s=up_m_s,
            accel_m_s2=self.accel_m_s2,
            accel_up_m_s2=self._accel_up_m_s2,
            dt_s=dt_s,
        )
        heading = self._wanted_heading_deg()
        if heading is None:
            self.motion.turn_deg_s = 0.0
        else:
            self.motion.turn(heading, rate_deg_s=YAW_RATE_DEG_S, dt_s=dt_s)

    def _wanted_heading_deg(self) -> float | None:
        here = self.motion
        if self.nose_follows_roi and self.roi is not None:
            return math.degrees(math.atan2(self.roi.east_m - here.east_m, self.roi.north_m - here.north_m))
        if self.yaw_fixed_deg is not None:
            return self.yaw_fixed_deg
        if self.mode not in (CopterMode.GUIDED, CopterMode.AUTO) or self.target is None or self.is_paused:
            return None
        east, north = self.target.east_m - here.east_m, self.target.north_m - here.north_m
        return math.degrees(math.atan2(east, north)) if math.hypot(east, north) > YAW_HOLDS_WITHIN_M else None

    def _has_arrived(self, within_m: float) -> bool:
        if self.target is None:
            return True
        here = self.motion.point
        return self.target.horizontal_distance_m(here) <= within_m and abs(self.target.up_m - here.up_m) <= 1.0

    # Mission items

    def begin_item(self, item: kept.Item) -> None:
        self._item_until_s = None
        self._is_landing = False
        command = item.command
        if command == kept.TAKEOFF:
            self.takeoff_to_m = max(self.item_point(item).up_m, self.motion.up_m)
        elif command in (kept.WAYPOINT, kept.LOITER_TIME, kept.LOITER_UNLIM):
            self.target = self.item_point(item)
        elif command == kept.LAND:
            place = self.item_point(item)
            self.target = PointEnu(place.east_m, place.north_m, self.motion.up_m)
        elif command == kept.RTL:
            self._rtl_place = self._nearest_way_home()
            self._rtl_phase = 0
            self.target = PointEnu(self.motion.east_m, self.motion.north_m, self._rtl_height_m(self._rtl_place))
        elif command == kept.DELAY:
            self._item_until_s = self.now_s + item.params[0]
        elif command == kept.CONDITION_YAW:
            self.turn_to(item.params[0] + (self.motion.heading_deg if item.params[3] else 0.0))
        else:
            self.carry_out_at_once(item)

    def item_is_done(self, item: kept.Item) -> bool:
        command = item.command
        if self.is_paused:
            return False
        if command == kept.TAKEOFF:
            return self.takeoff_to_m is None
        if command == kept.DELAY:
            return self._item_until_s is not None and self.now_s >= self._item_until_s
        if command == kept.RTL:
            self._come_home()
            return self.is_landed
        if command == kept.LAND:
            self._is_landing = self._is_landing or self._has_arrived(self._radius_m)
            return self.is_landed
        if command == kept.LOITER_UNLIM or not self._has_arrived(self._radius_m):
            return False
        if self._item_until_s is None:
            self._item_until_s = self.now_s + item.params[0]
            if command == kept.WAYPOINT:
                self.say(INFO, f"Reached command #{self.mission.seq}")
        return self.now_s >= self._item_until_s
