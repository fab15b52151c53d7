"""Prometheus figures of the coordinator, in a registry of its own."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from contract.clock import Clock
from fleet.flight.vehicle import Vehicle

_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class Metrics:
    """One object, passed to who counts."""

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.effects = Counter("vedette_event_effects", "Event messages with an effect", registry=self._registry)
        self.redelivered = Counter("vedette_redelivered", "Messages that came again", registry=self._registry)
        self.quarantined = Counter("vedette_quarantined", "Messages set aside", ["reason"], registry=self._registry)
        self.not_fused = Counter(
            "vedette_sightings_not_fused", "Left out of the site tracks", ["reason"], registry=self._registry
        )
        self.store_failures = Counter(
            "vedette_store_failures", "Batches the store did not take at once", registry=self._registry
        )
        self.tasks = Counter("vedette_task_changes", "Task states reached", ["state"], registry=self._registry)
        self.open_incidents = Gauge("vedette_open_incidents", "Not closed yet", ["kind"], registry=self._registry)
        self.broker_connected = Gauge("vedette_broker_connected", "1 with a broker", registry=self._registry)
        self.dock_trouble = Gauge(
            "vedette_dock_trouble",
            "1 while silent, broken or shut at the wrong time",
            ["dock"],
            registry=self._registry,
        )
        self.live_viewers = Gauge("vedette_live_viewers", "People who look through a camera", registry=self._registry)
        self.live_nodes = Gauge("vedette_live_nodes", "Nodes that can be asked for pictures", registry=self._registry)
        self.live_bytes = Counter("vedette_live_bytes", "Of live pictures that nodes sent", registry=self._registry)
        self.live_dropped = Counter(
            "vedette_live_dropped", "Live pictures that a viewer was too slow for", registry=self._registry
        )
        self.webhook_told, self.webhook_failures, self.webhook_given_up = (
            Counter(f"vedette_webhook_{name}", what, ["receiver"], registry=self._registry)
            for name, what in (
                ("told", "Messages that a receiver took"),
                ("failures", "Tries that did not succeed"),
                ("given_up", "Messages that were too old or refused for good"),
            )
        )
        self.webhook_lag_s = Gauge(
            "vedette_webhook_lag_seconds",
            "Age of what is being told; 0: nothing waits",
            ["receiver"],
            registry=self._registry,
        )
        self._link_age, self._link_loss, self._round_trip = (
            Gauge(f"vedette_vehicle_{name}", f"{what}; NaN: unknown", ["vehicle"], registry=self._registry)
            for name, what in (
                ("link_age_seconds", "Since its last heartbeat"),
                ("link_loss_ratio", "Of its frames to us, lost lately"),
                ("round_trip_seconds", "Of a question and its answer, smoothed"),
            )
        )
        self._hops = Histogram(
            "vedette_hop_seconds",
            "One step from the frame to the vehicle's acknowledgement",
            ["hop"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

    def hop(self, name: str, took_us: int) -> None:
        self._hops.labels(hop=name[:32]).observe(took_us / 1e6)

    def watch(self, vehicle: Vehicle, clock: Clock) -> None:
        """How good its link is, asked when somebody reads."""
        name = vehicle.state.vehicle_id
        self._link_age.labels(vehicle=name).set_function(
            lambda: _or_nan(vehicle.state.link_age_s(clock.monotonic_us()))
        )
        self._link_loss.labels(vehicle=name).set_function(lambda: _or_nan(vehicle.state.link_loss_frac))
        self._round_trip.labels(vehicle=name).set_function(lambda: _or_nan(vehicle.state.round_trip_s))

    def exposition(self) -> bytes:
        return generate_latest(self._registry)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
