"""Motor vehicles and animals of many shapes. Their front is +x; each is one body on the ground."""

from itertools import product
from typing import Any

import numpy as np

from sim.actors import KIND_SIZE_M
from sim.dataset.people import Colour, cloth, tinted
from sim.scenario import ActorKind
from sim.world.bodies import GLASS, LEG_NAMES, TYRE, add_animal
from sim.world.paint import shaded
from sim.world.shapes import ACTOR, add_bar, add_blob, add_box, add_disc

# length, width, height; where the cabin's foot and its roof begin and end, as a share of the length from the rear;
# height of the bonnet as a share
CARS = {
    "hatch": ((4.1, 1.76, 1.48), (0.03, 0.72), (0.10, 0.52), 0.60),
    "saloon": ((4.7, 1.82, 1.43), (0.14, 0.74), (0.27, 0.56), 0.62),
    "estate": ((4.7, 1.84, 1.50), (0.02, 0.72), (0.07, 0.55), 0.60),
    "suv": ((4.6, 1.90, 1.72), (0.02, 0.75), (0.08, 0.58), 0.60),
    "van": ((5.2, 1.98, 2.1), (0.0, 0.92), (0.01, 0.76), 0.52),
    "transporter": ((6.0, 2.05, 2.6), (0.0, 0.93), (0.01, 0.80), 0.46),
    "pickup": ((5.2, 1.88, 1.78), (0.36, 0.76), (0.40, 0.60), 0.56),
}
# ahead, outwards and up of a van's waist, metres
DRIVER_WINDOW = (
    *((-0.35, 0.03, 0.05), (0.45, 0.03, 0.05), (-0.35, -0.03, 0.55), (0.15, -0.03, 0.55)),
    *((-0.35, 0.0, 0.05), (0.45, 0.0, 0.05), (-0.35, -0.06, 0.55), (0.15, -0.06, 0.55)),
)
COLD = (0.28, 0.28, 0.28)


def add_vehicle(spec: Any, name: str, rng: np.random.Generator, *, is_thermal: bool) -> float:
    """The body `name`; its length is returned, metres."""
    paint = _paint(rng)
    glass: Colour = GLASS
    if is_thermal:
        paint, glass = tuple(rng.uniform(0.25, 0.5) * np.ones(3)), COLD
    if rng.uniform() < 0.13:
        return _add_lorry(spec.worldbody, name, paint, glass, rng)
    kind = str(rng.choice(list(CARS), p=[0.24, 0.2, 0.14, 0.17, 0.1, 0.08, 0.07]))
    size, foot, roof, bonnet = CARS[kind]
    length, width, height = (part * rng.uniform(0.95, 1.05) for part in size)
    body = spec.worldbody.add_body(name=name)
    rear, half, waist = -length / 2.0, width / 2.0, bonnet * height
    at = [rear + share * length for share in (*foot, *roof)]
    lower = [(x, s * half * y, z) for s in (-1, 1) for x, y, z in _flanks(rear, length, waist)]
    _add_hull(spec, body, f"{name}/lower", lower, paint)
    narrow = 0.93 if height > 1.9 else 0.80
    cabin = [(x, s * half * 0.95, waist - 0.02) for s, x in product((-1, 1), at[:2])]
    cabin += [(x, s * half * narrow, height - 0.05) for s, x in product((-1, 1), at[2:])]
    is_closed = kind in ("van", "transporter") and rng.uniform() < 0.7
    _add_hull(spec, body, f"{name}/cabin", cabin, paint if is_closed else glass)
    top = [
        (x, s * half * y, z) for s, x in product((-1, 1), at[2:]) for y, z in ((narrow, height - 0.07), (0.72, height))
    ]
    _add_hull(spec, body, f"{name}/top", top, paint)
    for side in (-1.0, 1.0):
        places = ((at[0], at[2]), (at[1], at[3]), ((at[0] + at[1]) / 2, (at[2] + at[3]) / 2 - 0.1))
        for low, high in places:
            a, b = (low, side * half * 0.94, waist), (high, side * half * narrow, height - 0.06)
            add_bar(body, a, b, 0.035, group=ACTOR, rgba=shaded(paint, 0.9))
        if is_closed:  # the driver's window
            x, y = at[1] - 0.13 * length, side * half * 0.93
            window = [(x + dx, y + side * dy, waist + dz) for dx, dy, dz in DRIVER_WINDOW]
            _add_hull(spec, body, f"{name}/window{side:+g}", window, glass)
    if is_closed:  # the windscreen
        screen = [(at[1] + 0.02, s * half * 0.88, waist + 0.05) for s in (-1, 1)]
        screen += [(at[3] + 0.05, s * half * narrow * 0.9, height - 0.15) for s in (-1, 1)]
        screen += [(x - 0.06, y, z) for x, y, z in screen]
        _add_hull(spec, body, f"{name}/screen", screen, glass)
    _add_wheels(body, length, half, 0.30 + 0.03 * (height > 1.6), is_thermal=is_thermal)
    _add_lights(body, length, half, 0.62 * waist)
    return length


