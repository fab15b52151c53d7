"""Docks as the control room sees them, and the troubles they make while they last."""

from collections.abc import Mapping, Sequence

from contract.docks import Dock as DockSpec
from contract.envelope import Origin
from contract.kinds import Severity
from fleet.api.models import DockView
from fleet.flight.dock import DockDriver
from fleet.flight.docking import DOCK_AGE_LIMIT_S, dock_refusals, launch_refusals, lost_while_out, state_of
from fleet.flight.vehicle import VehicleState
from fleet.flight.world import World, WorldView
from fleet.metrics import Metrics
from fleet.picture.coverage import Trouble

SILENT_AFTER_S = 8.0  # as a node: with the tick this stays within 10 s


class DockWatch:
    """For the coordinator's loop."""

    def __init__(
        self, view: WorldView, docks: Mapping[str, DockDriver], *, metrics: Metrics, started_at_us: int
    ) -> None:
        self._view, self._docks, self._metrics, self._started_at_us = view, docks, metrics, started_at_us

    def views(self, now_us: int) -> tuple[DockView, ...]:
        if not self._docks:
            return ()
        world = self._view.now()
        return tuple(self._dock(driver.spec, world, now_us) for driver in self._docks.values())

    def troubles(self, now_us: int) -> Sequence[Trouble]:
        """One a dock at most: silent, broken, or shut while its vehicle is out."""
        if not self._docks:
            return ()
        world, found = self._view.now(), []
        for driver in self._docks.values():
            vehicle = _vehicle_of(driver.spec, world)
            reasons = self._wrong(driver.spec, world, vehicle, now_us)
            self._metrics.dock_trouble.labels(dock=driver.spec.id).set(bool(reasons))
            if reasons:
                is_out = vehicle is not None and vehicle.armed is True
                origin = Origin.SIMULATED if driver.state.simulated else Origin.LIVE
                severity = Severity.HIGH if is_out else Severity.MEDIUM
                found.append(Trouble(f"dock:{driver.spec.id}", "; ".join(reasons), (), severity, origin))
        return found

    def _wrong(self, spec: DockSpec, world: World, vehicle: VehicleState | None, now_us: int) -> list[str]:
        state = state_of(spec, world.docks)
        heard_at_us = self._started_at_us if state.heard_at_us is None else state.heard_at_us
        if now_us - heard_at_us > SILENT_AFTER_S * 1e6:
            because = f": {state.silent_because}" if state.silent_because else ""
            return [f"dock '{spec.id}' is not heard{because}"]
        if vehicle is not None and vehicle.armed is True:
            return lost_while_out(state)
        return [f"dock '{spec.id}': {what}" for what in (state.fault, state.failed) if what]

    def _dock(self, spec: DockSpec, world: World, now_us: int) -> DockView:
        state, vehicle = state_of(spec, world.docks), _vehicle_of(spec, world)
        age_s = None if state.heard_at_us is None else (now_us - state.heard_at_us) / 1e6
        refusals: list[str] = []
        if vehicle is not None and vehicle.armed is not True:
            refusals = [
                *dock_refusals(spec, world.docks, vehicle, now_us),
                *launch_refusals(spec, world.docks, vehicle),
            ]
        assert spec.kind is not None
        return DockView(
            id=spec.id,
            kind=spec.kind,
            vehicle=None if vehicle is None else vehicle.vehicle_id,
            alternate=spec.alternate,
            heard_age_s=None if age_s is None else round(age_s, 1),
            is_silent=age_s is None or age_s > DOCK_AGE_LIMIT_S,
            simulated=state.simulated,
            cover=state.cover,
            pad=state.pad,
            charging=state.charging,
            charge_frac=state.charge_frac,
            wind_m_s=state.wind_m_s,
            rain_mm_h=state.rain_mm_h,
            fault=state.fault,
            failed=state.failed,
            doing=state.doing,
            holds_back=tuple(refusals),
        )


def _vehicle_of(spec: DockSpec, world: World) -> VehicleState | None:
    name = next((vehicle.id for vehicle in world.site.vehicles if vehicle.dock == spec.id), None)
    return next((state for state in world.vehicles if state.vehicle_id == name), None)
