"""Moving bodies other than persons: an animal, a motor vehicle, our own copter and rover. Their front is +x.

Each is one body on the ground (the copter: at its own height) whose place and turn are set; the animal's legs swing.
"""

from typing import Any

from contract.site import VehicleKind
from sim.world.paint import shaded
from sim.world.shapes import ACTOR, SCENE, add_bar, add_blob, add_box, add_disc

FUR, PALE_FUR = (0.20, 0.18, 0.17), (0.62, 0.58, 0.52)
PAINT, GLASS, TYRE = (0.50, 0.10, 0.10), (0.10, 0.12, 0.15), (0.06, 0.06, 0.06)
SHELL, SIGNAL = (0.20, 0.21, 0.23), (0.85, 0.45, 0.05)
LEG_NAMES = ("front-left", "front-right", "hind-left", "hind-right")
ANIMAL_HIP_M = 0.33


def add_animal(world: Any, name: str) -> None:
    """Of a dog's size: 0.6 m high, 0.9 m long. It carries its head low: upright ones are taken for persons."""
    body = world.add_body(name=name)
    fur, pale, dark = shaded(FUR, 1.0), shaded(PALE_FUR, 1.0), shaded(FUR, 0.5)
    add_blob(body, (-0.02, 0.0, 0.44), (0.30, 0.15, 0.145), group=ACTOR, rgba=fur)
    add_blob(body, (0.14, 0.0, 0.42), (0.16, 0.14, 0.16), group=ACTOR, rgba=pale)
    add_blob(body, (-0.17, 0.0, 0.43), (0.15, 0.155, 0.15), group=ACTOR, rgba=fur)
    add_bar(body, (0.22, 0.0, 0.44), (0.32, 0.0, 0.42), 0.075, group=ACTOR, rgba=pale)
    add_blob(body, (0.35, 0.0, 0.42), (0.10, 0.08, 0.075), group=ACTOR, rgba=fur)
    add_bar(body, (0.40, 0.0, 0.40), (0.47, 0.0, 0.375), 0.035, group=ACTOR, rgba=dark)
    for side in (-1.0, 1.0):
        add_bar(body, (0.32, side * 0.07, 0.47), (0.29, side * 0.11, 0.46), 0.022, group=ACTOR, rgba=dark)
    add_bar(body, (-0.28, 0.0, 0.50), (-0.40, 0.0, 0.45), 0.035, group=ACTOR, rgba=pale)
    for leg in LEG_NAMES:
        along, side = (0.17 if leg.startswith("front") else -0.20), (0.10 if leg.endswith("left") else -0.10)
        limb = body.add_body(name=f"{name}/{leg}", pos=[along, side, ANIMAL_HIP_M])
        add_bar(limb, (0.0, 0.0, 0.03), (0.0, 0.0, -0.16), 0.045, group=ACTOR, rgba=fur)
        add_bar(limb, (0.0, 0.0, -0.16), (0.02, 0.0, 0.025 - ANIMAL_HIP_M), 0.025, group=ACTOR, rgba=pale)


def add_motor_vehicle(world: Any, name: str) -> None:
    """A car: 4.4 m long, 1.8 m wide, 1.5 m high."""
    body = world.add_body(name=name)
    add_box(body, (-2.2, -0.88, 0.32), (2.2, 0.88, 0.90), group=ACTOR, rgba=shaded(PAINT, 1.0))
    add_box(body, (-1.75, -0.76, 0.90), (0.75, 0.76, 1.42), group=ACTOR, rgba=shaded(GLASS, 1.0))
    add_box(body, (-1.60, -0.78, 1.40), (0.55, 0.78, 1.50), group=ACTOR, rgba=shaded(PAINT, 1.0))
    for side in (-1.0, 1.0):
        for along in (-1.60, -0.45, 0.60):
            foot, top = (along, side * 0.77, 0.9), (along, side * 0.77, 1.45)
            add_bar(body, foot, top, 0.045, group=ACTOR, rgba=shaded(PAINT, 0.9))
        for along in (-1.35, 1.35):
            a, b = (along, side * 0.72, 0.32), (along, side * 0.91, 0.32)
            add_disc(body, a, b, 0.32, group=ACTOR, rgba=shaded(TYRE, 1.0))
            add_disc(body, b, (along, side * 0.92, 0.32), 0.18, group=ACTOR, rgba=(0.6, 0.6, 0.62, 1.0))
        add_box(
            body, (2.19, side * 0.75 - 0.16, 0.62), (2.22, side * 0.75 + 0.16, 0.78), group=ACTOR, rgba=(1, 1, 0.9, 1)
        )
        add_box(
            body, (-2.22, side * 0.75 - 0.16, 0.62), (-2.19, side * 0.75 + 0.16, 0.78), group=ACTOR, rgba=(0.7, 0, 0, 1)
        )


def add_own_vehicle(world: Any, name: str, kind: VehicleKind) -> None:
    if kind.flies:
        _add_copter(world, name)
    else:
        _add_rover(world, name)


def _add_copter(world: Any, name: str) -> None:
    """0.7 m across."""
    body = world.add_body(name=name)
    add_box(body, (-0.16, -0.10, -0.06), (0.16, 0.10, 0.06), group=SCENE, rgba=shaded(SHELL, 1.0))
    add_blob(body, (0.14, 0.0, -0.08), (0.05, 0.05, 0.05), group=SCENE, rgba=shaded(GLASS, 1.0))
    for along in (-0.25, 0.25):
        for side in (-0.25, 0.25):
            add_bar(body, (0.0, 0.0, 0.02), (along, side, 0.04), 0.015, group=SCENE, rgba=shaded(SHELL, 1.3))
            add_disc(body, (along, side, 0.07), (along, side, 0.08), 0.13, group=SCENE, rgba=shaded(SHELL, 0.7))


def _add_rover(world: Any, name: str) -> None:
    """0.9 m long, with a mast of 1.6 m."""
    body = world.add_body(name=name)
    add_box(body, (-0.45, -0.25, 0.16), (0.45, 0.25, 0.42), group=SCENE, rgba=shaded(SIGNAL, 1.0))
    add_bar(body, (-0.1, 0.0, 0.42), (-0.1, 0.0, 1.5), 0.03, group=SCENE, rgba=shaded(SHELL, 1.0))
    add_box(body, (-0.16, -0.08, 1.5), (0.0, 0.08, 1.62), group=SCENE, rgba=shaded(SHELL, 1.0))
    for side in (-1.0, 1.0):
        for along in (-0.3, 0.3):
            a, b = (along, side * 0.22, 0.15), (along, side * 0.34, 0.15)
            add_disc(body, a, b, 0.15, group=SCENE, rgba=shaded(TYRE, 1.0))
