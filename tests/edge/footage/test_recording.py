"""How recordings share, end and fail, step by step and without a thread."""

import uuid
from pathlib import Path

import cv2
import numpy as np
import pytest

from contract.envelope import Envelope, Origin
from contract.events import Certainty, Event, Stage, derive_event_id, derive_message_id
from contract.evidence import Evidence, EvidenceKind
from contract.geo import BoxPx
from contract.kinds import EventKind, Severity
from contract.labels import Label
from contract.site import CameraPose
from detectors.frame import Frame
from edge.area import PrivacyMask
from edge.errors import EdgeError, OutboxError
from edge.footage.evidence import PATIENCE_US, Footage
from edge.footage.mask import Mask
from edge.footage.on_order import Order
from edge.footage.recording import Rolls, View
from edge.footage.ring import Ring
from edge.footage.shelf import DAY_US, Room, Shelf
from edge.perception.locate import Locator
from edge.pipeline import StepResult
from edge.rule import Subject
from tests.conftest import ManualClock
from tests.edge.conftest import MakeVideo
from tests.edge.footage.test_clip import pictures, read_through
from tests.edge.yard import FRAME, MODEL, OUTBOX_ID, SENDER, START_US, site, subject

SECOND_US = 1_000_000
ROLLS = Rolls(pre_us=SECOND_US, post_us=SECOND_US, longest_us=4 * SECOND_US)
CAMERA = site().cameras[0]
NOBODY: tuple[Subject, ...] = ()


class Yard:
    """A footage of one camera, told frame by frame; what it posted."""

    def __init__(
        self,
        folder: Path,
        clock: ManualClock,
        *,
        ring: Ring | None = None,
        mask: Mask | None = None,
        pose: CameraPose | None = CAMERA.pose,
    ) -> None:
        self.clock = clock
        self.folder = folder
        self.posted: list[Envelope] = []
        self.is_full = False
        shelf = Shelf(folder, Room(30 * DAY_US, 10**9, 0), wall_us=clock.wall_us)
        shelf.open()
        self.footage = Footage(
            [View("mast", Origin.REPLAYED, ring, mask, pose)],
            shelf,
            rolls=ROLLS,
            jpeg_quality=90,
            sender=SENDER,
            post=self.post,
            clock=clock,
        )

    def post(self, envelope: Envelope) -> None:
        if self.is_full:
            raise OutboxError("the disk is full")
        self.posted.append(envelope)

    def see(
        self,
        at_s: float,
        *events: Envelope,
        subjects: tuple[Subject, ...] = NOBODY,
        pose: CameraPose | None = CAMERA.pose,
        shade: int = 0,
    ) -> None:
        captured_at_us = START_US + round(at_s * SECOND_US)
        frame = Frame(np.full((480, 640, 3), shade, np.uint8), 0, captured_at_us, 0, 0)
        self.footage.saw("mast", StepResult(captured_at_us, "0" * 32, (), subjects, events, {}, pose), frame)

    def lose_feed(self, at_s: float, *events: Envelope) -> None:
        captured_at_us = START_US + round(at_s * SECOND_US)
        self.footage.saw("mast", StepResult(captured_at_us, "0" * 32, (), (), events, {}), None)

    def evidence(self, kind: EvidenceKind) -> list[Evidence]:
        bodies = [each.body for each in self.posted]
        return [each for each in bodies if isinstance(each, Evidence) and each.kind is kind]


def told(stage: Stage, at_s: float, *, track: int = 1, started_s: float | None = None) -> Envelope:
    at_us = START_US + round(at_s * SECOND_US)
    started_at_us = at_us if started_s is None else START_US + round(started_s * SECOND_US)
    sighting = subject(0.0, 20.0, track=track).sighting
    event = Event(
        event_id=derive_event_id(
            outbox_id=OUTBOX_ID,
            boot=1,
            rule="intrusion",
            zone="gate",
            camera="mast",
            track=track,
            started_at_us=started_at_us,
        ),
        kind=EventKind.INTRUSION,
        stage=stage,
        revision=0 if stage is Stage.START else 1,
        zone="gate",
        severity=Severity.HIGH,
        certainty=Certainty.PROBABLE,
        started_at_us=started_at_us,
        sighting=sighting,
        model=MODEL,
    )
    return SENDER.envelope(
        event, message_id=derive_message_id(event), captured_at_us=at_us, origin=Origin.REPLAYED, trace_id="a" * 32
    )


