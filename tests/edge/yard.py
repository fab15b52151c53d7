"""A yard with one camera on a mast and one zone, and people drawn into its picture at known places."""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from contract.events import ModelIdentity, Sighting
from contract.geo import BoxPx, GeoPoint, GroundFix, LocalFrame, PointEnu
from contract.labels import Label
from contract.site import Site
from detectors.detections import Detections
from detectors.frame import Frame
from edge.rule import Subject
from edge.sender import Sender

START_US = 1_767_225_600_000_000
MAST_M = 5.0  # height of the camera, which looks north along the horizon
FOCAL_PX, CENTRE_X_PX, CENTRE_Y_PX = 600.0, 320.0, 240.0
MODEL = ModelIdentity(name="test-model", sha256="0" * 64, backend="scripted")
LABELS = (Label.PERSON, Label.BICYCLE)
OUTBOX_ID = uuid.UUID(int=7)
SENDER = Sender(site="yard", node="edge-1", outbox_id=OUTBOX_ID, boot=1)
FRAME = LocalFrame(GeoPoint(lat_deg=52.0, lon_deg=13.0), ground_amsl_m=40.0)


def corners(east_m: float, north_m: float, half_m: float) -> list[dict[str, float]]:
    """Of a square around a point of the yard."""
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return path(*((east_m + half_m * x, north_m + half_m * y) for x, y in signs))


def path(*places: tuple[float, float]) -> list[dict[str, float]]:
    """Of places of the yard, metres east and north."""
    points = [FRAME.to_geo(PointEnu(*place))[0] for place in places]
    return [{"lat_deg": point.lat_deg, "lon_deg": point.lon_deg} for point in points]


def line(*places: tuple[float, float], **more: object) -> dict[str, object]:
    """The line "path": unless told otherwise it runs north through the middle of the zone, so that west is left."""
    points = path(*(places or ((0.0, 10.0), (0.0, 30.0))))
    return {"id": "path", "name": "Path", "points": points, "cameras": ["mast"], **more}


def site(
    *,
    dwell_s: float = 0.5,
    initially_set: bool = True,
    half_m: float = 5.0,
    time_zone: str = "UTC",
    lines: Sequence[Mapping[str, object]] = (),
    **zone: object,
) -> Site:
    """The zone "gate" is a square around (0, 20); `zone`: whatever else stands in it."""
    return Site.model_validate(
        {
            "schema_version": 1,
            "id": "yard",
            "name": "Yard",
            "time_zone": time_zone,
            "origin": {"lat_deg": 52.0, "lon_deg": 13.0, "ground_amsl_m": 40.0},
            "geofence": {"polygon": corners(0.0, 0.0, 100.0)},
            "cameras": [
                {
                    "id": "mast",
                    "node": "edge-1",
                    "lens": {
                        "model": "opencv",
                        "width_px": 640,
                        "height_px": 480,
                        "fx_px": FOCAL_PX,
                        "fy_px": FOCAL_PX,
                        "cx_px": CENTRE_X_PX,
                        "cy_px": CENTRE_Y_PX,
                    },
                    "pose": {"east_m": 0.0, "north_m": 0.0, "up_m": MAST_M, "heading_deg": 0.0, "pitch_deg": 0.0},
                }
            ],
            "zones": [
                {
                    "id": "gate",
                    "name": "Gate",
                    "polygon": corners(0.0, 20.0, half_m),
                    "cameras": ["mast"],
                    "dwell_s": dwell_s,
                    "initially_set": initially_set,
                    **zone,
                }
            ],
            "lines": lines,
        }
    )


def person_px(east_m: float, north_m: float, *, height_m: float = 1.8) -> tuple[float, float, float, float]:
    """Box of somebody who stands there: a pinhole that looks north along the horizon."""
    foot_y_px = CENTRE_Y_PX + FOCAL_PX * MAST_M / north_m
    head_y_px = CENTRE_Y_PX + FOCAL_PX * (MAST_M - height_m) / north_m
    x_px = CENTRE_X_PX + FOCAL_PX * east_m / north_m
    half_px = (foot_y_px - head_y_px) / 5
    return x_px - half_px, head_y_px, x_px + half_px, foot_y_px


def people(*boxes: tuple[float, float, float, float]) -> Detections:
    n = len(boxes)
    return Detections(np.array(boxes, np.float32).reshape(n, 4), np.full(n, 0.9, np.float32), np.zeros(n, np.int32))


BLACK = np.broadcast_to(np.uint8(0), (480, 640, 3))  # of all pictures: thousands are made at a time


def picture(index: int, *, fps: float = 10.0) -> Frame:
    pts_us = round(index * 1e6 / fps)
    return Frame(BLACK, pts_us, START_US + pts_us, index, 0)


def subject(
    east_m: float,
    north_m: float,
    *,
    sigma_m: float = 0.1,
    track: int = 1,
    label: Label = Label.PERSON,
    is_seen: bool = True,
    is_located: bool = True,
    box_px: tuple[float, float, float, float] = (0.0, 0.0, 10.0, 20.0),
) -> Subject:
    """A track, without the pixels."""
    point = PointEnu(east_m, north_m) if is_located else None
    fix = None
    if point is not None:
        fix = GroundFix(
            point=FRAME.to_geo(point)[0],
            var_east_m2=sigma_m**2,
            cov_east_north_m2=0.0,
            var_north_m2=sigma_m**2,
        )
    left, top, right, bottom = box_px
    box = BoxPx(x_px=left, y_px=top, width_px=right - left, height_px=bottom - top)
    sighting = Sighting(camera="mast", track=track, label=label, score=0.9, box=box, ground=fix)
    return Subject(sighting, is_seen=is_seen, point=point)


def normal_below(z: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


def detections_text(frames: Sequence[tuple[int, list[list[float]]]], *, width_px: int, height_px: int) -> str:
    """Recorded detections as detectors/record.py writes them: PTS, us, and boxes x1 y1 x2 y2 score class."""
    header = {
        "format": "vedette-detections-1",
        "model": "by-hand",
        "sha256": "0" * 64,
        "backend": "none",
        "labels": ["person"],
        "width_px": width_px,
        "height_px": height_px,
        "source": "yard.mp4",
    }
    lines = [header, *({"pts_us": pts_us, "boxes": boxes} for pts_us, boxes in frames)]
    return "".join(json.dumps(line) + "\n" for line in lines)


def write_empty_yard(folder: Path, video: Path, *, frames: int) -> None:
    """The site, a recording of 160x120 at ten frames a second, and detections of nobody."""
    (folder / "yard.mp4").write_bytes(video.read_bytes())
    placed = site().model_dump(mode="json")
    placed["cameras"][0]["lens"].update(width_px=160, height_px=120)
    (folder / "yard.yaml").write_text(yaml.safe_dump(placed))
    nobody = [(n * 100_000, list[list[float]]()) for n in range(frames)]
    (folder / "yard.jsonl").write_text(detections_text(nobody, width_px=160, height_px=120))
