"""Orders by hand: a person sends one vehicle to look at a point or around it, and sees the gate's answer before.

For the coordinator's loop. The task goes the one road that every task goes: written down, then tasking, whose desk asks
the gate before each order. Hold, return and landing are only foreseen here; they go to the safety monitor (SAFETY 6).
"""

import uuid
from collections.abc import Mapping

from contract.clock import Clock
from contract.site import Site
from contract.tasks import TASK_NAMESPACE, Task, TaskKind, TaskState
from fleet.api.dispatch_views import WayStopView
from fleet.api.sending_views import (
    ComeToRest,
    Foresight,
    GoAndLook,
    LookThere,
    OrbitPoint,
    SeenGround,
    SendableView,
)
from fleet.decision.at_rest import at_rest
from fleet.decision.by_hand import Asking, Circle, Foreseen, Look, Turn, foreseen, kept_back
from fleet.decision.explanation import Moment
from fleet.dispatch_desk import DispatchDesk
from fleet.errors import NotFound, Refused
from fleet.flight.orders import Hold, Land, ReturnHome
from fleet.flight.vehicle import Vehicle, VehicleState
from fleet.flight.world import Consent
from fleet.picture.pixel_to_ground import ground_of_pixel
from fleet.response import Response

Sent = GoAndLook | OrbitPoint | LookThere
_KINDS = {"go_and_look": TaskKind.INVESTIGATE, "orbit": TaskKind.ORBIT, "look": TaskKind.LOOK}
_REST: dict[str, Hold | ReturnHome | Land] = {"hold": Hold(), "return": ReturnHome(), "land": Land()}


class SendingDesk:
    """Who asks is taken for the pilot who would approve."""

    def __init__(
        self,
        *,
        site: Site,
        response: Response,
        dispatching: DispatchDesk,
        vehicles: Mapping[str, Vehicle],
        clock: Clock,
    ) -> None:
        self._site, self._response, self._dispatching, self._vehicles = site, response, dispatching, vehicles
        self._clock, self._orders = clock, 0

    def foresee(self, vehicle_id: str, asked: Sent | ComeToRest, *, by: str) -> Foresight:
        """Commands nothing and is no order in any book. Raises NotFound."""
        state = self._state(vehicle_id)
        asking = self._asking(vehicle_id, self._moment(), by)
        if isinstance(asked, ComeToRest):
            found = at_rest(_REST[asked.what], state, asking)
        else:
            found = foreseen(_wish(asked), state, asking)
        return self._view_of(asked.what, state, found)

    def send(self, vehicle_id: str, asked: Sent, *, by: str) -> Task:
        """Raises NotFound, Refused with the gate's reasons, StoreError."""
        state = self._state(vehicle_id)
        found = foreseen(_wish(asked), state, self._asking(vehicle_id, self._moment(), by))
        if found.reasons or found.stand_off is None:
            raise Refused(f"vehicle '{vehicle_id}': {'; '.join(found.reasons) or 'no place to look from'}")
        return self._response.send(self._task(vehicle_id, asked, found, by), by=by)

    def sendable(self) -> tuple[SendableView, ...]:
        """Of each vehicle what keeps it from being sent now, whereto ever."""
        moment = self._moment()
        return tuple(
            SendableView(vehicle=each, reasons=kept_back(vehicle.state, self._asking(each, moment, by="")))
            for each, vehicle in self._vehicles.items()
        )

    def ground(self, camera_id: str, x_px: float, y_px: float) -> SeenGround:
        """What a click in a fixed camera's picture means. Raises NotFound, Refused where no ground is seen."""
        camera = next((each for each in self._site.cameras if each.id == camera_id), None)
        if camera is None:
            raise NotFound(f"camera '{camera_id}': there is none")
        point, _ = self._site.local_frame().to_geo(ground_of_pixel(camera, x_px, y_px))
        return SeenGround(camera=camera_id, point=point)

    def _task(self, vehicle_id: str, asked: Sent, found: Foreseen, by: str) -> Task:
        now_us, evidence = self._clock.wall_us(), self._response.live_evidence(vehicle_id)
        self._orders += 1
        task_id = uuid.uuid5(TASK_NAMESPACE, f"{vehicle_id}/{by}/{now_us}/{self._orders}")
        return Task(
            task_id=task_id,
            kind=_KINDS[asked.what],
            vehicle=vehicle_id,
            state=TaskState.CREATED,
            reason=f"{by} sends it",
            origin=evidence.origin,
            trace_id=task_id.hex,
            created_at_us=now_us,
            changed_at_us=now_us,
            target=asked.point,
            stand_off=found.stand_off,
            stand_off_altitude_m=found.above_home_m,
            radius_m=found.radius_m,
            turns=found.turns,
            approved_by=by,
        )

    def _state(self, vehicle_id: str) -> VehicleState:
        if vehicle_id not in self._vehicles:
            raise NotFound(f"vehicle '{vehicle_id}': there is none")
        return self._vehicles[vehicle_id].state

    def _moment(self) -> Moment:
        return self._dispatching.moment(self._response.tasks.values())

    def _asking(self, vehicle_id: str, moment: Moment, by: str) -> Asking:
        under_way = next((t for t in moment.tasks if t.vehicle == vehicle_id and t.kind is not TaskKind.PATROL), None)
        busy = None if under_way is None else f"it has a task already ({under_way.kind.value}): cancel that first"
        return Asking(
            moment,
            self._response.live_evidence(vehicle_id),
            Consent(approved_by=by),
            moment.unavailable.get(vehicle_id) or busy,
        )

    def _view_of(self, what: str, state: VehicleState, found: Foreseen) -> Foresight:
        return Foresight.model_validate(
            {
                "vehicle": state.vehicle_id,
                "what": what,
                "at_us": self._clock.wall_us(),
                "verdict": "refuse" if found.reasons else "clip" if found.clipped else "approve",
                "reasons": found.reasons,
                "clipped": found.clipped,
                "notes": found.notes,
                "way": tuple(WayStopView(point=each.point, above_home_m=each.above_home_m) for each in found.way),
                "stand_off": found.stand_off,
                "above_home_m": found.above_home_m,
                "radius_m": found.radius_m,
                "turns": found.turns,
                "length_m": found.length_m,
                "arrives_in_s": found.arrives_in_s,
                "lasts_s": found.lasts_s,
                "battery_frac": state.battery_frac,
                "battery_there_frac": found.there_frac,
                "battery_home_frac": found.home_frac,
                "reserve_frac": self._site.response.battery_reserve_frac,
            }
        )


def _wish(asked: Sent) -> Look | Circle | Turn:
    if isinstance(asked, GoAndLook):
        return Look(asked.point)
    if isinstance(asked, LookThere):
        return Turn(asked.point)
    return Circle(asked.point, asked.radius_m, asked.duration_s)
