"""What a vehicle of a site must hold to be safe without us (SAFETY 10): a pure function of the site file.

Each vehicle has its own return height (the site file refuses a shared one) and, while there are enough, its own rally
point: the alternate of its dock, else the nearest to it that no vehicle before it in the file took. Of two such places
a vehicle takes the nearer by itself; one whose dock may be shut always takes its alternate.
"""

from collections.abc import Mapping

from contract.geo import GeoPoint
from contract.site import Site
from fleet.flight.airspace import BUILDING_CLEARANCE_M
from fleet.flight.orders import Exclusion, SafetyPlan
from fleet.flight.rally import alternate_of, rally_points


def safety_plan(
    site: Site, vehicle_id: str, *, ground_station_system_id: int, rally: Mapping[str, GeoPoint] | None = None
) -> SafetyPlan:
    """The plan for one vehicle: a flying one stays out of no-fly areas and of buildings its way home does not clear, a
    ground one out of every building. `rally`: the site's, where they are at hand. Raises KeyError for a vehicle that is
    not of this site."""
    vehicle = next((v for v in site.vehicles if v.id == vehicle_id), None)
    if vehicle is None:
        raise KeyError(vehicle_id)
    flies = vehicle.kind.flies
    clears_m = (vehicle.return_altitude_m or 0.0) - BUILDING_CLEARANCE_M
    exclusions = (*(site.no_fly if flies else ()), *(b for b in site.buildings if not flies or b.height_m > clears_m))
    return SafetyPlan(
        inclusion=site.geofence.polygon,
        exclusions=tuple(Exclusion(area.id, area.polygon) for area in exclusions),
        ceiling_m=site.geofence.ceiling_m if flies else None,
        return_altitude_m=vehicle.return_altitude_m if flies else None,
        rally=(rally_points(site) if rally is None else rally).get(vehicle_id),
        ground_station_system_id=ground_station_system_id,
        returns_to_rally=flies and alternate_of(site, vehicle_id) is not None,
    )
