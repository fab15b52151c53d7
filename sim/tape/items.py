"""What a tape holds, as values: messages on topics, notes about them, files beside them.

Every message is JSON, described by a JSON Schema inside the file. Where Foxglove has a kind of its own (`foxglove.*`)
it is used word for word: its viewer knows it by name.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract.geo import GeoPoint
from contract.site import CameraPose
from fleet.flight.mavlink_codec import Frame, finite

SITE_FILE = "site.yaml"  # the file beside that says what stands where
LOCAL_FRAME = "site"  # the note that says where east, north and up count from


@dataclass(frozen=True, slots=True)
class Message:
    """`log_us` orders the tape; `at_us` is the moment the content is about. Both since the Unix epoch, UTC."""

    topic: str
    schema: str
    log_us: int
    at_us: int
    data: bytes

    def content(self) -> dict[str, Any]:
        """Raises ValueError when it is not a JSON object."""
        content = json.loads(self.data)
        if not isinstance(content, dict):
            raise ValueError(f"expected a JSON object, got {type(content).__name__}")  # noqa: TRY004 - damage, no bug
        return content


@dataclass(frozen=True, slots=True)
class Note:
    """Words about the tape or one of its topics; it stands before what it speaks of."""

    name: str
    words: Mapping[str, str]
    log_us: int = 0


@dataclass(frozen=True, slots=True)
class Beside:
    """A whole file that belongs to the tape, such as the site file."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    log_us: int = 0


Item = Message | Note | Beside


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """One picture as a camera coded it. `codec` is FFmpeg's name; H.264 and H.265 are Annex B, with parameter sets
    before each key frame. `decode_us` orders packets, `at_us` is when the picture is shown."""

    codec: str
    decode_us: int
    at_us: int
    data: bytes


def video_topic(camera: str) -> str:
    return f"/camera/{camera}/video"


def video(camera: str, packet: VideoPacket) -> Message:
    """foxglove.CompressedVideo; its viewer decodes h264, h265, vp9 and av1, a replay whatever FFmpeg does."""
    content = {
        "timestamp": _time(packet.at_us),
        "frame_id": camera,
        "data": _base64(packet.data),
        "format": {"hevc": "h265"}.get(packet.codec, packet.codec),
    }
    return _message(video_topic(camera), "foxglove.CompressedVideo", packet.decode_us, packet.at_us, content)


def pose_topic(camera: str) -> str:
    return f"/camera/{camera}/pose"


def detections_topic(camera: str) -> str:
    return f"/camera/{camera}/detections"


def pose(camera: str, at_us: int, where: CameraPose) -> Message:
    content = {"timestamp": _time(at_us), **where.model_dump(mode="json")}
    return _message(pose_topic(camera), "vedette.CameraPose", at_us, at_us, content)


def detections(camera: str, at_us: int, boxes: Sequence[Sequence[float]]) -> Message:
    """A row a box: left, top, right, bottom, score, class; what a class means stands in the note of the same name."""
    content = {"timestamp": _time(at_us), "boxes": boxes}
    return _message(detections_topic(camera), "vedette.Detections", at_us, at_us, content)


def truth(camera: str, at_us: int, objects: Sequence[Mapping[str, object]]) -> Message:
    """Who was really there: `id`, `label`, `xyxy_px`."""
    content = {"timestamp": _time(at_us), "objects": objects}
    return _message(f"/camera/{camera}/truth", "vedette.Truth", at_us, at_us, content)


def location(topic: str, at_us: int, point: GeoPoint, *, altitude_m: float, frame_id: str) -> Message:
    """foxglove.LocationFix, with an error that nobody told."""
    content = {
        "timestamp": _time(at_us),
        "frame_id": frame_id,
        "latitude": round(point.lat_deg, 7),
        "longitude": round(point.lon_deg, 7),
        "altitude": round(altitude_m, 3),
        "position_covariance": [0.0] * 9,
        "position_covariance_type": 0,
    }
    return _message(topic, "foxglove.LocationFix", at_us, at_us, content)


def drawing(topic: str, at_us: int, geojson: Mapping[str, object]) -> Message:
    """foxglove.GeoJSON for its map."""
    return _message(topic, "foxglove.GeoJSON", at_us, at_us, {"geojson": json.dumps(geojson, separators=(",", ":"))})


def telemetry(topic: str, at_us: int, *, raw: bytes, fields: Mapping[str, object]) -> Message:
    """What a sensor said of itself (MISB KLV), as it came and as it reads."""
    content = {"timestamp": _time(at_us), "raw": _base64(raw), "fields": fields}
    return _message(topic, "vedette.Telemetry", at_us, at_us, content)


def mavlink(at_us: int, frame: Frame) -> Message:
    """A frame as it was on the wire, and its fields for plots."""
    content = {
        "timestamp": _time(at_us),
        "system_id": frame.system_id,
        "component_id": frame.component_id,
        "sequence": frame.sequence,
        "name": frame.name,
        "raw": _base64(frame.raw),
        "fields": {name: _plain(getattr(frame.message, name)) for name in frame.message.get_fieldnames()},
    }
    return _message(f"/mavlink/{frame.system_id}", "vedette.MavlinkFrame", at_us, at_us, content)


def envelope(topic: str, payload: bytes, *, received_at_us: int, sent_at_us: int) -> Message:
    """A message of the bus under its own address, byte for byte."""
    return Message(topic, "vedette.Envelope", received_at_us, sent_at_us, payload)


def log_line(at_us: int, *, name: str, text: str) -> Message:
    """foxglove.Log, as a warning: what a reader of the tape should know."""
    content = {"timestamp": _time(at_us), "level": 3, "message": text, "name": name, "file": "", "line": 0}
    return _message("/log", "foxglove.Log", at_us, at_us, content)


def time_us(content: Mapping[str, Any]) -> int:
    """The `timestamp` of a message. Raises KeyError or TypeError where there is none."""
    stamp = content["timestamp"]
    return int(stamp["sec"]) * 1_000_000 + int(stamp["nsec"]) // 1_000


def _message(topic: str, schema: str, log_us: int, at_us: int, content: Mapping[str, object]) -> Message:
    data = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    return Message(topic, schema, log_us, at_us, data)


def _time(at_us: int) -> dict[str, int]:
    return {"sec": at_us // 1_000_000, "nsec": at_us % 1_000_000 * 1_000}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _plain(value: object) -> object:
    """A field as JSON: what is not a number becomes null, bytes a list."""
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, bytes | bytearray):
        return list(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
