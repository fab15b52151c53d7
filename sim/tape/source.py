"""A camera's pictures on a tape, as a source of frames for the edge pipeline."""

import threading
from collections.abc import Generator, Iterator
from pathlib import Path

from detectors.frame import Frame
from edge.decode import Picture
from edge.errors import FeedUnreadable
from edge.source import CapturedBy
from sim.tape.errors import TapeError
from sim.tape.items import Message, Note, video_topic
from sim.tape.reader import TapeReader
from sim.tape.video import StoredVideo


class TapeSource:
    """`start_us`: the moment from which `pts_us` counts, that of the first picture; `until_us`: of the last wanted."""

    is_live = False
    is_paced = False
    is_quiet = False
    captured_by = CapturedBy.RECORDING

    def __init__(self, path: Path, camera: str, *, start_us: int, until_us: int | None = None) -> None:
        self._reader = TapeReader(path)
        self._topic = video_topic(camera)
        self._start_us = start_us
        self._until_us = until_us
        self._stored: StoredVideo | None = None

    @property
    def corrupt_packets(self) -> int:
        return 0 if self._stored is None else self._stored.corrupt_packets

    @property
    def remark(self) -> str:
        if self._reader.remark or not self.corrupt_packets:
            return self._reader.remark
        return f"{self.corrupt_packets} packets could not be decoded"

    def frames(self, stop: threading.Event) -> Generator[Frame, None, None]:
        index, last_us = 0, self._start_us - 1
        try:
            for picture in self._pictures():
                is_beyond = self._until_us is not None and picture.pts_us > self._until_us
                if is_beyond or stop.is_set():
                    break
                if picture.pts_us > last_us:  # what is shown before what was shown has no place in a pipeline
                    last_us = picture.pts_us
                    yield Frame(picture.image_bgr, last_us - self._start_us, last_us, index, picture.decode_us)
                    index += 1
        except TapeError as err:
            raise FeedUnreadable(str(err)) from err
        if index == 0:
            raise FeedUnreadable(f"{self._reader.path}: not one picture on {self._topic} could be decoded")

    def _pictures(self) -> Iterator[Picture]:
        for item in self._reader.items():
            if isinstance(item, Note) and item.name == self._topic:
                self._stored = StoredVideo(item.words)
            elif isinstance(item, Message) and item.topic == self._topic:
                if self._stored is None:
                    self._stored = StoredVideo({})
                yield from self._stored.decode(item)
        if self._stored is not None:
            yield from self._stored.flush()
