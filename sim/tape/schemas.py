"""The JSON Schema of every kind of message on a tape.

Those called `foxglove.*` follow https://docs.foxglove.dev/docs/sdk/schemas: name, keys and `contentEncoding` are what
its viewer goes by. `vedette.Envelope` is the committed schema of the contract.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import contract.schema
from contract.site import CameraPose

_TIME = {
    "type": "object",
    "title": "time",
    "properties": {
        "sec": {"type": "integer", "minimum": 0},
        "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    },
}
_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_INTEGER = {"type": "integer"}
_BYTES = {"type": "string", "contentEncoding": "base64"}
_FIELDS = {"type": "object", "additionalProperties": True}


def schema_text(name: str) -> bytes:
    """Raises KeyError for a kind that no tape has."""
    if name == "vedette.Envelope":
        return Path(contract.schema.__file__).with_name("envelope.json").read_bytes()
    return json.dumps(_SCHEMAS[name], sort_keys=True).encode()


def _object(name: str, properties: Mapping[str, object], description: str) -> dict[str, object]:
    return {"title": name, "description": description, "type": "object", "properties": dict(properties)}


def _list_of(items: Mapping[str, object]) -> dict[str, object]:
    return {"type": "array", "items": dict(items)}


_POSE = CameraPose.model_json_schema()["properties"]
_SCHEMAS: dict[str, dict[str, object]] = {
    each["title"]: each  # type: ignore[misc]
    for each in (
        _object(
            "foxglove.CompressedVideo",
            {"timestamp": _TIME, "frame_id": _TEXT, "data": _BYTES, "format": _TEXT},
            "A single frame of a compressed video bitstream",
        ),
        _object(
            "foxglove.LocationFix",
            {
                "timestamp": _TIME,
                "frame_id": _TEXT,
                "latitude": _NUMBER,
                "longitude": _NUMBER,
                "altitude": _NUMBER,
                "position_covariance": _list_of(_NUMBER) | {"minItems": 9, "maxItems": 9},
                "position_covariance_type": _INTEGER,
            },
            "A navigation satellite fix for any Global Navigation Satellite System",
        ),
        _object("foxglove.GeoJSON", {"geojson": _TEXT}, "GeoJSON data for annotating maps"),
        _object(
            "foxglove.Log",
            {
                "timestamp": _TIME,
                "level": _INTEGER,
                "message": _TEXT,
                "name": _TEXT,
                "file": _TEXT,
                "line": _INTEGER,
            },
            "A log message",
        ),
        _object("vedette.CameraPose", {"timestamp": _TIME, **_POSE}, "Where a camera is and looks, in the site's ENU"),
        _object(
            "vedette.Detections",
            {"timestamp": _TIME, "boxes": _list_of(_list_of(_NUMBER))},
            "What a detector saw: left, top, right, bottom in pixels, score, class; a row a box",
        ),
        _object(
            "vedette.Truth",
            {
                "timestamp": _TIME,
                "objects": _list_of(
                    _object("object", {"id": _INTEGER, "label": _TEXT, "xyxy_px": _list_of(_NUMBER)}, "One box")
                ),
            },
            "Who was really in the picture",
        ),
        _object(
            "vedette.Telemetry",
            {"timestamp": _TIME, "raw": _BYTES, "fields": _FIELDS},
            "What a sensor said of itself, as it came and as it reads",
        ),
        _object(
            "vedette.MavlinkFrame",
            {
                "timestamp": _TIME,
                "system_id": _INTEGER,
                "component_id": _INTEGER,
                "sequence": _INTEGER,
                "name": _TEXT,
                "raw": _BYTES,
                "fields": _FIELDS,
            },
            "One MAVLink frame as it was on the wire, and its fields",
        ),
    )
}
