"""Tasks through their states on a flown vehicle: investigate, patrol, interrupted, resumed, and what ends each wait."""

from dataclasses import replace
from typing import Any

import pytest

from contract.geo import distance_m
from contract.tasks import TaskKind, TaskState
from fleet.errors import NotFound, Refused, StoreError
from fleet.flight.orders import FlyMission, GoTo, Launch, Order, ReturnHome
from fleet.flight.vehicle import FlightMode
from fleet.flight.world import Consent
from tests.fleet.flight.flown import Flown, fly
from tests.fleet.flight.stage import drone, drone_on_pad, geo, make_site, rover
from tests.fleet.flight.tasks import make_task

LOOK = make_task(TaskKind.INVESTIGATE)
ROUND = make_task(TaskKind.PATROL, number=2)


def test_an_investigation_launches_goes_looks_and_comes_home() -> None:
    async def scene() -> None:
        flown = Flown()
        flown.script = lambda: flown.see(100, 200)
        async with flown.running():
            flown.submit(LOOK)
            done = await flown.until_final(LOOK)
            await flown.until(lambda: flown.vehicle.state.armed is False)

        assert flown.states(LOOK) == [
            TaskState.CREATED,
            TaskState.SENT,
            TaskState.RECEIVED,
            TaskState.ACCEPTED,
            TaskState.EXECUTING,
            TaskState.DONE,
        ]
        assert done.progress == "on scene: in view from 43 m"  # hypot(30 + 5 m, 25 m)
        assert flown.kinds[:2] == ["Launch", "GoTo"]
        assert flown.kinds[-1] == "ReturnHome"
        assert flown.vehicle.spot.horizontal_distance_m(flown.airspace.enu(geo(40, 40))) < 1.0
        assert [(trace, name) for trace, name, _ in flown.hops][:2] == [
            (LOOK.trace_id, "gate"),
            (LOOK.trace_id, "mavlink_ack"),
        ]
        assert flown.hops[1][2] == 20_000

    fly(scene)


def test_safety_01_tasking_goes_to_the_stand_off_and_never_nearer() -> None:
    async def scene() -> None:
        flown = Flown()
        nearest = [1e9]

        def watch() -> None:
            flown.see(100, 200)
            assert flown.vehicle.state.position is not None
            nearest[0] = min(nearest[0], distance_m(geo(100, 200), flown.vehicle.state.position))

        flown.script = watch
        async with flown.running():
            flown.submit(LOOK)
            await flown.until_final(LOOK)
        assert nearest[0] >= 25.0
        assert [o.look_at for o in flown.vehicle.orders if isinstance(o, GoTo)] == [geo(100, 200)]

    fly(scene)


def test_safety_01_a_task_without_a_stand_off_point_goes_nowhere() -> None:
    async def scene() -> None:
        flown = Flown(drone(position=geo(100, 100)))
        onto_him = make_task(TaskKind.INVESTIGATE, stand_off=geo(100, 200))
        async with flown.running():
            await flown.until(lambda: flown.tasking.unavailable() != {})
            flown.tasking.take_back("drone", "Ada")
            flown.submit(onto_him)
            ended = await flown.until_final(onto_him)
        assert ended.state is TaskState.REFUSED
        assert "a sighting is never a destination" in ended.reason
        assert "GoTo" not in flown.kinds

    fly(scene)


def test_a_patrol_flies_its_mission_to_the_end_and_comes_home() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            done = await flown.until_final(ROUND)
            await flown.until(lambda: flown.vehicle.state.armed is False)
        assert done.state is TaskState.DONE
        assert flown.kinds == ["Launch", "FlyMission", "ReturnHome"]
        said = [t.progress for t in flown.changes]
        assert {"waypoint 2 of 3, 90 m to go", "waypoint 3 of 3, 10 m to go"} <= set(said)

    fly(scene)


def test_a_patrol_is_interrupted_by_an_investigation_and_resumed_where_it_was() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.script = lambda: flown.see(100, 200)
            flown.submit(LOOK)
            await flown.until(lambda: flown.last(LOOK).state is TaskState.EXECUTING, within_s=1.0)
            assert flown.last(ROUND).state is TaskState.SUSPENDED
            assert flown.last(ROUND).reason == "an investigation needs the vehicle"
            await flown.until_final(LOOK)
            flown.script = lambda: None
            done = await flown.until_final(ROUND)
        assert flown.last(LOOK).state is TaskState.DONE
        assert done.state is TaskState.DONE
        assert [o.from_index for o in flown.vehicle.orders if isinstance(o, FlyMission)] == [0, 1]
        assert flown.states(ROUND)[4:] == [
            TaskState.EXECUTING,
            TaskState.SUSPENDED,
            TaskState.EXECUTING,
            TaskState.DONE,
        ]

    fly(scene)


