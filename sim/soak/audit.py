"""The truth after a fault series: what the pipeline fired, what the node stored, what the coordinator has.

What must hold, however the node died:

1. The coordinator has every number of the outbox, once; its stream has no gap, nothing is quarantined.
2. What it has of a life is what the pipeline fired in it, in that order, from the first event on: a kill cuts off the
   end and makes no hole. What is cut off was fired by the last frame that its camera judged, so that no more than one
   turn of the detecting thread is ever in memory alone. A life that was not killed has nothing cut off.
3. Whoever was in view long enough in any one life is told: what a kill cut off is seen again and fired again.
4. Each event is one alarm. Each file of evidence that the node has is known at the coordinator, each that is known is
   there and is what its manifest says, and all are of events that were fired.
"""

import sqlite3
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from contract.envelope import Envelope
from contract.events import Event, Stage
from contract.evidence import Evidence
from edge.footage.shelf import INDEX, Take, digest
from sim.soak import yard
from sim.soak.ledger import Judged
from sim.soak.stage import Stage as SoakStage
from sim.soak.stage import fired

ENOUGH_FRAMES = 8  # in a row: three make a track believed, a few more make its place sure
IN_A_ROW_US = 250_000
EvidenceKey = tuple[uuid.UUID, str, str]


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts, and everything that is not as it must be. `cut`: events fired by a frame that a kill did not let be
    stored. `visits`: people who had to be told of."""

    lives: int
    frames: int
    fired: int
    stored: int
    cut: int
    visits: int
    files: int
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the coordinator's store holds. `events` by number."""

    events: list[Envelope]
    sequences: list[int]
    streams: list[tuple[str, int, str]]
    quarantined: list[str]
    alarms: list[str]
    evidence: set[EvidenceKey]


def audit(stage: SoakStage, *, was_killed: bool, keeps_files: bool = True) -> Audit:
    """Of a stage whose node has been drained. `keeps_files` False: evidence gave way to a full disk."""
    told = _read_store(stage.store_path)
    said = [envelope for life in stage.lives for envelope in fired(life)]
    wrong = [
        *_numbers(told, stage.data_dir / "outbox.sqlite"),
        *not_in_order(stage.lives, told.events, may_be_cut=was_killed),
        *_alarms(told),
    ]
    must_be_told = list(seen_long_enough(stage.lives, stage.began_us))
    wrong += untold(must_be_told, told.events, stage.began_us)
    wrong += _files(stage.data_dir / "evidence", told, said, keeps_files=keeps_files)
    stored = len(told.events)
    return Audit(
        lives=len(stage.lives),
        frames=sum(map(len, stage.lives)),
        fired=len(said),
        stored=stored,
        cut=len(said) - stored,
        visits=len(must_be_told),
        files=len(told.evidence),
        wrong=tuple(wrong),
    )


def _numbers(told: _Told, outbox: Path) -> Iterator[str]:
    with closing(sqlite3.connect(outbox)) as connection:
        newest = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()[0]
        left = connection.execute("SELECT count(*) FROM rows").fetchone()[0]
        outbox_id = connection.execute("SELECT outbox_id FROM identity").fetchone()[0]
    if left:
        yield f"outbox: expected no row to be left, got {left}"
    numbers = Counter(told.sequences)
    missing = [number for number in range(1, newest + 1) if not numbers[number]]
    if missing:
        yield f"coordinator: {len(missing)} of {newest} numbers are missing, the first is {missing[0]}"
    doubled = [number for number, times in numbers.items() if times > 1 or number > newest]
    if doubled:
        yield f"coordinator: number {doubled[0]} is there twice or was never given"
    if newest and told.streams != [(outbox_id, newest, "[]")]:
        yield f"coordinator: expected one stream without a gap up to {newest}, got {told.streams}"
    if told.quarantined:
        yield f"coordinator: {len(told.quarantined)} messages in quarantine, the last: {told.quarantined[-1]}"


def not_in_order(lives: Sequence[tuple[Judged, ...]], stored: Sequence[Envelope], *, may_be_cut: bool) -> Iterator[str]:
    """Where what is stored is not what was fired. `stored`: by number."""
    by_boot: dict[int, list[Envelope]] = defaultdict(list)
    for envelope in stored:
        by_boot[envelope.boot].append(envelope)
    for number, life in enumerate(lives, 1):
        said = fired(life)
        if not said:
            continue
        kept = by_boot.pop(said[0].boot, [])
        if [_content(each) for each in kept] != [_content(each) for each in said[: len(kept)]]:
            yield f"life {number}: what is stored is not what was fired, in its order and without a hole"
        cut = said[len(kept) :]
        if cut and not may_be_cut:
            yield f"life {number}: {len(cut)} events were fired and not stored, and nobody killed the node"
        last_us = {judged.camera: judged.captured_at_us for judged in life}
        early = [each for each in cut if each.captured_at_us < last_us[_event(each).sighting.camera]]
        if early:
            yield f"life {number}: event {_event(early[0]).event_id} was not stored though its camera was judged again"
    if by_boot:
        yield f"coordinator: events of boots {sorted(by_boot)}, in which nothing was fired"


