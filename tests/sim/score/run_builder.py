"""Small run folders, written as the runner writes them, so that a score can be computed by hand.

The site is flat: zone `yard` is the square from 0 to 20 m east and north, the camera stands south of it and looks
north, the drone's dock lies at 10 m east, 80 m south.
"""

import json
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from contract.envelope import Envelope, Origin
from contract.events import Certainty, Event, ModelIdentity, Sighting, Stage, derive_message_id
from contract.geo import BoxPx, GeoPoint, LocalFrame, PointEnu
from contract.kinds import EventKind, Severity
from contract.labels import Label

START = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)
START_US = round(START.timestamp() * 1e6)
FRAME = LocalFrame(GeoPoint(lat_deg=52.1, lon_deg=13.2), ground_amsl_m=45.0)
BOX = (100.0, 100.0, 140.0, 200.0)
ELSEWHERE = (900.0, 100.0, 940.0, 200.0)
Line = dict[str, Any]


def us(seconds: float) -> int:
    return START_US + round(seconds * 1e6)


def point(east_m: float, north_m: float) -> Line:
    return FRAME.to_geo(PointEnu(east_m, north_m))[0].model_dump()


def square(west_m: float, south_m: float, east_m: float, north_m: float) -> list[Line]:
    corners = ((west_m, south_m), (east_m, south_m), (east_m, north_m), (west_m, north_m))
    return [point(*corner) for corner in corners]


def site() -> Line:
    lens = {
        "model": "opencv",
        "width_px": 1280,
        "height_px": 720,
        "fx_px": 640,
        "fy_px": 640,
        "cx_px": 640,
        "cy_px": 360,
    }
    return {
        "schema_version": 1,
        "id": "flat",
        "name": "Flat ground",
        "time_zone": "Europe/Berlin",
        "origin": {"lat_deg": 52.1, "lon_deg": 13.2, "ground_amsl_m": 45.0},
        "geofence": {"polygon": square(-200, -200, 200, 200)},
        "cameras": [
            {
                "id": "cam-1",
                "node": "edge-1",
                "lens": lens,
                "pose": {"east_m": 10, "north_m": -20, "up_m": 6, "heading_deg": 0, "pitch_deg": -12},
            }
        ],
        "zones": [
            {"id": "yard", "name": "Yard", "polygon": square(0, 0, 20, 20), "cameras": ["cam-1"], "dwell_s": 0.5}
        ],
        "docks": [{"id": "dock-1", "position": point(10, -80)}],
        "vehicles": [
            {
                "id": "drone-1",
                "kind": "ardupilot_copter",
                "connection": "udpin:127.0.0.1:14550",
                "system_id": 1,
                "simulated": True,
                "dock": "dock-1",
                "cruise_speed_m_s": 8.0,
                "return_altitude_m": 30.0,
                "sensor_range_m": 50.0,
                "sensor_fov_deg": 40.0,
            }
        ],
        "response": {"air_altitude_m": 30.0},
    }


def walker(actor: str = "intruder", *, enters_at_s: float = 10.0, cell: str | None = None, **more: Any) -> Line:
    """At 1 m/s from 10 m south of the zone straight through it: inside for 20 s, then 10 m on and gone."""
    return {
        "id": actor,
        "route": [{"east_m": 10, "north_m": -10}, {"east_m": 10, "north_m": 30}],
        "starts_at_s": enters_at_s - 10.0,
        "speed_m_s": 1.0,
        "stays": False,
        "cell": cell,
        **more,
    }


def alarm(
    at_s: float, *, number: int = 1, event: str | None = None, incident: str = "inc-1", zone: str = "yard"
) -> Line:
    return {
        "type": "alarm",
        "at_us": us(at_s),
        "trace_id": "0" * 32,
        "alarm": f"alarm-{number}",
        "incident": incident,
        "zone": zone,
        "camera": "cam-1",
        "track": number,
        "stale": False,
        "event": event,
    }


