"""A network with its head: from a frame made ready to boxes. And several of them beside each other.

On a CPU two inferences at the same time, a core each, are done sooner than two in turn that share both cores: the
parts of one inference wait for one another, two inferences never do.
"""

import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Annotated, Protocol

from pydantic import Field

from contract.frozen import Frozen
from detectors import plugins
from detectors.boxes import suppress, to_frame
from detectors.detections import Detections, FloatArray
from detectors.detector import Prepared
from detectors.errors import InferenceError
from detectors.registry import ModelFile


class NetworkOptions(Frozen):
    """What can be said to every runtime."""

    score_min: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1  # a tracker makes use of weak boxes; an alarm needs more
    iou_max: Annotated[float, Field(gt=0.0, le=1.0)] = 0.6  # of two boxes of one class, above this they are one object


class Network(Protocol):
    """A network ready to run."""

    def run(self, tensor: FloatArray) -> Sequence[FloatArray]:
        """Every output for (n, 3, height, width). Raises InferenceError with the runtime's own words."""
        ...


class Lane:
    """For one thread at a time: network and head both write into memory of their own."""

    def __init__(
        self, network: Network, file: ModelFile, options: NetworkOptions, *, width_px: int, height_px: int
    ) -> None:
        self.network = network
        self.head = plugins.load("heads", file.manifest.head).Head(
            width_px=width_px, height_px=height_px, class_count=len(file.manifest.classes)
        )
        self._options = options
        self._name = str(file.path)

    def run(self, tensor: FloatArray) -> FloatArray:
        """The head's raw output, (n, ...); valid until the next run. Raises InferenceError that names the model."""
        try:
            return self.network.run(tensor)[0]
        except InferenceError as err:
            raise InferenceError(f"{self._name}: {err}") from err

    def boxes(self, raw: FloatArray, prepared: Prepared) -> Detections:
        """Raises InferenceError, naming model and frame, when `raw` is nonsense."""
        try:
            found: Detections = self.head.decode(raw, score_min=self._options.score_min)
        except InferenceError as err:
            raise InferenceError(f"{self._name}: frame at {prepared.pts_us} us: {err}") from err
        found = to_frame(found, prepared)
        return suppress(found, iou_max=self._options.iou_max) if self.head.overlaps else found

    def detect(self, prepared: Prepared) -> Detections:
        return self.boxes(self.run(prepared.tensor[None])[0], prepared)


class Lanes:
    """Each frame goes to the next lane that is free. A lane has a thread of its own, which no hung network keeps from
    ending with the process."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._waiting: SimpleQueue[_Order | None] = SimpleQueue()
        for number, lane in enumerate(lanes):
            arguments = (lane, self._waiting)
            threading.Thread(name=f"lane {number}", target=_work, args=arguments, daemon=True).start()
        weakref.finalize(self, _end, self._waiting, len(lanes))

    def detect(self, batch: Sequence[Prepared]) -> list[Detections]:
        """In the order of the frames, when all lanes are done with them. Raises what the first failure was."""
        orders = [_Order(prepared, Future()) for prepared in batch]
        for order in orders:
            self._waiting.put(order)
        wait([order.answer for order in orders])
        return [order.answer.result() for order in orders]


@dataclass(frozen=True, slots=True)
class _Order:
    prepared: Prepared
    answer: "Future[Detections]"


def _work(lane: Lane, waiting: "SimpleQueue[_Order | None]") -> None:
    for order in iter(waiting.get, None):
        try:
            order.answer.set_result(lane.detect(order.prepared))
        except Exception as err:  # noqa: BLE001 - the outermost loop of a thread; who waits for the answer raises it
            order.answer.set_exception(err)


def _end(waiting: "SimpleQueue[_Order | None]", count: int) -> None:
    for _ in range(count):
        waiting.put(None)
