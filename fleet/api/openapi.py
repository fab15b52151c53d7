"""`python -m fleet.api.openapi` writes openapi.json beside this file: what the console's types are made from.

A test fails when the committed file is not what the routes say.
"""

import asyncio
import json
from pathlib import Path

from contract.clock import SystemClock
from contract.site import Geofence, Origin, Site
from fleet.api.app import create_api
from fleet.api.core import Core
from fleet.app import Heart, api_parts, assembled
from fleet.coordinator import Wire
from fleet.picture.arrival import Arrival
from fleet.records.archive import Archive, ArchiveRoom
from fleet.records.store import open_store

PATH = Path(__file__).parent / "openapi.json"


def schema_text() -> str:
    """The document, stable byte for byte."""
    origin = Origin(lat_deg=1.0, lon_deg=1.0, ground_amsl_m=0.0)
    corner = {"lat_deg": 1.0, "lon_deg": 1.0}
    polygon = [corner, {**corner, "lat_deg": 1.1}, {**corner, "lon_deg": 1.1}]
    fence = Geofence.model_validate({"polygon": polygon})
    site = Site(schema_version=1, id="nowhere", name="Nowhere", time_zone="UTC", origin=origin, geofence=fence)
    clock = SystemClock()
    with open_store(None) as store:
        fleet = assembled(
            site=site,
            clock=clock,
            store=store,
            vehicles={},
            wire=Wire(receive=_nothing, publish=lambda _: False, is_connected=lambda: False),
            heart=Heart(clock),
        )
        loop = asyncio.new_event_loop()
        nowhere = Archive(Path("evidence"), ArchiveRoom(0, 0, 0, 0), store=store, wall_us=clock.wall_us)
        app = create_api(api_parts(fleet, Core(loop), people=None, archive=nowhere, clock=clock))
        loop.close()
    return json.dumps(app.openapi(), indent=1, sort_keys=True) + "\n"


async def _nothing() -> tuple[Arrival, ...]:
    return ()


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
