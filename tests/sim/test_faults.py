"""Every fault of a scenario is felt by the system, and ends; each against the same intruder in a run of its own."""

import typing
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from sim.scenario import Fault
from tests.conftest import ROOT
from tests.sim.a_run import INTRUDER, Json, lines, run, scenario

DOCKS = ROOT / "deploy" / "sites" / "sterile-docks.yaml"
START_US = 1_767_268_800_000_000  # 2026-01-01T12:00:00Z, where nothing else is said
BEGINS_S = 2.4 + 1.0  # followed since then, and a second in the zone: the alarm's moment without a fault
FLIGHT: Json = {"vehicles": [{"id": "drone-1"}], "length_s": 30.0}  # at work from 14 s
Play = Callable[..., Path]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def play(*faults: Json, **parts: object) -> Path:
        return run(tmp_path, {**scenario(), "actors": [INTRUDER], "faults": list(faults), **parts})

    return play


def seconds(row: Json) -> float:
    """When, since the scenario began."""
    return float(row["at_us"] - START_US) / 1e6


def alarms_s(folder: Path) -> list[float]:
    return [seconds(alarm) for alarm in lines(folder, type="alarm")]


def troubles(folder: Path) -> list[tuple[str, str]]:
    return [(row["subject"], row["state"]) for row in lines(folder, type="incident", kind="trouble")]


def node_states(folder: Path) -> list[str]:
    rows = lines(folder, type="node")
    return [row["state"] if row["state"] != "online" else row["feeds"]["fence-cam"] for row in rows]


def test_every_kind_of_fault_has_a_test_here() -> None:
    kinds = {typing.get_args(each.model_fields["kind"].annotation)[0] for each in _fault_types()}
    tested = {name.removeprefix("test_") for name in globals()}

    assert {kind for kind in kinds if not any(name.startswith(kind) for name in tested)} == set()


def _fault_types() -> tuple[type[BaseModel], ...]:
    return typing.get_args(typing.get_args(Fault)[0])


def test_without_a_fault_the_intruder_is_alarmed_at_once(play: Play) -> None:
    folder = play()

    assert alarms_s(folder) == [pytest.approx(BEGINS_S + 0.104)]
    assert troubles(folder) == []
    assert node_states(folder) == ["starting", "ok"]


def test_broker_down_delays_the_alarm_and_is_a_trouble_until_it_is_up(play: Play) -> None:
    folder = play({"kind": "broker_down", "at_s": 1.0, "for_s": 9.0})

    assert alarms_s(folder) == [pytest.approx(10.0, abs=0.6)]
    assert ("broker", "open") in troubles(folder)
    assert ("broker", "closed") in troubles(folder)
    phases = [(row["phase"], seconds(row)) for row in lines(folder, type="fault", kind="broker_down")]
    assert phases == [("begins", 1.0), ("ends", 10.0)]


def test_bad_link_of_a_node_delays_what_it_says(play: Play) -> None:
    folder = play({"kind": "bad_link", "of": "edge-1", "at_s": 1.0, "delay_s": 2.5})

    assert alarms_s(folder) == [pytest.approx(BEGINS_S + 2.604)]
    assert [row["took_us"] for row in lines(folder, type="hop", hop="broker")] == [2_504_000]


def test_bad_link_that_doubles_reorders_and_loses_leaves_one_alarm_with_all_its_events(play: Play) -> None:
    folder = play(
        {
            "kind": "bad_link",
            "of": "edge-1",
            "at_s": 0.0,
            "loss_frac": 0.3,
            "duplicate_frac": 0.5,
            "reorder_frac": 0.5,
            "delay_s": 0.3,
        }
    )

    assert len(alarms_s(folder)) == 1
    assert [row["sequence"] for row in lines(folder, type="event")] == list(range(1, 9))


def test_link_lost_of_a_node_makes_it_offline_until_it_is_back(play: Play) -> None:
    folder = play({"kind": "link_lost", "of": "edge-1", "at_s": 1.0, "for_s": 9.0})

    assert node_states(folder) == ["starting", "ok", "offline", "ok"]
    assert alarms_s(folder) == [pytest.approx(10.0, abs=0.6)]
    assert troubles(folder) == [("node:edge-1", "open"), ("node:edge-1", "closed")]


def test_link_lost_of_a_vehicle_suspends_its_task(play: Play) -> None:
    folder = play({"kind": "link_lost", "of": "drone-1", "at_s": 15.0}, **FLIGHT)

    (suspended,) = lines(folder, type="task", state="suspended")
    assert "link lost for more than 5 s" in suspended["reason"]
    assert seconds(suspended) == pytest.approx(20.0, abs=1.0)


