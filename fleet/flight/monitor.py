"""The safety monitor: watches apart from tasking and orders hold, return or land, with its own thread and send path.

It repeats an order until the vehicle's own state confirms it and escalates when it does not; its order latches against
tasking until a named person releases it. It never waits for store, journal or tasking (SAFETY 6, 8).
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType

from contract.clock import Clock
from contract.geo import PointEnu
from fleet.flight.deferred import DeferredJournal
from fleet.flight.errors import FlightError
from fleet.flight.journal import JournalEntry
from fleet.flight.orders import ComingHome, Hold, HoldLow, Land, ReturnHome
from fleet.flight.vehicle import FlightMode, Vehicle, VehicleState
from fleet.flight.watch import (
    Hazard,
    Route,
    Snapshot,
    has_arrived,
    hazard_of,
    is_ours_to_command,
    no_progress_is_hazard,
)
from fleet.flight.world import WorldView
from fleet.flight.yielding import LOW_ENOUGH_M

CYCLE_S = 0.2
REPEAT_US = 1_000_000
ESCALATE_US = 5_000_000  # five repeats without an answer in the vehicle's state
PROGRESS_M = 2.0
SINKS_M = 0.5  # in five seconds: slower than any copter comes down
NO_PROGRESS_US = 45_000_000  # tasking gives up sooner; this is for when it hangs
MONITOR = "monitor"
_SEVERITY: dict[type[ComingHome], int] = {Hold: 1, HoldLow: 2, ReturnHome: 3, Land: 4}
_MODE_OF: dict[type[ComingHome], FlightMode] = {
    Hold: FlightMode.HOLD,
    HoldLow: FlightMode.GUIDED,
    ReturnHome: FlightMode.RETURN,
    Land: FlightMode.LAND,
}


@dataclass(frozen=True, slots=True)
class MonitorOrder:
    """One sending. `attempt` counts from 1 within one order; `by` is a person's name or 'monitor'."""

    vehicle_id: str
    order: ComingHome
    reason: str
    by: str
    attempt: int


@dataclass(slots=True)
class _Watch:
    """What the monitor remembers of one vehicle. `order` is None once it is confirmed; `latch` outlives it."""

    latch: str | None = None
    by: str = MONITOR
    severity: int = 0
    order: ComingHome | None = None
    ordered_at_us: int = 0
    sent_at_us: int | None = None
    attempt: int = 0
    mark: tuple[PointEnu, float] | None = None
    mark_at_us: int = 0
    lowest_m: float | None = None  # on its way down
    waits_since_us: int | None = None


