"""What copter and rover share: boot, modes, arming, home, failsafes, fence, mission. No MAVLink framing, no I/O.

Time is the vehicle's own (`now_s` since boot) and only `step` moves it.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache

from contract.geo import GeoPoint, LocalFrame, PointEnu
from sim.autopilot import fence as fences
from sim.autopilot import items as kept
from sim.autopilot.energy import Battery
from sim.autopilot.mission_run import MissionRun
from sim.autopilot.modes import Mode
from sim.autopilot.motion import Motion, approach_speed_m_s
from sim.autopilot.navigation import Navigation
from sim.autopilot.parameters import Parameters
from sim.autopilot.spec import AutopilotSpec
from sim.autopilot.traffic import TrafficReceiver
from sim.autopilot.wind import Wind

EKF_READY_S = 41.0  # measured: position modes are ready about then after boot
MODE_SETTLES_S = 5.0  # a mode set sooner is acknowledged, then undone
GYROS_READY_S = 12.0
PREARM_JUDGED_EACH_S = 1.0
STEP_S = 0.04  # 25 Hz inside, whatever `step` is given
CRITICAL, WARNING, INFO = 2, 4, 6  # MAV_SEVERITY


class Machine(ABC):
    """One vehicle's state and its reflexes. The ground is flat: up is above home and above ground alike."""

    mode_type: type[Mode]
    guided: Mode
    auto: Mode
    returning: Mode

    def __init__(self, spec: AutopilotSpec, table: Mapping[str, tuple[float, int]]) -> None:
        self.spec = spec
        self.frame = LocalFrame(spec.home, ground_amsl_m=spec.home_amsl_m)
        self.to_geo = lru_cache(maxsize=8)(self.frame.to_geo)  # a vehicle that stands still is asked over and over
        self.parameters = Parameters(dict(table), firmware=spec.firmware)
        self.parameters.set_inside("SYSID_THISMAV", spec.system_id)
        self.motion = Motion(heading_deg=spec.heading_deg)
        capacity_mah = self.parameters["BATT_CAPACITY"]
        self.battery = Battery(capacity_mah, used_mah=(1.0 - spec.battery_frac) * capacity_mah)
        self.navigation = Navigation()
        self.receiver = TrafficReceiver()
        self.mission = MissionRun()
        self.fence_items: list[kept.Item] = []
        self.rally_items: list[kept.Item] = []
        self.texts: list[tuple[int, str]] = []
        self.home_was_told = False
        self._random = random.Random(f"{spec.seed}/{spec.system_id}")  # noqa: S311 - weather, not secrets
        self.wind = Wind(spec.wind_m_s, spec.wind_from_deg)
        self.pilot_has_sticks = False
        self._said_from = (0.0, 0.0)
        self.boot(already_s=spec.boot_s_already)

    def boot(self, *, already_s: float = 0.0) -> None:
        """Switched on, or rebooted: parameters and items stay, everything else is forgotten."""
        self.now_s = already_s
        self._move_belief(self.navigation.take_jump())
        self.navigation.boot()
        self.armed = False
        self.mode = self.mode_type(int(self.parameters["INITIAL_MODE"]))
        self.home: PointEnu = PointEnu(self.motion.east_m, self.motion.north_m)
        self.home_is_locked = False
        self.home_was_told = already_s >= EKF_READY_S
        self.target: PointEnu | None = None
        self.speed_override_m_s: float | None = None
        self.roi: PointEnu | None = None
        self.gimbal_pitch_deg = 0.0
        self.gimbal_heading_deg: float | None = None  # from north; None: as the nose
        self.nose_follows_roi = False
        self.is_paused = False
        self.held_at: PointEnu | None = None
        self.is_guided_to_target = False
        self.pre_arm_ok = False
        self.gcs_heard_at_s: float | None = None
        self.gcs_failsafe = False
        self.battery_failsafe = False
        self.ekf_failsafe = False
        self.breach_type = fences.BREACH_NONE
        self.breach_count = 0
        self.breach_at_s = 0.0
        self._battery_low_since_s: float | None = None
        self._mode_to_undo: Mode | None = None
        self._armed_at_s = 0.0
        self._next_second_s = already_s
        self.mission.reset()
        self.limits = self.fence_limits()

    # What each kind does in its own way

    @abstractmethod
    def control(self, dt_s: float) -> None:
        """One inner step of the current mode."""

    @abstractmethod
    def entered(self, mode: Mode) -> None:
        """A mode was just taken up."""

    @abstractmethod
    def mode_refusal(self, mode: Mode) -> str | None:
        """Why this mode cannot be entered now."""

    def disarm_refusal(self) -> str | None:
        """Why motors must not stop now; wheels may at any time."""
        return None

    @abstractmethod
    def begin_item(self, item: kept.Item) -> None: ...

    @abstractmethod
    def item_is_done(self, item: kept.Item) -> bool: ...

    @abstractmethod
    def battery_action(self) -> Mode | None: ...

    @abstractmethod
    def gcs_action(self) -> Mode | None: ...

    @abstractmethod
    def is_under_way(self) -> bool:
        """In the air, or driving about: when a failsafe has something to do."""

    @abstractmethod
    def system_status(self) -> int: ...

    @property
    @abstractmethod
    def cruise_m_s(self) -> float: ...

    @property
    @abstractmethod
    def accel_m_s2(self) -> float: ...

    @property
    @abstractmethod
    def current_a(self) -> float: ...

    # Time

    def step(self, dt_s: float) -> None:
        """Advance by exactly `dt_s`, one inner step."""
        self.now_s += dt_s
        if self.now_s >= self._next_second_s:
            self._next_second_s = self.now_s + PREARM_JUDGED_EACH_S
            self._each_second()
        if self._mode_to_undo is not None and self.now_s >= MODE_SETTLES_S:
            self.set_mode(self._mode_to_undo)
            self._mode_to_undo = None
        self.control(dt_s)
        self.battery.drain(self.current_a, dt_s)
        self._watch_gcs()
        if self.armed:
            self._watch_fence()

    def _each_second(self) -> None:
        draw = self._random.gauss
        self.wind.gust(draw)
        east, north = self.navigation.wander
        self.navigation.wander = (0.95 * east + draw(0.0, 0.05), 0.95 * north + draw(0.0, 0.05))
        self.pre_arm_ok = self.arm_refusal() is None
        self.battery.capacity_mah = max(1.0, self.parameters["BATT_CAPACITY"])
        self._watch_battery()
        self._watch_position()

    # Readiness

    @property
    def ekf_ready(self) -> bool:
        return self.now_s >= EKF_READY_S and self.navigation.is_usable(self.now_s)

    def arm_refusal(self) -> str | None:
        """The first reason not to arm in the current mode."""
        if not self.mode.is_armable:
            return f"{self.mode.name} mode not armable"
        if not self.parameters.checks_before_arming:
            return None
        if self.now_s < GYROS_READY_S:
            return "Gyros not calibrated"
        if self.battery_failsafe:
            return "Battery failsafe"
        if self.battery.remaining_mah < self.parameters["BATT_ARM_MAH"]:
            return "Battery 1 below minimum arming capacity"
        fence_on = bool(self.parameters["FENCE_ENABLE"])
        if (self.mode.needs_position or fence_on) and not self.ekf_ready:
            return "Need Position Estimate"
        if fence_on and self.limits.breach(self.motion.point) != fences.BREACH_NONE:
            return "Vehicle breaching fence"
        return None

    def arm(self, *, forced: bool = False) -> bool:
        if self.armed:
            return True
        refusal = None if forced else self.arm_refusal()
        if refusal is not None:
            self.say(CRITICAL, f"Arm: {refusal}")
            return False
        self.armed = True
        self._armed_at_s = self.now_s
        if self.ekf_ready and not self.home_is_locked:
            self.home = PointEnu(self.motion.east_m, self.motion.north_m)
            self.home_was_told = False
            self.limits = self.fence_limits()
        self.say(INFO, "Arming motors")
        return True

    def disarm(self, *, forced: bool = False) -> bool:
        if not self.armed:
            return True
        refusal = None if forced else self.disarm_refusal()
        if refusal is not None:
            self.say(CRITICAL, f"Disarm: {refusal}")
            return False
        self.armed = False
        self.speed_override_m_s = None
        self.say(INFO, "Disarming motors")
        return True

    # Modes

    def set_mode(self, number: int, *, by_failsafe: bool = False) -> bool:
        """True when acknowledged; early in boot that does not mean it lasts."""
        try:
            mode = self.mode_type(number)
        except ValueError:
            self.say(WARNING, f"No such mode {number}")
            return False
        if mode is self.mode:
            return True
        refusal = None if mode.is_simulated else "not available"
        refusal = refusal or self._position_refusal(mode) or self.mode_refusal(mode)
        if refusal is not None:
            self.say(WARNING, f"Mode change to {mode.name} failed: {refusal}")
            return False
        if self.now_s < MODE_SETTLES_S and not by_failsafe and self._mode_to_undo is None:
            self._mode_to_undo = self.mode
        if self.mode is self.auto:
            self.mission.stop()
        self.mode = mode
        self.speed_override_m_s = None
        self.nose_follows_roi = False
        self.is_paused = False
        self.target = None
        self.is_guided_to_target = False
        self.entered(mode)
        return True

    def _position_refusal(self, mode: Mode) -> str | None:
        return "requires position" if self.armed and mode.needs_position and not self.ekf_ready else None

    # Places

    def enu(self, x: int, y: int) -> PointEnu:
        """Local point on the ground of degrees times 1e7."""
        point = self.frame.to_enu(GeoPoint(lat_deg=x / 1e7, lon_deg=y / 1e7))
        return PointEnu(point.east_m, point.north_m)

    def item_point(self, item: kept.Item) -> PointEnu:
        """Where an item is; its height is brought to metres above home. (0, 0) means right here."""
        up_m = item.z - self.spec.home_amsl_m if item.frame == kept.AMSL else item.z
        if item.x == 0 and item.y == 0:
            return PointEnu(self.motion.east_m, self.motion.north_m, up_m)
        ground = self.enu(item.x, item.y)
        return PointEnu(ground.east_m, ground.north_m, up_m)

    def reported_position(self) -> tuple[GeoPoint, float]:
        """What the vehicle says of itself: its belief and a slowly wandering error, the last one while it has no
        receiver; AMSL metres."""
        motion, (east_m, north_m) = self.motion, self.navigation.wander
        if self.navigation.is_usable(self.now_s):
            self._said_from = (motion.east_m + east_m, motion.north_m + north_m)
        return self.to_geo(PointEnu(*self._said_from, motion.up_m))

    def receiver_position(self) -> tuple[GeoPoint, float]:
        """What the receiver says, before the vehicle has judged it."""
        jump_east_m, jump_north_m = self.navigation.jump
        if jump_east_m == 0.0 and jump_north_m == 0.0:
            return self.reported_position()
        motion, (east_m, north_m) = self.motion, self.navigation.wander
        return self.to_geo(
            PointEnu(motion.east_m + jump_east_m + east_m, motion.north_m + jump_north_m + north_m, motion.up_m)
        )

    def true_point(self) -> PointEnu:
        """Where it is, whatever it believes."""
        here, (east_m, north_m) = self.motion, self.navigation.believed_off
        return PointEnu(here.east_m - east_m, here.north_m - north_m, here.up_m)

    def _move_belief(self, by: tuple[float, float]) -> None:
        """The estimate was reset: what the vehicle chose itself moves along, so that it does not leap; what it was
        told is elsewhere now."""
        east_m, north_m = by
        if east_m == 0.0 and north_m == 0.0:
            return
        self.motion.east_m += east_m
        self.motion.north_m += north_m
        if self.target is not None and not self.has_navigation_target():
            self.target = _moved(self.target, east_m, north_m)
        if self.held_at is not None:
            self.held_at = _moved(self.held_at, east_m, north_m)

    def may_go_to(self, target: PointEnu) -> bool:
        """Whether a target from outside is taken at all."""
        return True

    def go_to(self, target: PointEnu) -> None:
        """A target from outside (GUIDED). A pause goes on until it is lifted, whatever targets come."""
        self.target = target
        self.is_guided_to_target = True

    def has_navigation_target(self) -> bool:
        """Whether `target` is what the vehicle reports as its target."""
        return self.is_guided_to_target if self.mode is self.guided else self.mode in (self.auto, self.returning)

    # What GUIDED and AUTO share

    def pause(self) -> bool:
        """MAV_CMD_DO_PAUSE_CONTINUE 0: hold here."""
        if self.mode not in (self.guided, self.auto):
            return False
        self.is_paused = True
        self.held_at = self.motion.stopping_point(self.accel_m_s2)
        return True

    def go_on(self) -> bool:
        if self.mode not in (self.guided, self.auto):
            return False
        self.is_paused = False
        return True

    def look_at(self, point: PointEnu | None) -> None:
        """Camera and, on a copter, the nose; None looks ahead again."""
        self.roi = point
        self.gimbal_heading_deg = None
        self.nose_follows_roi = point is not None

    def carry_out_at_once(self, item: kept.Item) -> None:
        """A DO_ command of a mission."""
        if item.command == kept.DO_CHANGE_SPEED:
            self.speed_override_m_s = item.params[1] if item.params[1] > 0 else self.speed_override_m_s
        elif item.command in (kept.DO_SET_ROI_LOCATION, kept.DO_SET_ROI):
            self.look_at(self.item_point(item) if item.x or item.y else None)
        elif item.command == kept.DO_SET_ROI_NONE:
            self.look_at(None)

    # Fence

    def fence_limits(self) -> fences.FenceLimits:
        """All limits that are on; none while FENCE_ENABLE is 0."""
        read = self.parameters
        if not read["FENCE_ENABLE"]:
            return fences.FenceLimits(home=self.home)
        bits = int(read["FENCE_TYPE"])
        try:
            shapes = fences.shapes_of(self.fence_items, self.item_point) if bits & fences.TYPE_POLYGON else ()
        except fences.BadFence:
            shapes = ()
        return fences.FenceLimits(
            shapes=shapes,
            home=self.home,
            radius_m=read["FENCE_RADIUS"] if bits & fences.TYPE_CIRCLE else None,
            max_up_m=read["FENCE_ALT_MAX"] if bits & fences.TYPE_MAX_ALT else None,
            min_up_m=read["FENCE_ALT_MIN"] if bits & fences.TYPE_MIN_ALT else None,
        )

    def enable_fence(self, *, is_on: bool) -> None:
        """MAV_CMD_DO_FENCE_ENABLE: everything FENCE_TYPE names, circle and height limit too."""
        self.parameters.set_inside("FENCE_ENABLE", float(is_on))
        self.settings_changed()

    def settings_changed(self) -> None:
        self.parameters.set_inside("FENCE_TOTAL", len(self.fence_items))
        self.parameters.set_inside("RALLY_TOTAL", len(self.rally_items))
        self.limits = self.fence_limits()

    def _watch_fence(self) -> None:
        if not self.parameters["FENCE_ENABLE"]:
            self.breach_type = fences.BREACH_NONE
            return
        if not self.ekf_ready:  # without a position there is no fence
            return
        breach = self.limits.breach(self.motion.point)
        is_new = breach != fences.BREACH_NONE and self.breach_type == fences.BREACH_NONE
        self.breach_type = breach
        if is_new:
            self.breach_count += 1
            self.breach_at_s = self.now_s
            self.say(CRITICAL, "Fence Breached")
            if self.parameters["FENCE_ACTION"] and self.is_under_way():
                self.set_mode(self.returning, by_failsafe=True)

    # Failsafes

    def _watch_gcs(self) -> None:
        if not self.parameters["FS_GCS_ENABLE"] or self.gcs_heard_at_s is None:
            self.gcs_failsafe = False
            return
        is_gone = self.now_s - self.gcs_heard_at_s > self.parameters["FS_GCS_TIMEOUT"]
        if is_gone and not self.gcs_failsafe:
            self.say(CRITICAL, "GCS Failsafe")
            self._act(self.gcs_action())
        elif self.gcs_failsafe and not is_gone:
            self.say(WARNING, "GCS Failsafe Cleared")
        self.gcs_failsafe = is_gone

    def _watch_battery(self) -> None:
        read = self.parameters
        low_volt = 0 < self.battery.voltage_v < read["BATT_LOW_VOLT"]
        low_mah = self.battery.remaining_mah < read["BATT_LOW_MAH"]
        if self.battery_failsafe or not self.armed or not (low_volt or low_mah):
            self._battery_low_since_s = None
            return
        if self._battery_low_since_s is None:
            self._battery_low_since_s = self.now_s
        if low_mah or self.now_s - self._battery_low_since_s >= read["BATT_LOW_TIMER"]:
            self.battery_failsafe = True
            self.say(WARNING, f"Battery 1 is low {self.battery.voltage_v:.2f}V used {self.battery.used_mah:.0f} mAh")
            if read["BATT_FS_LOW_ACT"]:
                self.say(WARNING, "Battery Failsafe")
                self._act(self.battery_action())

    def _watch_position(self) -> None:
        if self.now_s < EKF_READY_S:
            return
        was_glitching = self.navigation.is_glitching
        if self.navigation.step(self.now_s):
            self._move_belief(self.navigation.take_jump())
        if self.navigation.is_glitching != was_glitching:
            self.say(CRITICAL, "Glitch cleared" if was_glitching else "GPS Glitch or Compass error")
        if not self.navigation.has_failed:
            self.ekf_failsafe = False
        elif not self.ekf_failsafe and self.armed:
            self.ekf_failsafe = True
            self.say(CRITICAL, "EKF variance")
            if self.is_under_way() and self.mode.needs_position:
                self.without_position()

    @abstractmethod
    def without_position(self) -> None:
        """The position is lost in a mode that needs it."""

    def _act(self, mode: Mode | None) -> None:
        if mode is None:
            return
        if self.is_under_way():
            self.set_mode(mode, by_failsafe=True)
        else:
            self.disarm(forced=True)

    @property
    def in_failsafe(self) -> bool:
        return self.gcs_failsafe or self.battery_failsafe or self.ekf_failsafe

    # Mission

    def start_mission(self) -> bool:
        """MAV_CMD_MISSION_START."""
        if not self.set_mode(self.auto):
            return False
        if not self.mission.is_running:
            self.mission.start_or_resume()
        return True

    def speed_towards(self, distance_m: float) -> float:
        speed_m_s = self.cruise_m_s if self.speed_override_m_s is None else self.speed_override_m_s
        return approach_speed_m_s(distance_m, speed_m_s=speed_m_s, accel_m_s2=self.accel_m_s2)

    def say(self, severity: int, text: str) -> None:
        """STATUSTEXT on every link; the oldest are dropped when nobody reads."""
        self.texts.append((severity, text[:50]))
        del self.texts[:-50]


def _moved(point: PointEnu, east_m: float, north_m: float) -> PointEnu:
    return PointEnu(point.east_m + east_m, point.north_m + north_m, point.up_m)
