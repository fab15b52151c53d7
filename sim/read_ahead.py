"""Decoding and preparing on a thread of their own, a few frames ahead of whoever detects.

The queue is bounded and drops nothing: a recording waits for room. What goes wrong on the thread is raised here.
"""

import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from queue import Empty, Queue

from detectors.detector import Prepared
from detectors.frame import Frame
from edge.source import Source

FRAMES_AHEAD = 3  # one in work and one for a decoder that stutters
END_S = 0.05

Ready = tuple[Frame, Prepared]


def ready_frames(
    source: Source, prepare: Callable[[Frame], Prepared], *, frames_ahead: int = FRAMES_AHEAD
) -> Generator[Ready, None, None]:
    """Every frame of `source` in order. Close the iterator to end the thread. Raises what the two of them raise."""
    queue: Queue[Ready | Exception | None] = Queue(frames_ahead)
    stop = threading.Event()

    def read() -> None:
        try:
            with closing(source.frames(stop)) as frames:
                for frame in frames:
                    queue.put((frame, prepare(frame)))
            queue.put(None)
        except Exception as err:  # noqa: BLE001 - the outermost loop of a thread; raised below
            queue.put(err)

    thread = threading.Thread(name="read ahead", target=read, daemon=True)
    thread.start()
    try:
        while (ready := queue.get()) is not None:
            if isinstance(ready, Exception):
                raise ready
            yield ready
    finally:
        stop.set()
        while thread.is_alive():
            with suppress(Empty):  # a reader that waits for room must find some
                queue.get(timeout=END_S)
