"""Figures for Prometheus and a word for a curl, on a door that is open to this machine only."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.errors import SetUpError
from edge.feed import Looks
from edge.metrics import NodeMetrics
from edge.metrics_door import Door, serving
from edge.pipeline import StepResult
from tests.conftest import ROOT, need
from tests.edge.perception.test_appearance import Colours
from tests.edge.test_camera import ScriptedSource
from tests.edge.test_node import INSIDE, Bus, Eyes, node_of, running, wait_until
from tests.edge.yard import picture

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(metrics: NodeMetrics) -> Samples:
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def by_camera(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"camera": "mast", **labels}.items()))


def test_a_node_tells_what_it_did(tmp_path: Path) -> None:
    """Twenty frames of a recording, a person inside from the first: judged, told, not acknowledged by anybody."""
    metrics, bus = NodeMetrics(), Bus()
    bus.acknowledges = False
    source = ScriptedSource(*(picture(index) for index in range(20)), is_live=False)
    with node_of(tmp_path, source, eyes=Eyes(), witness=metrics.judged) as (node, _):
        metrics.watch(node)
        with running(node, bus):
            wait_until(lambda: node.wrong == "" and node.readers[0].is_finished and bus.events())
            wait_until(lambda: samples(metrics)["vedette_frames_judged_total", by_camera()] == 20)
            told = samples(metrics)

    assert told["vedette_frames_decoded_total", by_camera()] == 20
    assert told["vedette_frames_dropped_total", by_camera(reason="newer_frame")] == 0
    assert told["vedette_frames_dropped_total", by_camera(reason="board_is_hot")] == 0
    assert told["vedette_feed_reopened_total", by_camera()] == 0
    for hop in ("decode", "queue", "detect", "track", "locate", "rule"):
        assert told["vedette_hop_seconds_count", by_camera(hop=hop)] == 20
    assert told["vedette_events_total", by_camera()] >= 1
    assert told["vedette_outbox_rows", ()] >= 1
    assert told["vedette_outbox_oldest_seconds", ()] > 0
    assert told["vedette_broker_connected", ()] == 1
    assert told["vedette_device_fault", (("kind", "clock"),)] == 0
    assert told["process_resident_memory_bytes", ()] > 1e6
    assert ("vedette_temperature_celsius", ()) not in told  # no device: unknown is no sample, never 0


def test_what_looks_cost_is_counted_and_a_model_that_fails_costs_nobody_his_number(tmp_path: Path) -> None:
    """Somebody is hidden for 0.8 s and comes back where he was: he is asked for, and found by motion all the same."""
    metrics, model, seen = NodeMetrics(), Colours(), list[int]()
    model.fails = True

    def judged(camera: str, result: StepResult) -> None:
        metrics.judged(camera, result)
        seen.extend(track.track_id for track in result.tracks)

    source = ScriptedSource(*(picture(index) for index in range(20)), is_live=False)
    eyes = Eyes(lambda pts_us: None if 1_000_000 <= pts_us < 1_800_000 else INSIDE)
    with node_of(tmp_path, source, eyes=eyes, witness=judged, appearance=Looks(model, 10)) as (node, _):
        metrics.watch(node)
        with running(node, Bus()):
            wait_until(lambda: samples(metrics)["vedette_frames_judged_total", by_camera()] == 20)
            told = samples(metrics)

    assert set(seen) == {1}
    assert told["vedette_appearance_crops_total", by_camera(outcome="fault")] == 1
    assert told["vedette_appearance_crops_total", by_camera(outcome="capped")] == 0


def test_two_nodes_of_one_process_count_apart(tmp_path: Path) -> None:
    first, second = NodeMetrics(), NodeMetrics()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    source = ScriptedSource(*(picture(index) for index in range(5)), is_live=False)
    with (
        node_of(tmp_path / "a", source, witness=first.judged) as (busy, _),
        node_of(tmp_path / "b", ScriptedSource(), witness=second.judged) as (idle, _),
    ):
        first.watch(busy)
        second.watch(idle)
        with running(busy, Bus()):
            wait_until(lambda: samples(first)["vedette_frames_judged_total", by_camera()] == 5)

        assert samples(second)["vedette_frames_judged_total", by_camera()] == 0
        assert ("vedette_hop_seconds_count", by_camera(hop="detect")) not in samples(second)


@pytest.fixture
def door() -> Iterator[str]:
    wrong = [""]
    with serving(Door("127.0.0.1", 0), figures=lambda: b"up 1\n", wrong=lambda: wrong[0]) as port:
        yield f"http://127.0.0.1:{port}"


def test_who_asks_on_this_machine_is_answered(door: str) -> None:
    figures, health = httpx.get(f"{door}/metrics"), httpx.get(f"{door}/healthz")

    assert (figures.status_code, figures.text) == (200, "up 1\n")
    assert figures.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (health.status_code, health.text) == (200, "ok\n")
    assert httpx.get(f"{door}/").status_code == 404
    assert httpx.post(f"{door}/metrics").status_code == 501


def test_a_node_that_judges_nothing_is_not_healthy() -> None:
    with serving(Door("127.0.0.1", 0), figures=lambda: b"", wrong=lambda: "mast lost: no route") as port:
        health = httpx.get(f"http://127.0.0.1:{port}/healthz")

    assert (health.status_code, health.text) == (503, "mast lost: no route\n")


def test_who_connects_and_says_nothing_holds_up_nobody(door: str) -> None:
    port = int(door.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    try:
        silent[0].sendall(b"\x00\xff nonsense\r\n\r\n")
        assert httpx.get(f"{door}/healthz", timeout=4.0).status_code == 200
    finally:
        for connection in silent:
            connection.close()


def test_the_door_leaves_no_thread_behind() -> None:
    with serving(Door("127.0.0.1", 0), figures=lambda: b"", wrong=lambda: "") as port:
        httpx.get(f"http://127.0.0.1:{port}/metrics")
    until_s = time.monotonic() + 10.0
    while any(thread.name == "metrics" for thread in threading.enumerate()):
        assert time.monotonic() < until_s


def test_an_address_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        door = Door("127.0.0.1", port)
        with (
            pytest.raises(SetUpError, match=f"metrics 127.0.0.1:{port}: .*in use"),
            serving(door, figures=lambda: b"", wrong=lambda: ""),
        ):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "edge-1.site"])
def test_any_other_address_wants_certificates(host: str) -> None:
    with pytest.raises(SetUpError, match="expected tls with certificate, key and client_ca"):
        Door(host, 9464)
    with pytest.raises(SetUpError, match="expected tls"):
        Door(host, 9464, certificate="a.crt", key="a.key")


def test_with_certificates_only_who_has_one_is_answered(tmp_path: Path) -> None:
    """The site's own authority, as deploy/provision.sh makes it; the listener stays on loopback here."""
    need(shutil.which("openssl"), "openssl, which deploy/provision.sh calls")
    subprocess.run([ROOT / "deploy/provision.sh", tmp_path, "edge-1"], check=True, capture_output=True, timeout=60)
    pem = {name: str(tmp_path / name) for name in ("api.crt", "api.key", "ca.crt", "edge-1.crt", "edge-1.key")}
    door = Door("127.0.0.1", 0, certificate=pem["api.crt"], key=pem["api.key"], client_ca=pem["ca.crt"])
    known = ssl.create_default_context(cafile=pem["ca.crt"])
    known.load_cert_chain(pem["edge-1.crt"], pem["edge-1.key"])
    stranger = ssl.create_default_context(cafile=pem["ca.crt"])

    with serving(door, figures=lambda: b"up 1\n", wrong=lambda: "") as port:
        answer = httpx.get(f"https://127.0.0.1:{port}/metrics", verify=known)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"https://127.0.0.1:{port}/metrics", verify=stranger)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/metrics")

    assert answer.text == "up 1\n"
