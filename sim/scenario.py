"""The scenario file: a site, who is about, what breaks, what persons do, and what must come of it.

Everything that is not in this file, the site file and the seed is the same in every run. Places are metres east and
north of the site's origin; moments are seconds since the scenario began. Paths are relative to the scenario's file.
"""

from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from contract.frozen import Frozen, Identifier
from contract.site import Site
from fleet.decision.sop_document import ProcedureBook

EPOCH, LATEST_START = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (1970, 2200))
Metres = Annotated[float, Field(ge=-5_000.0, le=5_000.0)]
Seconds = Annotated[float, Field(ge=0.0, le=7 * 86_400.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
ModeName = Annotated[str, Field(pattern=r"^[A-Z_]+$")]  # of an autopilot, as in ArduPilot's own list


class Weather(Frozen):
    wind_m_s: Annotated[float, Field(ge=0.0, le=30.0)] = 3.0
    wind_from_deg: Annotated[float, Field(ge=0.0, lt=360.0)] = 250.0
    visibility_m: Annotated[float, Field(gt=0.0, le=50_000.0)] = 10_000.0  # haze: contrast falls to 2 % there


class Light(Frozen):
    """By night the sun is gone and only the scenery's lamps shine."""

    is_night: bool = False
    sun_elevation_deg: Annotated[float, Field(gt=0.0, le=90.0)] = 35.0
    sun_heading_deg: Annotated[float, Field(ge=0.0, lt=360.0)] = 160.0  # where it stands, clockwise from north
    lamps_on: bool = True


class ActorKind(str, Enum):
    PERSON = "person"
    ANIMAL = "animal"  # of a dog's size
    MOTOR_VEHICLE = "motor_vehicle"


class Gait(str, Enum):
    """How a person moves; the speed that goes with it is in sim/actors.py."""

    WALK = "walk"
    RUN = "run"
    CROUCH = "crouch"
    CRAWL = "crawl"


class Stop(Frozen):
    """A place on an actor's way."""

    east_m: Metres
    north_m: Metres
    wait_s: Seconds = 0.0


class Actor(Frozen):
    """Somebody or something that moves. `cell` names what its attack is counted under in the score."""

    id: Identifier
    kind: ActorKind = ActorKind.PERSON
    gait: Gait = Gait.WALK
    route: Annotated[tuple[Stop, ...], Field(min_length=1)]
    starts_at_s: Seconds = 0.0
    speed_m_s: Annotated[float, Field(gt=0.0, le=40.0)] | None = None  # the gait's own when left out
    stays: bool = True  # at the end of its way; else it is gone
    intrudes: bool = True  # in a zone it is to be alarmed; only persons can
    clothing: Literal["plain", "dark", "light", "camouflage"] = "plain"
    cell: str | None = None

    @model_validator(mode="after")
    def _is_what_it_claims(self) -> "Actor":
        if self.kind is not ActorKind.PERSON and "gait" in self.model_fields_set:
            raise ValueError(f"actor '{self.id}': only a person has a gait")
        return self


# What a feed's detector answers with


class Recorded(Frozen):
    """Detections that a real detector recorded, a row a frame."""

    sees: Literal["recorded"]
    detections: str


class Rendered(Frozen):
    """The world drawn by MuJoCo and looked at by a real detector. `recording` is what it saw when this was last done:
    without --live it is played back, and no renderer or model is needed."""

    sees: Literal["rendered"]
    model: str  # name or path; ONNX
    recording: str | None = None
    noise: Fraction = 0.02  # of the camera, one standard deviation of full scale


class Modelled(Frozen):
    """A box for every actor in view, kept by chance as its height in the picture allows. For runs about anything but
    seeing."""

    sees: Literal["modelled"]
    sure_px: Annotated[float, Field(gt=0.0)] = 40.0  # tall enough to be found every time
    blind_px: Annotated[float, Field(gt=0.0)] = 12.0  # too small to be found at all
    jitter_px: Annotated[float, Field(ge=0.0)] = 1.0
    sketched: bool = False  # its pictures are drawn roughly: movement without a name and tampering are judged by pixels

    @model_validator(mode="after")
    def _is_blind_below_sure(self) -> "Modelled":
        if self.blind_px >= self.sure_px:
            raise ValueError(f"expected blind_px below sure_px {self.sure_px:g}, got {self.blind_px:g}")
        return self


class FeedPlan(Frozen):
    """One camera of the site at work."""

    camera: Identifier
    rate_hz: Annotated[float, Field(gt=0.0, le=30.0)] = 5.0
    latency_s: Annotated[float, Field(ge=0.0, le=5.0)] = 0.1  # from the light to the node
    score_min: Fraction = 0.0  # weaker detections are left out: the threshold that `compare` may vary
    glance: bool = False  # the node looks at each picture before its detector: does it move, is the view its own
    eye: Annotated[Recorded | Rendered | Modelled, Field(discriminator="sees")]

    @model_validator(mode="after")
    def _has_something_to_glance_at(self) -> "FeedPlan":
        if self.glance and not (isinstance(self.eye, Modelled) and self.eye.sketched):
            raise ValueError(
                f"feed '{self.camera}': a glance needs pictures: expected an eye that is modelled and sketched"
            )
        return self


class VehicleStart(Frozen):
    """How one of the site's vehicles is when the scenario begins; it stands in its dock, or where it was left."""

    id: Identifier
    stands: Stop | None = None
    battery_frac: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    switched_on_s_before: Seconds = 60.0


# What persons do


class OperatorAct(Frozen):
    """An order by a named person. `target`: the zone or vehicle that is meant; for incident orders the oldest open
    one is meant."""

    at_s: Seconds
    by: Annotated[str, Field(min_length=3)] = "operator"
    do: Literal[
        "recall_all",
        "hold",
        "return_home",
        "release",
        "take_back",
        "set_zone",
        "unset_zone",
        "acknowledge",
        "dispatch",
        "approve",
        "close",
        "approve_step",
        "veto_step",
    ]
    target: Identifier | None = None

    @model_validator(mode="after")
    def _says_whom_it_means(self) -> "OperatorAct":
        wants = self.do in ("hold", "return_home", "release", "take_back", "set_zone", "unset_zone")
        if wants != (self.target is not None):
            raise ValueError(f"'{self.do}': expected {'a' if wants else 'no'} target, got {self.target!r}")
        return self


# What breaks


class _Fault(Frozen):
    at_s: Seconds
    for_s: Annotated[float, Field(gt=0.0)] | None = None  # to the end when left out

    @property
    def ends_at_s(self) -> float:
        return float("inf") if self.for_s is None else self.at_s + self.for_s

    @property
    def subject(self) -> str | None:
        """What breaks, where there is more than one of its kind."""
        named = (getattr(self, key, None) for key in ("of", "vehicle", "camera", "node", "icao", "dock"))
        return next((str(name) for name in named if name is not None), None)


class BrokerDown(_Fault):
    kind: Literal["broker_down"]


class BadLink(_Fault):
    """`of`: a vehicle (MAVLink) or a node (MQTT). Both ways, each message by its own chance."""

    kind: Literal["bad_link"]
    of: Identifier
    loss_frac: Fraction = 0.0
    delay_s: Annotated[float, Field(ge=0.0, le=60.0)] = 0.0
    duplicate_frac: Fraction = 0.0
    reorder_frac: Fraction = 0.0  # these are overtaken by what is sent within `delay_s` + 0.2 s


class LinkLost(_Fault):
    kind: Literal["link_lost"]
    of: Identifier


class GnssJump(_Fault):
    """The vehicle believes itself beside where it is."""

    kind: Literal["gnss_jump"]
    vehicle: Identifier
    east_m: Metres = 0.0
    north_m: Metres = 0.0


class GnssLost(_Fault):
    kind: Literal["gnss_lost"]
    vehicle: Identifier


class BatterySag(_Fault):
    """Charge drops at once to `to_frac`, if it was above."""

    kind: Literal["battery_sag"]
    vehicle: Identifier
    to_frac: Fraction


class WindBlows(_Fault):
    """Another wind, at once and over the whole site; then the weather's own again."""

    kind: Literal["wind_blows"]
    wind_m_s: Annotated[float, Field(ge=0.0, le=40.0)]
    wind_from_deg: Annotated[float, Field(ge=0.0, lt=360.0)]


class PilotTakes(_Fault):
    """A pilot's mode switch; at the end he switches to `leaves_in` and lets the sticks go."""

    kind: Literal["pilot_takes"]
    vehicle: Identifier
    mode: ModeName
    leaves_in: ModeName


class StationAct(Frozen):
    """What another ground station does, so long after it came."""

    after_s: Seconds = 0.0
    do: Literal["go_to", "set_mode", "stop_positions"]
    east_m: Metres = 0.0
    north_m: Metres = 0.0
    above_home_m: Annotated[float, Field(ge=0.0, le=500.0)] = 20.0
    mode: ModeName | None = None

    @model_validator(mode="after")
    def _says_which_mode(self) -> "StationAct":
        if (self.do == "set_mode") != (self.mode is not None):
            raise ValueError(f"'{self.do}': expected {'a' if self.do == 'set_mode' else 'no'} mode, got {self.mode!r}")
        return self


class OtherStation(_Fault):
    """Another ground station, system 255, on the vehicle's own link."""

    kind: Literal["other_station"]
    vehicle: Identifier
    acts: tuple[StationAct, ...] = ()


class SameId(_Fault):
    """One more autopilot with the vehicle's system id and port is switched on; the run knows it as `named`."""

    kind: Literal["same_id"]
    vehicle: Identifier
    named: Identifier
    east_m: Metres
    north_m: Metres


class CameraFreeze(_Fault):
    """The same picture again and again."""

    kind: Literal["camera_freeze"]
    camera: Identifier


class CameraBlackout(_Fault):
    """Black pictures, in time."""

    kind: Literal["camera_blackout"]
    camera: Identifier


class CameraBlur(_Fault):
    """Out of focus: the smaller something is, the sooner it is lost."""

    kind: Literal["camera_blur"]
    camera: Identifier
    sigma_px: Annotated[float, Field(gt=0.0, le=50.0)] = 4.0


class CameraTurned(_Fault):
    """Somebody turned it to the right, without a word to the site file."""

    kind: Literal["camera_turned"]
    camera: Identifier
    by_deg: Annotated[float, Field(ge=-80.0, le=80.0)] = 30.0


class CameraLost(_Fault):
    """No frames."""

    kind: Literal["camera_lost"]
    camera: Identifier


class DiskFull(_Fault):
    """The node's outbox takes nothing."""

    kind: Literal["disk_full"]
    node: Identifier


class NodeKill(_Fault):
    """Killed; started again after `for_s` on the same disk."""

    kind: Literal["node_kill"]
    node: Identifier


class DockFails(_Fault):
    """A dock that is a machine. `jams`: its lid does not open and it says so; `shuts`: it closes by itself."""

    kind: Literal["dock_fails"]
    dock: Identifier
    how: Literal["jams", "shuts", "falls_silent"]


class CoordinatorKill(_Fault):
    """Killed; started again after `for_s` on the same store."""

    kind: Literal["coordinator_kill"]


class ClockStep(_Fault):
    """The wall clock of a node or of the `coordinator` is set by so much; `for_s` sets it back."""

    kind: Literal["clock_step"]
    of: Identifier
    by_s: Annotated[float, Field(ge=-86_400.0, le=86_400.0)]


class MannedTraffic(_Fault):
    """An aircraft flies straight on, from a place relative to the site's origin; every vehicle's receiver hears it."""

    kind: Literal["manned_traffic"]
    icao: Annotated[str, Field(pattern=r"^[0-9a-f]{6}$")]
    callsign: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$")]
    east_m: Annotated[float, Field(ge=-20_000.0, le=20_000.0)]
    north_m: Annotated[float, Field(ge=-20_000.0, le=20_000.0)]
    above_ground_m: Annotated[float, Field(ge=0.0, le=10_000.0)] | None = None  # it says no height when left out
    track_deg: Annotated[float, Field(ge=0.0, lt=360.0)]
    speed_m_s: Annotated[float, Field(ge=0.0, le=300.0)]


Fault = Annotated[
    BrokerDown
    | BadLink
    | LinkLost
    | GnssJump
    | GnssLost
    | BatterySag
    | WindBlows
    | PilotTakes
    | OtherStation
    | SameId
    | CameraFreeze
    | CameraBlackout
    | CameraBlur
    | CameraTurned
    | CameraLost
    | DiskFull
    | NodeKill
    | DockFails
    | CoordinatorKill
    | ClockStep
    | MannedTraffic,
    Field(discriminator="kind"),
]


# What must come of it


class Expectation(Frozen):
    """A figure of score.json by its dotted path, such as `alert.f1` or `cells.walk-10m.detected`, and its bounds. A
    figure that could not be measured (null) meets no bound."""

    what: Annotated[str, Field(pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")]
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> "Expectation":
        if self.at_least is None and self.at_most is None:
            raise ValueError(f"'{self.what}': expected at_least, at_most or both, got neither")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"'{self.what}': nothing is at least {self.at_least:g} and at most {self.at_most:g}")
        return self


# Scenery: what the world shows and the site file does not need


class FenceLine(Frozen):
    line: Annotated[tuple[Stop, ...], Field(min_length=2)]
    height_m: Annotated[float, Field(gt=0.0, le=10.0)] = 2.4


class Upright(Frozen):
    """A lamp, a pole or a tree."""

    east_m: Metres
    north_m: Metres
    height_m: Annotated[float, Field(gt=0.0, le=40.0)] = 6.0


class Scenery(Frozen):
    fences: tuple[FenceLine, ...] = ()
    lamps: tuple[Upright, ...] = ()
    poles: tuple[Upright, ...] = ()
    trees: tuple[Upright, ...] = ()  # they sway with the wind
    bushes: tuple[Upright, ...] = ()


class Scenario(Frozen):
    schema_version: Literal[1]
    id: Identifier
    title: str
    description: str = ""
    site: str
    scenery: str | None = None
    procedures: str | None = None  # the site's standard operating procedures
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    start: Annotated[AwareDatetime, Field(ge=EPOCH, lt=LATEST_START)] = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
    length_s: Annotated[float, Field(gt=0.0, le=7 * 86_400.0)]
    weather: Weather = Weather()
    light: Light = Light()
    feeds: tuple[FeedPlan, ...] = ()
    actors: tuple[Actor, ...] = ()
    vehicles: tuple[VehicleStart, ...] = ()  # those of the site that are switched on
    operator: tuple[OperatorAct, ...] = ()
    faults: tuple[Fault, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    # Cells that one figure of the score judges together: `groups.<name>.f1`.
    cell_groups: dict[Identifier, tuple[str, ...]] = Field(default_factory=dict)


class Loaded(Frozen):
    """A scenario with what it names, read and checked against one another (sim.scenario_file). `path` is its own."""

    path: Path
    scenario: Scenario
    site: Site
    scenery: Scenery
    book: ProcedureBook | None = None

    def file(self, name: str) -> Path:
        """A path that the scenario names."""
        return self.path.parent / name
