"""A patrol that a named person stopped for a while: the vehicle holds, in its own way that does not sink, until one
lets it go on. The monitor watches it meanwhile as it does on its way.
"""

from fleet.flight.desk import Desk, GaveUp, Job
from fleet.flight.orders import Hold
from fleet.flight.watch import Route
from fleet.flight.way import is_airborne

STANDS = Route(())
PAUSE_LIMIT_US = 900_000_000  # then it comes home


async def stand_while_paused(desk: Desk, job: Job, where: str) -> None:
    """Until `job.paused_by` is lifted; returns at once when nobody paused it. `where` is for people."""
    if job.paused_by is None:
        return
    if is_airborne(desk.state) is not False or (desk.state.armed and not desk.spec.kind.flies):
        await desk.order(job, Hold())
    desk.route = STANDS
    since_us = desk.now_us
    while job.paused_by is not None:
        desk.say(job, f"paused by {job.paused_by} at {where}")
        if desk.now_us - since_us > PAUSE_LIMIT_US:
            raise GaveUp(f"paused by {job.paused_by}, and nobody let it go on for {PAUSE_LIMIT_US / 60e6:.0f} min")
        await desk.pause(job)
