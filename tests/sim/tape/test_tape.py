"""A tape is an MCAP file that the `mcap` library reads; a damaged one gives what can be read."""

import base64
import json
from itertools import islice, pairwise
from pathlib import Path

import av
import jsonschema
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from mcap.reader import make_reader

from contract.site import CameraPose
from edge.decode import opened_video
from sim.tape.errors import TapeError
from sim.tape.items import Beside, Message, Note, VideoPacket, detections, log_line, pose, truth, video, video_topic
from sim.tape.reader import TapeReader, survey
from sim.tape.video import PacketReader, StoredVideo
from sim.tape.writer import TapeWriter

CLIP = Path(__file__).parents[3] / "sim" / "recordings" / "drone-1-cam.mp4"
START_US = 1_767_225_600_000_000
POSE = CameraPose(east_m=1.0, north_m=2.0, up_m=3.0, heading_deg=45.0, pitch_deg=-10.0)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """20 s of a drone's video as a tape."""
    path = tmp_path / "clip.mcap"
    with TapeWriter(path) as tape:
        tape.write_all(PacketReader(CLIP, "drone-1-cam").items(start_us=START_US, monotonic_us=lambda: 0))
    return path


def many_lines(path: Path) -> None:
    """A tape of several chunks."""
    with TapeWriter(path) as tape:
        for index in range(60):
            tape.write(log_line(START_US + index, name="test", text=f"{index} " + "x" * 50_000))


def test_the_mcap_library_finds_h264_that_starts_with_its_parameter_sets(clip: Path) -> None:
    with clip.open("rb") as file:
        messages = list(make_reader(file).iter_messages(topics=video_topic("drone-1-cam")))

    assert len(messages) == 200
    schema, channel, first = messages[0]
    assert schema is not None
    assert (schema.name, schema.encoding, channel.message_encoding) == (
        "foxglove.CompressedVideo",
        "jsonschema",
        "json",
    )
    content = json.loads(first.data)
    jsonschema.validate(content, json.loads(schema.data))
    assert content["format"] == "h264"
    assert content["timestamp"] == {"sec": 1_767_225_600, "nsec": 0}
    data = base64.b64decode(content["data"])
    assert data.startswith(b"\0\0\0\1")
    units = {unit[0] & 0x1F for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit}
    assert {5, 7, 8} <= units  # a key frame with its sequence and picture parameter sets


def test_pictures_come_back_as_they_were(clip: Path) -> None:
    words = survey(clip).notes[video_topic("drone-1-cam")]
    stored = StoredVideo(words)
    pictures = [p for item in TapeReader(clip).items() if isinstance(item, Message) for p in stored.decode(item)]
    pictures += stored.flush()
    with opened_video(str(CLIP), monotonic_us=lambda: 0) as video_file:
        originals = [p for packet in video_file.packets() for p in video_file.decode(packet)]

    assert [p.pts_us - START_US for p in pictures] == [p.pts_us for p in originals]
    assert all((a.image_bgr == b.image_bgr).all() for a, b in zip(pictures[::40], originals[::40], strict=True))


def test_pictures_that_are_coded_out_of_order_keep_their_moments(tmp_path: Path) -> None:
    path, tape_path = tmp_path / "b.mp4", tmp_path / "b.mcap"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"bf": "2", "b-adapt": "0", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 100 + index, np.uint8), "yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with TapeWriter(tape_path) as tape:
        tape.write_all(PacketReader(path, "cam").items(start_us=START_US, monotonic_us=lambda: 0))
    messages = [item for item in TapeReader(tape_path).items() if isinstance(item, Message)]

    assert [m.at_us for m in messages] != sorted(m.at_us for m in messages)  # as coded
    assert [m.log_us for m in messages] == sorted(m.log_us for m in messages)
    stored = StoredVideo(survey(tape_path).notes[video_topic("cam")])
    pictures = [p for m in messages for p in stored.decode(m)] + stored.flush()
    assert [p.pts_us - START_US for p in pictures] == [100_000 * n for n in range(12)]


