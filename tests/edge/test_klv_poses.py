"""Poses that a video tells of itself: at the moment of the picture, never from damage or from what cannot be."""

import threading
from pathlib import Path

import numpy as np
import pytest

from contract.clock import SystemClock
from contract.geo import GeoPoint, LocalFrame, PointEnu, distance_m
from contract.site import OpenCvLens, Site
from detectors.frame import Frame
from edge.decode import opened_video
from edge.errors import SetUpError
from edge.klv import Telemetry, sets_in
from edge.perception.locate import Locator
from edge.perception.sight import lens_of
from edge.pose import FeedPlace, open_poses
from edge.pose_settings import KlvPoseSettings
from edge.poses.klv import KlvPoses, fov_horizontal_deg
from edge.source import SourceOptions, open_source
from tests.conftest import ManualClock
from tests.edge.conftest import MakeVideo
from tests.edge.senders import Sender, free_udp_port, sending
from tests.edge.test_klv import local_set
from tests.edge.yard import BLACK, FRAME, site

LENS = OpenCvLens.pinhole(160, 120, focal_px=200.0)
FOV_DEG = fov_horizontal_deg(LENS)


def unsigned(value: float, low: float, high: float, size: int) -> bytes:
    return round((value - low) / (high - low) * ((1 << 8 * size) - 1)).to_bytes(size, "big")


def signed(value: float, most: float, size: int) -> bytes:
    return round(value / most * ((1 << 8 * size - 1) - 1)).to_bytes(size, "big", signed=True)


def sensor(
    east_m: float = 0.0, *, heading_deg: float = 0.0, up_m: float = 60.0, fov_deg: float = FOV_DEG, at_us: int = 1
) -> bytes:
    """A packet of a sensor over the yard that looks 30 degrees down along its platform's heading."""
    place, amsl_m = FRAME.to_geo(PointEnu(east_m, 0.0, up_m))
    return local_set(
        (5, unsigned(heading_deg, 0.0, 360.0, 2)),
        (13, signed(place.lat_deg, 90.0, 4)),
        (14, signed(place.lon_deg, 180.0, 4)),
        (15, unsigned(amsl_m, -900.0, 19_000.0, 2)),
        (16, unsigned(fov_deg, 0.0, 180.0, 2)),
        (18, unsigned(0.0, 0.0, 360.0, 4)),
        (19, signed(-30.0, 180.0, 4)),
        at_us=at_us,
    )


def poses() -> KlvPoses:
    return KlvPoses(lens=LENS, frame=FRAME)


def picture(pts_us: int) -> Frame:
    return Frame(BLACK, pts_us, 0, 0, 0)


def test_between_two_packets_the_pose_is_that_of_the_picture() -> None:
    told = poses()
    told.take(sensor(0.0, heading_deg=350.0), 1_000_000)
    told.take(sensor(10.0, heading_deg=10.0), 1_200_000)
    pose = told.at(picture(1_050_000))

    assert pose is not None
    assert (pose.east_m, pose.north_m, pose.up_m) == pytest.approx((2.5, 0.0, 60.0), abs=0.2)
    assert (pose.heading_deg % 360.0, pose.pitch_deg, pose.roll_deg) == pytest.approx((355.0, -30.0, 0.0), abs=0.01)
    assert (pose.position_sigma_m, pose.attitude_sigma_deg) == (10.0, 0.5)


def test_several_sets_in_one_packet_count_by_the_sensors_own_clock() -> None:
    told = poses()
    told.take(sensor(0.0, at_us=5_000_000) + sensor(10.0, at_us=5_100_000), 1_000_000)
    pose = told.at(picture(1_050_000))
    assert pose is not None
    assert pose.east_m == pytest.approx(5.0, abs=0.1)


def test_half_a_second_after_the_last_packet_nothing_is_known() -> None:
    told = poses()
    told.take(sensor(), 0)
    assert told.at(picture(490_000)) is not None
    assert told.at(picture(510_000)) is None


def test_a_feed_that_is_opened_anew_begins_without_a_pose() -> None:
    told = poses()
    told.take(sensor(), 0)
    told.begin()
    assert told.at(picture(0)) is None


def test_a_packet_whose_checksum_is_wrong_says_nothing_and_is_counted() -> None:
    told = poses()
    damaged = bytearray(sensor())
    damaged[30] ^= 1
    told.take(bytes(damaged), 0)
    assert told.at(picture(0)) is None
    assert (told.damaged, told.taken) == (1, 0)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(sensor(fov_deg=FOV_DEG / 4), id="zoomed in: the site's lens is another"),
        pytest.param(sensor(east_m=150_000.0), id="nowhere near the site"),
        pytest.param(local_set((5, b"\x00\x00")), id="too little"),
    ],
)
def test_what_cannot_be_is_refused(packet: bytes) -> None:
    told = poses()
    told.take(packet, 0)
    assert told.at(picture(0)) is None
    assert told.refused == 1


@pytest.mark.parametrize("data", [b"", b"\x06\x0e\x2b\x34", bytes(range(256)) * 8, sensor()[:-3]])
def test_garbage_in_the_data_stream_is_passed_over(data: bytes) -> None:
    told = poses()
    told.take(data, 0)
    assert told.taken == 0


