"""Task states that only go where the table allows, and a clock that cannot step."""

import uuid

import pytest

from contract.clock import AnchoredClock
from contract.envelope import Origin
from contract.tasks import ALLOWED, Task, TaskKind, TaskState
from tests.conftest import ManualClock
from tests.contract.factories import T0_US


def task(state: TaskState) -> Task:
    return Task(
        task_id=uuid.UUID(int=1),
        kind=TaskKind.INVESTIGATE,
        vehicle="drone-1",
        state=state,
        reason="",
        origin=Origin.SIMULATED,
        trace_id="0" * 32,
        created_at_us=T0_US,
        changed_at_us=T0_US,
    )


@pytest.mark.parametrize("state", TaskState)
def test_a_task_moves_only_along_the_table(state: TaskState) -> None:
    for target in TaskState:
        if target is state or target in ALLOWED.get(state, frozenset()):
            assert task(state).moved_to(target, at_us=T0_US + 1).state is target
        else:
            with pytest.raises(ValueError, match="does not become"):
                task(state).moved_to(target, at_us=T0_US + 1)


def test_final_states_lead_nowhere() -> None:
    assert {s for s in TaskState if s.is_final} == {s for s in TaskState if s not in ALLOWED}


def test_an_anchored_clock_ignores_a_step_of_the_wall(clock: ManualClock) -> None:
    anchored = AnchoredClock(clock)
    before_us = anchored.now_us()
    clock.step_wall(-3600)
    clock.advance(2)
    assert anchored.now_us() - before_us == 2_000_000
