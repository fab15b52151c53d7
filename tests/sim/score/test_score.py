"""The score of small runs, each figure computed by hand."""

import json
import math
from pathlib import Path

import pytest

from sim.score.errors import ScoreError
from sim.score.score import Score, poisson_interval, score_run, write_score
from sim.score.sections import AttackOutcome, ScoreParameters, Verdict, f_measure
from tests.sim.score.run_builder import (
    BOX,
    ELSEWHERE,
    Line,
    alarm,
    build,
    decision,
    event,
    event_id,
    sighting,
    task,
    us,
    vehicle,
    view,
    walker,
)


def verdicts(score: Score) -> list[str]:
    return [each.verdict.value for each in score.alarms]


def test_an_attack_lasts_from_first_entry_to_last_exit(tmp_path: Path) -> None:
    score = score_run(build(tmp_path))

    (attack,) = score.attacks
    assert attack.starts_at_us == pytest.approx(us(10.0), abs=50_000)
    assert attack.left_at_us == pytest.approx(us(30.0), abs=50_000)
    assert (attack.actor, attack.zone, attack.outcome) == ("intruder", "yard", AttackOutcome.MISSED)


def test_an_alarm_within_the_window_detects(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[alarm(12.5)]))

    assert (score.alert.tp, score.alert.fp, score.alert.fn) == (1, 0, 0)
    assert (score.alert.recall, score.alert.precision, score.alert.f1) == (1.0, 1.0, 1.0)
    assert score.alert.time_to_alarm_s.p50 == pytest.approx(2.5, abs=0.05)
    assert score.false_alarms.count == 0


def test_an_attack_without_alarm_is_missed_and_has_no_precision(tmp_path: Path) -> None:
    score = score_run(build(tmp_path))

    assert (score.alert.tp, score.alert.fp, score.alert.fn) == (0, 0, 1)
    assert (score.alert.recall, score.alert.precision, score.alert.f1) == (0.0, None, 0.0)
    assert score.alert.time_to_alarm_s.p50 is None


def test_without_an_attack_nothing_can_be_found(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, actors=[], events=[alarm(20.0)]))

    assert (score.alert.recall, score.alert.f1) == (None, None)
    assert (score.alert.fp, score.alert.precision) == (1, 0.0)


def test_an_alarm_after_the_window_is_a_miss_and_a_false_alarm_at_once(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[alarm(20.5)]))

    assert (score.alert.tp, score.alert.fp, score.alert.fn) == (0, 1, 1)
    assert verdicts(score) == ["late"]
    assert score.false_alarms.count == 0  # somebody was there: nobody was called out for nothing


def test_an_alarm_that_an_outage_kept_back_is_late_whenever_its_picture_was_taken(tmp_path: Path) -> None:
    events = [event(12.0), alarm(50.0, event=str(event_id(1)))]

    score = score_run(build(tmp_path, events=events))

    assert verdicts(score) == ["late"]
    assert score.alert.time_to_alarm_s.max == pytest.approx(40.0, abs=0.05)


def test_a_picture_from_the_future_was_taken_when_its_alarm_came(tmp_path: Path) -> None:
    events = [event(612.0), alarm(12.4, event=str(event_id(1)))]  # the node's clock was set ten minutes ahead

    score = score_run(build(tmp_path, events=events))

    assert verdicts(score) == ["detected"]


def test_further_alarms_of_a_detected_attack_are_repeats(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[alarm(11.0), alarm(14.0, number=2), alarm(28.0, number=3)]))

    assert verdicts(score) == ["detected", "repeat", "repeat"]
    assert (score.alert.tp, score.alert.fp) == (1, 0)


def test_false_alarms_within_five_seconds_count_once(tmp_path: Path) -> None:
    events = [alarm(40.0), alarm(44.9, number=2), alarm(45.1, number=3), alarm(50.2, number=4)]

    score = score_run(build(tmp_path, actors=[], events=events))

    assert verdicts(score) == ["false", "repeat", "false", "false"]
    assert score.false_alarms.count == 3


def test_what_happens_while_settling_does_not_count(tmp_path: Path) -> None:
    folder = build(tmp_path, events=[alarm(2.0), alarm(12.0, number=2), alarm(50.0, number=3)])

    score = score_run(folder, ScoreParameters(settling_s=11.0))

    assert verdicts(score) == ["settling", "settling", "false"]  # the attack began before it had settled
    assert score.attacks == ()
    assert score.false_alarms.camera_days == pytest.approx(49 / 86_400, abs=1e-6)


