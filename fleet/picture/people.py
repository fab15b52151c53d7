"""Tracked persons, from what nodes see, as the gate wants them.

A person without a place on the ground cannot be kept clear of; such a sighting is counted, never guessed.
"""

from collections.abc import Iterable

from contract.events import Sighting
from contract.labels import Label
from fleet.flight.world import TrackedPerson
from fleet.picture.ingest import Effect

PERSON_MEMORY_S = 10.0  # people behind a pillar are still there


def persons_in(sightings: Iterable[Sighting], *, age_s: float, now_us: int) -> list[tuple[str, int, TrackedPerson]]:
    """(camera, track, person) of every located person; `age_s` is how old the frame was when it came."""
    seen_at_us = now_us - round(age_s * 1e6)
    return [
        (each.camera, each.track, TrackedPerson(each.ground.point, each.ground.sigma_m, seen_at_us))
        for each in sightings
        if each.label is Label.PERSON and each.ground is not None
    ]


def persons_of(effects: Iterable[Effect]) -> list[tuple[str, int, TrackedPerson]]:
    """Of events as they came; one of unknown age places nobody."""
    return [
        person
        for effect in effects
        if effect.age_s is not None
        for person in persons_in([effect.event.sighting], age_s=effect.age_s, now_us=effect.arrival.monotonic_us)
    ]