def test_bad_link_of_a_vehicle_slows_its_acknowledgement(play: Play) -> None:
    folder = play({"kind": "bad_link", "of": "drone-1", "at_s": 3.0, "for_s": 20.0, "delay_s": 0.2}, **FLIGHT)

    (hop,) = lines(folder, type="hop", hop="mavlink_ack")
    assert 0.4e6 <= hop["took_us"] <= 0.6e6


def test_gnss_jump_takes_a_vehicle_out_of_its_fence_as_it_believes(play: Play) -> None:
    folder = play({"kind": "gnss_jump", "vehicle": "drone-1", "at_s": 15.0, "east_m": 300.0}, **FLIGHT)

    (suspended,) = lines(folder, type="task", state="suspended")
    assert suspended["reason"] == "the safety monitor has it: the autopilot doubts its position"
    assert "return" in [row["mode"] for row in lines(folder, type="vehicle", vehicle="drone-1")]


def test_gnss_lost_lands_a_vehicle(play: Play) -> None:
    folder = play({"kind": "gnss_lost", "vehicle": "drone-1", "at_s": 15.0}, **FLIGHT)

    (landing,) = lines(folder, type="vehicle", vehicle="drone-1", mode="land")
    assert seconds(landing) == pytest.approx(17.0, abs=1.0)


def test_manned_traffic_keeps_a_vehicle_on_the_ground_until_it_has_passed(play: Play) -> None:
    helicopter = {
        "kind": "manned_traffic",
        "icao": "3c65a1",
        "callsign": "DHXAB",
        "track_deg": 90.0,
        "speed_m_s": 300.0,
    }
    folder = play({**helicopter, "at_s": 0.0, "east_m": -1000.0, "north_m": 0.0}, **{**FLIGHT, "length_s": 13.0})

    (task, *_) = lines(folder, type="task", state="created")
    assert 8.5 < seconds(task) < 12.0  # 1500 m beyond at 300 m/s is 8.3 s after it was heard; asked for at 3.5 s
    assert [row["of"] for row in lines(folder, type="fault", kind="manned_traffic")] == ["3c65a1"]


def test_battery_sag_sends_a_vehicle_home_early(play: Play) -> None:
    folder = play({"kind": "battery_sag", "vehicle": "drone-1", "at_s": 15.0, "to_frac": 0.02}, **FLIGHT)

    charges = [row["battery_frac"] for row in lines(folder, "vehicles", vehicle="drone-1")]
    assert min(charges) <= 0.02
    assert lines(folder, type="task", state="done") == []
    (away,) = [row for row in lines(folder, type="vehicle", vehicle="drone-1") if row["mode"] in ("return", "land")]
    assert seconds(away) == pytest.approx(16.0, abs=1.0)


@pytest.mark.parametrize("kind", ["camera_freeze", "camera_blackout", "camera_blur"])
def test_camera_blur_freeze_or_blackout_hides_the_intruder(play: Play, kind: str) -> None:
    blur = {"sigma_px": 20.0} if kind == "camera_blur" else {}

    folder = play({"kind": kind, "camera": "fence-cam", "at_s": 1.0, **blur})

    assert alarms_s(folder) == []
    assert lines(folder, type="track") == []
    assert node_states(folder) == ["starting", "ok"]  # nobody is told: that is what makes them bad


def test_wind_blows_and_nobody_is_sent(play: Play) -> None:
    gale: Json = {"kind": "wind_blows", "at_s": 1.0, "for_s": 5.0, "wind_m_s": 25.0, "wind_from_deg": 0.0}

    folder = play(gale, vehicles=[{"id": "drone-1"}], length_s=8.0)

    sent = [seconds(row) for row in lines(folder, type="task", state="sent")]
    assert [at_s for at_s in sent if at_s < 6.0] == []
    assert len(sent) == 1


def test_pilot_takes_and_leaves_a_vehicle_by_its_mode(play: Play) -> None:
    pilot: Json = {"kind": "pilot_takes", "vehicle": "drone-1", "at_s": 1.0, "for_s": 2.0}

    folder = play({**pilot, "mode": "LOITER", "leaves_in": "LAND"}, vehicles=[{"id": "drone-1"}], length_s=4.0)

    modes = [row["mode"] for row in lines(folder, "vehicles", vehicle="drone-1")]
    assert list(dict.fromkeys(modes)) == ["STABILIZE", "LOITER", "LAND"]