def test_two_intruders_in_one_zone_want_two_alarms(tmp_path: Path) -> None:
    actors = [walker("first"), walker("second", enters_at_s=12.0)]

    one = score_run(build(tmp_path / "one", actors=actors, events=[alarm(13.0)]))
    both = score_run(build(tmp_path / "both", actors=actors, events=[alarm(13.0), alarm(14.0, number=2)]))

    assert (one.alert.tp, one.alert.fn) == (1, 1)
    assert (both.alert.tp, both.alert.fn) == (2, 0)


def test_an_alarm_belongs_to_whom_its_box_shows(tmp_path: Path) -> None:
    """Two alarms for one of two intruders find one of them, not both."""
    actors = [walker("first"), walker("second")]
    truth = [view(at_s, ("first", BOX), ("second", ELSEWHERE)) for at_s in (11.0, 12.0)]
    events = [
        event(11.0, number=1),
        alarm(11.2, number=1, event=str(event_id(1))),
        event(12.0, number=2),
        alarm(12.2, number=2, event=str(event_id(2))),
    ]

    score = score_run(build(tmp_path, actors=actors, truth=truth, events=events))

    assert {attack.actor: attack.outcome for attack in score.attacks} == {
        "first": AttackOutcome.DETECTED,
        "second": AttackOutcome.MISSED,
    }
    assert verdicts(score) == ["detected", "repeat"]


def test_an_alarm_about_a_fox_is_false_though_an_intruder_is_there(tmp_path: Path) -> None:
    actors = [walker(), walker("fox", kind="animal", intrudes=False)]
    truth = [view(11.0, ("intruder", ELSEWHERE), ("fox", BOX))]
    events = [event(11.0), alarm(11.2, event=str(event_id(1)))]

    score = score_run(build(tmp_path, actors=actors, truth=truth, events=events))

    assert verdicts(score) == ["false"]
    assert (score.alert.tp, score.alert.fn, score.false_alarms.count) == (0, 1, 1)


def test_an_alarm_just_before_the_edge_is_a_position_error_and_not_false(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[alarm(9.2)]))
    sooner = score_run(build(tmp_path, events=[alarm(8.5)]))

    assert verdicts(score) == ["detected"]
    assert verdicts(sooner) == ["false"]


def test_a_zone_that_is_not_set_has_no_attack(tmp_path: Path) -> None:
    acts = [{"at_s": 5.0, "do": "unset_zone", "target": "yard"}, {"at_s": 20.0, "do": "set_zone", "target": "yard"}]

    score = score_run(build(tmp_path, operator=acts))

    assert [attack.starts_at_us for attack in score.attacks] == [us(20.0)]


def test_stepping_out_for_a_moment_is_one_attack(tmp_path: Path) -> None:
    def weaver(out_m: float) -> list[dict[str, float]]:
        norths = (-10.0, 5.0, -out_m, 5.0)
        return [{"east_m": 10.0, "north_m": north_m} for north_m in norths]

    short = score_run(build(tmp_path / "short", actors=[walker(route=weaver(0.9))]))  # out for 1.8 s
    long = score_run(build(tmp_path / "long", actors=[walker(route=weaver(1.5))]))  # out for 3 s

    assert len(short.attacks) == 1
    assert len(long.attacks) == 2


def test_grazing_the_zone_for_less_than_its_dwell_is_no_attack(tmp_path: Path) -> None:
    route = [{"east_m": 10.0, "north_m": north_m} for north_m in (-10.0, 0.2, -10.0)]  # 0.4 s inside, dwell 0.5 s

    score = score_run(build(tmp_path, actors=[walker(route=route)]))

    assert score.attacks == ()


def test_events_alarm_where_no_coordinator_ran(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[event(12.0)]))

    assert (score.alert.tp, score.alert.time_to_alarm_s.n) == (1, 1)
    assert (score.events.starts, score.events.lost) == (1, None)


def test_the_roles_weigh_the_same_counts_differently() -> None:
    """R = 3/4, P = 3/5: (a+1)RP / (R+aP)."""
    recall, precision = 3 / 4, 3 / 5

    for a in (0.65, 75.0):
        expected = (a + 1) * recall * precision / (recall + a * precision)
        assert f_measure(tp=3, fp=2, fn=1, a=a) == pytest.approx(expected, abs=1e-4)