def test_a_patrol_stands_still_while_people_are_near_its_way() -> None:
    async def scene() -> None:
        flown = Flown()
        async with flown.running():
            flown.submit(ROUND)
            await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
            flown.script = lambda: flown.see(66, 220)
            await flown.until(lambda: flown.vehicle.state.mode is FlightMode.HOLD, within_s=3.0)
            await flown.until(lambda: "somebody is near" in flown.last(ROUND).progress, within_s=3.0)
            flown.script, flown.people = lambda: None, ()
            done = await flown.until_final(ROUND)
        assert done.state is TaskState.DONE
        assert flown.monitor.is_latched("drone") is None
        assert flown.kinds[:4] == ["Launch", "FlyMission", "Hold", "FlyMission"]

    fly(scene)


def test_somebody_who_walks_at_the_drone_moves_its_place_before_the_monitor_must() -> None:
    async def scene() -> None:
        flown = Flown(site=make_site(response={"observe_s": 40.0}))
        north = [200.0]

        def walk() -> None:
            north[0] -= 1.4 * 0.05 if flown.last(LOOK).progress.startswith("on scene") and north[0] > 160 else 0.0
            flown.see(100, north[0])
            flown.tasking.retarget(LOOK.task_id, geo(100, north[0]), 0.5)

        flown.script = walk
        async with flown.running():
            flown.submit(LOOK)
            done = await flown.until_final(LOOK)
        assert done.state is TaskState.DONE, done
        assert flown.monitor.is_latched("drone") is None
        assert flown.kinds.count("GoTo") >= 3
        assert done.stand_off is not None
        assert distance_m(done.stand_off, geo(100, north[0])) >= 25.0

    fly(scene)