def test_other_station_does_what_it_came_for(play: Play) -> None:
    acts: list[Json] = [{"after_s": 1.0, "do": "set_mode", "mode": "ALT_HOLD"}]

    folder = play(
        {"kind": "other_station", "vehicle": "drone-1", "at_s": 1.0, "for_s": 2.0, "acts": acts},
        vehicles=[{"id": "drone-1"}],
        length_s=4.0,
    )

    (changed, *_) = [row for row in lines(folder, "vehicles", vehicle="drone-1") if row["mode"] == "ALT_HOLD"]
    assert seconds(changed) == pytest.approx(2.0, abs=0.3)


def test_same_id_is_a_stranger_for_as_long_as_it_is_there_and_the_vehicle_is_quarantined(play: Play) -> None:
    stranger: Json = {"kind": "same_id", "vehicle": "drone-1", "named": "stranger", "east_m": 20.0, "north_m": -20.0}

    folder = play({**stranger, "at_s": 1.0, "for_s": 3.0}, vehicles=[{"id": "drone-1"}], length_s=6.0)

    there = lines(folder, "vehicles", vehicle="stranger")
    assert seconds(there[0]) == pytest.approx(1.0, abs=0.3)
    assert (there[0]["east_m"], there[0]["north_m"]) == (pytest.approx(20.0), pytest.approx(-20.0))
    assert troubles(folder) == [("vehicle:drone-1", "open")]


def test_camera_turned_away_sees_nobody_and_the_truth_says_where_it_looks(play: Play) -> None:
    folder = play({"kind": "camera_turned", "camera": "fence-cam", "at_s": 1.0, "by_deg": 70.0})

    assert alarms_s(folder) == []
    assert lines(folder, "truth", type="view") == []


def test_camera_blackout_that_ends_lets_the_intruder_be_seen(play: Play) -> None:
    folder = play({"kind": "camera_blackout", "camera": "fence-cam", "at_s": 1.0, "for_s": 5.0})

    assert alarms_s(folder) == [pytest.approx(6.0 + 1.5, abs=0.5)]


def test_camera_blackout_does_not_change_the_truth(play: Play) -> None:
    dark = play({"kind": "camera_blackout", "camera": "fence-cam", "at_s": 1.0})
    views = lines(dark, "truth", type="view")

    assert {row["actors"][0]["actor"] for row in views} == {"thief"}
    assert len(views) > 50


def test_camera_freeze_shows_one_moment_for_ever(play: Play) -> None:
    folder = play({"kind": "camera_freeze", "camera": "fence-cam", "at_s": 8.0})

    places = {tuple(row["tracks"][0]["xyxy_px"]) for row in lines(folder, "sightings")[-10:]}
    assert lines(folder, type="track", stage="end")[0]["captured_at_us"] == START_US + 20_000_000  # not before the end
    assert len(lines(folder, type="alarm")) == 1
    assert max(place[0] for place in places) - min(place[0] for place in places) < 10.0


def test_camera_lost_is_a_trouble_until_its_pictures_are_back(play: Play) -> None:
    folder = play({"kind": "camera_lost", "camera": "fence-cam", "at_s": 3.0, "for_s": 5.0})

    assert node_states(folder) == ["starting", "ok", "lost", "ok"]
    assert troubles(folder) == [("feed:fence-cam", "open"), ("feed:fence-cam", "closed")]
    assert alarms_s(folder) == [pytest.approx(8.0 + 1.5, abs=0.5)]


def test_disk_full_holds_events_back_and_is_a_trouble(play: Play) -> None:
    folder = play({"kind": "disk_full", "node": "edge-1", "at_s": 3.0, "for_s": 8.0})

    assert node_states(folder) == ["starting", "ok", "detector_failed", "ok"]
    assert alarms_s(folder) == [pytest.approx(11.1, abs=0.3)]
    assert [row["sequence"] for row in lines(folder, type="event")] == list(range(1, 9))


def test_node_kill_raises_its_boot_and_loses_nothing_that_was_on_its_disk(play: Play) -> None:
    faults = (
        {"kind": "broker_down", "at_s": 3.0, "for_s": 4.5},  # what it says meanwhile is on its disk alone
        {"kind": "node_kill", "node": "edge-1", "at_s": 7.0, "for_s": 4.0},
    )

    folder = play(*faults)

    events = lines(folder, type="event")
    assert [row["sequence"] for row in events] == list(range(1, len(events) + 1))
    assert {row["boot"] for row in events if row["captured_at_us"] < START_US + 7_000_000} == {1}
    assert {row["boot"] for row in events if row["captured_at_us"] >= START_US + 7_000_000} == {2}
    alarms = lines(folder, type="alarm")
    assert [seconds(alarm) for alarm in alarms] == [pytest.approx(11.0, abs=0.1), pytest.approx(12.0, abs=0.5)]
    assert len({alarm["alarm"] for alarm in alarms}) == 2
    assert len({alarm["incident"] for alarm in alarms}) == 1