def test_a_cell_has_its_own_misses_and_everybodys_false_alarms(tmp_path: Path) -> None:
    actors = [walker("a", cell="walk-10m"), walker("b", enters_at_s=40.0, cell="crawl-30m")]
    events = [alarm(12.0), alarm(35.0, number=2), alarm(52.0, number=3)]  # found, false, late

    score = score_run(build(tmp_path, actors=actors, events=events, cell_groups={"bar": ["walk-10m"]}))

    walk, crawl = score.cells["walk-10m"], score.cells["crawl-30m"]
    assert (walk.attacks, walk.detected, walk.late, walk.missed, walk.fp) == (1, 1, 0, 0, 1)
    assert walk.f1 == pytest.approx(1.65 * 1 / (2 + 0.65 * 1), abs=1e-4)
    assert (crawl.attacks, crawl.detected, crawl.late, crawl.missed, crawl.fp) == (1, 0, 1, 0, 2)
    assert score.groups == {"bar": walk}


def test_false_alarms_come_with_the_exact_poisson_interval(tmp_path: Path) -> None:
    """Two in half an hour; the textbook's limits for a count of 2 are 0.2422 and 7.2247."""
    folder = build(tmp_path, actors=[], events=[alarm(40.0), alarm(900.0, number=2)], length_s=1800.0)

    alarms = score_run(folder).false_alarms

    assert alarms.per_camera_day == pytest.approx(96.0, abs=0.1)
    assert alarms.per_camera_day_low == pytest.approx(0.2422 * 48, rel=1e-3)
    assert alarms.per_camera_day_high == pytest.approx(7.2247 * 48, rel=1e-3)


def test_no_false_alarm_still_leaves_room_for_some() -> None:
    low, high = poisson_interval(0, 0.95)

    assert low == 0.0
    assert high == pytest.approx(-math.log(0.025))


def test_tracking_counts_misses_ghosts_and_coasting_as_unseen(tmp_path: Path) -> None:
    """Four boxes; one found twice over two frames, one frame empty, one coasting, one ghost: 2 misses, 1 false."""
    truth = [view(at_s, ("intruder", BOX)) for at_s in (11.0, 12.0, 13.0, 14.0)]
    sightings = [sighting(11.0), sighting(12.0), sighting(14.0, state="coasting"), sighting(15.0, ELSEWHERE, track=2)]

    tracking = score_run(build(tmp_path, truth=truth, sightings=sightings)).tracking

    assert (tracking.all.objects, tracking.all.misses, tracking.all.false_positives) == (4, 2, 1)
    assert tracking.all.mota == pytest.approx(1 - 3 / 4)
    assert tracking.all.idf1 == pytest.approx(2 * 2 / (4 + 3), abs=1e-4)
    assert tracking.cameras["cam-1"] == tracking.all


def test_who_is_hidden_is_neither_missed_nor_wrongly_tracked(tmp_path: Path) -> None:
    truth = [view(11.0, ("intruder", BOX)), view(12.0, ("intruder", BOX), visible_frac=0.1)]

    tracking = score_run(build(tmp_path, truth=truth, sightings=[sighting(11.0), sighting(12.0)])).tracking

    assert (tracking.all.objects, tracking.all.mota, tracking.all.false_positives) == (1, 1.0, 0)


def test_a_fix_is_compared_with_where_its_actor_stood(tmp_path: Path) -> None:
    """At 12 s the walker is at 10 east, 2 north; at 13 s at 3 north."""
    truth = [view(at_s, ("intruder", BOX)) for at_s in (12.0, 13.0, 14.0)]
    sightings = [
        sighting(12.0, at=(10.0, 2.5)),
        sighting(13.0, at=(13.0, 7.0)),
        sighting(14.0, ELSEWHERE, at=(90.0, 90.0)),
    ]

    geolocation = score_run(build(tmp_path, truth=truth, sightings=sightings)).geolocation_m

    assert geolocation.all.n == 2  # what shows nobody has no error
    assert geolocation.all.p50 == pytest.approx((0.5 + 5.0) / 2)
    assert geolocation.cameras["cam-1"].max == pytest.approx(5.0)


