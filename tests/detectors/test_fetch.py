"""Downloads against a server on loopback that can break off, lie and stay silent."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from detectors import fetch
from detectors.errors import DownloadError, ModelError
from detectors.fetch import download
from detectors.manifest import Manifest, shipped_manifests

CONTENT = np.random.default_rng(3).bytes(300_000)


class Server(ThreadingHTTPServer):
    """`breaks_after` bytes of an answer the connection is cut; `honours_range` False: always from the start."""

    content = CONTENT
    breaks_after: int | None = None
    honours_range = True
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1/model.onnx"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the test."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.honours_range else 0
        body = self.server.content[start:]
        if start and not body:
            self.send_error(416)
            return
        self.send_response(206 if start else self.server.status)
        if start:
            total = len(self.server.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "model.onnx"


def manifest(url: str, *, content: bytes = CONTENT) -> Manifest:
    default = shipped_manifests()["yolox-nano"]
    sha256 = hashlib.sha256(content).hexdigest()
    return default.model_copy(update={"url": url, "sha256": sha256, "size_bytes": len(content)})


def part(target: Path) -> Path:
    return target.with_name("model.onnx.part")


def test_a_download_arrives_whole_and_tells_how_far_it_is(server: Server, target: Path) -> None:
    steps: list[tuple[int, int]] = []
    download(manifest(server.url), target, on_progress=lambda done, total: steps.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert not part(target).exists()
    assert steps[-1] == (300_000, 300_000)
    assert steps == sorted(steps)


def test_a_broken_download_is_continued_where_it_broke(server: Server, target: Path) -> None:
    server.breaks_after = 200_000
    with pytest.raises(DownloadError):
        download(manifest(server.url), target)
    have = part(target).stat().st_size
    assert 0 < have <= 200_000
    assert not target.exists()
    server.breaks_after = None
    download(manifest(server.url), target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={have}-"]


def test_a_server_that_cannot_continue_starts_again(server: Server, target: Path) -> None:
    server.honours_range = False
    target.parent.mkdir()
    part(target).write_bytes(CONTENT[:1000])
    download(manifest(server.url), target)
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_complete_needs_no_network(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part(target).write_bytes(CONTENT)
    download(manifest(server.url), target)
    assert target.read_bytes() == CONTENT
    assert server.ranges == []


def test_a_wrong_sha256_says_both_and_leaves_nothing(server: Server, target: Path) -> None:
    server.content = bytes(len(CONTENT))
    expected, got = (hashlib.sha256(each).hexdigest() for each in (CONTENT, server.content))
    with pytest.raises(ModelError, match=rf"/v1/model\.onnx: expected sha256 {expected}, got {got}"):
        download(manifest(server.url), target)
    assert list(target.parent.iterdir()) == []


def test_more_bytes_than_promised_are_not_written_to_the_disk(server: Server, target: Path) -> None:
    server.content = CONTENT + b"x" * 1_000_000
    with pytest.raises(ModelError, match="expected 300000 bytes, got more"):
        download(manifest(server.url), target)
    assert list(target.parent.iterdir()) == []


def test_fewer_bytes_than_promised_are_kept_for_another_try(server: Server, target: Path) -> None:
    server.content = CONTENT[:1000]
    with pytest.raises(DownloadError, match="expected 300000 bytes, got 1000; another try continues there"):
        download(manifest(server.url), target)
    assert part(target).read_bytes() == CONTENT[:1000]


def test_a_part_longer_than_the_servers_file_is_given_up(server: Server, target: Path) -> None:
    server.content = CONTENT[:1000]
    target.parent.mkdir()
    part(target).write_bytes(CONTENT[:2000])
    with pytest.raises(DownloadError, match="got HTTP 416"):
        download(manifest(server.url), target)
    assert not part(target).exists()


def test_an_answer_that_is_no_file_is_one_line(server: Server, target: Path) -> None:
    server.status = 404
    with pytest.raises(DownloadError, match=r"/v1/model\.onnx: expected the file, got HTTP 404"):
        download(manifest(server.url), target)


def test_a_closed_port_is_one_line(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/m.onnx"
    with pytest.raises(DownloadError, match=rf"{url}: .*refused"):
        download(manifest(url), target)


def test_a_resolver_that_stays_silent_is_not_waited_for(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def silent(*_: object) -> None:
        released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "cut off")

    monkeypatch.setattr(fetch, "CONNECT_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    with pytest.raises(DownloadError, match=r"http://models\.invalid/m\.onnx: no answer within 0\.05 s"):
        download(manifest("http://models.invalid/m.onnx"), target)
    released.set()
    join_left_behind()


def test_a_peer_that_never_ends_its_headers_is_left(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "READ_S", 0.2)
    ended = threading.Event()

    def drip() -> None:
        client, _ = listening.accept()
        with client:
            client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not ended.wait(0.02):
                client.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = threading.Thread(target=drip)
        peer.start()
        with pytest.raises(DownloadError, match=r"m\.onnx: no answer within 0\.2 s"):
            download(manifest(f"http://127.0.0.1:{listening.getsockname()[1]}/m.onnx"), target)
        ended.set()
        peer.join()
    join_left_behind()


def join_left_behind() -> None:
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join()


def test_a_model_without_an_address_says_so(target: Path) -> None:
    with pytest.raises(DownloadError, match="'yolox-nano': its manifest has no address"):
        download(shipped_manifests()["yolox-nano"].model_copy(update={"url": None}), target)
