"""A full site as the live feed would tell it: vehicles that circle and people who walk, the same in each run."""

import json
import math
from typing import Any

VEHICLES, CAMERAS, TRACKS, FEED_HZ = 100, 4, 500, 5.0
_DEG_M = 1.0 / 111_320.0  # of latitude, near enough for a picture


def full_site(snapshot: dict[str, Any]) -> str:
    """The coordinator's own snapshot, with the vehicles in it."""
    return json.dumps({**snapshot, "vehicles": [_vehicle(snapshot, number, 0) for number in range(VEHICLES)]})


def round_of(snapshot: dict[str, Any], step: int) -> list[str]:
    """Everything that the feed says in one round."""
    vehicles = [{"type": "vehicle", "data": _vehicle(snapshot, number, step)} for number in range(VEHICLES)]
    tracks = [{"type": "tracks", "data": _tracks(snapshot, camera, step)} for camera in range(CAMERAS)]
    return [json.dumps(each) for each in (*vehicles, *tracks, {"type": "link", "data": snapshot["link"]})]


def _place(snapshot: dict[str, Any], number: int, turn_rad: float, radius_m: float) -> dict[str, float]:
    origin = snapshot["site"]["origin"]
    east_m = (number % 20 - 10) * 18.0 + radius_m * math.sin(turn_rad)
    north_m = (number // 20 % 25 - 3) * 18.0 + radius_m * math.cos(turn_rad)
    east_deg = east_m * _DEG_M / math.cos(math.radians(origin["lat_deg"]))
    return {"lat_deg": origin["lat_deg"] + north_m * _DEG_M, "lon_deg": origin["lon_deg"] + east_deg}


def _vehicle(snapshot: dict[str, Any], number: int, step: int) -> dict[str, Any]:
    turn_rad = number + step * 0.1
    return {
        "id": f"drone-{number}",
        "kind": "ardupilot_copter",
        "simulated": True,
        "heard_age_s": 0.1,
        "is_silent": False,
        "autopilot_uid": None,
        "firmware": "4.6.3",
        "mode": "guided",
        "armed": True,
        "position": _place(snapshot, number, turn_rad, 15.0),
        "above_home_m": 20.0 + number % 10,
        "heading_deg": math.degrees(turn_rad + math.pi / 2) % 360.0,
        "speed_m_s": 7.5,
        "battery_frac": 0.8,
        "gnss_fix": 3,
        "wind_m_s": 3.0,
        "link_loss_frac": 0.0,
        "round_trip_s": 0.05,
        "home": None,
        "safety_uploaded": True,
        "not_ready_because": [],
        "latched_because": None,
        "task_id": None,
        "last_text": "",
    }


def _tracks(snapshot: dict[str, Any], camera: int, step: int) -> dict[str, Any]:
    numbers = range(camera * TRACKS // CAMERAS, (camera + 1) * TRACKS // CAMERAS)
    return {
        "camera": snapshot["site"]["cameras"][camera]["id"],
        "captured_at_us": snapshot["site"].get("at_us", 0) + round(step * 1e6 / FEED_HZ),
        "sightings": [_sighting(snapshot, snapshot["site"]["cameras"][camera]["id"], n, step) for n in numbers],
    }


def _sighting(snapshot: dict[str, Any], camera: str, number: int, step: int) -> dict[str, Any]:
    point = _place(snapshot, number, number + step * 0.02, 6.0)
    return {
        "camera": camera,
        "track": number,
        "label": "person",
        "score": 0.9,
        "box": {"x_px": 10.0, "y_px": 20.0, "width_px": 30.0, "height_px": 60.0},
        "ground": {"point": point, "var_east_m2": 0.2, "cov_east_north_m2": 0.0, "var_north_m2": 0.2},
    }