def _paint(rng: np.random.Generator) -> Colour:
    if rng.uniform() < 0.68:
        grey = float(rng.choice([0.05, 0.1, 0.22, 0.4, 0.62, 0.85, 0.9]))
        return (grey, grey, min(grey * 1.05, 1.0))
    return tinted(float(rng.uniform()), float(rng.uniform(0.5, 0.9)), float(rng.uniform(0.2, 0.8)))


def _flanks(rear: float, length: float, waist: float) -> list[Colour]:
    """x, share of the half width, z of a body that is rounded in plan and in profile."""
    rows = []
    for share, wide, high in (
        (0.0, 0.86, 0.9),
        (0.04, 1.0, 1.0),
        (0.72, 1.0, 1.0),
        (0.95, 0.95, 0.86),
        (1.0, 0.8, 0.7),
    ):
        x = rear + share * length
        rows += [(x, wide, 0.26), (x, wide, 0.65 * waist), (x, 0.93 * wide, high * waist)]
    return rows


def _add_hull(spec: Any, body: Any, name: str, points: list[Colour], colour: Colour) -> None:
    """The convex hull of points, flat faced."""
    mesh = spec.add_mesh(name=name)
    mesh.uservert = np.array(points, np.float64).ravel()
    mesh.smoothnormal = 0
    body.add_geom(type=7, meshname=name, rgba=shaded(colour, 1.0), group=ACTOR, contype=0, conaffinity=0)


def _add_wheels(body: Any, length: float, half: float, radius: float, *, is_thermal: bool) -> None:
    for side in (-1.0, 1.0):
        for along in (-0.31 * length, 0.32 * length):
            a, b = (along, side * (half - 0.2), radius), (along, side * (half + 0.01), radius)
            add_disc(body, a, b, radius, group=ACTOR, rgba=shaded((0.6, 0.6, 0.6) if is_thermal else TYRE, 1.0))
            rim = (along, side * (half + 0.02), radius)
            add_disc(body, b, rim, 0.6 * radius, group=ACTOR, rgba=(0.55, 0.55, 0.57, 1.0))


def _add_lights(body: Any, length: float, half: float, up_m: float) -> None:
    for end, colour in ((1.0, (0.95, 0.95, 0.88, 1.0)), (-1.0, (0.55, 0.03, 0.03, 1.0))):
        for side in (-1.0, 1.0):
            centre = (end * (length / 2.0 - 0.06), side * half * 0.72, up_m)
            add_blob(body, centre, (0.07, 0.16, 0.08), group=ACTOR, rgba=colour)


def _add_lorry(world: Any, name: str, paint: Colour, glass: Colour, rng: np.random.Generator) -> float:
    body = world.add_body(name=name)
    length, half, height = rng.uniform(6.5, 9.0), 1.2, rng.uniform(2.9, 3.6)
    rear, front = -length / 2.0, length / 2.0
    box = cloth(rng, darkness=0.1) if rng.uniform() < 0.5 else (0.85, 0.85, 0.84)
    add_box(body, (rear, -half, 0.9), (front - 2.0, half, height), group=ACTOR, rgba=shaded(box, 1.0))
    add_box(body, (front - 1.85, -half * 0.96, 0.5), (front, half * 0.96, 2.5), group=ACTOR, rgba=shaded(paint, 1.0))
    screen = (front - 1.2, -half * 0.97, 1.55), (front + 0.02, half * 0.97, 2.25)
    add_box(body, *screen, group=ACTOR, rgba=shaded(glass, 1.0))
    add_box(body, (rear, -0.9, 0.6), (front, 0.9, 0.9), group=ACTOR, rgba=(0.1, 0.1, 0.1, 1.0))
    _add_wheels(body, length, half, 0.48, is_thermal=False)
    _add_lights(body, length, half, 0.8)
    return float(length)


