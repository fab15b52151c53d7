"""The in-memory bus keeps MQTT 5's promises: who hears what, how often, and what is left when somebody goes."""

import random
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

from contract.bus import BusMessage
from contract.topics import KEEP_ALIVE_S
from sim.clock import VirtualClock, run_virtually
from sim.impairment import Impairment
from sim.memory_bus import ASK_AGAIN_S, GIVEN_UP_AFTER_S, Inbox, MemoryBroker, MemoryClient

DELAY_S = 0.01


class Hall:
    """One broker, and clients that come and go."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0)
        self.tapped: list[BusMessage] = []
        self.broker = MemoryBroker(self.clock, tap=self.tapped.append)
        self.heard: list[tuple[float, str, bytes]] = []
        self.tasks: anyio.abc.TaskGroup

    @property
    def now_s(self) -> float:
        return self.clock.monotonic_us() / 1e6

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, payload in self.heard]

    def client(
        self,
        name: str,
        *filters: str,
        is_clean: bool = True,
        will: str | None = None,
        on_session: Callable[[], None] | None = None,
        on_delivered: Callable[[BusMessage], None] | None = None,
        link: Impairment | None = None,
    ) -> tuple[MemoryClient, Impairment, anyio.CancelScope]:
        """At work at once. Its link may be spoiled, its scope killed."""
        link = link or Impairment(random.Random(1), DELAY_S)
        client = MemoryClient(
            self.broker,
            name,
            link=link,
            is_clean=is_clean,
            make_will=None if will is None else lambda: said(f"{name}/status", will, qos=1, retain=True),
            on_session=on_session,
            on_delivered=on_delivered,
        )
        for each in filters:
            client.subscribe(each, lambda message: self.heard.append((self.now_s, name, message.payload)))
        scope = anyio.CancelScope()
        self.tasks.start_soon(partial(_run_in, scope, client))
        return client, link, scope

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            async with anyio.create_task_group() as self.tasks:
                await story()
                self.tasks.cancel_scope.cancel()

        run_virtually(main, clock=self.clock)


async def _run_in(scope: anyio.CancelScope, client: MemoryClient) -> None:
    with scope:
        await client.run()


def said(topic: str, payload: str, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None) -> BusMessage:
    return BusMessage(topic, payload.encode(), qos, retain, expiry_s)


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_message_reaches_who_asked_for_its_topic_after_both_ways(hall: Hall) -> None:
    async def story() -> None:
        hall.client("b", "x/+/events")
        hall.client("c", "x/other/#")
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        assert a.publish(said("x/a/events", "one"))
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.heard == [(1.0 + 2 * DELAY_S, "b", b"one")]


def test_what_two_filters_of_a_client_match_is_heard_once(hall: Hall) -> None:
    async def story() -> None:
        hall.client("b", "x/#", "x/+/events")
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        a.publish(said("x/a/events", "one"))
        await anyio.sleep(5.0)

    hall.play(story)

    assert hall.payloads == [b"one"]


def test_a_client_that_is_not_connected_hands_nothing_over(hall: Hall) -> None:
    async def story() -> None:
        hall.broker.go_down()
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        assert not a.publish(said("x", "one"))

    hall.play(story)

    assert hall.tapped == []


def test_a_new_subscriber_hears_the_last_retained_message_of_each_topic(hall: Hall) -> None:
    async def story() -> None:
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        for topic, payload in (("x/1", "old"), ("x/1", "new"), ("x/2", "two"), ("y", "other")):
            a.publish(said(topic, payload, retain=True))
        a.publish(said("x/3", "fleeting"))
        await anyio.sleep(1.0)
        hall.client("b", "x/#")
        await anyio.sleep(5.0)

    hall.play(story)

    assert hall.payloads == [b"new", b"two"]


def test_a_retained_message_without_payload_clears_its_topic(hall: Hall) -> None:
    async def story() -> None:
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        a.publish(said("x", "old", retain=True))
        a.publish(said("x", "", retain=True))
        await anyio.sleep(1.0)
        hall.client("b", "x")
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.heard == []


def test_a_retained_message_expires(hall: Hall) -> None:
    async def story() -> None:
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        a.publish(said("x", "old", retain=True, expiry_s=10))
        await anyio.sleep(11.0)
        hall.client("b", "x")
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.heard == []


def test_retained_is_said_of_what_was_kept_and_not_of_what_comes_fresh(hall: Hall) -> None:
    kept: list[bool] = []

    async def story() -> None:
        a, link, _ = hall.client("a")
        await anyio.sleep(1.0)
        for name in ("early", "late"):
            client = MemoryClient(hall.broker, name, link=link, is_clean=True)
            client.subscribe("x", lambda message: kept.append(message.retain))
            hall.tasks.start_soon(client.run)
            await anyio.sleep(1.0)
            if name == "early":
                a.publish(said("x", "one", retain=True))
            await anyio.sleep(1.0)

    hall.play(story)

    assert kept == [False, True]


def test_the_will_of_a_killed_client_is_said_after_one_and_a_half_keep_alives(hall: Hall) -> None:
    async def story() -> None:
        hall.client("watch", "+/status")
        _, _, scope = hall.client("a", will="gone")
        await anyio.sleep(10.0)
        scope.cancel()
        await anyio.sleep(10.0)

    hall.play(story)

    assert hall.heard == [(10.0 + 1.5 * KEEP_ALIVE_S + DELAY_S, "watch", b"gone")]


def test_a_client_that_is_well_leaves_its_will_unsaid(hall: Hall) -> None:
    async def story() -> None:
        hall.client("watch", "+/status")
        hall.client("a", will="gone")
        await anyio.sleep(600.0)

    hall.play(story)

    assert hall.heard == []


def test_a_link_that_is_lost_for_less_than_the_broker_waits_changes_nothing_but_the_time(hall: Hall) -> None:
    sessions: list[float] = []

    async def story() -> None:
        hall.client("watch", "#")
        a, link, _ = hall.client("a", will="gone", on_session=lambda: sessions.append(hall.now_s))
        await anyio.sleep(10.0)
        link.is_lost = True
        a.publish(said("x", "in the dark"))
        await anyio.sleep(1.5)
        link.is_lost = False
        await anyio.sleep(10.0)

    hall.play(story)

    assert hall.heard == [(10.0 + 2 * ASK_AGAIN_S + 2 * DELAY_S, "watch", b"in the dark")]
    assert sessions == [0.0]


def test_a_link_that_is_lost_for_long_costs_the_session_and_what_was_under_way(hall: Hall) -> None:
    sessions: list[float] = []

    async def story() -> None:
        hall.client("watch", "#")
        a, link, _ = hall.client("a", will="gone", on_session=lambda: sessions.append(hall.now_s))
        await anyio.sleep(10.25)
        link.is_lost = True
        a.publish(said("x", "in the dark"))
        await anyio.sleep(10.0)
        link.is_lost = False
        await anyio.sleep(10.0)

    hall.play(story)

    assert [payload for _, _, payload in hall.heard] == [b"gone"]
    assert hall.heard[0][0] == pytest.approx(10.25 + GIVEN_UP_AFTER_S, abs=0.6)
    assert len(sessions) == 2
    assert sessions[1] == pytest.approx(20.5, abs=0.5)


def test_a_session_that_is_not_clean_holds_what_came_while_its_client_was_away(hall: Hall) -> None:
    async def story() -> None:
        a, _, _ = hall.client("a")
        _, _, scope = hall.client("b", "x", is_clean=False)
        await anyio.sleep(1.0)
        scope.cancel()
        await anyio.sleep(1.0)
        a.publish(said("x", "to a dead connection"))
        await anyio.sleep(10.0)
        a.publish(said("x", "to a session"))
        a.publish(said("x", "best effort", qos=0))
        await anyio.sleep(10.0)
        hall.client("b", "x", is_clean=False)
        await anyio.sleep(1.0)
        hall.client("b", "x", is_clean=False)
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.heard == [(22.0 + DELAY_S, "b", payload) for payload in (b"to a dead connection", b"to a session")]


def test_a_clean_session_forgets(hall: Hall) -> None:
    async def story() -> None:
        a, _, _ = hall.client("a")
        _, _, scope = hall.client("b", "x")
        await anyio.sleep(1.0)
        scope.cancel()
        await anyio.sleep(1.0)
        a.publish(said("x", "unheard"))
        await anyio.sleep(1.0)
        hall.client("b", "x")
        await anyio.sleep(5.0)

    hall.play(story)

    assert hall.heard == []


def test_what_expires_while_it_is_held_is_not_delivered_and_the_rest_says_what_is_left(hall: Hall) -> None:
    left: list[tuple[bytes, int | None]] = []

    async def story() -> None:
        a, link, _ = hall.client("a")
        _, _, scope = hall.client("b", "x", is_clean=False)
        await anyio.sleep(1.0)
        scope.cancel()
        await anyio.sleep(1.0)
        for payload, expiry_s in (("short", 10), ("long", 60), ("for ever", None)):
            a.publish(said("x", payload, expiry_s=expiry_s))
        await anyio.sleep(20.0)
        again = MemoryClient(hall.broker, "b", link=link, is_clean=False)
        again.subscribe("x", lambda message: left.append((message.payload, message.expiry_s)))
        hall.tasks.start_soon(again.run)
        await anyio.sleep(1.0)

    hall.play(story)

    assert left == [(b"long", 41), (b"for ever", None)]


def test_past_its_limit_a_session_lets_the_oldest_go(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.memory_bus.HELD_MESSAGES", 100)

    async def story() -> None:
        a, _, _ = hall.client("a")
        _, _, scope = hall.client("b", "x", is_clean=False)
        await anyio.sleep(1.0)
        scope.cancel()
        await anyio.sleep(5.0)
        for number in range(103):
            a.publish(said("x", str(number)))
        await anyio.sleep(1.0)
        hall.client("b", "x", is_clean=False)
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.payloads == [str(number).encode() for number in range(3, 103)]


def test_a_broker_that_went_down_has_forgotten_sessions_and_retained_messages(hall: Hall) -> None:
    sessions: list[float] = []

    async def story() -> None:
        a, _, _ = hall.client("a", will="gone", on_session=lambda: sessions.append(hall.now_s))
        _, _, scope = hall.client("b", "#", is_clean=False)
        await anyio.sleep(1.0)
        a.publish(said("x", "kept", retain=True))
        scope.cancel()
        await anyio.sleep(5.0)
        a.publish(said("x", "held"))
        await anyio.sleep(1.0)
        hall.heard.clear()
        hall.broker.go_down()
        assert not a.is_connected
        await anyio.sleep(5.0)
        hall.broker.come_up()
        await anyio.sleep(1.0)
        hall.client("b", "#", is_clean=False)
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.heard == []
    assert len(sessions) == 2
    assert sessions[1] - 12.0 <= 0.5


def test_what_is_in_the_air_when_the_broker_goes_down_never_arrives(hall: Hall) -> None:
    async def story() -> None:
        hall.client("b", "x")
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        a.publish(said("x", "in the air"))
        hall.broker.go_down()
        hall.broker.come_up()
        await anyio.sleep(5.0)

    hall.play(story)

    assert hall.heard == []


def test_a_second_client_of_one_name_takes_over_and_the_first_ones_will_is_said(hall: Hall) -> None:
    async def story() -> None:
        hall.client("watch", "+/status")
        first, _, _ = hall.client("a", will="the first is gone")
        await anyio.sleep(1.0)
        second, _, _ = hall.client("a", will="the second is gone")
        await anyio.sleep(0.1)
        assert (first.is_connected, second.is_connected) == (False, True)

    hall.play(story)

    assert hall.payloads == [b"the first is gone"]


def test_a_killed_client_that_is_back_in_time_is_not_given_up(hall: Hall) -> None:
    async def story() -> None:
        hall.client("watch", "+/status", "x")
        _, _, scope = hall.client("a", will="the first is gone")
        await anyio.sleep(1.0)
        scope.cancel()
        await anyio.sleep(1.0)
        again, _, _ = hall.client("a", will="the second is gone")
        await anyio.sleep(30.0)
        again.publish(said("x", "still here"))
        await anyio.sleep(1.0)

    hall.play(story)

    assert hall.payloads == [b"the first is gone", b"still here"]


def test_a_killed_client_says_and_hears_nothing_from_that_moment_on(hall: Hall) -> None:
    async def story() -> None:
        b, _, _ = hall.client("b", "x")
        a, _, _ = hall.client("a")
        await anyio.sleep(1.0)
        a.publish(said("x", "on its way"))
        b.die()
        assert not b.publish(said("y", "a last word"))
        await anyio.sleep(0.2)

    hall.play(story)

    assert hall.heard == []
    assert [message.payload for message in hall.tapped] == [b"on its way"]


def test_a_lost_puback_leaves_the_sender_in_the_dark_and_the_message_delivered(hall: Hall) -> None:
    delivered: list[bytes] = []

    async def story() -> None:
        hall.client("b", "x")
        a, link, _ = hall.client("a", on_delivered=lambda message: delivered.append(message.payload))
        await anyio.sleep(1.0)
        a.publish(said("x", "told"))
        await anyio.sleep(1.0)
        a.publish(said("x", "not told"))
        await anyio.sleep(DELAY_S / 2)
        link.is_lost = True
        await anyio.sleep(1.0)
        link.is_lost = False
        await anyio.sleep(5.0)

    hall.play(story)

    assert hall.payloads == [b"told", b"not told"]
    assert delivered == [b"told"]


def test_best_effort_has_no_puback(hall: Hall) -> None:
    delivered: list[bytes] = []

    async def story() -> None:
        a, _, _ = hall.client("a", on_delivered=lambda message: delivered.append(message.payload))
        await anyio.sleep(1.0)
        a.publish(said("x", "best effort", qos=0))
        await anyio.sleep(1.0)

    hall.play(story)

    assert delivered == []


def test_an_inbox_gives_the_oldest_first_and_lets_the_oldest_go_when_it_is_full() -> None:
    inbox = Inbox[int](3)
    for number in range(5):
        inbox.put(number)
    taken: list[list[int]] = []

    async def story() -> None:
        taken.append(list(await inbox.take(2)))
        taken.append(list(await inbox.take(2)))
        with anyio.move_on_after(1.0):
            await inbox.take(2)
            pytest.fail("there was nothing to take")

    run_virtually(story, clock=VirtualClock(0))

    assert taken == [[2, 3], [4]]