def test_an_answer_is_timed_by_where_things_truly_were(tmp_path: Path) -> None:
    """Alarm at 12 s with the drone at 10, -80 on the ground; the intruder stands at 10, 2 then. Height 30 m leaves a
    reach of 40 m of its 50 m range: level 82 - 40 = 42 m, up 30 m, so hypot(42, 30) m at 8 m/s. On scene at 20 s: the
    intruder is at 10, 10 and the drone at 10, -29 looks north, slant hypot(39, 30) = 49.2 m."""
    events = [alarm(12.0), task(13.0, "created"), task(14.0, "sent"), task(16.5, "accepted"), task(17.0, "executing")]
    vehicles = [
        vehicle(0.0, 10, -80, 0),
        vehicle(19.0, 10, -34, 30),
        vehicle(20.0, 10, -29, 30, heading_deg=180.0),
        vehicle(20.2, 10, -29, 30),
    ]

    response = score_run(build(tmp_path, events=events, vehicles=vehicles)).response

    (answer,) = response.each
    assert (answer.actor, answer.vehicle) == ("intruder", "drone-1")
    assert (answer.alarm_to_sent_s, answer.sent_to_acknowledged_s) == (2.0, 2.5)
    assert answer.time_to_scene_s == pytest.approx(8.2)
    assert answer.minimum_s == pytest.approx(math.hypot(42, 30) / 8, abs=1e-3)
    assert answer.over_minimum == pytest.approx(8.2 / (math.hypot(42, 30) / 8), abs=1e-3)
    assert (response.incidents, response.sent, response.acknowledged, response.on_scene) == (1, 1, 1, 1)


def test_who_comes_by_after_the_task_did_not_answer(tmp_path: Path) -> None:
    events = [alarm(12.0), task(13.0, "sent"), task(14.0, "accepted"), task(18.0, "failed")]
    vehicles = [vehicle(0.0, 10, -80, 0), vehicle(20.0, 10, -29, 30)]

    (answer,) = score_run(build(tmp_path, events=events, vehicles=vehicles)).response.each

    assert (answer.vehicle, answer.time_to_scene_s) == ("drone-1", None)


def test_nobody_came_is_unknown_and_not_zero(tmp_path: Path) -> None:
    response = score_run(build(tmp_path, events=[alarm(12.0)], vehicles=[vehicle(0.0, 10, -80, 0)])).response

    (answer,) = response.each
    assert (answer.vehicle, answer.time_to_scene_s, answer.over_minimum) == (None, None, None)
    assert (response.incidents, response.sent, response.time_to_scene_s.p50) == (1, 0, None)


def test_the_longest_time_unseen_counts_from_entry_and_anew_from_the_alarm(tmp_path: Path) -> None:
    """In the zone from 10 to 30 s, seen at 13, 14 and 20 s; alarm at 14 s: gaps 3, 1, 6, 10 and after it 6, 10."""
    truth = [view(at_s, ("intruder", BOX)) for at_s in (13.0, 14.0, 20.0)]
    sightings = [sighting(at_s) for at_s in (13.0, 14.0, 20.0)]

    late = score_run(build(tmp_path / "a", truth=truth, sightings=sightings, events=[alarm(14.0)]))
    never = score_run(build(tmp_path / "b", truth=truth, sightings=sightings))

    assert late.longest_unobserved_s.intruder_s == pytest.approx(10.0, abs=0.05)
    assert late.longest_unobserved_s.intruder_after_alarm_s == pytest.approx(10.0, abs=0.05)
    assert never.longest_unobserved_s.intruder_after_alarm_s is None


def test_a_zones_gap_ends_when_a_vehicle_looks_at_its_middle(tmp_path: Path) -> None:
    """Of 60 s the drone looks from 25 to 35 s: 25 s before, 25 s after. The camera has it in view all the time."""
    vehicles = [vehicle(0.0, 10, -80, 0), vehicle(25.0, 10, -20, 30), vehicle(35.0, 10, -80, 0)]

    zones = score_run(build(tmp_path, vehicles=vehicles)).longest_unobserved_s.zones

    assert zones["yard"].vehicles_s == pytest.approx(25.0)
    assert zones["yard"].all_s == 0.0


def test_a_drone_in_its_dock_watches_nothing(tmp_path: Path) -> None:
    docked = vehicle(0.0, 10, -20, 0.0) | {"camera_pitch_deg": 0.0}

    zones = score_run(build(tmp_path, vehicles=[docked])).longest_unobserved_s.zones

    assert zones["yard"].vehicles_s == 60.0


