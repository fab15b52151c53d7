"""How each of our vehicles behaved, by where it truly was: what SAFETY forbids must read 0 whatever anybody believed.

A line of vehicles.jsonl holds until the vehicle's next one. No-fly areas bind what flies, and only in the air.
"""

from collections.abc import Sequence
from itertools import pairwise

import shapely

from contract.geo import GeoPolygon
from contract.site import Vehicle
from fleet.flight.rally import rally_points
from sim.scenario import ActorKind, Fault, OtherStation, PilotTakes, SameId
from sim.score.run_folder import OperatorLine, Run, VehicleLine, standing_at
from sim.score.sections import Conduct, rounded

AIRBORNE_M = 1.0  # above the ground
BY_HAND = frozenset({"STABILIZE", "ALT_HOLD", "LOITER", "POSHOLD", "MANUAL"})
TAKES = frozenset({"go_to", "set_mode"})
SHOWS_WITHIN_S = 2.0  # a mode shows with the next heartbeat, each second; a target sooner


def conduct(run: Run) -> dict[str, Conduct]:
    """Of each vehicle that was switched on."""
    lines: dict[str, list[VehicleLine]] = {}
    for line in run.vehicles:
        lines.setdefault(line.vehicle, []).append(line)
    specs = {spec.id: spec for spec in run.site.vehicles}
    strangers = [fault for fault in run.scenario.faults if isinstance(fault, SameId)]
    specs |= {fault.named: specs[fault.vehicle] for fault in strangers}
    return {name: _conduct(run, specs[name], mine) for name, mine in sorted(lines.items())}


def _conduct(run: Run, spec: Vehicle, lines: Sequence[VehicleLine]) -> Conduct:
    moments_s = [*(run.seconds(line.at_us) for line in lines), run.scenario.length_s]
    stretches = [(line, until_s - from_s) for line, (from_s, until_s) in zip(lines, pairwise(moments_s), strict=True)]
    active = [(line, lasts_s) for line, lasts_s in stretches if _is_active(line, spec)]
    fence = _area(run, run.site.geofence.polygon)
    no_fly = shapely.union_all([_area(run, area.polygon) for area in run.site.no_fly if spec.kind.flies])
    outside_s = sum(lasts_s for line, lasts_s in active if not shapely.intersects_xy(fence, *_xy(line)))
    no_fly_s = sum(lasts_s for line, lasts_s in active if shapely.intersects_xy(no_fly, *_xy(line)))
    approved = [line for line in run.decisions if line.vehicle == spec.id and line.verdict == "approved"]
    return Conduct(
        active_s=round(sum(lasts_s for _, lasts_s in active), 3),
        no_fly_s=round(no_fly_s, 3),
        outside_geofence_s=round(outside_s, 3),
        nearest_person_m=rounded(min((d for line, _ in active for d in _to_persons_m(run, line)), default=None)),
        commands=lines[-1].commands,
        overruled=_overruled(run, spec, lines),
        by_hand_s=round(sum(lasts_s for line, lasts_s in active if line.mode in BY_HAND), 3),
        fence_breaches=lines[-1].fence_breaches,
        orders=len(approved),
        ends_from_home_m=rounded(_from_home_m(run, spec, lines[-1])) or 0.0,
        ends_active=int(_is_active(lines[-1], spec)),
    )


def _overruled(run: Run, spec: Vehicle, lines: Sequence[VehicleLine]) -> int:
    """Commands of ours from soon after somebody else took it until he left it, or a named person took it back."""
    count = 0
    for fault in run.scenario.faults:
        taken_s = _taken_s(fault) if fault.subject == spec.id else None
        if taken_s is None:
            continue
        back_s = [run.seconds(act.at_us) for act in run.operator if _takes_back(act, spec)]
        until_s = min([fault.ends_at_s, run.scenario.length_s, *(at_s for at_s in back_s if at_s > taken_s)])
        count += _commands(run, lines, until_s) - _commands(run, lines, min(taken_s + SHOWS_WITHIN_S, until_s))
    return count


def _taken_s(fault: Fault) -> float | None:
    """When somebody else took the vehicle, if that is what this is."""
    if isinstance(fault, PilotTakes):
        return fault.at_s
    orders = [act.after_s for act in fault.acts if act.do in TAKES] if isinstance(fault, OtherStation) else []
    return fault.at_s + min(orders) if orders else None


def _takes_back(act: OperatorLine, spec: Vehicle) -> bool:
    return act.do in ("take_back", "release") and act.target == spec.id and act.outcome == "done"


def _commands(run: Run, lines: Sequence[VehicleLine], at_s: float) -> int:
    return max((line.commands for line in lines if run.seconds(line.at_us) <= at_s), default=0)


def _is_active(line: VehicleLine, spec: Vehicle) -> bool:
    """Can it hurt somebody: in the air, or on wheels with motors on?"""
    return line.up_m >= AIRBORNE_M if spec.kind.flies else line.armed is True


def _area(run: Run, polygon: GeoPolygon) -> shapely.Polygon:
    frame = run.site.local_frame()
    corners = (frame.to_enu(corner) for corner in polygon)
    area = shapely.Polygon([(corner.east_m, corner.north_m) for corner in corners])
    shapely.prepare(area)
    return area


def _xy(line: VehicleLine) -> tuple[float, float]:
    return line.east_m, line.north_m


def _to_persons_m(run: Run, line: VehicleLine) -> list[float]:
    """Horizontally."""
    walks = [walk for walk in run.walks().values() if walk.actor.kind is ActorKind.PERSON]
    places = (standing_at(walk, run.seconds(line.at_us)) for walk in walks)
    return [line.place.horizontal_distance_m(place) for place in places if place is not None]


def _from_home_m(run: Run, spec: Vehicle, last: VehicleLine) -> float:
    """To its dock, or to its rally point where that is nearer: a vehicle may come home to either."""
    frame = run.site.local_frame()
    dock = next(dock.position for dock in run.site.docks if dock.id == spec.dock)
    rally = rally_points(run.site).get(spec.id)
    return min(last.place.horizontal_distance_m(frame.to_enu(each)) for each in (dock, rally) if each is not None)
