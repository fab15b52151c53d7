"""The named threads of one life: the first that crashes stops all, and its error is raised where the life was begun."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Crew:
    """Threads that end when `stop` is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self._crash: Exception | None = None

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except Exception as err:  # noqa: BLE001 - the outermost loop of a thread; join raises it
                self._crash = self._crash or err
                self._stop.set()

        thread = threading.Thread(name=name, target=guarded, daemon=True)
        self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        thread.start()
        return thread

    def join(self, timeout_s: float) -> None:
        """Wait for each at most `timeout_s`; one that hangs is named and left to the end of the process."""
        for thread in self._threads:
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("thread does not end", thread=thread.name)

    def raise_crash(self) -> None:
        if self._crash is not None:
            raise self._crash
