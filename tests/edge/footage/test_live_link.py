"""The node's own connection for live pictures: it dials, offers, sends what is asked for, and comes back."""

import queue
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from structlog.testing import capture_logs
from websockets.sync.server import ServerConnection, serve

from contract.clock import SystemClock
from contract.live import JPEG, Offer, Offered, Watch, WatchStills, head_of, read_word
from edge.footage.live_view import PATH, LiveView
from edge.link.coordinator import Coordinator
from tests.edge.conftest import MakeVideo
from tests.edge.footage.test_live_view import filmed, judged, view
from tests.edge.yard import START_US

LIMIT_S = 30.0


@contextmanager
def coordinator() -> Iterator[tuple[int, "queue.Queue[ServerConnection]", threading.Event]]:
    """Its port, and each connection that a node opens; all stay open until the event is set."""
    calls: queue.Queue[ServerConnection] = queue.Queue()
    done = threading.Event()

    def hold(connection: ServerConnection) -> None:
        calls.put(connection)
        done.wait(LIMIT_S)

    with serve(hold, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1], calls, done
        finally:
            done.set()
            server.shutdown()
            thread.join(LIMIT_S)


@pytest.fixture
def live(make_video: MakeVideo) -> Iterator[tuple[LiveView, "queue.Queue[ServerConnection]"]]:
    """A node's live view of a ring with two pictures since its last key frame, joined to a coordinator."""
    stop = threading.Event()
    with coordinator() as (port, calls, _):
        views = [view(filmed(make_video))]
        door = Coordinator(f"http://127.0.0.1:{port}", "the-token")
        live = LiveView(views, door, clock=SystemClock(), chance=random.Random(1))
        thread = threading.Thread(target=live.run, args=(stop,))
        thread.start()
        try:
            yield live, calls
        finally:
            stop.set()
            thread.join(LIMIT_S)
            assert not thread.is_alive()


def test_a_node_says_who_it_is_and_sends_what_is_asked_for(
    live: tuple[LiveView, "queue.Queue[ServerConnection]"],
) -> None:
    node, calls = live
    call = calls.get(timeout=LIMIT_S)
    assert call.request is not None
    assert (call.request.path, call.request.headers["authorization"]) == (PATH, "Bearer the-token")
    offer = read_word(str(call.recv(LIMIT_S)))
    assert offer == Offer(cameras=(Offered(camera="mast", codec="avc1.64000A"),))
    call.send(Watch(camera="mast", is_wanted=True).model_dump_json())
    pictures = [call.recv(LIMIT_S), call.recv(LIMIT_S)]
    assert [isinstance(each, bytes) and head_of(each).is_key for each in pictures] == [True, False]
    call.send(Watch(camera="mast", is_wanted=False).model_dump_json())
    call.send(Watch(camera="mast", is_wanted=True).model_dump_json())
    again = call.recv(LIMIT_S)
    assert again == pictures[0]  # who looks again begins at the key frame again
    assert node.figures[0].sent_bytes >= sum(map(len, pictures))


def test_stills_come_beside_the_video_and_count_with_it(
    live: tuple[LiveView, "queue.Queue[ServerConnection]"],
) -> None:
    node, calls = live
    call = calls.get(timeout=LIMIT_S)
    call.recv(LIMIT_S)
    call.send(WatchStills(camera="mast", is_wanted=True).model_dump_json())
    until_s = time.monotonic() + LIMIT_S
    while not node.figures[0].is_watched:
        assert time.monotonic() < until_s
    node.saw("mast", *judged(np.zeros((120, 160, 3), np.uint8), START_US))
    still = call.recv(LIMIT_S)
    assert isinstance(still, bytes)
    assert head_of(still).codec == JPEG


@pytest.mark.parametrize(
    "word",
    ["nonsense", b"\x00", '{"type":"watch","camera":"cellar","is_wanted":true}', '{"type":"offer","cameras":[]}'],
)
def test_a_coordinator_that_makes_no_sense_is_left_and_dialled_anew(
    live: tuple[LiveView, "queue.Queue[ServerConnection]"], word: str | bytes
) -> None:
    _, calls = live
    with capture_logs() as lines:
        first = calls.get(timeout=LIMIT_S)
        first.send(word)
        second = calls.get(timeout=LIMIT_S)
        assert isinstance(read_word(str(second.recv(LIMIT_S))), Offer)
    told = [line for line in lines if line["event"] == "live view: not understood"]
    assert len(told) == 1
    assert "\n" not in told[0]["reason"]
