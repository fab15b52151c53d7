"""A scenario from its file, with the files it names, checked against one another.

A model sees only itself; here is what takes two: names of the site, files beside the scenario, the edge of the world.
Whatever is wrong is one line that names file, line and key.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from contract.documents import parse_document, place_of
from contract.envelope import COORDINATOR
from contract.errors import DocumentError
from contract.site import parse_site
from fleet.decision.sop_document import parse_procedures
from sim.autopilot.modes import CopterMode, RoverMode
from sim.scenario import (
    Actor,
    BadLink,
    BatterySag,
    ClockStep,
    Fault,
    LinkLost,
    Loaded,
    OtherStation,
    PilotTakes,
    Recorded,
    Rendered,
    SameId,
    Scenario,
    Scenery,
)

WORLD_MARGIN_M = 200.0  # beyond the geofence that actors may be

ADDS_UP = (BadLink, BatterySag, ClockStep)  # two of these on one thing at once mean something
Key = Sequence[int | str]
Complaint = tuple[Key, str]


def load_scenario(path: Path, *, site_path: Path | None = None) -> Loaded:
    """Read the scenario and the files it names, or with another site than it names. Raises DocumentError with one line:
    file, line, key."""
    text = _text(path)
    scenario = parse_document(text, Scenario, source=str(path))
    if site_path is None:
        site_path = path.parent / scenario.site
        site_text = _text(site_path, named_at=_at(path, text, ["site"]))
    else:
        scenario = scenario.model_copy(update={"site": str(site_path.resolve())})
        site_text = _text(site_path)
    site = parse_site(site_text, source=str(site_path))
    scenery = Scenery()
    if scenario.scenery is not None:
        scenery_path = path.parent / scenario.scenery
        scenery_text = _text(scenery_path, named_at=_at(path, text, ["scenery"]))
        scenery = parse_document(scenery_text, Scenery, source=str(scenery_path))
    book = None
    if scenario.procedures is not None:
        book_path = path.parent / scenario.procedures
        book_text = _text(book_path, named_at=_at(path, text, ["procedures"]))
        book = parse_procedures(book_text, source=str(book_path), site=site)
    loaded = Loaded(path=path, scenario=scenario, site=site, scenery=scenery, book=book)
    _refuse(path, text, list(_complaints(loaded)))
    return loaded


def expect_recordings(loaded: Loaded) -> None:
    """For a run without --live. Raises DocumentError for a rendered feed that was not recorded."""
    _refuse(loaded.path, _text(loaded.path), list(_unrecorded(loaded)))


def _refuse(path: Path, text: str, complaints: Sequence[Complaint]) -> None:
    if complaints:
        key, complaint = complaints[0]
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise DocumentError(f"{_at(path, text, key)}: {complaint}{more}")


def _unrecorded(loaded: Loaded) -> Iterator[Complaint]:
    for number, feed in enumerate(loaded.scenario.feeds):
        if isinstance(feed.eye, Rendered):
            if feed.eye.recording is None:
                yield ["feeds", number, "eye"], "no recording: run it with --live"
            elif not loaded.file(feed.eye.recording).is_file():
                missing = loaded.file(feed.eye.recording)
                yield ["feeds", number, "eye", "recording"], f"found no file '{missing}': run it with --live"


def _complaints(loaded: Loaded) -> Iterator[Complaint]:
    scenario = loaded.scenario
    yield from _doubles("actors", [actor.id for actor in scenario.actors])
    yield from _doubles("feeds", [feed.camera for feed in scenario.feeds], name="camera")
    yield from _doubles("vehicles", [vehicle.id for vehicle in scenario.vehicles])
    yield from _strange_names(loaded)
    yield from _strange_faults(loaded)
    yield from _overlaps(scenario.faults)
    yield from _doubles("faults", [getattr(fault, "named", n) for n, fault in enumerate(scenario.faults)], name="named")
    for section, acts in (("operator", scenario.operator), ("faults", scenario.faults)):
        for number, act in enumerate(acts):
            if act.at_s > scenario.length_s:
                yield [section, number, "at_s"], f"expected within the scenario's {scenario.length_s:g} s"
    for number, feed in enumerate(scenario.feeds):
        if isinstance(feed.eye, Recorded) and not loaded.file(feed.eye.detections).is_file():
            yield ["feeds", number, "eye", "detections"], f"found no file '{loaded.file(feed.eye.detections)}'"
    is_in_world = _world_of(loaded)
    for number, actor in enumerate(scenario.actors):
        yield from _strays(number, actor, is_in_world)
    cells = {actor.cell for actor in scenario.actors}
    for group, names in scenario.cell_groups.items():
        for number, name in enumerate(names):
            if name not in cells:
                yield ["cell_groups", group, number], f"expected a cell of an actor, got '{name}'"


def _doubles(section: str, ids: Sequence[str | int], *, name: str = "id") -> Iterator[Complaint]:
    for number, each in enumerate(ids):
        if each in ids[:number]:
            yield [section, number, name], f"'{each}' stands here twice"


def _strange_names(loaded: Loaded) -> Iterator[Complaint]:
    """Of cameras, vehicles and zones that the site has not."""
    site, scenario = loaded.site, loaded.scenario
    vehicles, zones = [vehicle.id for vehicle in site.vehicles], [each.id for each in site.watched]
    for number, feed in enumerate(scenario.feeds):
        yield from _unknown(["feeds", number, "camera"], feed.camera, "camera", [each.id for each in site.cameras])
    for number, vehicle in enumerate(scenario.vehicles):
        yield from _unknown(["vehicles", number, "id"], vehicle.id, "vehicle", vehicles)
    for number, act in enumerate(scenario.operator):
        if act.target is not None:
            what, known = ("zone", zones) if act.do in ("set_zone", "unset_zone") else ("vehicle", vehicles)
            yield from _unknown(["operator", number, "target"], act.target, what, known)


def _strange_faults(loaded: Loaded) -> Iterator[Complaint]:
    """Of what is not at work: only what is there can break."""
    scenario = loaded.scenario
    cameras = [feed.camera for feed in scenario.feeds]
    vehicles = [vehicle.id for vehicle in scenario.vehicles]
    nodes = sorted({camera.node for camera in loaded.site.cameras if camera.id in cameras})
    docks = [dock.id for dock in loaded.site.docks if dock.kind is not None]
    for number, fault in enumerate(scenario.faults):
        for key, known in (("camera", cameras), ("vehicle", vehicles), ("node", nodes), ("dock", docks)):
            name = getattr(fault, key, None)
            if name is not None:
                yield from _unknown(["faults", number, key], name, f"{key} at work", known)
        if isinstance(fault, BadLink | LinkLost):
            yield from _unknown(["faults", number, "of"], fault.of, "vehicle or node at work", [*vehicles, *nodes])
        if isinstance(fault, PilotTakes | OtherStation):
            yield from _strange_modes(number, fault, loaded)
        if isinstance(fault, SameId) and fault.named in {each.id for each in loaded.site.vehicles}:
            yield (
                ["faults", number, "named"],
                f"expected a name of its own, '{fault.named}' is one of the site's vehicles",
            )
        if isinstance(fault, ClockStep):
            known = [*nodes, COORDINATOR]
            yield from _unknown(["faults", number, "of"], fault.of, "node at work or the coordinator", known)


def _strange_modes(number: int, fault: PilotTakes | OtherStation, loaded: Loaded) -> Iterator[Complaint]:
    """Of the other kind of vehicle, or of none."""
    spec = next((each for each in loaded.site.vehicles if each.id == fault.vehicle), None)
    if spec is None:
        return  # said above
    known = [mode.name for mode in (CopterMode if spec.kind.flies else RoverMode) if mode.is_simulated]
    named: list[tuple[Key, str | None]]
    if isinstance(fault, PilotTakes):
        named = [(["mode"], fault.mode), (["leaves_in"], fault.leaves_in)]
    else:
        named = [(["acts", at, "mode"], act.mode) for at, act in enumerate(fault.acts)]
    for key, mode in named:
        if mode is not None:
            yield from _unknown(["faults", number, *key], mode, "mode of this kind of vehicle", known)


def _unknown(key: Key, name: str, what: str, known: Collection[str]) -> Iterator[Complaint]:
    if name not in known:
        yield key, f"expected a {what} ({', '.join(sorted(known)) or 'there is none'}), got '{name}'"


def _overlaps(faults: Sequence[Fault]) -> Iterator[Complaint]:
    """The end of one would end the other."""
    for number, fault in enumerate(faults):
        for earlier in faults[:number]:
            is_same = fault.kind == earlier.kind and fault.subject == earlier.subject
            apart = fault.at_s >= earlier.ends_at_s or earlier.at_s >= fault.ends_at_s
            if is_same and not apart and not isinstance(fault, ADDS_UP):
                yield ["faults", number, "at_s"], f"overlaps the {fault.kind} that begins at {earlier.at_s:g} s"


def _world_of(loaded: Loaded) -> Callable[[float, float], bool]:
    frame = loaded.site.local_frame()
    corners = [frame.to_enu(point) for point in loaded.site.geofence.polygon]
    east_m, north_m = [corner.east_m for corner in corners], [corner.north_m for corner in corners]

    def is_in_world(east: float, north: float) -> bool:
        return (
            min(east_m) - WORLD_MARGIN_M <= east <= max(east_m) + WORLD_MARGIN_M
            and min(north_m) - WORLD_MARGIN_M <= north <= max(north_m) + WORLD_MARGIN_M
        )

    return is_in_world


def _strays(number: int, actor: Actor, is_in_world: Callable[[float, float], bool]) -> Iterator[Complaint]:
    for at, stop in enumerate(actor.route):
        if not is_in_world(stop.east_m, stop.north_m):
            place = f"{stop.east_m:g} east, {stop.north_m:g} north"
            yield (
                ["actors", number, "route", at],
                f"expected within {WORLD_MARGIN_M:.0f} m of the geofence, got {place}",
            )


def _text(path: Path, *, named_at: str = "") -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "expected UTF-8 text"
        before = f"{named_at}: " if named_at else ""
        raise DocumentError(f"{before}{path}: {reason}") from err


def _at(path: Path, text: str, key: Key) -> str:
    """File, line and key."""
    return f"{path}:{place_of(text, key)}"
