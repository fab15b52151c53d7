"""kill -9 of a node under load, at seeded moments, again and again."""

import random
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum

from sim.soak import yard
from sim.soak.stage import Stage

STARTING_S = 1.0  # in which a node opens its outbox, its evidence and its feeds
FRAMES, FRAMES_OF_LONG = (5, 25), (65, 80)  # judged by each camera before a kill
LONG_EACH = 5  # lives: one is long enough for its evidence to be written


class Moment(str, Enum):
    """When a node is killed."""

    STARTING = "while it starts"
    FIRING = "as an event is fired"  # before, while or just after it is stored
    ANY = "at any moment"


SHARES = {Moment.STARTING: 2, Moment.FIRING: 5, Moment.ANY: 3}  # of ten


def kill_again_and_again(
    stage: Stage, *, kills: int, chance: random.Random, on_kill: Callable[[], None] = lambda: None
) -> Counter[Moment]:
    """So many lives that end with kill -9, then lives that tell what is left; how many were killed at which moment."""
    moments = Counter[Moment]()
    for number in range(1, kills + 1):
        moment = chance.choices(list(SHARES), list(SHARES.values()))[0]
        life = stage.begin_life()
        if moment is Moment.STARTING:
            time.sleep(chance.uniform(0.0, STARTING_S))
        else:
            life.wait_for_frames(
                len(yard.CAMERAS) * chance.randint(*(FRAMES if number % LONG_EACH else FRAMES_OF_LONG))
            )
            if moment is Moment.FIRING:
                life.wait_for_event()
            else:
                time.sleep(chance.uniform(0.0, 1.0 / yard.FRAMES_PER_S))
        stage.kill_node()
        moments[moment] += 1
        on_kill()
    stage.drain()
    return moments
