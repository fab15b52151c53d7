"""Routes of other sensors: a device tells its own alarms and tracks, people see which there are."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.exceptions import HTTPException

from contract.errors import ContractError
from contract.frozen import Frozen, Identifier, TimeUs
from contract.sensors import SensorAlarm, SensorSays, SensorTrack
from fleet.api.parts import Parts
from fleet.api.sensor_views import SensorView
from fleet.errors import Refused
from fleet.picture.incidents import Alarm
from fleet.records.auth import Role

AtUs = Annotated[TimeUs | None, Field(description="by the device's clock; null: now")]


class AlarmReport(SensorAlarm):
    at_us: AtUs = None


class TrackReport(SensorTrack):
    at_us: AtUs = None


class Heard(Frozen):
    """alarm: as it stands now; null where no zone is set, and for the end of what never began."""

    alarm: Alarm | None


def sensor_routes(parts: Parts) -> APIRouter:
    router = APIRouter()
    room, core = parts.room, parts.core
    node = Depends(parts.guard.node)

    @router.get("/sensors", dependencies=[Depends(parts.guard.requires(Role.VIEWER))])
    async def get_sensors() -> list[SensorView]:
        return await core(lambda: list(room.sensors.views()))

    @router.post("/sensors/{sensor}/alarms")
    async def tell_alarm(sensor: Identifier, body: AlarmReport, who: Annotated[str, node]) -> Heard:
        """Answered once it is durable. The same again is the same alarm; a start while it lasts goes on with it."""
        says = SensorSays(body=SensorAlarm.model_validate(body.model_dump(exclude={"at_us"})), at_us=body.at_us)
        return Heard(alarm=await _told(sensor, says, who))

    @router.post("/sensors/{sensor}/tracks")
    async def tell_tracks(sensor: Identifier, body: TrackReport, who: Annotated[str, node]) -> Heard:
        """All that it follows now; an empty list is a sign of life."""
        says = SensorSays(body=SensorTrack.model_validate(body.model_dump(exclude={"at_us"})), at_us=body.at_us)
        return Heard(alarm=await _told(sensor, says, who))

    async def _told(sensor: str, says: SensorSays, who: str) -> Alarm | None:
        if who != sensor:
            raise HTTPException(403, f"this is for sensor {sensor}, {who} asks")
        parts.guard.limit(f"sensor {sensor}")

        def take() -> Alarm | None:
            try:
                return room.sensors.take(sensor, says)
            except ContractError as err:
                raise Refused(str(err)) from err

        return await core(take)

    return router
