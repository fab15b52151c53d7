"""The picture at work in a coordinator: fed by nodes, told to people, and never in the way of the gate."""

from dataclasses import replace

import pytest
from pydantic import BaseModel

from contract.events import Sighting, Tracks
from contract.labels import Label
from fleet.flight.vehicle import VehicleState
from fleet.picture.site_track import SiteTrack
from tests.fleet.messages import fix_at, geo, make_envelope, make_event, make_sighting
from tests.fleet.office import Office, open_office

STEP_S = 0.2


def tell(office: Office, camera: str, *sightings: Sighting) -> None:
    node = "gate-1" if camera == "cam-north" else "gate-2"
    now_us = office.clock.wall_us()
    told = [each.model_copy(update={"camera": camera}) for each in sightings]
    body = Tracks(camera=camera, sightings=tuple(told))
    office.hear(make_envelope(body, node=node, captured_at_us=now_us, sent_at_us=now_us))


def a_car(*, track: int, at_m: tuple[float, float]) -> Sighting:
    return make_sighting(track=track, ground=fix_at(*at_m)).model_copy(update={"label": Label.MOTOR_VEHICLE})


def site_tracks(office: Office) -> tuple[SiteTrack, ...]:
    return office.fleet.room.site_tracks()


def test_what_two_nodes_see_of_one_person_is_one_in_the_snapshot_and_two_for_the_gate() -> None:
    with open_office() as office:
        for _ in range(5):
            tell(office, "cam-north", make_sighting(track=1, ground=fix_at(0.0, 5.0)))
            tell(office, "cam-south", make_sighting(track=7, ground=fix_at(0.2, 5.1)))
            office.clock.advance(STEP_S)
        (track,) = office.fleet.room.snapshot().site_tracks
        fusion = office.fleet.coordinator.picture.fusion
        assert (track.label, len(track.evidence), track.votes) == (Label.PERSON, 2, {Label.PERSON: 1.0})
        assert track.ground.sigma_m < 1.0
        assert fusion.site_track_of("cam-north", 1) == fusion.site_track_of("cam-south", 7) == track.site_track_id
        assert len(office.fleet.coordinator._people.snapshot) == 2


def test_who_has_no_place_or_an_impossible_one_is_counted() -> None:
    with open_office() as office:
        impossible = fix_at(0.0, 5.0).model_copy(update={"cov_east_north_m2": 9.0})
        tell(office, "cam-north", make_sighting(track=1), make_sighting(track=2, ground=impossible))
        assert site_tracks(office) == ()
        lines = office.fleet.metrics.exposition().decode().splitlines()
        assert 'vedette_sightings_not_fused_total{reason="no place on the ground"} 2.0' in lines


@pytest.mark.parametrize(("late_s", "count"), [pytest.param(11.0, 0, id="old"), pytest.param(1.0, 1, id="recent")])
def test_only_what_is_of_now_is_in_the_picture(late_s: float, count: int) -> None:
    with open_office() as office:
        body = Tracks(camera="cam-north", sightings=(make_sighting(ground=fix_at(0.0, 5.0)),))
        at_us = office.clock.wall_us() - round(late_s * 1e6)
        office.hear(make_envelope(body, captured_at_us=at_us, sent_at_us=at_us))
        assert len(site_tracks(office)) == count


def with_kestrel(office: Office, *, at_m: tuple[float, float], up_m: float) -> VehicleState:
    office.kestrel.state = replace(
        office.kestrel.state,
        position=geo(*at_m),
        position_at_us=office.clock.monotonic_us(),
        above_home_m=up_m,
        amsl_m=40.0 + up_m,
    )
    return office.kestrel.state


@pytest.mark.parametrize(
    ("up_m", "seen_at_m"),
    [
        pytest.param(0.0, (0.0, 10.0), id="on the ground"),
        pytest.param(2.0, (0.0, 20.0), id="in the air, where the camera 4 m up takes it to stand"),
    ],
)
def test_our_own_vehicle_is_named_and_sends_nobody(up_m: float, seen_at_m: tuple[float, float]) -> None:
    with open_office() as office:
        for _ in range(5):
            with_kestrel(office, at_m=(0.0, 10.0), up_m=up_m)
            tell(office, "cam-north", a_car(track=3, at_m=seen_at_m))
            office.clock.advance(STEP_S)
        assert [each.explained_by for each in site_tracks(office)] == ["kestrel"]

        office.hear(make_event(sequence=1, track=3, captured_at_us=office.clock.wall_us()))

        assert len(office.fleet.ingest.alarms) == 1
        assert office.fleet.response.tasks == {}


def test_site_tracks_are_told_at_most_five_times_a_second_and_when_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[SiteTrack] = []

    def publish(kind: str, data: BaseModel) -> None:
        if isinstance(data, SiteTrack):
            told.append(data)

    with open_office() as office:
        monkeypatch.setattr(office.fleet.live, "publish", publish)
        for _ in range(11):
            tell(office, "cam-north", make_sighting(ground=fix_at(0.0, 5.0)))
            office.clock.advance(0.1)
        assert len(told) == 6
        office.pass_time(6.0)
    assert (told[-1].state.value, told[-1].site_track_id) == ("ended", told[0].site_track_id)
