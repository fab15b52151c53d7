"""Which rally point is whose: a pure function of the site file.

While there are enough, each vehicle has its own: the alternate of its dock, else the nearest to it that no vehicle
before it in the file took.
"""

from contract.geo import GeoPoint
from contract.site import Site


def rally_points(site: Site) -> dict[str, GeoPoint]:
    """Rally point of each vehicle that has one, by vehicle id."""
    to_enu = site.local_frame().to_enu
    docks = {dock.id: to_enu(dock.position) for dock in site.docks}
    free = {place.id: (to_enu(place.position), place.position) for place in site.rally_points}
    alternates = {dock.id: free.pop(dock.alternate)[1] for dock in site.docks if dock.alternate is not None}
    taken = {vehicle.id: alternates[vehicle.dock] for vehicle in site.vehicles if vehicle.dock in alternates}
    for vehicle in site.vehicles:
        if not free:
            break
        if vehicle.id in taken:
            continue
        dock = docks[vehicle.dock]
        nearest = min(free, key=lambda place: (dock.horizontal_distance_m(free[place][0]), place))
        taken[vehicle.id] = free.pop(nearest)[1]
    return taken


def alternate_of(site: Site, vehicle_id: str) -> GeoPoint | None:
    """Where a vehicle lands that must not rely on its dock; None for one whose dock is open ground."""
    dock = site.dock_of(vehicle_id)
    if dock is None or dock.alternate is None:
        return None
    return next(place.position for place in site.rally_points if place.id == dock.alternate)