def seen_long_enough(lives: Sequence[tuple[Judged, ...]], began_us: int) -> Iterator[yard.Visit]:
    """Visits during which one life judged frames enough, one soon after the other."""
    shown_us: list[dict[str, list[int]]] = []
    for life in lives:
        by_camera: dict[str, list[int]] = defaultdict(list)
        for judged in life:
            by_camera[judged.camera].append(judged.captured_at_us - began_us)
        shown_us.append(by_camera)
    for camera in yard.CAMERAS:
        until_us = max((times[-1] for each in shown_us if (times := each.get(camera))), default=0)
        for visit in yard.visits(camera, until_us):
            if any(_longest_row(each.get(camera, ()), visit) >= ENOUGH_FRAMES for each in shown_us):
                yield visit


def _longest_row(times_us: Sequence[int], visit: yard.Visit) -> int:
    longest = row = 0
    before_us = None
    for at_us in times_us:
        if not visit.start_us <= at_us < visit.end_us:
            continue
        row = row + 1 if before_us is not None and 0 < at_us - before_us <= IN_A_ROW_US else 1
        longest, before_us = max(longest, row), at_us
    return longest


def untold(visits: Sequence[yard.Visit], stored: Sequence[Envelope], began_us: int) -> Iterator[str]:
    """Visits that no event began in."""
    began: dict[tuple[str, int], list[int]] = defaultdict(list)
    for envelope in stored:
        event = _event(envelope)
        if event.stage is Stage.START:
            began[event.sighting.camera, yard.stall_of(event.sighting)].append(event.started_at_us - began_us)
    for visit in visits:
        times_us = began[visit.camera, visit.stall]
        if not any(visit.start_us <= at_us < visit.end_us for at_us in times_us):
            yield f"nobody told of who was at stall {visit.stall} of '{visit.camera}' at {visit.start_us / 1e6:.1f} s"


def _alarms(told: _Told) -> Iterator[str]:
    known = {str(uuid.uuid5(_event(envelope).event_id, "alarm")) for envelope in told.events}
    if sorted(known) != sorted(told.alarms):
        yield f"coordinator: expected an alarm for each of {len(known)} events, got {len(told.alarms)}"


def _files(folder: Path, told: _Told, said: Sequence[Envelope], *, keeps_files: bool) -> Iterator[str]:
    takes = [Take.model_validate_json(path.read_bytes()) for path in sorted(folder.glob(f"*/{INDEX}"))]
    held: set[EvidenceKey] = set()
    for take in takes:
        for manifest in take.manifests:
            path = folder / str(take.take_id) / manifest.file
            if not path.is_file() or digest(path)[0] != manifest.evidence.sha256:
                yield f"evidence {take.take_id}/{manifest.file}: is not what its manifest says"
            held.add(_evidence_key(manifest.evidence))
    if held - told.evidence:
        yield f"coordinator: does not know of {len(held - told.evidence)} files that the node has"
    if keeps_files and told.evidence - held:
        yield f"node: {len(told.evidence - held)} files that the coordinator knows of are not there"
    known = {_event(envelope).event_id for envelope in said}
    strange = {event_id for event_id, _, _ in told.evidence} - known
    if strange:
        yield f"coordinator: evidence of {len(strange)} events that were never fired"


def _content(envelope: Envelope) -> tuple[uuid.UUID, str]:
    return envelope.message_id, envelope.body.model_dump_json()


def _event(envelope: Envelope) -> Event:
    assert isinstance(envelope.body, Event)
    return envelope.body


def _evidence_key(evidence: Evidence) -> EvidenceKey:
    return evidence.event_id, evidence.kind.value, evidence.sha256


def _read_store(path: Path) -> _Told:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT sequence, envelope FROM messages ORDER BY sequence").fetchall()
        streams = connection.execute("SELECT outbox_id, contiguous, beyond FROM node_streams").fetchall()
        quarantined = [row[0] for row in connection.execute("SELECT detail FROM quarantine ORDER BY id")]
        alarms = [
            row[0]
            for row in connection.execute(
                "SELECT alarm_id FROM alarms WHERE json_extract(document, '$.event_id') IS NOT NULL"
            )
        ]
        evidence = connection.execute("SELECT event_id, kind, sha256 FROM evidence").fetchall()
    envelopes = [Envelope.model_validate_json(text) for _, text in rows]
    return _Told(
        events=[envelope for envelope in envelopes if isinstance(envelope.body, Event)],
        sequences=[sequence for sequence, _ in rows],
        streams=streams,
        quarantined=quarantined,
        alarms=alarms,
        evidence={(uuid.UUID(event_id), kind, sha256) for event_id, kind, sha256 in evidence},
    )