def test_a_live_stream_is_located_by_its_own_metadata() -> None:
    """Each packet says how far the square in its picture has come: a metre each 4 px."""
    port = free_udp_port()
    told = poses()
    sender = Sender(
        f"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts", told=lambda number: sensor(number % 30, at_us=number + 1)
    )
    seen: list[tuple[Frame, float]] = []
    stop = threading.Event()
    with sending(sender):
        source = open_source(SourceOptions(f"udp://127.0.0.1:{port}", metadata=told), clock=SystemClock())
        for frame in source.frames(stop):
            pose = told.at(frame)
            if pose is not None:
                seen.append((frame, pose.east_m))
            if len(seen) == 15:
                stop.set()
    for frame, east_m in seen:
        left_px = int(np.flatnonzero(frame.image_bgr[20, :, 1] > 128)[0])
        assert east_m == pytest.approx(left_px / 4, abs=0.6)


def test_a_recording_without_metadata_is_refused(make_video: MakeVideo, clock: ManualClock) -> None:
    path = make_video("plain.ts")
    place = FeedPlace(site().camera("mast"), site(), url=path.name, folder=path.parent, clock=clock)
    with pytest.raises(
        SetUpError, match=r"plain\.ts: expected poses in MISB metadata \(KLV\) in a data stream, found none"
    ):
        open_poses(KlvPoseSettings(kind="klv"), place)


@pytest.mark.shared
def test_the_aerial_clips_picture_lies_on_the_ground_where_its_sender_says(
    shared: Path, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Centre and corners of each picture, from 3.4 km away, through a lens of the told field of view.

    The clip tells no height of the ground; its slant range fits a plane at sea level, which is what the site has here.
    The bearing from sensor to frame centre stands in for a heading that is the UTM grid's, so across the line of sight
    the centre agrees by construction; along it, and in the corners, pitch, height and field of view must.
    """
    path = shared / "feeds" / "aphill_klv_10s.ts"
    told = _telemetry(path)
    area, lens = _area_of(told[0][1])
    camera = area.cameras[0]
    place = FeedPlace(camera, area, url=path.name, folder=path.parent, clock=clock)
    source = open_poses(KlvPoseSettings(kind="klv"), place).source
    locator = Locator(lens=lens, frame=area.local_frame())
    points = np.array([(lens.cx_px, lens.cy_px), (0, 0), (lens.width_px, 0), (lens.width_px, lens.height_px), (0, 240)])
    boxes = np.column_stack((points[:, 0] - 1, points[:, 1] - 2, points[:, 0] + 1, points[:, 1]))
    errors_m, sigmas_m = [], []
    for frame in open_source(SourceOptions(str(path)), clock=clock).frames(threading.Event()):
        pose = source.at(frame)
        assert pose is not None
        (_, said) = min(told, key=lambda each: abs(each[0] - frame.pts_us))
        fixes = locator.locate(boxes, pose)
        for name, fix in zip(("frame_centre", "corner_1", "corner_2", "corner_3", "corner_4"), fixes, strict=True):
            assert fix is not None
            errors_m.append(distance_m(fix.point, _point(said, name)))
            sigmas_m.append(fix.sigma_m)
    centre_m, corner_m = errors_m[::5], [error for n, error in enumerate(errors_m) if n % 5]
    with capsys.disabled():
        print(
            f"\naerial clip, {len(centre_m)} pictures: centre off by {np.median(centre_m):.1f} m (most "
            f"{max(centre_m):.1f} m), corners {np.median(corner_m):.1f} m ({max(corner_m):.1f} m), told "
            f"error {min(sigmas_m):.0f} to {max(sigmas_m):.0f} m"
        )
    assert len(centre_m) == 10
    assert max(centre_m) < 2.5
    assert max(corner_m) < 3.5
    assert all(error < sigma for error, sigma in zip(errors_m, sigmas_m, strict=True))


def _telemetry(path: Path) -> list[tuple[int, Telemetry]]:
    told: list[tuple[int, Telemetry]] = []
    with opened_video(str(path), monotonic_us=lambda: 0) as video:
        for _ in video.packets(tell_data=lambda data, pts_us: told.extend((pts_us, each) for each in sets_in(data))):
            pass
    return told


def _area_of(told: Telemetry) -> tuple[Site, OpenCvLens]:
    """A site whose origin is the first frame centre, at sea level, with the sensor as its camera."""
    lens = lens_of(told, width_px=360, height_px=240)
    assert lens is not None
    centre = _point(told, "frame_centre")
    frame = LocalFrame(centre, ground_amsl_m=0.0)
    fence = [frame.to_geo(PointEnu(*corner))[0] for corner in ((-500, -500), (500, -500), (500, 500), (-500, 500))]
    area = Site.model_validate(
        {
            "schema_version": 1,
            "id": "area",
            "name": "Area",
            "time_zone": "UTC",
            "origin": {"lat_deg": centre.lat_deg, "lon_deg": centre.lon_deg, "ground_amsl_m": 0.0},
            "geofence": {"polygon": [corner.model_dump() for corner in fence]},
            "docks": [{"id": "dock", "position": centre.model_dump()}],
            "vehicles": [
                {
                    "id": "aircraft",
                    "kind": "ardupilot_copter",
                    "connection": "udpin:127.0.0.1:14550",
                    "system_id": 1,
                    "dock": "dock",
                    "cruise_speed_m_s": 20.0,
                    "return_altitude_m": 50.0,
                }
            ],
            "cameras": [{"id": "sensor", "node": "edge-1", "lens": lens.model_dump(), "vehicle": "aircraft"}],
        }
    )
    return area, lens


def _point(told: Telemetry, name: str) -> GeoPoint:
    point = told.point(name)
    assert point is not None
    return GeoPoint(lat_deg=point[0], lon_deg=point[1])
