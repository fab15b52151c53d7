"""What an incident is worth to dispatch: the urgent one first, and no vehicle that turns back and forth."""

from dataclasses import replace

import pytest

from contract.tasks import Task
from fleet.decision.needs import need_of
from fleet.picture.incidents import Incident
from tests.fleet.messages import make_event, make_site
from tests.fleet.office import Office, open_office
from tests.fleet.test_response import TWO_VEHICLES_TEXT, merlin_on_pad


def of_level(incident: Incident, level: int) -> Incident:
    return incident.model_copy(update={"priority": incident.priority.model_copy(update={"level": level})})


def set_levels(office: Office, *levels: int) -> list[Incident]:
    incidents = sorted(office.fleet.ingest.incidents.values(), key=lambda each: each.opened_at_us)
    for incident, level in zip(incidents, levels, strict=True):
        office.fleet.ingest.keep(of_level(incident, level), ())
    return incidents


def two_wait(office: Office) -> None:
    """Both want somebody, and nobody can go: of no battery the charge is known."""
    office.kestrel.state = replace(office.kestrel.state, battery_frac=None)
    office.hear(make_event(sequence=1), make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle"))
    assert office.fleet.response.tasks == {}


def can_go(office: Office) -> None:
    office.kestrel.state = replace(office.kestrel.state, battery_frac=0.95)
    office.pass_time(1.0)


def tasks(office: Office) -> list[Task]:
    return list(office.fleet.response.tasks.values())


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_a_need_is_worth_the_priority_of_its_incident(level: int) -> None:
    with open_office() as office:
        office.hear(make_event(sequence=1))
        (incident,) = office.fleet.ingest.incidents.values()

        need = need_of(of_level(incident, level), by="kestrel")

        assert need is not None
        assert (need.priority, need.by) == (level, "kestrel")


@pytest.mark.parametrize(("levels", "served"), [((5, 1), 1), ((1, 5), 0), ((2, 3), 0), ((3, 2), 1)])
def test_the_more_urgent_gets_the_only_vehicle_whichever_came_first(levels: tuple[int, int], served: int) -> None:
    with open_office() as office:
        two_wait(office)
        incidents = set_levels(office, *levels)

        can_go(office)

        (task,) = tasks(office)
        assert task.incident_id == incidents[served].incident_id
        left = incidents[1 - served].incident_id
        said = office.fleet.ingest.incidents[left].timeline[-1].what
        assert said.startswith("nobody sent yet: ")


def test_of_two_vehicles_each_incident_gets_one_however_urgent_the_other_is() -> None:
    with open_office(site=make_site(TWO_VEHICLES_TEXT), others=(merlin_on_pad(),)) as office:
        office.hear(make_event(sequence=1), make_event(sequence=2, track=2, at_m=(0.0, 90.0), zone="middle"))

        assert len({task.incident_id for task in tasks(office)}) == 2
        assert {task.vehicle for task in tasks(office)} == {"kestrel", "merlin"}


def test_a_vehicle_under_way_stays_while_the_levels_go_up_and_down() -> None:
    with open_office() as office:
        two_wait(office)
        set_levels(office, 2, 3)
        can_go(office)
        (sent,) = tasks(office)

        for levels in ((3, 2), (2, 3), (5, 1), (1, 5)):
            set_levels(office, *levels)
            office.pass_time(1.0)

        assert [task.task_id for task in tasks(office)] == [sent.task_id]


def test_sightings_that_jitter_about_the_middle_send_one_vehicle_once() -> None:
    with open_office(site=make_site(TWO_VEHICLES_TEXT), others=(merlin_on_pad(),)) as office:
        for revision, jitter_m in enumerate((0.0, 3.0, -3.0, 2.0, -2.0)):
            office.hear(make_event(sequence=1 + revision, revision=revision, at_m=(20.0 + jitter_m, 20.0)))
            office.pass_time(0.5)

        assert len(tasks(office)) == 1