def event_id(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


def event(captured_at_s: float, *, number: int = 1, box: tuple[float, float, float, float] = BOX) -> Line:
    """The start of an event, as the outbox takes it."""
    body = Event(
        event_id=event_id(number),
        kind=EventKind.INTRUSION,
        stage=Stage.START,
        revision=0,
        zone="yard",
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        started_at_us=us(captured_at_s),
        sighting=Sighting(
            camera="cam-1",
            track=number,
            label=Label.PERSON,
            score=0.9,
            box=BoxPx(x_px=box[0], y_px=box[1], width_px=box[2] - box[0], height_px=box[3] - box[1]),
            ground=None,
        ),
        model=ModelIdentity(name="none", sha256="0" * 64, backend="scripted"),
    )
    envelope = Envelope(
        message_id=derive_message_id(body),
        site="flat",
        node="edge-1",
        outbox_id=uuid.UUID(int=99),
        boot=1,
        sequence=number,
        captured_at_us=us(captured_at_s),
        sent_at_us=us(captured_at_s),
        origin=Origin.SIMULATED,
        trace_id="0" * 32,
        hops_us={},
        body=body,
    )
    line: Line = envelope.model_dump(mode="json")
    return line


def view(at_s: float, *actors: tuple[str, tuple[float, float, float, float]], visible_frac: float = 1.0) -> Line:
    seen = [{"actor": actor, "label": "person", "xyxy_px": box, "visible_frac": visible_frac} for actor, box in actors]
    return {"type": "view", "camera": "cam-1", "captured_at_us": us(at_s), "pose": None, "actors": seen}


def sighting(
    at_s: float,
    box: tuple[float, float, float, float] = BOX,
    *,
    track: int = 1,
    at: tuple[float, float] | None = None,
    state: str = "confirmed",
) -> Line:
    east_m, north_m = at if at is not None else (None, None)
    seen = {"track": track, "label": "person", "score": 0.9, "xyxy_px": box, "state": state}
    fix = {"east_m": east_m, "north_m": north_m, "sigma_m": None if at is None else 0.5}
    return {"camera": "cam-1", "captured_at_us": us(at_s), "tracks": [{**seen, **fix}]}


def vehicle(at_s: float, east_m: float, north_m: float, up_m: float, *, heading_deg: float = 0.0) -> Line:
    return {
        "vehicle": "drone-1",
        "at_us": us(at_s),
        "east_m": east_m,
        "north_m": north_m,
        "up_m": up_m,
        "heading_deg": heading_deg,
        "camera_heading_deg": heading_deg,
        "camera_pitch_deg": -30.0,
        "mode": "GUIDED",
        "armed": True,
        "battery_frac": 0.9,
        "ground_speed_m_s": 8.0,
    }


def task(
    at_s: float, state: str, *, task_id: str = "task-1", kind: str = "investigate", incident: str | None = "inc-1"
) -> Line:
    return {
        "type": "task",
        "at_us": us(at_s),
        "task": task_id,
        "trace_id": "0" * 32,
        "kind": kind,
        "vehicle": "drone-1",
        "state": state,
        "reason": "",
        "incident": incident,
    }


def decision(at_s: float, verdict: str, *reasons: str) -> Line:
    return {
        "type": "decision",
        "at_us": us(at_s),
        "task": "task-1",
        "vehicle": "drone-1",
        "order": "GoTo",
        "verdict": verdict,
        "reasons": reasons,
    }


def build(
    folder: Path,
    *,
    actors: list[Line] | None = None,
    events: list[Line] | None = None,
    truth: list[Line] | None = None,
    sightings: list[Line] | None = None,
    vehicles: list[Line] | None = None,
    length_s: float = 60.0,
    seed: int = 1,
    places: Line | None = None,
    **scenario: Any,
) -> Path:
    """A run folder. Without other word one walker is in the zone from 10 s to 30 s and nothing came of it. `places`:
    zones and lines other than the yard."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "schema_version": 1,
        "id": "by-hand",
        "title": "By hand",
        "site": "site.yaml",
        "seed": seed,
        "start": START.isoformat(),
        "length_s": length_s,
        "feeds": [{"camera": "cam-1", "eye": {"sees": "modelled"}}],
        "actors": [walker()] if actors is None else actors,
        "vehicles": [{"id": "drone-1"}],
        **scenario,
    }
    header = {
        "scenario": document["id"],
        "file": "by-hand.yaml",
        "seed": seed,
        "length_s": length_s,
        "software": "0.1.0",
        "feeds": {"cam-1": "modelled"},
    }
    written = {"scenario.yaml": document, "site.yaml": {**site(), **(places or {})}, "run.json": header}
    for name, content in written.items():
        (folder / name).write_text(json.dumps(content, indent=1))  # JSON is YAML
    lines = {"events": events, "truth": truth, "sightings": sightings, "vehicles": vehicles}
    for name, each in lines.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in each or []))
    return folder
