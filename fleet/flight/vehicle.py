"""What a vehicle is to the rest of the fleet: a snapshot that is always fresh or says how old it is, and a few verbs.

Only tasking and the safety monitor may call the verbs, and tasking only with an Approval of the gate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from contract.geo import GeoPoint
from contract.site import VehicleKind
from fleet.flight.capabilities import Lack
from fleet.flight.orders import Approval, ComingHome, Sent


class FlightMode(str, Enum):
    """Modes by meaning, one word for copter and rover."""

    GUIDED = "guided"
    AUTO = "auto"
    HOLD = "hold"  # BRAKE on a copter: holds position and does not sink
    RETURN = "return"
    LAND = "land"
    MANUAL = "manual"  # any mode in which a pilot's sticks decide
    OTHER = "other"


@dataclass(frozen=True)  # renewed with each message
class VehicleState:
    """What is known about one vehicle; None is unknown, never zero. `*_at_us`: our monotonic clock at receipt."""

    vehicle_id: str
    kind: VehicleKind
    system_id: int
    simulated: bool
    heard_at_us: int | None = None  # last heartbeat
    autopilot_uid: str | None = None
    firmware: str | None = None
    mode: FlightMode | None = None
    custom_mode: int | None = None
    armed: bool | None = None
    system_status: int | None = None
    position: GeoPoint | None = None
    position_at_us: int | None = None
    above_home_m: float | None = None
    is_landed: bool | None = None  # its own word for it; a vehicle that drives may not say
    amsl_m: float | None = None
    velocity_east_m_s: float | None = None
    velocity_north_m_s: float | None = None
    heading_deg: float | None = None
    home: GeoPoint | None = None
    battery_frac: float | None = None
    battery_at_us: int | None = None
    gnss_fix: int | None = None
    gnss_sigma_m: float | None = None
    ekf_ready: bool | None = None
    mission_seq: int | None = None  # index into FlyMission.items, from 0, of the item under way
    mission_state: int | None = None  # MISSION_STATE of MISSION_CURRENT: 3 active, 5 complete
    wind_m_s: float | None = None
    safety_uploaded: bool = False  # fence, rally and failsafes are in the vehicle and were read back
    link_loss_frac: float | None = None  # of its frames to us
    round_trip_s: float | None = None  # of a question and its answer, smoothed
    others_did: str = ""  # what another ground station was last seen to do
    others_did_at_us: int | None = None
    not_ready_because: tuple[str, ...] = ("not heard yet",)
    last_text: str = ""
    lacks: tuple[Lack, ...] = ()  # what this kind has no way of doing

    def link_age_s(self, now_us: int) -> float | None:
        return None if self.heard_at_us is None else (now_us - self.heard_at_us) / 1e6


Progress = Callable[[str], None]


class Vehicle(Protocol):
    """One vehicle on its link. The copter and the rover are its two implementations."""

    @property
    def state(self) -> VehicleState:
        """The latest snapshot; safe to read from any thread."""
        ...

    async def carry_out(self, approval: Approval, *, on_progress: Progress) -> Sent:
        """Do one approved order and return when the vehicle's own state confirms it was taken up (a mode, a target, a
        running mission; for a launch: height reached; for a disarm: disarmed). Arrival is the caller's to watch.

        Raises fleet.flight.errors.CommandRefused (the vehicle said no, with its reason), NoAnswer or NotConfirmed.
        """
        ...

    def doubt_mission(self) -> None:
        """What it holds may be half of a mission (we ended in the middle of an upload): it is cleared as soon as the
        vehicle is heard and does not fly it."""
        ...

    def come_home(self, order: ComingHome) -> None:
        """Send once, from any thread, wait for nothing: the safety monitor repeats until `state` confirms."""
        ...