class MonitorCore:
    """The decisions, without thread, clock or link."""

    def __init__(self) -> None:
        self._watches: dict[str, _Watch] = {}

    @property
    def latches(self) -> dict[str, str]:
        """Why tasking may not command a vehicle, of those it may not."""
        return {name: watch.latch for name, watch in self._watches.items() if watch.latch is not None}

    def release(self, vehicle_id: str) -> str | None:
        """Lift the latch; the reason it had. A hazard that still holds latches again in the next step."""
        watch = self._watches.pop(vehicle_id, None)
        return None if watch is None else watch.latch

    def demand(self, vehicle_id: str, order: ComingHome, *, by: str, now_us: int) -> None:
        """A named person's order; it replaces whatever was in force."""
        watch = self._watches.setdefault(vehicle_id, _Watch())
        self._take_up(watch, Hazard(order, f"{order_name(order)} ordered by {by}"), by=by, now_us=now_us)

    def step(self, snapshot: Snapshot) -> tuple[MonitorOrder, ...]:
        """What must be sent now. Call it at least once a second."""
        orders = []
        for state in snapshot.world.vehicles:
            watch = self._watches.setdefault(state.vehicle_id, _Watch())
            if not is_ours_to_command(state):
                # on the ground, or a pilot has it: nothing to say, and what comes after is new; the latch stays
                watch.order, watch.mark, watch.severity, watch.waits_since_us = None, None, 0, None
                continue
            hazard = hazard_of(state, snapshot, is_watched=watch.latch is not None)
            hazard = hazard or self._no_progress(state, watch, snapshot)
            if hazard is None or not hazard.patience_us:
                watch.waits_since_us = None
            elif watch.waits_since_us is None:
                watch.waits_since_us = snapshot.now_us
            if hazard is not None and self._is_due(hazard, watch, snapshot.now_us):
                self._take_up(watch, hazard, by=MONITOR, now_us=snapshot.now_us)
            order = self._insist(state, watch, snapshot.now_us)
            if order is not None:
                orders.append(order)
        return tuple(orders)

    @staticmethod
    def _is_due(hazard: Hazard, watch: _Watch, now_us: int) -> bool:
        """Does it ask for more than is in force, and has it lasted?"""
        lasted_us = 0 if watch.waits_since_us is None else now_us - watch.waits_since_us
        return _SEVERITY[type(hazard.order)] > watch.severity and lasted_us >= hazard.patience_us

    @staticmethod
    def _take_up(watch: _Watch, hazard: Hazard, *, by: str, now_us: int) -> None:
        watch.latch, watch.by, watch.order = hazard.reason, by, hazard.order
        watch.severity = _SEVERITY[type(hazard.order)]
        watch.ordered_at_us, watch.sent_at_us, watch.attempt, watch.lowest_m = now_us, None, 0, None

    @staticmethod
    def _insist(state: VehicleState, watch: _Watch, now_us: int) -> MonitorOrder | None:
        """Repeat until confirmed, then escalate; but never towards a vehicle that cannot hear: it would land on its own
        failsafe's way home."""
        if watch.order is None:
            return None
        if _confirms(state, watch):
            watch.order = None
            return None
        if isinstance(watch.order, HoldLow) and _sinks(state, watch):
            watch.ordered_at_us = now_us
        age_s = state.link_age_s(now_us)
        if age_s is None or age_s > 3.0:
            watch.ordered_at_us = now_us
        if now_us - watch.ordered_at_us >= ESCALATE_US:
            watch.order = _harder(watch.order, state)
            watch.severity = _SEVERITY[type(watch.order)]
            watch.ordered_at_us, watch.sent_at_us = now_us, None
        if watch.sent_at_us is not None and now_us - watch.sent_at_us < REPEAT_US:
            return None
        watch.sent_at_us, watch.attempt = now_us, watch.attempt + 1
        return MonitorOrder(state.vehicle_id, watch.order, watch.latch or "", watch.by, watch.attempt)

    @staticmethod
    def _no_progress(state: VehicleState, watch: _Watch, snapshot: Snapshot) -> Hazard | None:
        route = snapshot.routes.get(state.vehicle_id)
        if route is None or state.position is None or has_arrived(state, route, snapshot.world):
            watch.mark = None
            return None
        here, height_m = snapshot.world.airspace.enu(state.position), state.above_home_m or 0.0
        if watch.mark is not None:
            moved_m = max(here.horizontal_distance_m(watch.mark[0]), abs(height_m - watch.mark[1]))
            if moved_m < PROGRESS_M:
                stood_us = snapshot.now_us - watch.mark_at_us
                is_late = stood_us > NO_PROGRESS_US + round(route.stays_s * 1e6)
                return no_progress_is_hazard(state) if is_late and state.mode is not FlightMode.HOLD else None
        watch.mark, watch.mark_at_us = (here, height_m), snapshot.now_us
        return None


def _confirms(state: VehicleState, watch: _Watch) -> bool:
    """Is the vehicle doing it? What it does by itself to come home also settles an order of ours, never a person's."""
    mode = state.mode
    if watch.by == MONITOR and mode in (FlightMode.RETURN, FlightMode.LAND):
        return not isinstance(watch.order, Land) or mode is FlightMode.LAND
    if isinstance(watch.order, HoldLow) and not _is_down(state, watch.order):
        return False
    return watch.order is not None and mode is _MODE_OF[type(watch.order)]


def _is_down(state: VehicleState, order: HoldLow) -> bool:
    return state.above_home_m is not None and state.above_home_m <= order.above_home_m + LOW_ENOUGH_M


def _sinks(state: VehicleState, watch: _Watch) -> bool:
    """Is it lower than ever since the order? A way down takes its time, and is no refusal."""
    if state.above_home_m is None or (watch.lowest_m is not None and state.above_home_m > watch.lowest_m - SINKS_M):
        return False
    watch.lowest_m = state.above_home_m
    return True


def _harder(order: ComingHome, state: VehicleState) -> ComingHome:
    if not state.kind.flies:
        return Hold()  # nothing is safer for a ground vehicle than to stand
    return ReturnHome() if isinstance(order, Hold | HoldLow) else Land()


def order_name(order: ComingHome) -> str:
    return {Hold: "hold", HoldLow: "go down and hold", ReturnHome: "return", Land: "land"}[type(order)]


