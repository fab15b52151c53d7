"""A video that shows what the pipeline saw: boxes with their numbers, zones and lines, events as they start.

Frames keep the time stamps of the recording, so the two can be laid side by side.
"""

import colorsys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.stream import VideoStream

from contract.envelope import Envelope
from contract.events import Event, Stage
from contract.geo import LocalFrame
from contract.labels import Label
from contract.site import CameraPose, Line, Zone
from detectors.frame import Frame, ImageBgr
from edge.perception.locate import Locator
from edge.perception.track import Track, TrackState

Outline = npt.NDArray[np.int32]  # (n, 2) pixels
Colour = tuple[int, int, int]  # blue, green, red

TICKS_HZ = 90_000  # MPEG's clock
BANNER_US = 3_000_000
POINTS_A_SIDE = 16  # a straight fence bends in a bent lens
GOLDEN_RATIO = 0.618034  # steps around the colour circle that never come close to one another
RED, WHITE, BLACK, YELLOW = (40, 40, 220), (255, 255, 255), (0, 0, 0), (0, 220, 255)


def outline_of(watched: Zone | Line, *, frame: LocalFrame, locator: Locator, pose: CameraPose) -> list[Outline]:
    """The sides of a zone, or a line, as a camera sees them; what lies behind it is left out."""
    if watched.drawn_px:
        return [np.round(np.array(watched.drawn_px)).astype(np.int32)]
    corners = np.array([(p.east_m, p.north_m) for p in map(frame.to_enu, watched.drawn)])
    share = np.linspace(0.0, 1.0, POINTS_A_SIDE)[:, None]
    sides = []
    for start, end in pairwise(corners):
        ground = start + share * (end - start)
        pixels = locator.project(np.column_stack([ground, np.zeros(len(ground))]), pose)
        pixels = pixels[np.isfinite(pixels).all(axis=1) & (np.abs(pixels) < 1e4).all(axis=1)]
        if len(pixels) > 1:
            sides.append(np.round(pixels).astype(np.int32))
    return sides


class Painter:
    """Draws one camera's pictures. `outlines`: of its zones and lines."""

    def __init__(self, *, labels: Sequence[Label], outlines: Sequence[Outline] = ()) -> None:
        self._labels = labels
        self._outlines = list(outlines)
        self._banners: list[tuple[int, str]] = []

    def painted(self, frame: Frame, tracks: Iterable[Track], events: Iterable[Envelope]) -> ImageBgr:
        """A copy of the picture with everything on it."""
        image: ImageBgr = frame.image_bgr.copy()
        cv2.polylines(image, self._outlines, isClosed=False, color=YELLOW, thickness=2, lineType=cv2.LINE_AA)
        for track in tracks:
            self._paint_track(image, track)
        for envelope in events:
            event = envelope.body
            if isinstance(event, Event) and event.stage is Stage.START:
                words = (
                    f"{event.kind.value.upper()} {event.zone}: track {event.sighting.track}, {event.certainty.value}"
                )
                self._banners.append((frame.captured_at_us, words))
        self._banners = [(at_us, words) for at_us, words in self._banners if frame.captured_at_us - at_us < BANNER_US]
        for row, (_, words) in enumerate(self._banners):
            image[row * 28 : (row + 1) * 28] = RED
            _write(image, words, (8, row * 28 + 20), WHITE)
        return image

    def _paint_track(self, image: ImageBgr, track: Track) -> None:
        left, top, right, bottom = (round(edge) for edge in track.xyxy_px)
        colour = track_colour(track.track_id)
        is_seen = track.state is TrackState.CONFIRMED
        cv2.rectangle(image, (left, top), (right, bottom), colour, 2 if is_seen else 1)
        words = f"{track.track_id} {self._labels[track.class_index].value} {track.score:.2f}"
        _write(image, words if is_seen else f"{track.track_id} hidden", (left, max(top - 4, 12)), colour)


def track_colour(track_id: int) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(track_id * GOLDEN_RATIO % 1.0, 0.75, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def _write(image: ImageBgr, words: str, at_px: tuple[int, int], colour: Colour) -> None:
    for thickness, ink in ((3, BLACK), (1, colour)):
        cv2.putText(image, words, at_px, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, thickness, cv2.LINE_AA)


class VideoFile:
    """An mp4 (H.264). H.264 wants even sides: an odd last row or column is left out."""

    def __init__(self, path: Path) -> None:
        self._container: OutputContainer = av.open(str(path), "w")
        self._stream: VideoStream | None = None

    def __enter__(self) -> "VideoFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, image: ImageBgr, *, pts_us: int) -> None:
        height_px, width_px = (side // 2 * 2 for side in image.shape[:2])
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", options={"preset": "veryfast", "crf": "23"})
            self._stream.width, self._stream.height, self._stream.pix_fmt = width_px, height_px, "yuv420p"
            self._stream.codec_context.time_base = Fraction(1, TICKS_HZ)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height_px, :width_px]), format="bgr24")
        picture.pts, picture.time_base = round(pts_us * TICKS_HZ / 1_000_000), Fraction(1, TICKS_HZ)
        self._container.mux(self._stream.encode(picture))