def sized(size_px: float, *, track: int = 1, x_px: float = 100.0) -> Subject:
    found = subject(0.0, 20.0, track=track)
    box = BoxPx(x_px=x_px, y_px=100.0, width_px=size_px, height_px=2 * size_px)
    return Subject(found.sighting.model_copy(update={"box": box}), is_seen=True, point=found.point)


@pytest.fixture
def yard(tmp_path: Path, clock: ManualClock) -> Yard:
    return Yard(tmp_path, clock)


def test_without_packets_there_are_still_a_picture_and_the_sightings(yard: Yard) -> None:
    yard.see(0.0)
    yard.see(1.0, told(Stage.START, 1.0), subjects=(sized(20.0),))
    yard.see(2.0, told(Stage.END, 2.0, started_s=1.0))
    yard.see(3.1)
    yard.footage.step()
    assert [each.body.kind for each in yard.posted if isinstance(each.body, Evidence)] == [
        EvidenceKind.DETECTIONS,
        EvidenceKind.SNAPSHOT,
    ]
    (lines,) = yard.evidence(EvidenceKind.DETECTIONS)
    assert (lines.start_us, lines.end_us) == (START_US, START_US + 2 * SECOND_US)
    assert yard.footage.is_idle


def test_the_largest_and_surest_picture_is_kept(yard: Yard) -> None:
    yard.see(1.0, told(Stage.START, 1.0), subjects=(sized(20.0),))
    yard.footage.step()
    yard.see(1.5, subjects=(sized(60.0),))
    yard.footage.step()
    yard.see(2.0, subjects=(sized(61.0),))  # not so much better that it is worth encoding
    yard.see(2.2, subjects=(sized(70.0, x_px=600.0),))  # cut by the edge of the picture
    yard.see(2.5, told(Stage.END, 2.5, started_s=1.0), subjects=(sized(90.0, track=2),))
    yard.see(3.6)
    yard.footage.step()
    (snapshot,) = yard.evidence(EvidenceKind.SNAPSHOT)
    assert snapshot.box is not None
    assert (snapshot.box.width_px, snapshot.start_us) == (60.0, START_US + 1_500_000)


def test_what_is_no_subject_has_the_picture_of_its_event(yard: Yard) -> None:
    yard.see(1.0, told(Stage.START, 1.0))  # as unclassified movement is told
    yard.see(2.0, told(Stage.END, 2.0, started_s=1.0))
    yard.see(3.1)
    yard.footage.step()
    (snapshot,) = yard.evidence(EvidenceKind.SNAPSHOT)
    assert snapshot.start_us == START_US + SECOND_US
    assert snapshot.box == subject(0.0, 20.0).sighting.box


def test_events_at_one_time_share_a_recording_and_have_a_picture_each(yard: Yard) -> None:
    yard.see(1.0, told(Stage.START, 1.0), subjects=(sized(20.0),))
    yard.see(2.0, told(Stage.START, 2.0, track=2), subjects=(sized(20.0), sized(30.0, track=2)))
    yard.see(2.5, told(Stage.END, 2.5, started_s=1.0))
    yard.see(3.0, told(Stage.END, 3.0, track=2, started_s=2.0))
    yard.see(4.1)
    yard.footage.step()
    first, second = yard.evidence(EvidenceKind.DETECTIONS)
    assert first.sha256 == second.sha256
    assert first.event_id != second.event_id
    assert first.end_us == START_US + 3 * SECOND_US
    assert [each.box.width_px for each in yard.evidence(EvidenceKind.SNAPSHOT) if each.box] == [20.0, 30.0]


def test_an_event_late_in_a_recording_has_one_of_its_own(yard: Yard) -> None:
    yard.see(1.0, told(Stage.START, 1.0))
    yard.see(3.5, told(Stage.START, 3.5, track=2))
    for at_s in (5.1, 7.6):
        yard.see(at_s)
    yard.footage.step()
    first, second = yard.evidence(EvidenceKind.DETECTIONS)
    assert (first.start_us, second.start_us) == (START_US + SECOND_US, START_US + 3_500_000)


def test_a_feed_that_is_lost_ends_its_recordings_with_what_they_have(yard: Yard) -> None:
    yard.see(1.0, told(Stage.START, 1.0))
    yard.lose_feed(1.0, told(Stage.END, 1.0, started_s=1.0))
    yard.footage.step()
    assert len(yard.evidence(EvidenceKind.DETECTIONS)) == 1


