"""Small things that stand or lie about; a detector that never saw them takes many for persons. None is labelled."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sim.dataset.people import cloth
from sim.dataset.things import STEEL, WOOD, Round, turned_box
from sim.world.paint import shaded
from sim.world.shapes import add_bar, add_blob, add_box, add_disc

Spot = tuple[float, float]  # east, north


def add_thing(world: Any, at: Spot, rng: np.random.Generator) -> Round:
    """One of `THINGS` by chance."""
    which = rng.choice(len(THINGS), p=[chance for _, chance in THINGS])
    THINGS[which][0](world, at, rng)
    return Round(*at, 0.9)


def add_row(world: Any, at: Spot, rng: np.random.Generator) -> list[Round]:
    """Equal posts in a line, some with a plate each."""
    turn, apart_m = _turn(rng), float(rng.uniform(0.9, 5.0))
    high, radius = float(rng.uniform(0.7, 2.6)), float(rng.uniform(0.03, 0.12))
    post, plate = _colour(rng), _colour(rng)
    has_plates = rng.uniform() < 0.4
    taken = []
    for index in range(int(rng.integers(3, 9))):
        x, y = at[0] + index * apart_m * math.cos(turn), at[1] + index * apart_m * math.sin(turn)
        add_bar(world, (x, y, 0), (x, y, high), radius, rgba=post)
        if has_plates:
            turned_box(world, (x, y, high), (0.22, 0.02, 0.22), turn, rgba=plate)
        taken.append(Round(x, y, 0.5))
    return taken


def _turn(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, math.tau))


def _colour(rng: np.random.Generator) -> tuple[float, float, float, float]:
    return shaded(cloth(rng, darkness=0.3), 1.0)


def _sign(world: Any, at: Spot, rng: np.random.Generator) -> None:
    high = rng.uniform(1.4, 2.6)
    add_bar(world, (*at, 0), (*at, high), 0.03, rgba=shaded(STEEL, 0.9))
    turned_box(world, (*at, high), (0.3, 0.015, rng.uniform(0.2, 0.4)), _turn(rng), rgba=_colour(rng))


def _board(world: Any, at: Spot, rng: np.random.Generator) -> None:
    """On two posts."""
    turn, high, half, plate = _turn(rng), rng.uniform(1.0, 2.4), rng.uniform(0.4, 1.1), rng.uniform(0.2, 0.4)
    for side in (-half, half):
        foot = (at[0] + side * math.cos(turn), at[1] + side * math.sin(turn))
        add_bar(world, (*foot, 0), (*foot, high), 0.035, rgba=shaded(STEEL, 0.8))
    turned_box(world, (*at, high - plate), (half, 0.02, plate), turn, rgba=_colour(rng))


def _tripod(world: Any, at: Spot, rng: np.random.Generator) -> None:
    first, high, spread, leg = _turn(rng), rng.uniform(1.1, 1.7), rng.uniform(0.25, 0.5), _colour(rng)
    for turn in (first, first + math.tau / 3, first - math.tau / 3):
        foot = (at[0] + spread * math.cos(turn), at[1] + spread * math.sin(turn), 0)
        add_bar(world, foot, (*at, high), 0.022, rgba=leg)
    turned_box(world, (*at, high), (0.1, 0.1, 0.12), first, rgba=_colour(rng))


def _bollard(world: Any, at: Spot, rng: np.random.Generator) -> None:
    add_bar(world, (*at, 0), (*at, rng.uniform(0.7, 1.2)), rng.uniform(0.06, 0.14), rgba=_colour(rng))


def _pole(world: Any, at: Spot, rng: np.random.Generator) -> None:
    add_bar(world, (*at, 0), (*at, rng.uniform(1.6, 7.0)), rng.uniform(0.04, 0.16), rgba=_colour(rng))


def _headed_post(world: Any, at: Spot, rng: np.random.Generator) -> None:
    """Nearest to a person of all."""
    high = rng.uniform(1.2, 1.8)
    add_bar(world, (*at, 0), (*at, high - 0.25), rng.uniform(0.1, 0.2), rgba=_colour(rng))
    add_blob(world, (*at, high), (0.12, 0.12, 0.14), rgba=_colour(rng))


def _bin(world: Any, at: Spot, rng: np.random.Generator) -> None:
    colour = cloth(rng, darkness=0.25)
    add_disc(world, (*at, 0), (*at, 0.95), 0.28, rgba=shaded(colour, 1.0))
    add_blob(world, (*at, 0.97), (0.3, 0.3, 0.1), rgba=shaded(colour, 0.8))


def _cone(world: Any, at: Spot, rng: np.random.Generator) -> None:
    colours = ((0.9, rng.uniform(0.3, 0.45), 0.1, 1.0), (0.9, 0.9, 0.9, 1.0))
    for up in range(5):
        foot, top = (*at, 0.14 * up), (*at, 0.14 * (up + 1))
        add_disc(world, foot, top, 0.16 - 0.03 * up, rgba=colours[up % 2])


def _box(world: Any, at: Spot, rng: np.random.Generator) -> None:
    half = rng.uniform((0.3, 0.2, 0.3), (0.8, 0.4, 0.9)).tolist()
    turned_box(world, (*at, half[2]), half, _turn(rng), rgba=_colour(rng))


def _bench(world: Any, at: Spot, rng: np.random.Generator) -> None:
    turn, wood = _turn(rng), shaded(WOOD, 1.2)
    turned_box(world, (*at, 0.45), (0.8, 0.2, 0.03), turn, rgba=wood)
    back = (at[0] - 0.2 * math.sin(turn), at[1] + 0.2 * math.cos(turn), 0.7)
    turned_box(world, back, (0.8, 0.02, 0.2), turn, rgba=wood)
    turned_box(world, (*at, 0.2), (0.7, 0.15, 0.22), turn, rgba=(0.2, 0.2, 0.2, 1))


def _stones(world: Any, at: Spot, rng: np.random.Generator) -> None:
    for _ in range(4):
        (dx, dy), size = rng.normal(0.0, 0.5, 2), rng.uniform(0.12, 0.45)
        grey = shaded((0.5, 0.48, 0.45), rng.uniform(0.6, 1.2))
        add_blob(world, (at[0] + dx, at[1] + dy, 0.3 * size), (size, size * 0.8, size * 0.6), rgba=grey)


def _pallet(world: Any, at: Spot, rng: np.random.Generator) -> None:
    (x, y), high = at, rng.uniform(0.4, 1.5)
    add_box(world, (x - 0.6, y - 0.4, 0), (x + 0.6, y + 0.4, 0.14), rgba=shaded(WOOD, 1.5))
    add_box(world, (x - 0.55, y - 0.35, 0.14), (x + 0.55, y + 0.35, high), rgba=_colour(rng))


# What is thin and as tall as a person comes more often than the rest.
THINGS: tuple[tuple[Callable[[Any, Spot, np.random.Generator], None], float], ...] = (
    (_sign, 0.15),
    (_board, 0.09),
    (_tripod, 0.09),
    (_bollard, 0.09),
    (_pole, 0.14),
    (_headed_post, 0.12),
    (_bin, 0.08),
    (_cone, 0.07),
    (_box, 0.06),
    (_bench, 0.04),
    (_stones, 0.04),
    (_pallet, 0.03),
)
