"""The demo's judge: what counts as a vehicle that holds the intruder in view."""

import uuid

import pytest

from contract.envelope import Origin
from contract.geo import PointEnu
from contract.site import Site, parse_site
from contract.tasks import Task, TaskKind, TaskState
from fleet.api.models import LinkView, Snapshot
from sim.story import HELD_FOR_S, Scene, Story, Truth
from tests.contract.factories import T0_US
from tests.contract.test_site import GOOD

SITE: Site = parse_site(GOOD.replace("docks:", "response: {air_stand_off_m: 25}\ndocks:"), source="yard.yaml")
FRAME = SITE.local_frame()


def task(state: TaskState, kind: TaskKind = TaskKind.INVESTIGATE, number: int = 1) -> Task:
    return Task(
        task_id=uuid.UUID(int=number),
        kind=kind,
        vehicle="drone-1",
        state=state,
        reason="",
        origin=Origin.SIMULATED,
        trace_id="0" * 32,
        created_at_us=T0_US,
        changed_at_us=T0_US,
        patrol="round" if kind is TaskKind.PATROL else None,
        target=FRAME.to_geo(PointEnu(0.0, 0.0))[0] if kind is TaskKind.INVESTIGATE else None,
    )


def scene(at_s: float, tasks: tuple[Task, ...], position: PointEnu, heading_deg: float = 0.0) -> Scene:
    known = Snapshot(
        at_us=T0_US,
        site=SITE,
        link=LinkView(broker_connected=True, monitor_age_s=0.0, heartbeat_allowed=True),
        vehicles=(),
        alarms=(),
        incidents=(),
        tasks=tasks,
        tracks=(),
        nodes=(),
        zones=(),
    )
    return Scene(at_s=at_s, known=known, truth={"drone-1": Truth(position=position, heading_deg=heading_deg)})


SOUTH_OF_HIM = PointEnu(0.0, -26.0, 25.0)


@pytest.mark.parametrize(
    ("position", "heading_deg", "is_held"),
    [
        pytest.param(SOUTH_OF_HIM, 0.0, True, id="faces him from the stand-off"),
        pytest.param(SOUTH_OF_HIM, 15.0, True, id="inside the opening"),
        pytest.param(SOUTH_OF_HIM, 25.0, False, id="outside the opening"),
        pytest.param(SOUTH_OF_HIM, 180.0, False, id="looks away"),
        pytest.param(PointEnu(0.0, -20.0, 25.0), 0.0, False, id="nearer than the stand-off"),
        pytest.param(PointEnu(0.0, -58.0, 25.0), 0.0, False, id="out of range"),
    ],
)
def test_only_a_view_from_the_stand_off_counts(position: PointEnu, heading_deg: float, *, is_held: bool) -> None:
    story = Story(SITE)
    for at_s in (0.0, HELD_FOR_S + 0.1):
        story.observe(scene(at_s, (task(TaskState.EXECUTING),), position, heading_deg))
    assert story.intruder_was_held is is_held


def test_a_glance_is_not_a_look() -> None:
    story = Story(SITE)
    executing = (task(TaskState.EXECUTING),)
    for at_s, heading_deg in ((0.0, 0.0), (2.0, 90.0), (2.5, 0.0), (HELD_FOR_S + 1.0, 0.0)):
        story.observe(scene(at_s, executing, SOUTH_OF_HIM, heading_deg))
    assert not story.intruder_was_held


def test_the_coordinators_word_alone_ends_nothing() -> None:
    story = Story(SITE)
    story.observe(scene(0.0, (task(TaskState.DONE),), SOUTH_OF_HIM))
    assert not story.is_done


def test_it_ends_when_the_interrupted_patrol_goes_on() -> None:
    story = Story(SITE)
    patrol = TaskKind.PATROL
    suspended, resumed = task(TaskState.SUSPENDED, patrol, 2), task(TaskState.EXECUTING, patrol, 2)
    for at_s in (0.0, HELD_FOR_S + 0.1):
        story.observe(scene(at_s, (task(TaskState.EXECUTING), suspended), SOUTH_OF_HIM))
    story.observe(scene(9.0, (task(TaskState.DONE), suspended), SOUTH_OF_HIM))
    assert not story.is_done
    story.observe(scene(10.0, (task(TaskState.DONE), resumed), SOUTH_OF_HIM))
    assert story.is_done


def test_a_look_that_ends_and_a_patrol_that_goes_on_may_be_heard_of_at_once() -> None:
    story, looking = Story(SITE), task(TaskState.EXECUTING)
    suspended = task(TaskState.SUSPENDED, TaskKind.PATROL, number=2)
    for at_s in (0.0, HELD_FOR_S + 0.1):
        story.observe(scene(at_s, (looking, suspended), SOUTH_OF_HIM))
    both = (task(TaskState.DONE), task(TaskState.EXECUTING, TaskKind.PATROL, number=2))
    story.observe(scene(HELD_FOR_S + 0.2, both, SOUTH_OF_HIM))
    assert story.patrol_was_resumed
    assert story.is_done
