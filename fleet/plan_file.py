"""A round as a plan of QGroundControl: file type Plan, version 1, mission version 2, fence version 2, rally points
version 2 (QGroundControl developer guide, "Plan File Format").

Heights are above home (MAV_FRAME_GLOBAL_RELATIVE_ALT). Looks are flown as patrols fly
them (fleet/flight/mavlink_mission): a stay for each, behind the point that is looked at.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from contract.geo import GeoPoint
from contract.roaming import RoamingPoint
from contract.site import Site, Vehicle, VehicleKind, Waypoint
from fleet.decision.patrol import looked_at_from

if TYPE_CHECKING:
    from fleet.decision.team import Team

WAYPOINT, RETURN, TAKE_OFF, LOOK_AT, LOOK_AHEAD = 16, 20, 22, 195, 197  # MAV_CMD
RELATIVE_ALT, MISSION_FRAME = 3, 2  # MAV_FRAME
ARDUPILOT, COPTER, ROVER = 3, 2, 10  # MAV_AUTOPILOT, MAV_TYPE
Params = Sequence[float | None]


def plan_text(site: Site, team: "Team", vehicle: int) -> str:
    """The shortest round of the team's vehicle with that number, from its dock and back."""
    patrol, spec, frame = team.patrol, team.legs.vehicles[vehicle], site.local_frame()
    docks = len(team.legs.vehicles)
    home = frame.to_geo(team.legs.paths.places[vehicle])[0]
    height_m, here = patrol.altitude_m, vehicle
    items = []
    for number, point in enumerate(patrol.points):
        corners = team.legs.paths.way(here, docks + number)[1:-1]
        items += [_waypoint(frame.to_geo(corner)[0], height_m, 0.0) for corner in corners]
        items += visited(point, height_m, flies=spec.kind.flies)
        here = docks + number
    return document(site, spec, items, home=home, height_m=height_m)


def document(
    site: Site, vehicle: Vehicle, stops: Sequence[dict[str, object]], *, home: GeoPoint, height_m: float | None
) -> str:
    """The whole file: take-off, the stops, the way home, with the site's fence, no-fly areas and rally points."""
    flies = vehicle.kind.flies
    items = [_item(TAKE_OFF, (0, 0, 0, None, home.lat_deg, home.lon_deg, height_m))] if flies else []
    items += [*stops, _item(RETURN, (0, 0, 0, 0, 0, 0, 0), frame=MISSION_FRAME)]
    for number, item in enumerate(items, 1):
        item["doJumpId"] = number
    plan = {
        "fileType": "Plan",
        "version": 1,
        "groundStation": "QGroundControl",
        "mission": {
            "version": 2,
            "firmwareType": ARDUPILOT,
            "vehicleType": COPTER if vehicle.kind is VehicleKind.ARDUPILOT_COPTER else ROVER,
            "globalPlanAltitudeMode": 1,
            "cruiseSpeed": vehicle.cruise_speed_m_s,
            "hoverSpeed": vehicle.cruise_speed_m_s,
            "plannedHomePosition": [home.lat_deg, home.lon_deg, site.origin.ground_amsl_m],
            "items": items,
        },
        "geoFence": {
            "version": 2,
            "circles": [],
            "polygons": [
                _polygon(site.geofence.polygon, inclusion=True),
                *(_polygon(area.polygon, inclusion=False) for area in site.no_fly if flies),
            ],
        },
        "rallyPoints": {
            "version": 2,
            "points": [[p.position.lat_deg, p.position.lon_deg, height_m] for p in site.rally_points],
        },
    }
    return json.dumps(plan, indent=2) + "\n"


def _polygon(corners: Sequence[GeoPoint], *, inclusion: bool) -> dict[str, object]:
    return {"version": 1, "inclusion": inclusion, "polygon": [[c.lat_deg, c.lon_deg] for c in corners]}


def visited(stop: RoamingPoint | Waypoint, height_m: float, *, flies: bool) -> list[dict[str, object]]:
    """A stay, or one for each look."""
    looks = looked_at_from(stop.position, stop.look_deg) if flies else ()
    items = [_waypoint(stop.position, height_m, 0.0 if looks else stop.dwell_s)]
    for seen in looks:
        items.append(_item(LOOK_AT, (0, 0, 0, 0, round(seen.lat_deg, 7), round(seen.lon_deg, 7), 0)))
        items.append(_waypoint(stop.position, height_m, stop.dwell_s / len(looks)))
    if looks:
        items.append(_item(LOOK_AHEAD, (0, 0, 0, 0, 0, 0, 0), frame=MISSION_FRAME))
    return items


def _waypoint(point: GeoPoint, height_m: float | None, stay_s: float) -> dict[str, object]:
    return _item(WAYPOINT, (stay_s, 0, 0, None, round(point.lat_deg, 7), round(point.lon_deg, 7), height_m))


def _item(command: int, params: Params, *, frame: int = RELATIVE_ALT) -> dict[str, object]:
    return {
        "type": "SimpleItem",
        "autoContinue": True,
        "command": command,
        "doJumpId": 0,
        "frame": frame,
        "params": list(params),
    }