class TestEnds:
    """Every wait ends."""

    def end(self, *, break_at: str, then: dict[str, Any], task: Any = LOOK, within_s: float = 300.0) -> Flown:
        flown = Flown(with_monitor=False)

        async def scene() -> None:
            flown.script = lambda: flown.see(100, 200) if task is LOOK else None
            async with flown.running():
                flown.submit(task)
                await flown.until(lambda: break_at in flown.last(task).progress)
                for name, value in then.items():
                    setattr(flown.vehicle, name, value)
                await flown.until_final(task, within_s=within_s)

        fly(scene)
        return flown

    def test_silence_fails_the_task(self) -> None:
        flown = self.end(break_at="m to the stand-off", then={"is_silent": True}, within_s=12.0)
        assert flown.last(LOOK).state is TaskState.FAILED
        assert flown.last(LOOK).reason == "the vehicle was not heard for 10 s"

    def test_standing_still_on_the_way_fails_the_task(self) -> None:
        flown = self.end(break_at="m to the stand-off", then={"is_stuck": True}, within_s=30.0)
        assert flown.last(LOOK).state is TaskState.FAILED
        assert flown.last(LOOK).reason.startswith("no progress for 25 s: ")

    def test_a_patrol_that_stands_still_fails(self) -> None:
        flown = self.end(break_at="waypoint 1", then={"is_stuck": True}, task=ROUND, within_s=30.0)
        assert flown.last(ROUND).reason == "no progress for 25 s: waypoint 1 of 3"

    def test_a_sighting_that_never_comes_into_view_fails_the_task(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.vehicle.refuses = lambda order: "no gimbal" if type(order).__name__ == "LookAt" else None
            flown.script = lambda: flown.vehicle.set(heading_deg=180.0)
            async with flown.running():
                flown.submit(LOOK)
                ended = await flown.until_final(LOOK)
            assert ended.state is TaskState.FAILED
            assert ended.reason == "at the stand-off point, but the sighting does not come into view"

        fly(scene)

    def test_a_launch_that_never_ends_fails(self) -> None:
        async def scene() -> None:
            flown = Flown(with_monitor=False)
            flown.vehicle.is_stuck = True
            async with flown.running():
                flown.submit(LOOK)
                ended = await flown.until_final(LOOK, within_s=160.0)
            assert ended.state is TaskState.FAILED
            assert ended.reason == "drone: not carried out within 150 s"

        fly(scene)

    def test_a_vehicle_that_says_no_refuses_the_task(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.vehicle.refuses = lambda order: "arm: denied" if isinstance(order, Launch) else None
            async with flown.running():
                flown.submit(LOOK)
                ended = await flown.until_final(LOOK)
            assert (ended.state, ended.reason) == (TaskState.REFUSED, "arm: denied")

        fly(scene)

    def test_the_gate_refuses_with_its_reasons(self) -> None:
        async def scene() -> None:
            flown = Flown(drone_on_pad(battery_frac=None))
            async with flown.running():
                flown.submit(LOOK, age_s=60.0)
                ended = await flown.until_final(LOOK)
            assert ended.state is TaskState.REFUSED
            assert "battery is not known" in ended.reason
            assert "expected at most 15.0 s, and no person approved" in ended.reason
            assert flown.vehicle.orders == []

        fly(scene)

    def test_a_cancelled_task_ends_at_once_and_the_vehicle_comes_home(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.script = lambda: flown.see(100, 200)
            async with flown.running():
                flown.submit(LOOK)
                await flown.until(lambda: flown.last(LOOK).state is TaskState.EXECUTING)
                flown.tasking.cancel(LOOK.task_id, "Ada")
                ended = await flown.until_final(LOOK, within_s=0.5)
                await flown.until(lambda: flown.vehicle.state.mode is FlightMode.RETURN, within_s=4.0)
                with pytest.raises(NotFound):
                    flown.tasking.cancel(LOOK.task_id, "Ada")
            assert (ended.state, ended.reason) == (TaskState.CANCELLED, "cancelled by Ada")
            assert next((e.actor, e.act) for e in flown.deferred.held) == ("Ada", "cancel")

        fly(scene)

    def test_a_launch_can_be_cancelled(self) -> None:
        async def scene() -> None:
            flown = Flown()
            async with flown.running():
                flown.submit(LOOK)
                await flown.until(lambda: (flown.vehicle.state.above_home_m or 0.0) > 3.0)
                flown.tasking.cancel(LOOK.task_id, "Ada")
                await flown.until_final(LOOK, within_s=0.5)
                await flown.until(lambda: flown.vehicle.state.armed is False)
            assert flown.tasking.unavailable() == {}

        fly(scene)


class TestOthersHaveTheVehicle:
    def test_safety_12_a_mode_change_we_did_not_order_suspends_until_a_person_takes_it_back(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.script = lambda: flown.see(100, 200)
            async with flown.running():
                flown.submit(LOOK)
                await flown.until(lambda: "m to the stand-off" in flown.last(LOOK).progress)
                flown.vehicle.set(mode=FlightMode.MANUAL)
                await flown.until(lambda: flown.last(LOOK).state is TaskState.SUSPENDED, within_s=0.5)
                sent = len(flown.vehicle.orders)
                end_us = flown.clock.monotonic_us() + 20_000_000
                await flown.until(lambda: flown.clock.monotonic_us() > end_us)
                assert len(flown.vehicle.orders) == sent
                assert flown.vehicle.came_home == []
                assert flown.tasking.unavailable() == {"drone": "mode changed to manual, and not by us"}
                other = make_task(TaskKind.INVESTIGATE, number=5)
                flown.submit(other)
                assert (await flown.until_final(other, within_s=1.0)).state is TaskState.REFUSED

                flown.tasking.take_back("drone", "Ada")
                done = await flown.until_final(LOOK)
            assert done.state is TaskState.DONE
            assert flown.journal.entries[-1].subject == "drone"
            assert ("Ada", "take back") in [(e.actor, e.act) for e in flown.journal.entries]

        fly(scene)

    def test_safety_12_a_failsafe_of_the_vehicle_suspends_too(self) -> None:
        async def scene() -> None:
            flown = Flown()
            async with flown.running():
                flown.submit(ROUND)
                await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
                flown.vehicle.set(mode=FlightMode.RETURN)
                await flown.until(lambda: flown.last(ROUND).state is TaskState.SUSPENDED, within_s=0.5)
            assert flown.last(ROUND).reason == "mode changed to return, and not by us"

        fly(scene)

    def test_safety_03_a_vehicle_given_back_after_it_landed_is_not_launched_again_for_the_old_evidence(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.script = lambda: flown.see(100, 200)
            async with flown.running():
                flown.submit(LOOK)
                await flown.until(lambda: "m to the stand-off" in flown.last(LOOK).progress)
                flown.vehicle.set(mode=FlightMode.RETURN)
                await flown.until(lambda: flown.last(LOOK).state is TaskState.SUSPENDED, within_s=0.5)
                await flown.until(lambda: flown.vehicle.state.armed is False)
                ended = await flown.until_final(LOOK, within_s=0.5)
                sent = len(flown.vehicle.orders)
                flown.tasking.take_back("drone", "Ada")
                end_us = flown.clock.monotonic_us() + 10_000_000
                await flown.until(lambda: flown.clock.monotonic_us() > end_us)
            assert (ended.state, ended.reason) == (
                TaskState.FAILED,
                "its motors are off, and old evidence launches nobody",
            )
            assert len(flown.vehicle.orders) == sent

        fly(scene)

    def test_safety_12_a_vehicle_found_in_flight_at_start_up_is_only_watched(self) -> None:
        async def scene() -> None:
            flown = Flown(drone(mode=FlightMode.AUTO))
            async with flown.running():
                await flown.until(lambda: flown.tasking.unavailable() != {})
                flown.submit(LOOK)
                ended = await flown.until_final(LOOK)
                end_us = flown.clock.monotonic_us() + 10_000_000
                await flown.until(lambda: flown.clock.monotonic_us() > end_us)
            assert ended.state is TaskState.REFUSED
            assert ended.reason == "found under way at start-up, so only watched"
            assert (flown.vehicle.orders, flown.vehicle.came_home) == ([], [])

        fly(scene)

    def test_an_adopted_vehicle_that_landed_is_ours_again(self) -> None:
        async def scene() -> None:
            flown = Flown(drone(mode=FlightMode.RETURN))
            async with flown.running():
                await flown.until(lambda: flown.vehicle.state.armed is False)
                await flown.until(lambda: flown.tasking.unavailable() == {}, within_s=1.0)

        fly(scene)

    def test_safety_08_a_latch_of_the_monitor_suspends_and_a_release_resumes(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.script = lambda: flown.see(100, 200)
            async with flown.running():
                flown.submit(LOOK)
                await flown.until(lambda: "m to the stand-off" in flown.last(LOOK).progress)
                flown.monitor.hold("drone", "Ada")
                await flown.until(lambda: flown.last(LOOK).state is TaskState.SUSPENDED, within_s=0.5)
                assert flown.last(LOOK).reason == "the safety monitor has it: hold ordered by Ada"
                assert flown.vehicle.state.mode is FlightMode.HOLD
                flown.monitor.release("drone", "Ada")
                done = await flown.until_final(LOOK)
            assert done.state is TaskState.DONE

        fly(scene)

    def test_nobody_giving_it_back_ends_the_task(self) -> None:
        async def scene() -> None:
            flown = Flown(with_monitor=False)
            async with flown.running():
                flown.submit(ROUND)
                await flown.until(lambda: flown.vehicle.state.mission_seq == 1)
                flown.vehicle.set(mode=FlightMode.MANUAL)
                ended = await flown.until_final(ROUND, within_s=920.0)
            assert (ended.state, ended.reason) == (TaskState.FAILED, "nobody gave the vehicle back")

        fly(scene)


class TestJournal:
    def test_what_moves_a_vehicle_is_written_before_it_happens(self) -> None:
        async def scene() -> None:
            flown = Flown()
            at_order: list[int] = []

            def refuses(order: Order) -> None:
                at_order.append(len(flown.journal.entries))

            flown.vehicle.refuses = refuses
            flown.script = lambda: flown.see(100, 200)
            async with flown.running():
                flown.submit(LOOK)
                await flown.until_final(LOOK)
            assert at_order[:2] == [1, 2]
            entry = flown.journal.entries[0]
            assert (entry.actor, entry.act, entry.subject, entry.trace_id) == (
                "tasking",
                "order Launch",
                "drone",
                LOOK.trace_id,
            )
            decision = entry.detail["decision"]
            assert isinstance(decision, dict)
            assert decision["approved"] == {"order": "Launch", "above_home_m": 25.0}

        fly(scene)

    def test_a_dead_store_sends_nothing_out(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.journal.is_dead = True
            async with flown.running():
                flown.submit(LOOK)
                ended = await flown.until_final(LOOK)
            assert (ended.state, ended.reason) == (TaskState.REFUSED, "the disk is full")
            assert flown.vehicle.orders == []

        fly(scene)

    def test_safety_06_coming_home_does_not_wait_for_a_dead_store(self) -> None:
        async def scene() -> None:
            flown = Flown()
            flown.script = lambda: flown.see(100, 200)
            async with flown.running():
                flown.submit(LOOK)
                await flown.until(lambda: flown.last(LOOK).state is TaskState.EXECUTING)
                flown.journal.is_dead = True
                flown.tasking.cancel(LOOK.task_id, "Ada")
                await flown.until(lambda: flown.vehicle.state.armed is False)
            assert flown.vehicle.orders[-1] == ReturnHome()
            with pytest.raises(StoreError):
                flown.deferred.flush(flown.journal)
            flown.journal.is_dead = False
            assert flown.deferred.flush(flown.journal) == len(flown.journal.entries[-3:]) - 1
            assert [e.act for e in flown.journal.entries][-1] == "order ReturnHome"

        fly(scene)


class TestPreparing:
    def test_safety_10_fence_and_failsafes_go_up_at_connection_and_after_a_reboot(self) -> None:
        async def scene() -> None:
            flown = Flown(drone_on_pad(safety_uploaded=False))
            async with flown.running():
                await flown.until(lambda: flown.vehicle.state.safety_uploaded, within_s=1.0)
                flown.vehicle.set(safety_uploaded=False)
                await flown.until(lambda: flown.kinds == ["UploadSafety", "UploadSafety"], within_s=6.0)

        fly(scene)

    def test_an_upload_that_fails_is_tried_again_with_a_pause(self) -> None:
        async def scene() -> None:
            flown = Flown(drone_on_pad(safety_uploaded=False))
            flown.vehicle.refuses = lambda _: "fence denied"
            async with flown.running():
                await flown.until(lambda: flown.clock.monotonic_us() > 22_000_000)
            assert len(flown.kinds) in (4, 5)

        fly(scene)

    def test_a_rover_drives_looks_comes_home_and_is_disarmed(self) -> None:
        async def scene() -> None:
            flown = Flown(rover(armed=False))
            look = make_task(
                TaskKind.INVESTIGATE,
                vehicle="rover",
                target=geo(60, 100),
                stand_off=geo(60, 84),
                stand_off_altitude_m=None,
            )
            flown.script = lambda: flown.see(60, 100)
            async with flown.running():
                flown.submit(look)
                done = await flown.until_final(look)
                await flown.until(lambda: flown.vehicle.state.armed is False)
            assert done.state is TaskState.DONE
            assert flown.kinds[:2] == ["Launch", "GoTo"]
            assert flown.kinds[-2:] == ["ReturnHome", "Disarm"]
            assert flown.vehicle.spot.horizontal_distance_m(flown.airspace.enu(geo(60, 40))) < 4.0

        fly(scene)


def test_safety_09_the_cycle_is_that_of_the_worker_furthest_behind() -> None:
    async def scene() -> None:
        flown = Flown()

        def behind_us() -> int | None:
            cycle_us = flown.tasking.completed_cycle_at_us
            return None if cycle_us is None else flown.clock.monotonic_us() - cycle_us

        assert behind_us() is None
        async with flown.running():
            await flown.until(lambda: behind_us() is not None)
            assert (behind_us() or 0) <= 100_000
        flown.clock.advance(2.0)
        assert (behind_us() or 0) >= 2_000_000

    fly(scene)


def test_bad_submissions_are_refused_at_the_door() -> None:
    flown = Flown()
    with pytest.raises(NotFound, match="expected a vehicle of this site"):
        flown.submit(make_task(TaskKind.PATROL, vehicle="rover"))
    with pytest.raises(Refused, match="expected state created, got done"):
        flown.submit(replace_state(TaskState.DONE))
    for number in range(8):
        flown.submit(make_task(TaskKind.PATROL, number=number))
    with pytest.raises(Refused, match="8 tasks waiting"):
        flown.submit(LOOK)
    with pytest.raises(Refused, match="not in anybody else's hands"):
        flown.tasking.take_back("drone", "Ada")


def replace_state(state: TaskState) -> Any:
    return LOOK.model_copy(update={"state": state})


def test_a_real_vehicle_waits_for_its_named_person() -> None:
    async def scene() -> None:
        flown = Flown(replace(drone_on_pad(), simulated=False))
        flown.script = lambda: flown.see(100, 200)
        approved = make_task(TaskKind.INVESTIGATE, number=4)
        async with flown.running():
            flown.submit(LOOK)
            refused = await flown.until_final(LOOK)
            flown.submit(approved, consent=Consent(approved_by="Ada"))
            done = await flown.until_final(approved)
        assert refused.state is TaskState.REFUSED
        assert refused.reason.startswith("waits for a named person's approval")
        assert done.state is TaskState.DONE
        assert flown.journal.entries[-1].actor == "Ada"

    fly(scene)