def test_an_event_that_begins_when_a_clip_is_whole_has_one_of_its_own(
    make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    yard = Yard(tmp_path, clock, ring=read_through(make_video(frames=20)))
    yard.see(0.5, told(Stage.START, 0.5))
    yard.footage.step()
    yard.see(1.0, told(Stage.START, 1.0, track=2))
    yard.lose_feed(1.9, told(Stage.END, 1.9, started_s=0.5), told(Stage.END, 1.9, track=2, started_s=1.0))
    yard.footage.step()
    first, second = yard.evidence(EvidenceKind.CLIP)
    assert first.event_id != second.event_id
    assert len(list(yard.folder.glob("*/clip.mp4"))) == 2


def test_a_clip_that_is_whole_waits_a_little_for_the_sightings_and_no_longer(
    make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    yard = Yard(tmp_path, clock, ring=read_through(make_video(frames=20)))
    yard.see(1.0, told(Stage.START, 1.0))
    yard.footage.step()
    assert yard.posted == []
    clock.advance(PATIENCE_US / 1e6)
    yard.footage.step()
    assert len(yard.evidence(EvidenceKind.CLIP)) == 1


def test_what_the_outbox_did_not_take_is_posted_when_it_does_and_once(yard: Yard) -> None:
    yard.see(1.0, told(Stage.START, 1.0), subjects=(sized(20.0),))
    yard.lose_feed(1.0, told(Stage.END, 1.0, started_s=1.0))
    yard.is_full = True
    yard.footage.step()
    assert not yard.footage.is_idle
    yard.is_full = False
    for _ in range(3):
        yard.footage.step()
    assert len(yard.posted) == 2
    assert {each.trace_id for each in yard.posted} == {"a" * 32}
    assert yard.footage.is_idle


def test_a_disk_that_refuses_costs_the_evidence_and_is_counted(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    yard.see(1.0, told(Stage.START, 1.0), subjects=(sized(20.0),))
    monkeypatch.setattr(Path, "write_bytes", refuse)
    yard.footage.step()
    monkeypatch.undo()
    yard.see(2.0, told(Stage.END, 2.0, started_s=1.0))
    yard.footage.step()
    assert (yard.posted, yard.footage.lost, yard.footage.is_idle) == ([], 1, True)
    assert list(yard.folder.iterdir()) == []


class Answers:
    """What was answered to those who asked for a picture or a clip."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def order(self, number: int) -> Order:
        return Order(uuid.UUID(int=number), "b" * 32, lambda reason, files: self.told.append((reason, len(files))))


def test_a_picture_that_a_person_asks_for_is_the_next_one_masked_and_kept(tmp_path: Path, clock: ManualClock) -> None:
    left = PrivacyMask.model_validate({"id": "left", "image_px": [[0, 0], [320, 0], [320, 480], [0, 480]]})
    mask = Mask([left], locator=Locator(lens=CAMERA.lens, frame=FRAME), frame=FRAME)
    yard, answers = Yard(tmp_path, clock, mask=mask), Answers()
    yard.see(0.9, shade=10)
    yard.footage.take_picture("mast", answers.order(7), within_s=5)
    yard.footage.step()
    assert answers.told == []
    for at_s, shade in ((1.0, 200), (1.1, 90)):
        yard.see(at_s, shade=shade)
    yard.footage.step()
    assert (answers.told, yard.footage.is_idle) == ([("", 1)], True)
    (snapshot,) = yard.evidence(EvidenceKind.SNAPSHOT)
    assert (snapshot.event_id, snapshot.start_us) == (uuid.UUID(int=7), START_US + SECOND_US)
    image = cv2.imread(str(next(yard.folder.glob("*/*.jpg"))))
    assert image is not None
    assert (image[240, 100].max() < 16, abs(int(image[240, 500].min()) - 200) < 16) == (True, True)


def test_nobody_waits_longer_for_a_picture_than_he_said(yard: Yard, clock: ManualClock) -> None:
    answers = Answers()
    yard.footage.take_picture("mast", answers.order(7), within_s=5)
    clock.advance(5)
    yard.footage.step()
    yard.see(1.0)
    yard.footage.step()
    assert (answers.told, yard.posted, yard.footage.is_idle) == ([], [], True)


def test_a_clip_that_a_person_asks_for_has_what_was_and_what_comes(
    make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    """No event joins it, and it takes nothing away from the clip of one."""
    yard, answers = Yard(tmp_path, clock, ring=read_through(make_video(frames=20))), Answers()
    yard.see(1.0)
    yard.footage.take_clip("mast", answers.order(7), before_s=0.5, after_s=0.5)
    yard.footage.step()
    yard.see(1.2, told(Stage.START, 1.2))
    assert answers.told == []
    yard.lose_feed(1.9, told(Stage.END, 1.9, started_s=1.2))
    yard.footage.step()
    asked, of_event = sorted(yard.evidence(EvidenceKind.CLIP), key=lambda each: each.event_id.int)
    assert answers.told == [("", 2)]
    assert asked.event_id == uuid.UUID(int=7)
    assert asked.start_us <= START_US + SECOND_US // 2
    assert asked.end_us == START_US + 1_500_000
    assert of_event.end_us == START_US + 1_900_000


def test_a_clip_of_a_camera_without_packets_is_refused(yard: Yard) -> None:
    yard.see(1.0)
    with pytest.raises(EdgeError, match="camera 'mast': expected encoded pictures to cut a clip from, got none"):
        yard.footage.take_clip("mast", Answers().order(7), before_s=1, after_s=1)


def test_what_is_being_recorded_of_a_feed_that_is_opened_anew_comes_to_its_end(
    make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    yard = Yard(tmp_path, clock, ring=read_through(make_video(frames=20)))
    yard.see(1.0, told(Stage.START, 1.0))
    yard.lose_feed(1.0, told(Stage.END, 1.0, started_s=1.0))
    yard.footage.replace(["mast"], [View("mast", Origin.REPLAYED, None, None, CAMERA.pose)])
    yard.see(1.5, told(Stage.START, 1.5, track=2))
    yard.footage.step()
    (clip,) = yard.evidence(EvidenceKind.CLIP)
    assert clip.end_us == START_US + 1_900_000
    yard.lose_feed(1.6, told(Stage.END, 1.6, track=2, started_s=1.5))
    yard.footage.step()
    assert len(yard.evidence(EvidenceKind.DETECTIONS)) == 2
    assert yard.footage.is_idle


def test_a_camera_that_moves_is_masked_by_where_it_looked_and_all_black_where_that_is_not_known(
    make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    assert CAMERA.pose is not None
    frame = site().local_frame()
    garden = PrivacyMask.model_validate(
        {
            "id": "garden",
            "ground": [{"lat_deg": 52.0, "lon_deg": 13.0 + d} for d in (0.01, 0.02)]
            + [{"lat_deg": 52.01, "lon_deg": 13.01}],
        }
    )  # far to the side: the camera never sees it
    mask = Mask([garden], locator=Locator(lens=CAMERA.lens, frame=frame), frame=FRAME)
    ring = read_through(make_video(frames=20))
    yard = Yard(tmp_path, clock, ring=ring, mask=mask, pose=None)
    for tenth in range(11):
        yard.see(tenth / 10, pose=CAMERA.pose, shade=100)
    yard.see(1.1, told(Stage.START, 1.1), pose=CAMERA.pose)
    for tenth in range(12, 20):
        yard.see(tenth / 10, pose=None)
    yard.lose_feed(1.9, told(Stage.END, 1.9, started_s=1.1))
    yard.footage.step()
    (clip,) = yard.evidence(EvidenceKind.CLIP)
    assert clip.is_masked
    shown = pictures(next(yard.folder.glob("*/clip.mp4")))
    brightness = {round(time_s * 10): int(image.max()) for time_s, image in shown}
    assert {tenth: value > 200 for tenth, value in brightness.items()} == {
        tenth: tenth <= 11 for tenth in range(0, 20, 2)
    }


def test_a_mask_by_class_waits_a_little_for_what_was_judged_and_then_paints_all(
    make_video: MakeVideo, tmp_path: Path, clock: ManualClock
) -> None:
    passers_by = PrivacyMask(id="passers-by", labels=(Label.PERSON,))
    locator = Locator(lens=CAMERA.lens, frame=FRAME)
    mask = Mask([passers_by], locator=locator, frame=FRAME, labels=(Label.PERSON,))
    yard = Yard(tmp_path, clock, ring=read_through(make_video(frames=80)), mask=mask)
    for tenth in range(15):
        yard.see(tenth / 10, *([told(Stage.START, 1.0)] if tenth == 10 else []))
    yard.footage.step()  # the packets of 8 s are there, and no detector answers any more
    clock.advance(PATIENCE_US / 1e6)
    yard.footage.step()
    (clip,) = yard.evidence(EvidenceKind.CLIP)
    assert clip.is_masked
    brightness = {
        round(time_s, 1): int(image.max()) for time_s, image in pictures(next(yard.folder.glob("*/clip.mp4")))
    }
    assert min(value for time_s, value in brightness.items() if time_s <= 1.4) > 200
    assert max(value for time_s, value in brightness.items() if 1.5 <= time_s <= 3.0) < 30
