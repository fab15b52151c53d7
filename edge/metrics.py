"""Prometheus figures of one node, in a registry of its own, made when somebody asks for them.

Names and hops are the coordinator's (fleet/metrics.py), so that one query adds both up to a trace.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.events import FeedState, NodeFaultKind
from edge.footage.live_view import LiveView
from edge.link.upload import UploadFigures
from edge.node import Node
from edge.pipeline import StepResult
from edge.vitals import Vitals

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class NodeMetrics:
    """`judged` is a Witness for the node; then `watch` the node. `exposition` may be called from any thread."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._hops = Histogram(
            "vedette_hop_seconds",
            "One step of a frame that was judged",
            ["camera", "hop"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._events = Counter("vedette_events", "Events told", ["camera"], registry=self._registry)

    def watch(self, node: Node) -> None:
        """From now on its figures are told too."""
        self._registry.register(_NodeFigures(node))

    def judged(self, camera: str, result: StepResult) -> None:
        """One frame and what it led to."""
        for hop, took_us in result.hops_us.items():
            self._hops.labels(camera=camera, hop=hop).observe(took_us / 1e6)
        if result.events:
            self._events.labels(camera=camera).inc(len(result.events))

    def exposition(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)


class _NodeFigures(Collector):
    """Reads the node's own counters; keeps nothing."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of the node before somebody reads."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Everything that is not counted as it happens."""
        vitals = self._node.vitals
        yield from self._of_feeds(vitals)
        yield from self._of_node(vitals)
        if self._node.live is not None:
            yield from self._of_live_view(self._node.live)

    def _of_feeds(self, vitals: Vitals) -> Iterable[Metric]:
        decoded = _counter("vedette_frames_decoded", "Frames that a camera gave", "camera")
        judged = _counter("vedette_frames_judged", "Frames the detector looked at", "camera")
        dropped = _counter("vedette_frames_dropped", "Frames nobody looked at, by why", "camera", "reason")
        corrupt = GaugeMetricFamily("vedette_corrupt_packets", "Refused in this opening", labels=["camera"])
        reopened = _counter("vedette_feed_reopened", "Times a feed was opened again", "camera")
        inference = GaugeMetricFamily("vedette_inference_seconds", "The last one", labels=["camera"])
        for reader in self._node.readers:
            counts, camera = reader.counts, [reader.camera]
            decoded.add_metric(camera, counts.decoded)
            judged.add_metric(camera, counts.judged)
            dropped.add_metric([*camera, "newer_frame"], counts.dropped)
            dropped.add_metric([*camera, "nothing_moved"], counts.quiet)
            dropped.add_metric([*camera, "board_is_hot"], counts.rested)
            corrupt.add_metric(camera, counts.corrupt_packets)
            reopened.add_metric(camera, counts.reopened)
            if reader.inference_us is not None:
                inference.add_metric(camera, reader.inference_us / 1e6)
        looks = _counter("vedette_appearance_crops", "Of persons who may have come back", "camera", "outcome")
        for camera_id, told in self._node.appearances.items():
            looks.add_metric([camera_id, "asked"], told.asked)
            looks.add_metric([camera_id, "capped"], told.capped)
            looks.add_metric([camera_id, "fault"], told.faults)
        state = GaugeMetricFamily("vedette_feed_state", "1 for the state it is in", labels=["camera", "state"])
        for feed in vitals.feeds:
            for each in FeedState:
                state.add_metric([feed.camera, each.value], float(feed.state is each))
        return (decoded, judged, dropped, corrupt, reopened, inference, looks, state)

    def _of_node(self, vitals: Vitals) -> Iterable[Metric]:
        rows = None if vitals.outbox_rows is None else vitals.outbox_rows + vitals.unposted
        offset_s = None if vitals.clock_offset is None else vitals.clock_offset.us / 1e6
        yield _gauge("vedette_outbox_rows", "Messages that the coordinator has not acknowledged", rows)
        yield _gauge("vedette_outbox_oldest_seconds", "Since the oldest of them was captured", vitals.outbox_oldest_s)
        yield _gauge("vedette_broker_connected", "1 with a broker", float(vitals.is_connected))
        yield _gauge("vedette_clock_offset_seconds", "Stamps minus the truth, where known", offset_s)
        yield _gauge("vedette_temperature_celsius", "Of the zone nearest to its limit", vitals.board.temperature_c)
        yield _gauge("vedette_temperature_limit_celsius", "Where that zone slows down", vitals.board.limit_c)
        yield _gauge("vedette_power_watts", "Of the board", vitals.board.power_w)
        if vitals.upload is not None:
            yield from _of_uploads(vitals.upload)
        fault = GaugeMetricFamily("vedette_device_fault", "1 while it lasts", labels=["kind"])
        lasting = {each.kind for each in vitals.faults}
        for kind in NodeFaultKind:
            fault.add_metric([kind.value], float(kind in lasting))
        yield fault

    def _of_live_view(self, live: LiveView) -> Iterable[Metric]:
        watched = GaugeMetricFamily("vedette_live_watched", "1 while somebody looks", labels=["camera"])
        sent = _counter("vedette_live_pictures", "Live pictures sent", "camera")
        sent_bytes = _counter("vedette_live_bytes", "Of live pictures sent", "camera")
        dropped = _counter("vedette_live_dropped", "Live pictures that the link was too slow for", "camera")
        for each in live.figures:
            watched.add_metric([each.camera], float(each.is_watched))
            sent.add_metric([each.camera], each.sent)
            sent_bytes.add_metric([each.camera], each.sent_bytes)
            dropped.add_metric([each.camera], each.dropped)
        yield from (watched, sent, sent_bytes, dropped)
        yield _gauge("vedette_live_joined", "1 while the coordinator can ask for pictures", float(live.is_joined))


def _of_uploads(upload: UploadFigures) -> Iterable[Metric]:
    yield _gauge("vedette_upload_waiting_files", "Of evidence", upload.waiting_files)
    yield _gauge("vedette_upload_waiting_bytes", "Of evidence", upload.waiting_bytes)
    sent = _counter("vedette_upload_sent_bytes", "Of evidence, those sent twice included")
    sent.add_metric([], upload.sent_bytes)
    yield sent
    yield _gauge(
        "vedette_upload_failing_seconds", "Since something got through; 0 where nothing waits", upload.failing_s
    )


def _counter(name: str, words: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, words, labels=labels)


def _gauge(name: str, words: str, value: float | None) -> GaugeMetricFamily:
    """Without a sample where the value is unknown: never 0."""
    family = GaugeMetricFamily(name, words)
    if value is not None:
        family.add_metric([], value)
    return family
