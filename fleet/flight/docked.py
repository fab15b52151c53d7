"""How a vehicle whose dock is a machine comes home: into it while it is known to be open and empty, else elsewhere.

A copter's own return goes to the dock's alternate, whoever orders it and if nobody does; coming into the dock is what
tasking does on top, as long as it can watch the dock. At the first doubt the copter returns, which nothing refuses.
"""

from fleet.flight.desk import Desk, GaveUp
from fleet.flight.dock import Cover, DockVerb, Pad
from fleet.flight.errands import NO_PROGRESS_US, Progress, bring_home_on_wheels, dock_done
from fleet.flight.errors import CommandRefused, FlightError
from fleet.flight.gate import own_dock
from fleet.flight.orders import Hold, Land, ReturnHome, ToDock
from fleet.flight.vehicle import FlightMode
from fleet.flight.way import is_airborne

ABOVE_DOCK_M = 1.5
DOWN_LIMIT_US = 180_000_000  # from the highest ceiling at ArduPilot's slowest
SEEN_ON_PAD_US = 10_000_000


async def bring_home(desk: Desk) -> None:
    """Nothing to do: into the dock, or to where it can land."""
    if not desk.spec.kind.flies:
        await _drive_home(desk)
        return
    if desk.state.mode in (FlightMode.RETURN, FlightMode.LAND):
        return  # it is coming down somewhere already
    order = own_dock(desk.spec, desk.world())
    if order is None or desk.landing_refusals():
        await desk.order(None, ReturnHome())
        return
    try:
        await _come_into_dock(desk, order)
    except (FlightError, GaveUp):
        if desk.state.armed is not False:
            await desk.order(None, ReturnHome())
        raise
    await _shut(desk)


async def _come_into_dock(desk: Desk, order: ToDock) -> None:
    """Above it, then down. Raises CommandRefused as soon as the dock is in doubt while the copter is in the air."""
    await desk.order(None, order)
    place, progress = desk.airspace.enu(order.point), Progress(float("inf"), desk.now_us)
    while True:
        await desk.pause(None)
        _raise_in_doubt(desk)
        position = desk.state.position
        if position is None:
            raise GaveUp("position is not known")
        left_m = place.horizontal_distance_m(desk.airspace.enu(position))
        height_m = abs(order.above_home_m - (desk.state.above_home_m or 0.0))
        if left_m <= ABOVE_DOCK_M:
            break
        progress.raise_if_none(left_m + height_m, now_us=desk.now_us, limit_us=NO_PROGRESS_US, what="way to its dock")
    await desk.order(None, Land())
    since_us = desk.now_us
    while desk.state.armed is not False:
        await desk.pause(None)
        if is_airborne(desk.state):
            _raise_in_doubt(desk)
        if desk.now_us - since_us > DOWN_LIMIT_US:
            raise GaveUp("it does not come down into its dock")


def _raise_in_doubt(desk: Desk) -> None:
    refusals = desk.landing_refusals()
    if refusals:
        raise CommandRefused("; ".join(refusals))


async def _shut(desk: Desk) -> None:
    """Close over it and charge it. What does not work shows in the dock's state and harms nobody."""
    dock, since_us = desk.dock, desk.now_us
    if dock is None:
        return
    while dock.state.pad is not Pad.VEHICLE:
        await desk.pause(None)
        if desk.now_us - since_us > SEEN_ON_PAD_US:
            raise CommandRefused(f"dock '{dock.spec.id}' does not see '{desk.spec.id}' on its pad, so it stays open")
    for verb in (DockVerb.CLOSE, DockVerb.CHARGE):
        await dock_done(desk, None, desk.ask_dock(None, dock, verb))


async def _drive_home(desk: Desk) -> None:
    """A ground vehicle stands and waits before a dock that is not open: that is safe wherever it is."""
    dock = desk.dock
    if dock is not None and dock.state.cover is Cover.OPEN and not desk.dock_lost():
        await bring_home_on_wheels(desk)
    elif desk.state.mode is not FlightMode.HOLD:
        await desk.order(None, Hold())