def add_quadruped(world: Any, name: str, rng: np.random.Generator, *, is_thermal: bool) -> float:
    """Fox, dog, boar or deer: the body `name` with the legs that sim.world.movement.Animal swings; its length. A fifth
    are the dog of the scenarios."""
    if not is_thermal and rng.uniform() < 0.2:
        add_animal(world, name)
        return KIND_SIZE_M[ActorKind.ANIMAL][2]
    kind = rng.choice(["dog", "fox", "deer", "boar"], p=[0.45, 0.2, 0.2, 0.15])
    size = float({"dog": rng.uniform(0.6, 1.15), "fox": 0.62, "deer": rng.uniform(1.4, 1.9), "boar": 1.1}[kind])
    stout = {"dog": rng.uniform(0.85, 1.15), "fox": 0.8, "deer": 0.85, "boar": 1.45}[kind]
    fur = {
        "dog": tinted(rng.uniform(0.05, 0.1), rng.uniform(0.0, 0.6), rng.uniform(0.06, 0.8)),
        "fox": (0.55, 0.28, 0.12),
        "deer": (0.42, 0.29, 0.18),
        "boar": (0.16, 0.13, 0.11),
    }[kind]
    if is_thermal:
        fur = (0.75, 0.75, 0.75)
    pale = fur if kind == "boar" else tuple(min(1.3 * part + 0.06, 1.0) for part in fur)
    hip = (0.24 if kind == "boar" else 0.33) * size
    body = world.add_body(name=name)
    girth = 0.14 * stout * size

    def blob(centre: Colour, half: Colour, colour: Any, shade: float = 1.0) -> None:
        scaled = [size * part for part in half]
        at = (size * centre[0], size * centre[1], hip + size * centre[2])
        add_blob(body, at, scaled, group=ACTOR, rgba=shaded(colour, shade))

    def bar(a: Colour, b: Colour, radius: float, colour: Any, shade: float = 1.0) -> None:
        ends = [(size * p[0], size * p[1], hip + size * p[2]) for p in (a, b)]
        add_bar(body, ends[0], ends[1], size * radius, group=ACTOR, rgba=shaded(colour, shade))

    wide = girth / size
    blob((-0.02, 0, 0.10), (0.31, wide, wide * 0.98), fur)
    blob((0.15, 0, 0.10), (0.16, wide, wide * 1.12), fur, 1.05)
    blob((-0.18, 0, 0.10), (0.15, wide * 1.02, wide * 1.05), fur, 0.97)
    lift = {"deer": 0.42, "dog": 0.22, "fox": 0.12, "boar": 0.02}[kind] * rng.uniform(-0.3, 1.1)
    head = (0.44, 0.0, 0.12 + lift)
    bar((0.22, 0, 0.14), (head[0] - 0.06, 0, head[2] - 0.02), 0.07 * stout, fur)
    blob(head, (0.11, 0.075, 0.075), fur, 1.05)
    bar((head[0] + 0.05, 0, head[2] - 0.02), (head[0] + 0.15, 0, head[2] - 0.05), 0.036, pale, 0.8)
    for side in (-1.0, 1.0):
        bar(
            (head[0] - 0.05, side * 0.05, head[2] + 0.05),
            (head[0] - 0.07, side * 0.08, head[2] + 0.13),
            0.022,
            fur,
            0.7,
        )
    tail = (-0.62, 0.0, 0.02) if kind == "fox" else (-0.42, 0.0, 0.16)
    bar((-0.30, 0, 0.14), tail, 0.06 if kind == "fox" else 0.03, pale)
    for leg in LEG_NAMES:
        along, side = (0.18 if leg.startswith("front") else -0.20), (0.8 if leg.endswith("left") else -0.8)
        limb = body.add_body(name=f"{name}/{leg}", pos=[along * size, side * 0.7 * girth, hip])
        add_bar(limb, (0, 0, 0.03), (0, 0, -0.5 * hip), 0.048 * size * stout, group=ACTOR, rgba=shaded(fur, 0.95))
        foot = (0.02, 0, 0.03 * size - hip)
        add_bar(limb, (0, 0, -0.5 * hip), foot, 0.026 * size, group=ACTOR, rgba=shaded(pale, 0.8))
    return size