class SafetyMonitor:
    """The core on its own thread. All public methods are safe from any thread and wait for nothing but its own lock."""

    def __init__(
        self,
        *,
        view: WorldView,
        vehicles: Iterable[Vehicle],
        routes: Callable[[], Mapping[str, Route]],
        clock: Clock,
        journal: DeferredJournal,
        cycle_s: float = CYCLE_S,
    ) -> None:
        self._view, self._routes, self._clock, self._journal = view, routes, clock, journal
        self._vehicles = {vehicle.state.vehicle_id: vehicle for vehicle in vehicles}
        self._cycle_s = cycle_s
        self._core = MonitorCore()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._completed_cycle_at_us: int | None = None
        self._latches: Mapping[str, str] = {}  # replaced as a whole: who asks waits for no step

    @property
    def completed_cycle_at_us(self) -> int | None:
        """Monotonic end of the last whole cycle: no heartbeat goes out when it is more than a second ago (SAFETY 9)."""
        return self._completed_cycle_at_us

    def __enter__(self) -> "SafetyMonitor":
        self._thread = threading.Thread(target=self._run, name="safety monitor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.cycle()
            self._stop.wait(self._cycle_s)

    def cycle(self) -> None:
        """One look at everything. The thread calls it; a replay on a virtual clock calls it itself."""
        snapshot = Snapshot(self._clock.monotonic_us(), self._view.now(), self._routes())
        with self._lock:
            orders = self._core.step(snapshot)
            self._latches = self._core.latches
        for order in orders:
            self._send(order)
        self._completed_cycle_at_us = self._clock.monotonic_us()

    def is_latched(self, vehicle_id: str) -> str | None:
        """The reason why tasking may not command this vehicle, or None."""
        return self._latches.get(vehicle_id)

    @property
    def latches(self) -> dict[str, str]:
        return dict(self._latches)

    def recall_all(self, by: str) -> tuple[str, ...]:
        """Everybody home, and nobody leaves until released one by one. A vehicle in a pilot's hands is only latched."""
        for vehicle_id in self._vehicles:
            self._demand(vehicle_id, ReturnHome(), by)
        return tuple(self._vehicles)

    def hold(self, vehicle_id: str, by: str) -> None:
        """Raises KeyError for a vehicle that is not ours."""
        self._demand(vehicle_id, Hold(), by)

    def return_home(self, vehicle_id: str, by: str) -> None:
        """Raises KeyError for a vehicle that is not ours."""
        self._demand(vehicle_id, ReturnHome(), by)

    def land(self, vehicle_id: str, by: str) -> None:
        """Straight down where it is; a ground vehicle stands. Raises KeyError for a vehicle that is not ours."""
        flies = self._vehicles[vehicle_id].state.kind.flies
        self._demand(vehicle_id, Land() if flies else Hold(), by)

    def release(self, vehicle_id: str, by: str) -> str | None:
        """Give the vehicle back to tasking; the reason it was latched for. Raises KeyError for one that is not ours."""
        self._vehicles[vehicle_id]
        with self._lock:
            reason = self._core.release(vehicle_id)
            self._latches = self._core.latches
        self._note(by, "release", vehicle_id, {"was": reason})
        return reason

    def _demand(self, vehicle_id: str, order: ComingHome, by: str) -> None:
        """Sent at once from the caller's thread, so that it works when ours is dead; ours repeats it."""
        state = self._vehicles[vehicle_id].state
        now_us = self._clock.monotonic_us()
        with self._lock:
            self._core.demand(vehicle_id, order, by=by, now_us=now_us)
            self._latches = self._core.latches
        if is_ours_to_command(state):
            self._send(MonitorOrder(vehicle_id, order, f"{order_name(order)} ordered by {by}", by, 0))
        else:
            self._note(by, order_name(order), vehicle_id, {"sent": False})

    def _send(self, order: MonitorOrder) -> None:
        try:
            self._vehicles[order.vehicle_id].come_home(order.order)
        except FlightError as err:
            failure: str | None = str(err)
        else:
            failure = None
        if order.attempt <= 1:  # repeats of the same are not news
            self._note(
                order.by,
                order_name(order.order),
                order.vehicle_id,
                {"reason": order.reason, "attempt": order.attempt, "failure": failure},
            )

    def _note(self, actor: str, act: str, subject: str, detail: Mapping[str, str | int | bool | None]) -> None:
        self._journal.write(JournalEntry(self._clock.wall_us(), actor, act, subject, None, dict(detail)))
