"""The importer of aerial video with MISB metadata, on the clip beside the checkout."""

from pathlib import Path

import pytest

from contract.geo import distance_m
from edge.klv import Telemetry
from edge.perception.sight import _cut, footprint_of
from sim.tape.imports.klv import KlvImport
from sim.tape.items import Message, video_topic


def clip(shared: Path) -> KlvImport:
    return KlvImport(shared / "feeds" / "aphill_klv_10s.ts", camera="aerial", frame=None, monotonic_us=lambda: 0)


def test_the_aerial_clip_becomes_pictures_poses_and_footprints(shared: Path) -> None:
    source = clip(shared)
    messages = [item for item in source.items() if isinstance(item, Message)]

    counts = {topic: sum(m.topic == topic for m in messages) for topic in {m.topic for m in messages}}
    assert counts == {
        video_topic("aerial"): 10,
        "/camera/aerial/klv": 300,
        "/camera/aerial/location": 300,
        "/camera/aerial/pose": 300,
        "/camera/aerial/footprint": 300,
    }
    assert [m.log_us for m in messages] == sorted(m.log_us for m in messages)
    pictures = [m for m in messages if m.topic == video_topic("aerial")]
    assert min(m.at_us for m in pictures) == 1_221_665_012_027_000  # 2008-09-17: the sensor's own clock
    first = next(m for m in messages if m.topic == "/camera/aerial/pose").content()
    assert (first["heading_deg"], first["pitch_deg"]) == pytest.approx((356.578, -35.348), abs=1e-3)
    assert (source.remark, source.said) == ("", "300 metadata packets; 0 damaged ones were passed over")


def test_the_aerial_clips_angles_and_field_of_view_meet_the_ground_where_its_sender_says(shared: Path) -> None:
    """From 3.4 km away; the sender computed its corners itself."""
    klv = (item for item in clip(shared).items() if isinstance(item, Message) and item.topic.endswith("/klv"))
    for message in list(klv)[::60]:
        packet = Telemetry(message.at_us, message.content()["fields"], b"")
        said, cut = footprint_of(packet), _cut(packet)
        assert said is not None
        assert cut is not None
        assert max(distance_m(a, b) for a, b in zip(said, cut, strict=True)) < 2.0


def test_a_truncated_clip_gives_what_is_whole_and_says_so(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.ts"
    path.write_bytes((shared / "feeds" / "aphill_klv_10s.ts").read_bytes()[:200_000])
    source = KlvImport(path, camera="aerial", frame=None, monotonic_us=lambda: 0)
    told_count = sum(isinstance(item, Message) and item.topic.endswith("/klv") for item in source.items())

    assert 50 < told_count < 300
    assert source.remark == "truncated: its last packet is not whole"
