"""events.jsonl: what happened, a line each, the same bytes on every run over the same detections.

Events stand there as the envelopes that would have gone on the wire; tracks have a line for their start and their end,
so that the file of a video in which nothing was wrong still says what was seen.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from contract.codec import encode
from contract.envelope import Envelope
from contract.events import Event, Stage
from contract.labels import Label
from edge.perception.track import Track, TrackState


class EventLog:
    """`write_line` gets each line with the moment it belongs to; `labels` says what each class index means."""

    def __init__(self, write_line: Callable[[int, str], object], *, camera: str, labels: Sequence[Label]) -> None:
        self._write_line = write_line
        self._camera = camera
        self._labels = labels
        self._open: dict[int, Track] = {}
        self.tracks = 0
        self.told: Counter[str] = Counter()  # events that started, by rule and place

    def write(self, captured_at_us: int, tracks: Iterable[Track], envelopes: Iterable[Envelope]) -> None:
        for track in tracks:
            if track.state is TrackState.CONFIRMED:
                if track.track_id not in self._open:
                    self.tracks += 1
                    self._write_track(Stage.START, track, captured_at_us)
                self._open[track.track_id] = track
            elif track.state is TrackState.LOST and track.track_id in self._open:
                self._write_track(Stage.END, self._open.pop(track.track_id), captured_at_us)
        for envelope in envelopes:
            self._write_line(captured_at_us, encode(envelope).decode())
            event = envelope.body
            if isinstance(event, Event) and event.stage is Stage.START:
                self.told[f"{event.kind.value} {event.zone}"] += 1

    def close(self, captured_at_us: int, envelopes: Iterable[Envelope]) -> None:
        """The video is over: so is whatever is still followed."""
        self.write(captured_at_us, (), envelopes)
        for track in self._open.values():
            self._write_track(Stage.END, track, captured_at_us)
        self._open.clear()

    def _write_track(self, stage: Stage, track: Track, captured_at_us: int) -> None:
        left, top, right, bottom = (round(edge, 1) for edge in track.xyxy_px)
        line = {
            "type": "track",
            "stage": stage.value,
            "captured_at_us": captured_at_us,
            "camera": self._camera,
            "track": track.track_id,
            "label": self._labels[track.class_index].value,
            "first_seen_us": track.first_seen_us,
            "last_seen_us": track.last_seen_us,
            "xyxy_px": [left, top, right, bottom],
        }
        self._write_line(captured_at_us, json.dumps(line, separators=(",", ":")))
