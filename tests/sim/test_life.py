"""Something that is killed is over at once, and starts again only when it is started."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from sim.clock import VirtualClock, run_virtually
from sim.life import Life


class Diary:
    """What happened, and when, in seconds."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0)
        self.entries: list[tuple[float, str]] = []
        self.life = Life(self._live, on_kill=lambda: self.note("killed"))

    def note(self, word: str) -> None:
        self.entries.append((self.clock.monotonic_us() / 1e6, word))

    async def _live(self) -> None:
        self.note("lives")
        try:
            await anyio.sleep_forever()
        finally:
            self.note("over")

    def play(self, story: Callable[[], Awaitable[None]]) -> list[tuple[float, str]]:
        async def main() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.life.run)
                await story()
                tasks.cancel_scope.cancel()

        run_virtually(main, clock=self.clock)
        return self.entries


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_a_life_that_is_killed_stays_dead_until_it_is_started(diary: Diary) -> None:
    async def story() -> None:
        await anyio.sleep(1.0)
        diary.life.kill()
        await anyio.sleep(5.0)
        diary.life.start()
        await anyio.sleep(1.0)

    assert diary.play(story) == [
        (0.0, "lives"),
        (1.0, "killed"),
        (1.0, "over"),
        (6.0, "lives"),
        (7.0, "over"),
    ]


def test_a_life_that_is_killed_and_started_at_once_begins_anew(diary: Diary) -> None:
    async def story() -> None:
        await anyio.sleep(1.0)
        diary.life.kill()
        diary.life.start()
        await anyio.sleep(1.0)

    assert diary.play(story)[1:4] == [(1.0, "killed"), (1.0, "over"), (1.0, "lives")]


def test_who_is_dead_can_be_killed_again_and_who_lives_started_again(diary: Diary) -> None:
    async def story() -> None:
        await anyio.sleep(1.0)
        diary.life.start()
        diary.life.kill()
        diary.life.kill()
        await anyio.sleep(1.0)
        diary.life.start()
        diary.life.start()
        await anyio.sleep(1.0)

    words = [word for _, word in diary.play(story)]
    assert words == ["lives", "killed", "killed", "over", "lives", "over"]


def test_a_life_that_is_killed_before_it_began_never_begins(diary: Diary) -> None:
    diary.life.kill()

    async def story() -> None:
        await anyio.sleep(5.0)

    assert diary.play(story) == [(0.0, "killed")]


def test_what_crashes_a_life_is_not_hidden() -> None:
    async def live() -> None:
        await anyio.sleep(1.0)
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run_virtually(Life(live, on_kill=lambda: None).run, clock=VirtualClock(0))
