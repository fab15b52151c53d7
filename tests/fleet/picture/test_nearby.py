"""What is found by place is what looking at every open incident would find."""

import random

from contract.geo import GeoPoint
from fleet.picture.incidents import Incident, on_event
from fleet.picture.nearby import Nearby
from tests.fleet.messages import NOW_US, make_event, make_sighting, make_site


def the_map() -> Nearby:
    origin = make_site().origin
    return Nearby(GeoPoint(lat_deg=origin.lat_deg, lon_deg=origin.lon_deg))


def test_an_event_joins_the_same_incident_as_if_all_were_looked_at() -> None:
    chance = random.Random(4)
    open_now: dict[object, Incident] = {}
    nearby = the_map()
    joined = 0
    for track in range(120):
        at_m = (chance.uniform(-120.0, 120.0), chance.uniform(-120.0, 120.0))
        envelope = make_event(sequence=track + 1, track=track, at_m=None if track % 10 == 0 else at_m)
        found = nearby.of(envelope.body.sighting, None)  # type: ignore[union-attr]
        by_all, by_place = (
            on_event(envelope, alarm=None, incident_of_alarm=None, open_incidents=among, at_us=NOW_US, is_stale=False)
            for among in (list(open_now.values()), [open_now[each] for each in found])
        )
        assert by_place.incident == by_all.incident
        joined += not by_all.is_new_incident
        open_now[by_all.incident.incident_id] = by_all.incident
        nearby.put(by_all.incident)
    assert 10 < joined < 110


def test_who_moved_on_or_is_closed_is_found_no_more() -> None:
    nearby = the_map()
    first = make_event(sequence=1, track=1, at_m=(0.0, 20.0))
    moved = make_event(sequence=2, track=2, at_m=(100.0, 20.0))
    change = on_event(first, alarm=None, incident_of_alarm=None, open_incidents=(), at_us=NOW_US, is_stale=False)
    nearby.put(change.incident)
    there = make_sighting(track=9, ground=first.body.sighting.ground)  # type: ignore[union-attr]
    assert nearby.of(there, None) == {change.incident.incident_id}
    nearby.put(change.incident.model_copy(update={"sighting": moved.body.sighting}))  # type: ignore[union-attr]
    assert nearby.of(there, None) == set()
    nearby.remove(change.incident.incident_id)
    assert nearby.of(moved.body.sighting, None) == set()  # type: ignore[union-attr]
