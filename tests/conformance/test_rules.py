"""Every rule of edge/rules keeps these promises; a new file is picked up by itself."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import edge.rules
from contract.events import Stage
from contract.kinds import EventKind
from contract.labels import Label
from contract.site import Line, Zone
from edge.errors import SetUpError
from edge.plane import OnGround, plane_of
from edge.rule import Finding, Rule, Subject, open_rule, watches
from tests.edge.yard import FRAME, line, person_px, site, subject

KINDS = sorted(path.stem for folder in edge.rules.__path__ for path in Path(folder).glob("[a-z]*.py"))
FRAME_US = 250_000  # slow enough that somebody of the crowd stays for long


ON_GROUND, IN_PICTURE = "on the ground", "in the picture"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> EventKind:
    return EventKind(request.param)  # a rule without a kind in the contract has no name on the wire


@pytest.fixture(params=[ON_GROUND, IN_PICTURE])
def drawn(request: pytest.FixtureRequest) -> str:
    """Where what is watched is drawn."""
    return str(request.param)


def _open(kind: EventKind, drawn: str = ON_GROUND, options: Mapping[str, object] | None = None) -> Rule:
    watched = _watched(kind, drawn)
    plane = plane_of(watched, frame=FRAME, lens=site().cameras[0].lens)
    return open_rule(kind, watched, plane=plane, options=options or {})


def _watched(kind: EventKind, drawn: str = ON_GROUND) -> Zone | Line:
    """What a rule of this kind is for: the zone and the line of the yard, or about the same in the camera's picture."""
    yard = site(dwell_s=0.3, lines=[line()])
    if drawn == IN_PICTURE:
        corners, path = [(120, 440), (200, 360), (440, 360), (520, 440)], [(320, 480), (320, 340)]
        yard = site(dwell_s=0.3, polygon=None, image_px=corners, lines=[line(points=None, image_px=path)])
    return next(each for each in yard.watched if isinstance(each, watches(kind)))


def _crowd(seed: int, *, frames: int = 400) -> list[list[Subject]]:
    """People who wander in and out of the zone and across the line, come, go, are hidden, misread and badly located."""
    chance = random.Random(seed)
    places = {track: (chance.uniform(-8, 8), chance.uniform(12, 28)) for track in range(6)}
    crowd = []
    for _ in range(frames):
        subjects = []
        for track, (east_m, north_m) in places.items():
            places[track] = east_m + chance.gauss(0, 0.3), north_m + chance.gauss(0, 0.3)
            if chance.random() < 0.05:
                continue
            label = Label.PERSON if chance.random() < 0.95 else Label.OTHER
            is_seen = chance.random() < 0.9
            sigma_m = chance.choice([0.1, 1.0, 5.0])
            box_px = person_px(east_m, max(north_m, 10.0))
            subjects.append(
                subject(east_m, north_m, sigma_m=sigma_m, track=track, label=label, is_seen=is_seen, box_px=box_px)
            )
        chance.shuffle(subjects)
        crowd.append(subjects)
    return crowd


def _play(rule: Rule, frames: Sequence[Sequence[Subject]]) -> list[Finding]:
    return [
        finding
        for index, subjects in enumerate(frames)
        for finding in rule.judge(subjects, captured_at_us=index * FRAME_US)
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_started_is_told_in_order_and_ended(kind: EventKind, drawn: str, seed: int) -> None:
    found = _play(_open(kind, drawn), [*_crowd(seed), []])
    assert found
    for key in {(finding.sighting.track, finding.started_at_us) for finding in found}:
        life = [f for f in found if (f.sighting.track, f.started_at_us) == key]
        assert [f.revision for f in life] == list(range(len(life)))
        assert [f.stage for f in life] == [Stage.START, *[Stage.UPDATE] * (len(life) - 2), Stage.END]


def test_the_same_scene_leads_to_the_same_findings_whatever_the_order_of_tracks(kind: EventKind) -> None:
    crowd = _crowd(4)
    turned_round = [list(reversed(subjects)) for subjects in crowd]
    assert _play(_open(kind), crowd) == _play(_open(kind), turned_round)


def test_an_empty_scene_says_nothing(kind: EventKind) -> None:
    assert _play(_open(kind), [[]] * 50) == []


def test_what_is_only_predicted_starts_nothing(kind: EventKind) -> None:
    assert _play(_open(kind), [[subject(0, 20, is_seen=False)]] * 50) == []


def test_two_zones_do_not_know_of_each_other(kind: EventKind) -> None:
    alone, other = _open(kind), _open(kind)
    crowd = _crowd(5)
    expected = _play(_open(kind), crowd)
    found = []
    for index, subjects in enumerate(crowd):
        found += alone.judge(subjects, captured_at_us=index * FRAME_US)
        other.judge((), captured_at_us=index * FRAME_US)
    assert found == expected


def test_an_unknown_option_is_refused_by_name(kind: EventKind) -> None:
    with pytest.raises(SetUpError, match=rf"rules\.{kind.value}\.loudness"):
        _open(kind, options={"loudness": 11})


def test_a_rule_is_refused_where_it_cannot_watch(kind: EventKind) -> None:
    wrong = next(each for each in site(lines=[line()]).watched if not isinstance(each, watches(kind)))
    with pytest.raises(SetUpError, match=rf"'{wrong.id}': rules\.{kind.value}: expected a rule of a"):
        open_rule(kind, wrong, plane=OnGround(FRAME), options={})


def test_every_option_says_what_it_is(kind: EventKind) -> None:
    from importlib import import_module

    options = import_module(f"edge.rules.{kind.value}").Options
    assert all(field.description for field in options.model_fields.values())
