"""What a scenario shows beyond its figures, read off its golden log, which test_scenarios.py holds every run to."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.site import Site
from sim.actors import Walk
from sim.scenario_file import load_scenario
from sim.score.score import score_run
from tests.conftest import ROOT
from tests.sim.golden import golden_path, played

SCENARIOS = ROOT / "sim" / "scenarios"
Line = dict[str, Any]


def lines(name: str, kind: str) -> list[Line]:
    """Lines of one type, each with `at_s` since the scenario began."""
    loaded = load_scenario(SCENARIOS / f"{name}.yaml")
    start_us = round(loaded.scenario.start.timestamp() * 1e6)
    text = golden_path(SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8")
    found = [line for line in map(json.loads, text.splitlines()) if line.get("type") == kind]
    return [{**line, "at_s": (line["at_us"] - start_us) / 1e6} for line in found]


def approved(name: str, *, from_s: float, before_s: float) -> list[str]:
    """Orders that went out from one moment until before another."""
    return [
        line["order"]
        for line in lines(name, "decision")
        if line["verdict"] == "approved" and from_s <= line["at_s"] < before_s
    ]


def test_safety_12_after_a_lost_link_nothing_is_ordered_until_a_person_releases_the_drone() -> None:
    name = "lost-link-in-flight"
    (released,) = lines(name, "operator")
    taken = next(line for line in lines(name, "task") if line["state"] == "suspended")

    assert (released["do"], released["outcome"]) == ("release", "done")
    assert taken["reason"] == "the safety monitor has it: link lost for more than 5 s"
    assert approved(name, from_s=taken["at_s"], before_s=released["at_s"]) == []
    assert approved(name, from_s=released["at_s"], before_s=999.0)[:2] == ["Launch", "GoTo"]


def test_a_lost_link_brings_the_drone_home_by_its_own_failsafe_and_ends_the_task_with_a_reason() -> None:
    name = "lost-link-in-flight"
    seen = [(line["mode"], line["armed"]) for line in lines(name, "vehicle") if line["vehicle"] == "drone-1"]
    first = lines(name, "task")[0]["task"]
    ended = [line for line in lines(name, "task") if line["task"] == first][-1]

    assert seen.index(("return", True)) < seen.index(("return", False))
    assert (ended["state"], ended["reason"]) == ("failed", "its motors are off, and old evidence launches nobody")


def test_safety_12_a_restarted_coordinator_orders_nothing_until_a_person_takes_the_drone_back() -> None:
    name = "coordinator-restart-in-flight"
    killed, started = (line["at_s"] for line in lines(name, "fault"))
    (taken_back,) = lines(name, "operator")
    failed = next(line for line in lines(name, "task") if line["state"] == "failed")

    assert approved(name, from_s=killed, before_s=taken_back["at_s"]) == []
    assert approved(name, from_s=taken_back["at_s"], before_s=999.0) == ["ReturnHome", "UploadSafety"]
    assert (failed["reason"], failed["at_s"]) == ("coordinator restarted", started)


def test_safety_16_after_an_outage_the_new_alarm_comes_before_the_old_and_only_the_old_is_stale() -> None:
    alarms = lines("broker-outage-with-backlog", "alarm")

    assert [(line["track"], line["stale"]) for line in alarms] == [(2, False), (1, True)]


def test_safety_03_an_old_event_opens_an_incident_and_sends_nobody() -> None:
    name = "broker-outage-with-backlog"
    stale = next(line for line in lines(name, "alarm") if line["stale"])
    opened = {line["incident"] for line in lines(name, "incident")}

    assert stale["incident"] in opened
    assert stale["incident"] not in {line["incident"] for line in lines(name, "task")}


def test_safety_18_an_outage_is_a_trouble_within_10_s_and_recovers() -> None:
    name = "broker-outage-with-backlog"
    down_s, up_s = (line["at_s"] for line in lines(name, "fault"))
    opened = {line["subject"]: line["at_s"] for line in lines(name, "incident") if line["state"] == "open"}
    closed = {line["subject"]: line for line in lines(name, "incident") if line["state"] == "closed"}

    for subject in ("broker", "node:edge-1"):
        assert down_s < opened[subject] <= down_s + 10.0
        assert up_s <= closed[subject]["at_s"] <= up_s + 2.0
        assert closed[subject]["disposition"] == "recovered"


def test_a_sagging_battery_sends_the_drone_home_and_the_rover_to_its_incident() -> None:
    name = "battery-sag-during-task"
    (sag,) = lines(name, "fault")
    tasks = [line for line in lines(name, "task") if line["kind"] == "investigate"]
    taken = next(line for line in tasks if line["state"] == "suspended")
    sent = [line for line in tasks if line["state"] == "sent"]

    assert sag["at_s"] < taken["at_s"] < sag["at_s"] + 2.0
    assert taken["reason"].startswith("the safety monitor has it: battery ")
    assert [line["vehicle"] for line in sent] == ["drone-1", "rover-1"]
    assert len({line["incident"] for line in sent}) == 1
    assert sent[1]["at_s"] < taken["at_s"] + 10.0


def test_safety_18_each_fault_of_a_sensor_is_a_trouble_within_10_s_of_what_it_hides_and_recovers() -> None:
    name = "sensor-faults"
    began = {line["kind"]: line["at_s"] for line in lines(name, "fault") if line["phase"] == "begins"}
    troubles = [line for line in lines(name, "incident") if line["kind"] == "trouble"]
    opened = [(line["subject"], line["at_s"]) for line in troubles if line["state"] == "open"]
    (held_back, _) = lines(name, "alarm")

    assert [subject for subject, _ in opened] == ["feed:fence-cam", "node:edge-1", "feed:fence-cam"]
    for (_, at_s), kind in zip(opened, ("camera_lost", "node_kill", "disk_full"), strict=True):
        assert began[kind] < at_s <= began[kind] + 10.0
    assert [line["disposition"] for line in troubles if line["state"] == "closed"] == ["recovered"] * 3
    assert began["disk_full"] + 10.0 <= held_back["at_s"] <= began["disk_full"] + 11.0


def test_without_its_no_fly_area_the_drone_would_have_looked_from_within(tmp_path: Path) -> None:
    loaded = load_scenario(SCENARIOS / "no-fly-between.yaml")
    site: Site = loaded.site.model_copy(update={"no_fly": ()})

    played(loaded.model_copy(update={"site": site}), tmp_path, seed=loaded.scenario.seed)

    assert score_run(tmp_path).vehicles["drone-1"].no_fly_s > 5.0


def test_safety_08_an_autopilot_that_doubts_its_position_is_held_until_a_person_releases_it() -> None:
    name = "gnss-jump"
    began, ended = (line["at_s"] for line in lines(name, "fault"))
    taken = next(line for line in lines(name, "task") if line["state"] == "suspended")
    (released,) = lines(name, "operator")
    held = next(line["at_s"] for line in lines(name, "vehicle") if line["mode"] == "hold")

    assert began < taken["at_s"] < held < began + 4.0
    assert taken["reason"] == "the safety monitor has it: the autopilot doubts its position"
    assert ended + 10.0 < released["at_s"]
    assert approved(name, from_s=taken["at_s"], before_s=released["at_s"]) == []
    assert approved(name, from_s=released["at_s"], before_s=999.0) == ["GoTo", "ReturnHome"]


def test_safety_08_a_gale_sends_the_drone_home_before_it_is_over_the_fence_and_nobody_after_it() -> None:
    name = "blown-out"
    began, _ = (line["at_s"] for line in lines(name, "fault"))
    taken = next(line for line in lines(name, "task") if line["state"] == "suspended")
    modes = [line["mode"] for line in lines(name, "vehicle") if line["at_s"] > began]

    assert began < taken["at_s"] < began + 1.0
    assert taken["reason"].endswith("m/s of wind it hardly comes home")
    assert set(modes) == {"return"}
    assert approved(name, from_s=taken["at_s"], before_s=999.0) == []


def test_safety_12_a_pilot_keeps_the_drone_whatever_anybody_here_orders() -> None:
    name = "pilot-takes-over"
    began, left = (line["at_s"] for line in lines(name, "fault"))
    taken = next(line for line in lines(name, "task") if line["state"] == "suspended")
    sent, recalled = lines(name, "operator")

    assert (taken["reason"], taken["at_s"]) == ("mode changed to manual, and not by us", pytest.approx(began + 1.0))
    assert "drone-1: mode changed to manual, and not by us" in sent["outcome"]
    assert (recalled["do"], recalled["outcome"]) == ("recall_all", "done")
    assert left < lines(name, "vehicle")[-1]["at_s"]
    assert approved(name, from_s=began, before_s=999.0) == []


def test_safety_12_what_another_station_sends_away_is_its_own_until_a_person_takes_it_back() -> None:
    name = "other-station"
    taken = next(line for line in lines(name, "task") if line["state"] == "suspended")
    (back,) = lines(name, "operator")

    assert taken["reason"] == "ground station 255 commanded DO_REPOSITION"
    assert 21.5 < taken["at_s"] < 23.0
    assert approved(name, from_s=taken["at_s"], before_s=back["at_s"]) == []
    assert approved(name, from_s=back["at_s"], before_s=999.0) == ["GoTo", "ReturnHome"]
    assert [line["state"] for line in lines(name, "task")][-1] == "done"


def test_safety_11_two_vehicles_of_one_id_are_an_alarm_and_neither_is_commanded() -> None:
    name = "two-of-one-id"
    (came,) = (line["at_s"] for line in lines(name, "fault"))
    (trouble,) = [line for line in lines(name, "incident") if line["kind"] == "trouble"]

    assert trouble["title"] == "vehicle drone-1: quarantined: two sources claim this system id"
    assert came < trouble["at_s"] <= came + 3.0
    assert approved(name, from_s=trouble["at_s"], before_s=999.0) == []


def test_safety_13_a_way_that_was_approved_is_left_for_a_person_who_comes_under_it() -> None:
    name = "person-under-the-way"
    first, *others = [line["at_s"] for line in lines(name, "decision") if line["order"] == "GoTo"]
    loaded = load_scenario(SCENARIOS / f"{name}.yaml")
    worker = next(Walk(actor) for actor in loaded.scenario.actors if not actor.intrudes)
    at_first = worker.at(first)

    assert at_first is not None
    assert at_first.north_m > 30.0  # the approved way is at 5 to 10 m north
    assert first < others[0] < first + 3.0


def test_safety_05_the_drone_of_a_dock_that_does_not_open_stays_and_another_goes() -> None:
    name = "dock-fault"
    refused = next(line for line in lines(name, "task") if line["state"] == "refused")
    opened = [line for line in lines(name, "incident") if line["kind"] == "trouble" and line["state"] == "open"]

    assert (refused["vehicle"], refused["reason"]) == ("drone-1", "dock 'dock-1': open: its lid is jammed")
    assert [line["subject"] for line in opened] == ["dock:dock-1", "dock:dock-2"]
    assert {line["vehicle"] for line in lines(name, "decision") if line["order"] == "Launch"} == {"drone-2"}
    assert not any(line["armed"] for line in lines(name, "vehicle") if line["vehicle"] == "drone-1")


def test_safety_06_a_drone_whose_dock_shuts_as_it_comes_home_lands_at_the_alternate() -> None:
    name = "dock-fault"
    shut = next(line["at_s"] for line in lines(name, "fault") if line["of"] == "dock-2")
    seen = [(line["mode"], line["armed"]) for line in lines(name, "vehicle") if line["vehicle"] == "drone-2"]

    assert approved(name, from_s=40.0, before_s=shut) == ["ToDock"]
    assert approved(name, from_s=shut, before_s=999.0) == ["ReturnHome"]
    assert seen[-2:] == [("return", True), ("return", False)]


def test_a_procedure_sends_nobody_before_the_operators_word_and_runs_to_its_end() -> None:
    name = "procedure-with-approval"
    steps = [(line["step"], line["phase"]) for line in lines(name, "procedure")]
    (asked, sent, *_) = lines(name, "procedure")
    (approval, acknowledgement) = lines(name, "operator")
    first_task = lines(name, "task")[0]

    assert steps == [("send", "asking"), ("send", "doing"), ("look", "doing"), ("seen", "doing"), (None, "over")]
    assert (approval["do"], approval["outcome"], acknowledgement["outcome"]) == ("approve_step", "done", "done")
    assert sent["approved_by"] == ["Ada Byron"]
    assert asked["at_s"] < approval["at_s"] <= first_task["at_s"]
    assert approved(name, from_s=0.0, before_s=approval["at_s"]) == ["UploadSafety"]  # which moves nothing
    assert len({line["incident"] for line in lines(name, "alarm")}) == 1
    assert lines(name, "procedure")[-1]["ended_because"] == "finished"