def test_every_kind_of_message_is_what_its_schema_says(tmp_path: Path) -> None:
    path = tmp_path / "kinds.mcap"
    with TapeWriter(path) as tape:
        tape.write(Note("about", {"a": "b"}))
        tape.write(Beside("site.yaml", "application/yaml", b"id: x\n", START_US))
        tape.write(video("cam", VideoPacket("hevc", START_US, START_US, b"\0\0\1")))
        tape.write(pose("cam", START_US, POSE))
        tape.write(detections("cam", START_US, [[1.0, 2.0, 3.0, 4.0, 0.5, 0]]))
        tape.write(truth("cam", START_US, [{"id": 1, "label": "person", "xyxy_px": [1.0, 2.0, 3.0, 4.0]}]))
    with path.open("rb") as file:
        for schema, _, message in make_reader(file).iter_messages():
            assert schema is not None
            jsonschema.validate(json.loads(message.data), json.loads(schema.data))
    found = survey(path)

    assert found.notes == {"about": {"a": "b"}}
    assert found.beside == {"site.yaml": b"id: x\n"}
    assert set(found.schemas.values()) == {
        "foxglove.CompressedVideo",
        "vedette.CameraPose",
        "vedette.Detections",
        "vedette.Truth",
    }
    assert (found.cameras(), found.first_us, found.last_us, found.remark) == (["cam"], START_US, START_US, "")


def test_a_truncated_tape_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.mcap", tmp_path / "cut.mcap"
    many_lines(whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    reader = TapeReader(cut)
    lines = [item.content()["message"].split()[0] for item in reader.items() if isinstance(item, Message)]

    assert 0 < len(lines) < 60
    assert lines == [str(n) for n in range(len(lines))]
    assert reader.remark == "truncated: its end is missing"


def test_a_damaged_chunk_is_passed_over_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "damaged.mcap"
    many_lines(path)
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    hit = summary.chunk_indexes[1]
    data = bytearray(path.read_bytes())
    data[hit.chunk_start_offset + hit.chunk_length - 100] ^= 0xFF
    path.write_bytes(bytes(data))
    reader = TapeReader(path)
    count = sum(isinstance(item, Message) for item in reader.items())

    assert len(summary.chunk_indexes) > 3
    assert 30 < count < 60
    assert reader.remark == "1 damaged chunks were passed over"


def test_what_was_flushed_survives_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "crash.mcap"
    tape = TapeWriter(path).__enter__()
    tape.write(log_line(START_US, name="test", text="kept"))
    tape.flush()
    tape.write(log_line(START_US + 1, name="test", text="lost"))
    found = survey(path)
    tape.__exit__(None, None, None)

    assert found.topics == {"/log": 1}
    assert found.remark == "truncated: its end is missing"


@pytest.mark.parametrize("content", [b"", b"MCAP", b"just some text that is longer than a magic"])
def test_what_is_no_tape_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.mcap"
    path.write_bytes(content)

    with pytest.raises(TapeError, match=r"no\.mcap: expected an MCAP file"):
        survey(path)
    with pytest.raises(TapeError, match="No such file"):
        survey(tmp_path / "none.mcap")


def test_a_bare_stream_without_time_stamps_goes_in_even_steps(tmp_path: Path) -> None:
    path, tape_path = tmp_path / "bare.h264", tmp_path / "bare.mcap"
    with av.open(str(CLIP)) as clip_file, path.open("wb") as bare:
        stream = clip_file.streams.video[0]
        to_annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in islice(clip_file.demux(stream), 30):
            for each in to_annex_b.filter(packet):
                bare.write(bytes(each))
    with TapeWriter(tape_path) as tape:
        tape.write_all(PacketReader(path, "cam").items(start_us=START_US, monotonic_us=lambda: 0))
    times_us = [item.at_us for item in TapeReader(tape_path).items() if isinstance(item, Message)]

    assert len(times_us) == 30
    assert times_us[0] == START_US
    assert len({b - a for a, b in pairwise(times_us)}) == 1
