"""What a drone's camera films for `bench drone`: people in a yard with trees in it, two flights over them, and every
frame with the truth and with what a real detector finds in it.

Site and scenery are those of the sterile strip, with trees where people walk; the lens gives a person 30 m below some
40 to 45 px.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.site import CameraPose, OpenCvLens
from detectors.detections import Detections
from detectors.detector import Detector
from detectors.frame import Frame, ImageBgr
from sim.actors import Walk, everybody
from sim.flight import Flight
from sim.scenario import Actor, Loaded, Stop, Upright
from sim.scenario_file import load_scenario
from sim.sight import Seen
from sim.world.drawn import Noise
from sim.world.opening import open_world

SCENARIO = Path(__file__).parent.parent / "scenarios" / "sterile-day-near.yaml"
CAMERA = "drone"
LENS = OpenCvLens.pinhole(1280, 720, focal_px=1250.0)
FRAME_US = 100_000
FIRST_US = 37_000  # frames never fall on the moment of a pose
TREES = ((14.0, -14.0, 5.5), (24.0, -22.0, 6.5), (30.0, -12.0, 5.0))  # east, north, height

Way = Sequence[tuple[float, float, float]]  # east, north, seconds to wait there


def actor(name: str, speed_m_s: float, way: Way) -> Actor:
    route = tuple(Stop(east_m=east, north_m=north, wait_s=wait) for east, north, wait in way)
    return Actor(id=name, speed_m_s=speed_m_s, route=route)


CROWD = (
    actor("a", 1.4, [(8, -8, 0), (32, -24, 2), (10, -26, 0), (8, -10, 0)]),
    actor("b", 1.4, [(9, -8.5, 0), (33, -24.5, 2), (11, -26.5, 0), (9, -10.5, 0)]),  # beside a
    actor("c", 1.2, [(32, -9, 0), (12, -25, 1), (30, -25, 0), (30, -8, 0)]),  # against them
    actor("d", 0.9, [(20, -12, 3), (24, -25.5, 4), (18, -16, 0), (28, -16, 0)]),  # behind a tree
    actor("e", 1.6, [(14, -28, 0), (14, -10.5, 0), (30, -14.5, 0), (16, -27, 0), (30, -20, 0)]),
    actor("f", 1.3, [(26, -18, 12), (16, -18, 6), (26, -10, 0)]),  # stands, walks, stands
)
PAIRS = (
    actor("g", 1.5, [(10, -20, 0), (36, -20, 0), (10, -20, 0)]),
    actor("h", 1.1, [(36, -19, 0), (10, -19, 0), (36, -19, 0)]),  # past one another
    actor("i", 1.3, [(24, -28, 0), (24, -8, 0), (24, -28, 0)]),  # across their way, behind the tree
    actor("j", 1.3, [(26, -28, 0), (26, -8, 0), (26, -28, 0)]),
    actor("k", 3.0, [(12, -10, 2), (34, -26, 2), (12, -26, 2), (34, -10, 0)]),  # runs and waits
)


@dataclass(frozen=True, slots=True)
class Take:
    name: str
    flight: Flight
    actors: tuple[Actor, ...]
    length_s: float
    frame_us: int = FRAME_US

    @property
    def frames(self) -> int:
        return round(self.length_s * 1e6 / self.frame_us)


TAKES = (
    Take("round", Flight((22, -18), 30.0, 30.0, (22, -18), round_s=45.0, looks_aside_s=(12.0, 24.5)), CROWD, 30.0),
    Take(
        "past",
        Flight((22, -52), 26.0, 3.0, (23, -18), bearing_deg=270.0, round_s=26.0, looks_aside_s=(9.0, 17.0), seed=2),
        PAIRS,
        26.0,
    ),
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame. seen: who is in it, box and share that is seen; stood: actor to east, north in metres; found: the
    detector's answer. image_bgr: kept of few."""

    pts_us: int
    pose: CameraPose
    seen: tuple[Seen, ...]
    stood: dict[str, tuple[float, float]]
    found: Detections
    image_bgr: ImageBgr | None = None


def scene_of(take: Take) -> Loaded:
    loaded = load_scenario(SCENARIO)
    trees = tuple(Upright(east_m=east, north_m=north, height_m=height) for east, north, height in TREES)
    scenery = loaded.scenery.model_copy(update={"trees": (*loaded.scenery.trees, *trees)})
    scenario = loaded.scenario.model_copy(update={"actors": take.actors})
    return loaded.model_copy(update={"scenario": scenario, "scenery": scenery})


def shots_of(take: Take, detector: Detector | None, *, keep_at_s: float | None = None) -> Iterator[Shot]:
    """Drawn and looked at one by one; without a detector nothing is found. `keep_at_s`: the moment whose picture is
    kept. Raises WorldError where nothing can be drawn, DetectorError as the detector does."""
    walks = [Walk(each) for each in take.actors]
    noise = Noise(sigma_frac=0.02, seed=1, camera=CAMERA)
    with open_world(scene_of(take), sizes_px=[(LENS.width_px, LENS.height_px)]) as world:
        for index in range(take.frames):
            pts_us = FIRST_US + index * take.frame_us
            time_s = pts_us / 1e6
            pose = take.flight.at(time_s)
            drawn = world.draw(time_s, pose, LENS, noise=noise)
            found = Detections.none()
            if detector is not None:
                (found,) = detector.detect([detector.prepare(Frame(drawn.image_bgr, pts_us, pts_us, index, 0))])
            yield Shot(
                pts_us=pts_us,
                pose=pose,
                seen=drawn.boxes,
                stood={each.actor.id: (each.east_m, each.north_m) for each in everybody(walks, time_s)},
                found=found,
                image_bgr=drawn.image_bgr
                if keep_at_s is not None and abs(time_s - keep_at_s) * 2e6 < take.frame_us
                else None,
            )