def test_node_kill_ends_its_tracks_and_judges_nothing_while_it_is_dead(play: Play) -> None:
    folder = play({"kind": "node_kill", "node": "edge-1", "at_s": 7.0, "for_s": 4.0})

    tracks = [(row["stage"], row["captured_at_us"] - START_US) for row in lines(folder, type="track")]
    assert tracks[:2] == [("start", 2_400_000), ("end", 7_000_000)]
    assert [stage for stage, _ in tracks[2:]] == ["start", "end"]
    judged = [row["captured_at_us"] - START_US for row in lines(folder, "sightings")]
    assert [at_us for at_us in judged if 6_900_000 < at_us < 11_000_000] == []
    assert node_states(folder) == ["starting", "ok", "offline", "starting", "ok"]


def test_node_kill_without_an_end_leaves_it_dead(play: Play) -> None:
    folder = play({"kind": "node_kill", "node": "edge-1", "at_s": 1.0})

    assert node_states(folder) == ["starting", "ok", "offline"]
    assert alarms_s(folder) == []
    assert troubles(folder)[0] == ("node:edge-1", "open")


def test_coordinator_kill_writes_nothing_until_it_is_back_and_then_hears_what_waited(play: Play) -> None:
    folder = play({"kind": "coordinator_kill", "at_s": 3.0, "for_s": 8.0})

    ours = [row for kind in ("alarm", "incident", "decision", "task") for row in lines(folder, type=kind)]
    assert [row["type"] for row in ours if 3.0 <= seconds(row) < 11.0] == []
    assert alarms_s(folder) == [pytest.approx(11.0, abs=0.1)]
    assert len(lines(folder, type="event")) == 8


def test_coordinator_kill_in_flight_commands_nothing_when_it_is_back(play: Play) -> None:
    """SAFETY 12: a vehicle is adopted as it is."""
    folder = play({"kind": "coordinator_kill", "at_s": 16.0, "for_s": 4.0}, **{**FLIGHT, "length_s": 24.0})

    after = [row["order"] for row in lines(folder, type="decision") if seconds(row) >= 16.0]
    flying = [row["armed"] for row in lines(folder, "vehicles", vehicle="drone-1") if seconds(row) >= 16.0]
    assert set(after) <= {"UploadSafety"}
    assert flying
    assert all(flying)


def test_clock_step_of_the_coordinator_makes_fresh_alarms_look_old(play: Play) -> None:
    folder = play({"kind": "clock_step", "of": "coordinator", "at_s": 1.0, "by_s": 3600.0}, **FLIGHT)

    (alarm,) = lines(folder, type="alarm")
    assert alarm["stale"]
    assert seconds(alarm) == pytest.approx(BEGINS_S + 0.104)  # the log keeps the scenario's time
    assert lines(folder, type="task") == []


def test_clock_step_of_a_node_makes_orders_look_old(play: Play) -> None:
    unset: Json = {"do": "unset_zone", "target": "strip", "at_s": 1.0}
    step: Json = {"kind": "clock_step", "of": "edge-1", "at_s": 0.5, "by_s": 3600.0}

    assert alarms_s(play(operator=[unset])) == []
    assert alarms_s(play(step, operator=[unset])) == [pytest.approx(BEGINS_S + 0.104)]


def test_clock_step_that_ends_is_as_if_it_had_not_been(play: Play) -> None:
    folder = play({"kind": "clock_step", "of": "coordinator", "at_s": 1.0, "for_s": 1.0, "by_s": -3600.0})

    assert [alarm["stale"] for alarm in lines(folder, type="alarm")] == [False]


def test_dock_fails_by_a_jam_that_keeps_its_drone_or_by_silence_that_ends(play: Play) -> None:
    folder = play(
        {"kind": "dock_fails", "dock": "dock-1", "how": "jams", "at_s": 0.5},
        {"kind": "dock_fails", "dock": "dock-2", "how": "falls_silent", "at_s": 0.5, "for_s": 9.5},
        site=str(DOCKS),
        vehicles=[{"id": "drone-1"}],
        length_s=12.0,
    )

    (refused,) = lines(folder, type="task", state="refused")
    assert refused["reason"] == "dock 'dock-1': open: its lid is jammed"
    assert troubles(folder) == [("dock:dock-1", "open"), ("dock:dock-2", "open"), ("dock:dock-2", "closed")]
    assert lines(folder, type="decision", order="Launch") == []