def test_a_camera_whose_feed_is_lost_watches_nothing(tmp_path: Path) -> None:
    def node(at_s: float, feed: str) -> Line:
        return {"type": "node", "at_us": us(at_s), "node": "edge-1", "state": "online", "feeds": {"cam-1": feed}}

    folder = build(tmp_path, events=[node(0.0, "ok"), node(20.0, "lost"), node(50.0, "ok")])

    assert score_run(folder).longest_unobserved_s.zones["yard"].all_s == pytest.approx(30.0)


def test_refusals_are_counted_by_reason_without_their_figures(tmp_path: Path) -> None:
    events = [
        decision(1.0, "approved"),
        decision(2.0, "refused", "wind 11.2 m/s, expected at most 10.0 m/s", "flight mode is not known"),
        decision(3.0, "refused", "wind 12.4 m/s, expected at most 10.0 m/s"),
    ]

    refused = score_run(build(tmp_path, events=events)).refused

    assert refused.total == 2
    assert refused.by_reason == {"wind # m/s, expected at most # m/s": 2, "flight mode is not known": 1}


def test_tasks_are_counted_by_how_they_ended(tmp_path: Path) -> None:
    events = [
        task(1.0, "sent"),
        task(2.0, "done"),
        task(3.0, "executing", task_id="task-2"),
        task(3.0, "refused", task_id="task-3", kind="patrol", incident=None),
    ]

    tasks = score_run(build(tmp_path, events=events)).tasks

    assert (tasks.investigate.total, tasks.investigate.done, tasks.investigate.unfinished) == (2, 1, 1)
    assert (tasks.patrol.total, tasks.patrol.refused, tasks.recall.total) == (1, 1, 0)


def test_troubles_events_and_hops_are_counted(tmp_path: Path) -> None:
    trouble = {"type": "incident", "incident": "inc-9", "kind": "trouble", "subject": "node:edge-1"}
    events: list[Line] = [
        {**trouble, "at_us": us(1.0), "state": "open", "disposition": None},
        {**trouble, "at_us": us(9.0), "state": "closed", "disposition": "recovered"},
        event(11.0, number=1),
        event(11.0, number=1),
        event(12.0, number=2),
        alarm(12.0, event=str(event_id(1))),
        *(
            {"type": "hop", "at_us": us(12.0), "trace_id": "0" * 32, "hop": "detect", "took_us": n}
            for n in (1000, 3000)
        ),
    ]

    score = score_run(build(tmp_path, events=events))

    assert (score.troubles.total, score.troubles.recovered) == (1, 1)
    assert score.troubles.by_subject == {"node:edge-1": 1}
    assert (score.events.starts, score.events.doubled, score.events.lost) == (2, 1, 1)
    assert (score.latency_ms["detect"].n, score.latency_ms["detect"].p50) == (2, 2.0)


def test_scoring_twice_writes_the_same_bytes_and_reads_back(tmp_path: Path) -> None:
    folder = build(tmp_path, events=[alarm(12.0)])

    write_score(folder / "score.json", score_run(folder))
    first = (folder / "score.json").read_bytes()
    write_score(folder / "score.json", score_run(folder))

    assert (folder / "score.json").read_bytes() == first
    assert Score.model_validate_json(first) == score_run(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("events.jsonl", "{}\n{", "events.jsonl:2: expected a line of JSON, got '{'", id="torn"),
        pytest.param(
            "events.jsonl",
            json.dumps({**alarm(1.0), "at_us": None}),
            "events.jsonl:1: at_us: Input should be",
            id="key",
        ),
        pytest.param("truth.jsonl", "[]", "truth.jsonl:1: expected an object, got '[]'", id="no object"),
        pytest.param("run.json", "", "run.json: expected JSON", id="no header"),
    ],
)
def test_a_damaged_folder_is_one_line_that_names_file_and_key(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    folder = build(tmp_path)
    (folder / name).write_text(text)

    with pytest.raises(ScoreError) as raised:
        score_run(folder)

    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_no_run_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=r"run\.json: No such file or directory"):
        score_run(tmp_path)


def test_a_verdict_stands_in_the_score_as_a_word(tmp_path: Path) -> None:
    score = score_run(build(tmp_path, events=[alarm(12.0)]))

    assert json.loads(score.model_dump_json())["alarms"][0]["verdict"] == Verdict.DETECTED.value
