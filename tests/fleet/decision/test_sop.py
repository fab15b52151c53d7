"""One incident's way through its procedure: what it waits for, who decides, and what follows a no."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.decision.sop import (
    MAX_VISITS,
    Facts,
    Move,
    Phase,
    Run,
    advanced,
    approved,
    begun,
    resumed,
    stopped,
    vetoed,
)
from fleet.decision.sop_document import Autonomy, DispatchStep, EscalateStep, Notify, Procedure, StandDown
from fleet.errors import Refused
from tests.fleet.decision.procedures import INTRUDER, book_of, procedure_of

INCIDENT = uuid.UUID(int=7)
S = 1_000_000
ONE, TWO = Facts(sources=("cam-a",)), Facts(sources=("cam-a", "cam-b"))


def intruder() -> Procedure:
    return book_of(INTRUDER).procedures[0]


def start(procedure: Procedure, facts: Facts = ONE) -> Move:
    return begun(procedure, INCIDENT, facts=facts, at_us=0)


def where(move: Move) -> tuple[str | None, Phase]:
    return move.run.step, move.run.phase


def sending(autonomy: str) -> Procedure:
    return procedure_of(f"id: send, do: dispatch, {autonomy}, arrive_s: 60, attempts: 2, otherwise: end")


def test_a_second_sensor_carries_it_on_at_once_and_its_absence_in_time() -> None:
    waiting = start(intruder())
    assert where(waiting) == ("verify", Phase.DOING)
    assert waiting.run.until_us == 10 * S
    assert advanced(waiting.run, ONE, at_us=9 * S).run is waiting.run
    seen = advanced(waiting.run, TWO, at_us=9 * S)
    assert where(seen) == ("send", Phase.ASKING)
    assert seen.lines[0] == "verify: seen by cam-a and cam-b"
    alone = advanced(waiting.run, ONE, at_us=10 * S, is_due=True)
    assert alone.lines[0] == "verify: no second camera or sensor saw it in time"
    assert where(alone) == ("send", Phase.ASKING)
    assert alone.run.until_us == 70 * S


def test_a_whole_night_from_alarm_to_stand_down() -> None:
    run = start(intruder(), TWO).run
    run = approved(run, by="Ada Byron", visit=run.visit, facts=TWO, at_us=5 * S).run
    assert (run.step, run.phase, run.until_us) == ("send", Phase.DOING, 95 * S)
    under_way = replace(TWO, is_under_way=True, attempts=1)
    assert advanced(run, under_way, at_us=20 * S).run is run
    there = advanced(run, replace(under_way, is_on_scene=True), at_us=30 * S)
    assert where(there) == ("look", Phase.DOING)
    looked = advanced(there.run, replace(TWO, attempts=1, looks=1), at_us=45 * S)
    assert where(looked) == ("seen", Phase.DOING)
    over = advanced(looked.run, replace(TWO, attempts=1, looks=1, is_acknowledged=True), at_us=50 * S)
    assert [type(act) for act in over.acts] == [StandDown]
    assert over.lines == ["seen: acknowledged", "done: stand down", "procedure over: finished"]
    assert over.run.is_over


def test_silence_a_veto_and_a_late_vehicle_all_lead_where_the_file_says() -> None:
    asking = start(intruder(), TWO).run
    silence = advanced(asking, TWO, at_us=60 * S, is_due=True)
    no = vetoed(asking, by="Ada Byron", why="it is the postman", visit=asking.visit, facts=TWO, at_us=5 * S)
    going = approved(asking, by="Ada Byron", visit=asking.visit, facts=TWO, at_us=5 * S).run
    late = advanced(going, replace(TWO, is_under_way=True), at_us=95 * S, is_due=True)
    for move in (silence, no, late):
        assert [type(act) for act in move.acts] == [EscalateStep]
        assert move.run.ended_because == "finished"
    assert silence.lines[0] == "send: nobody approved it in time"
    assert no.lines[0] == "send: vetoed by Ada Byron: it is the postman"
    assert late.lines[0] == "send: nobody was on scene in time"


def test_no_more_vehicles_are_tried_than_the_step_allows() -> None:
    run = start(sending("autonomy: automatic")).run
    assert where(advanced(run, replace(ONE, attempts=1), at_us=S)) == ("send", Phase.DOING)
    assert advanced(run, replace(ONE, attempts=2, is_under_way=True), at_us=S).run is run
    spent = advanced(run, replace(ONE, attempts=2), at_us=S)
    assert spent.lines[0] == "send: 2 tried, none came on scene"
    assert spent.run.is_over


def test_tasks_of_before_the_step_count_for_nothing() -> None:
    run = start(sending("autonomy: automatic"), replace(ONE, attempts=5, looks=1)).run
    assert (run.attempts_before, run.looks_before) == (5, 1)
    assert advanced(run, replace(ONE, attempts=6, looks=1, is_under_way=True), at_us=S).run is run


def test_what_is_announced_is_done_unless_somebody_says_no() -> None:
    run = start(sending("autonomy: unless_vetoed, veto_s: 15")).run
    assert (run.phase, run.until_us) == (Phase.ANNOUNCED, 15 * S)
    assert advanced(run, ONE, at_us=14 * S).run is run
    assert where(advanced(run, ONE, at_us=15 * S, is_due=True)) == ("send", Phase.DOING)
    assert vetoed(run, by="Ada", why="", visit=run.visit, facts=ONE, at_us=S).run.is_over
    with pytest.raises(Refused, match="nothing to approve"):
        approved(run, by="Ada", visit=run.visit, facts=ONE, at_us=S)


def test_two_persons_are_two() -> None:
    run = start(sending("autonomy: two_persons")).run
    assert run.missing == 2
    first = approved(run, by="Ada Byron", visit=run.visit, facts=ONE, at_us=S)
    assert (first.run.phase, first.run.missing) == (Phase.ASKING, 1)
    assert first.lines == ["send: approved by Ada Byron; 1 more to approve"]
    with pytest.raises(Refused, match="expected a second person, ADA BYRON approved it already"):
        approved(first.run, by="ADA BYRON", visit=run.visit, facts=ONE, at_us=S)
    second = approved(first.run, by="Bo Ek", visit=run.visit, facts=ONE, at_us=S)
    assert (second.run.phase, second.run.approved_by) == (Phase.DOING, ("Ada Byron", "Bo Ek"))


def test_an_answer_to_an_earlier_question_is_refused() -> None:
    run = start(intruder()).run
    with pytest.raises(Refused, match="it is under way"):
        approved(run, by="Ada", visit=run.visit, facts=ONE, at_us=S)
    asking = advanced(run, TWO, at_us=S).run
    with pytest.raises(Refused, match="went on to step 'send' meanwhile"):
        approved(asking, by="Ada", visit=run.visit, facts=TWO, at_us=S)
    with pytest.raises(Refused, match="went on to step 'send' meanwhile"):
        vetoed(asking, by="Ada", why="", visit=run.visit, facts=TWO, at_us=S)
    over = stopped(asking, because="stopped by Ada: mine", at_us=S).run
    with pytest.raises(Refused, match="its procedure is over: stopped by Ada: mine"):
        approved(over, by="Ada", visit=over.visit, facts=TWO, at_us=S)
    with pytest.raises(Refused, match="is over"):
        stopped(over, because="again", at_us=S)
    assert advanced(over, TWO, at_us=99 * S, is_due=True).run is over


def test_safety_3_on_evidence_too_old_a_person_is_asked_whatever_the_autonomy() -> None:
    run = start(sending("autonomy: automatic, answer_s: 30")).run
    stale = advanced(run, replace(ONE, is_stale=True), at_us=S)
    assert where(stale) == ("send", Phase.ASKING)
    assert stale.run.until_us == 31 * S
    assert "too old to send anybody without a person" in stale.lines[0]
    yes = approved(stale.run, by="Ada", visit=run.visit, facts=replace(ONE, is_stale=True), at_us=2 * S)
    assert where(yes) == ("send", Phase.DOING)


def test_whom_a_person_sent_meanwhile_answers_the_question_and_is_not_replaced_without_another_word() -> None:
    asking = start(intruder(), TWO).run
    sent = advanced(asking, replace(TWO, is_under_way=True, attempts=1), at_us=S)
    assert where(sent) == ("send", Phase.DOING)
    assert sent.lines[0] == "send: somebody was sent already"
    there = advanced(sent.run, replace(TWO, is_under_way=True, is_on_scene=True, attempts=1), at_us=9 * S)
    assert where(there) == ("look", Phase.DOING)
    lost = advanced(sent.run, replace(TWO, attempts=1), at_us=9 * S)
    assert where(lost) == ("send", Phase.ASKING)
    assert "whoever was sent does not come" in lost.lines[0]


def test_safety_12_after_a_restart_nobody_is_sent_again_without_a_person_and_all_else_goes_on() -> None:
    run = start(sending("autonomy: automatic")).run
    assert where(resumed(run, at_us=S)) == ("send", Phase.ASKING)
    once = start(intruder(), TWO).run
    going = approved(once, by="Ada", visit=once.visit, facts=TWO, at_us=S).run
    again = resumed(going, at_us=S).run
    assert (again.phase, again.approved_by, again.missing) == (Phase.ASKING, (), 1)
    waiting = start(intruder()).run
    assert resumed(waiting, at_us=S).run is waiting


def test_a_round_that_nobody_ever_ends_is_given_up() -> None:
    procedure = procedure_of(
        "id: seen, do: wait, within_s: 60, otherwise: again",
        "id: again, do: notify, autonomy: automatic, to: Ada, text: come, then: seen",
    )
    move, rounds = start(procedure), 0
    while not move.run.is_over:
        move, rounds = advanced(move.run, ONE, at_us=rounds * 60 * S, is_due=True), rounds + 1
    assert move.run.ended_because == f"gave up after {MAX_VISITS} steps"
    assert rounds == MAX_VISITS // 2


AUTONOMIES = {
    Autonomy.AUTOMATIC: "autonomy: automatic",
    Autonomy.UNLESS_VETOED: "autonomy: unless_vetoed, veto_s: 10",
    Autonomy.APPROVAL: "autonomy: approval, answer_s: 20",
    Autonomy.TWO_PERSONS: "autonomy: two_persons, answer_s: 20",
}


@st.composite
def procedures(draw: st.DrawFn) -> Procedure:
    number = draw(st.integers(1, 5))
    ids = [f"s{each}" for each in range(number)]
    steps = []
    for each in ids:
        target, otherwise = draw(st.sampled_from([*ids, "end"])), draw(st.sampled_from([*ids, "end"]))
        if draw(st.booleans()):
            do = draw(st.sampled_from(["verify", "look", "wait"]))
            steps.append(f"id: {each}, do: {do}, within_s: 10, otherwise: {otherwise}, then: {target}")
        else:
            kind = draw(st.sampled_from(list(Autonomy)))
            steps.append(
                f"id: {each}, do: dispatch, {AUTONOMIES[kind]}, arrive_s: 30, otherwise: {otherwise}, then: {target}"
            )
    return procedure_of(*steps)


def happened(what: str, run: Run, facts: Facts, *, by: str, at_us: int) -> Run:
    """The run after it; the same where it is refused."""
    try:
        if what == "yes":
            return approved(run, by=by, visit=run.visit, facts=facts, at_us=at_us).run
        if what == "no":
            return vetoed(run, by=by, why="", visit=run.visit, facts=facts, at_us=at_us).run
    except Refused:
        return run
    if what == "restart":
        return resumed(run, at_us=at_us).run
    return advanced(run, facts, at_us=at_us, is_due=what == "due").run


STORIES = st.lists(st.tuples(st.sampled_from(["tick", "due", "yes", "no", "restart"]), st.booleans(), st.booleans()))


@settings(max_examples=200, deadline=None)
@given(procedures(), STORIES)
def test_whatever_happens_nobody_is_sent_by_fewer_persons_than_the_step_asks_for(
    procedure: Procedure, story: list[tuple[str, bool, bool]]
) -> None:
    run = start(procedure).run
    for number, (what, is_seen, is_stale) in enumerate(story):
        facts = Facts(sources=("a", "b") if is_seen else ("a",), is_stale=is_stale)
        before, run = run, happened(what, run, facts, by=f"P{number}", at_us=number * 5 * S)
        if run.phase is not Phase.DOING or not isinstance(run.at, DispatchStep):
            continue
        assert len(set(run.approved_by)) >= run.at.needs_persons
        assert what != "restart"
        if is_stale and run is not before:
            assert run.approved_by


def test_notify_says_whom_and_what() -> None:
    move = start(procedure_of("id: tell, do: notify, autonomy: automatic, to: Ada, text: come and see"))
    assert [act.text for act in move.acts if isinstance(act, Notify)] == ["come and see"]
    assert move.lines == [
        "procedure 'The procedure' begins",
        "tell: notify Ada: come and see",
        "procedure over: finished",
    ]
