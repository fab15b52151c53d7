"""A live camera's packets: as it codes them, decodable from the first on, stamped when they came."""

import base64

from contract.clock import SystemClock
from sim.tape.items import Message, Note, VideoPacket, video, video_topic
from sim.tape.taps import CameraTap, Heard
from sim.tape.video import StoredVideo
from tests.edge.rtsp_camera import RtspCamera, serving

PICTURES = 20
LOOKS = 50  # of 0.2 s at most


def heard_from(camera: RtspCamera, count: int) -> tuple[list[Note], list[Message]]:
    heard = Heard()
    tap = CameraTap(camera.url, "yard", heard=heard, clock=SystemClock())
    notes: list[Note] = []
    messages: list[Message] = []
    tap.start()
    for _ in range(count + LOOKS):
        item = heard.get()
        if isinstance(item, Note):
            notes.append(item)
        elif isinstance(item, Message):
            messages.append(item)
        if len(messages) == count:
            break
    tap.stop()
    return notes, messages


def test_a_live_cameras_packets_are_kept_as_they_are_coded() -> None:
    before_us = SystemClock().wall_us()
    with serving(RtspCamera()) as camera:
        notes, messages = heard_from(camera, PICTURES)

    assert [m.topic for m in messages] == [video_topic("yard")] * PICTURES
    stored = StoredVideo(notes[0].words)
    pictures = [p for m in messages for p in stored.decode(m)] + stored.flush()
    assert stored.corrupt_packets == 0
    assert [p.image_bgr.shape for p in pictures] == [(120, 160, 3)] * PICTURES
    times_us = [m.at_us for m in messages]
    assert times_us == sorted(set(times_us))
    assert 0 <= times_us[0] - before_us < 10_000_000
    first = base64.b64decode(messages[0].content()["data"])
    units = {unit[0] & 0x1F for unit in first.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit}
    assert {5, 7, 8} <= units


def test_a_camera_that_goes_away_is_said_and_comes_back() -> None:
    with serving(RtspCamera(closes_after=5)) as camera:
        _, messages = heard_from(camera, 8)

    lines = [m.content()["message"] for m in messages if m.topic == "/log"]
    assert lines
    assert lines[0].startswith("camera yard (rtsp://127.0.0.1")
    assert "is away" in lines[0]
    assert sum(m.topic == video_topic("yard") for m in messages) > 5


def test_a_picture_that_is_no_picture_is_counted() -> None:
    stored = StoredVideo({"width_px": "64", "height_px": "64"})
    good = video("yard", VideoPacket("h264", 0, 0, b"\0\0\0\1nonsense"))

    assert stored.decode(good) == []
    assert stored.decode(Message(good.topic, good.schema, 0, 0, b"{}")) == []
    assert stored.corrupt_packets >= 1
