"""Persons of every build and dress on the skeleton of sim.world.figure, and how they hold themselves.

A limb's own axis is -y; x is left, y up, z forward. Lengths are those of the skeleton, 1.68 m high, before scaling.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sim.scenario import Gait
from sim.world.figure import LEFT_OUT, humanoid
from sim.world.gait import Limbs, Posture
from sim.world.paint import shaded
from sim.world.shapes import ACTOR, add_bar, add_blob, add_box

Colour = tuple[float, float, float]
Ends = tuple[tuple[float, float, float], tuple[float, float, float]]
SKELETON_M = 1.63
NEARER = {"upperneck": 0.7, "head": 0.75, "lhumerus": 0.93, "rhumerus": 0.93}  # than on the skeleton: its neck is long
SKIN: tuple[Colour, ...] = ((0.80, 0.60, 0.48), (0.87, 0.70, 0.58), (0.62, 0.43, 0.31), (0.42, 0.28, 0.20))
HAIR: tuple[Colour, ...] = ((0.08, 0.06, 0.05), (0.20, 0.13, 0.08), (0.42, 0.30, 0.16), (0.55, 0.53, 0.50))
SHOES: tuple[Colour, ...] = ((0.06, 0.06, 0.06), (0.25, 0.17, 0.11), (0.75, 0.75, 0.73), (0.12, 0.13, 0.18))


@dataclass(frozen=True, slots=True)
class Dress:
    """What one person looks like; `girth` widens, 1 is slim."""

    height_m: float
    girth: float
    top: Colour
    legs: Colour
    skin: Colour
    hair: Colour
    shoes: Colour
    head: str  # hair, long, hood, cap, bald
    sleeves: str  # long, short
    below: str  # trousers, shorts, skirt, coat
    carries: str  # nothing, backpack, shoulder, hand
    bag: Colour
    cloth: int  # pattern of the top


def chosen_dress(rng: np.random.Generator, *, is_thermal: bool = False) -> Dress:
    """Mostly muted cloth, dark trousers more often than not. Thermal: the warmer the brighter, skin above all."""
    legs = cloth(rng, darkness=0.52)
    dress = Dress(
        height_m=float(np.clip(rng.normal(1.73, 0.09), 1.5, 1.97)),
        girth=float(np.clip(rng.normal(1.08, 0.11), 0.9, 1.4)),
        top=cloth(rng, darkness=0.28),
        legs=legs,
        skin=SKIN[rng.choice(4, p=[0.45, 0.3, 0.15, 0.1])],
        hair=HAIR[rng.integers(4)],
        shoes=SHOES[rng.choice(4, p=[0.5, 0.2, 0.2, 0.1])],
        head=str(rng.choice(["hair", "long", "hood", "cap", "bald"], p=[0.46, 0.2, 0.14, 0.13, 0.07])),
        sleeves=str(rng.choice(["long", "short"], p=[0.72, 0.28])),
        below=str(rng.choice(["trousers", "shorts", "skirt", "coat"], p=[0.66, 0.1, 0.08, 0.16])),
        carries=str(rng.choice(["nothing", "backpack", "shoulder", "hand"], p=[0.58, 0.2, 0.11, 0.11])),
        bag=cloth(rng, darkness=0.5),
        cloth=int(rng.integers(6)),
    )
    if not is_thermal:
        return dress
    warm = float(rng.uniform(0.55, 0.8))
    top, legs, shoes = (_grey(warm * rng.uniform(0.75, 1.05)) for _ in range(3))
    skin, bag = _grey(0.95), _grey(0.6 * warm)
    return replace(dress, top=top, legs=legs, shoes=shoes, skin=skin, hair=_grey(0.85 * warm), bag=bag)


def cloth(rng: np.random.Generator, *, darkness: float) -> Colour:
    """Black, grey, blue, earth and now and then something bright."""
    if rng.uniform() < darkness:
        value, saturation = rng.uniform(0.05, 0.26), rng.uniform(0.0, 0.5)
    else:
        value, saturation = rng.uniform(0.2, 0.95), rng.uniform(0.0, 0.85) ** 1.4
    hue = rng.uniform(0.0, 1.0) if rng.uniform() < 0.5 else rng.normal(0.6, 0.05)
    return tinted(float(hue % 1.0), float(saturation), float(value))


def tinted(hue: float, saturation: float, value: float) -> Colour:
    """HSV, each 0 to 1, as RGB."""
    red, green, blue = (
        value * (1.0 - saturation * max(0.0, min(k, 4.0 - k, 1.0)))
        for k in ((offset + 6.0 * hue) % 6.0 for offset in (5.0, 3.0, 1.0))
    )
    return red, green, blue


def _grey(value: float) -> Colour:
    return (value, value, value)


def add_human(world: Any, name: str, dress: Dress) -> None:
    """The body `name` and, under it, `name/...`: what sim.world.figure.Person poses."""
    _copy(world, humanoid().body("root"), name, "", _Tailor(dress))


def _copy(parent: Any, source: Any, name: str, own_name: str, tailor: "_Tailor") -> None:
    body = parent.add_body(
        name=name + own_name, pos=source.pos * tailor.scale * NEARER.get(source.name, 1.0), quat=source.quat
    )
    tailor.clothe(body, source.name)
    for child in source.bodies:
        if not child.name.startswith(LEFT_OUT):
            _copy(body, child, name, f"/{child.name}", tailor)


class _Tailor:
    """Puts shapes on the bones."""

    def __init__(self, dress: Dress) -> None:
        self.scale = dress.height_m / SKELETON_M
        self._dress = dress

    def clothe(self, body: Any, bone: str) -> None:
        side = {"l": 1.0, "r": -1.0}.get(bone[0], 1.0)
        part = (
            bone if bone in ("root", "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head") else bone[1:]
        )
        draw = getattr(self, f"_{part}", None)
        if draw is not None:
            draw(body, side)

    def _blob(self, body: Any, centre: Colour, half: Colour, colour: Colour, shade: float = 1.0) -> None:
        s = self.scale
        add_blob(body, [s * c for c in centre], [s * h for h in half], group=ACTOR, **self._look(colour, shade))

    def _bar(self, body: Any, ends: Ends, radius: float, colour: Colour, shade: float = 1.0) -> None:
        (a, b), s = ends, self.scale
        add_bar(body, [s * c for c in a], [s * c for c in b], s * radius, group=ACTOR, **self._look(colour, shade))

    def _look(self, colour: Colour, shade: float) -> dict[str, Any]:
        """Skin and hair are plain, trousers creased, tops of any pattern."""
        dress = self._dress
        if colour is dress.top or colour is dress.legs:
            return {
                "material": f"cloth-{dress.cloth if colour is dress.top else 0}",
                "rgba": shaded(colour, 1.2 * shade),
            }
        return {"rgba": shaded(colour, shade)}

    def _root(self, body: Any, _: float) -> None:
        dress, w = self._dress, self._dress.girth
        hips = dress.top if dress.below == "coat" else dress.legs
        self._blob(body, (0, -0.045, -0.005), (0.158 * w, 0.125, 0.115 * w), hips)
        self._blob(body, (0, 0.04, 0), (0.152 * w, 0.12, 0.109 * w), dress.top)
        if dress.below in ("skirt", "coat"):
            self._blob(body, (0, -0.13, 0.015), (0.168 * w, 0.19, 0.125 * w), hips, 0.98)
        if dress.carries == "shoulder":
            s = self.scale
            low, high = (0.15 * w, -0.28, -0.13), (0.25 * w, 0.02, 0.15)
            rgba = shaded(dress.bag, 1.0)
            add_box(body, [s * c for c in low], [s * c for c in high], group=ACTOR, rgba=rgba)

    def _lowerback(self, body: Any, _: float) -> None:
        w = self._dress.girth
        self._blob(body, (0, 0.05, 0.008 * w), (0.146 * w, 0.2, 0.106 * w**1.3), self._dress.top)

    def _upperback(self, body: Any, _: float) -> None:
        w = self._dress.girth
        self._blob(body, (0, 0.05, 0.012), (0.158 * w, 0.22, 0.113 * w), self._dress.top)

    def _thorax(self, body: Any, _: float) -> None:
        dress, w = self._dress, self._dress.girth
        self._blob(body, (0, 0.035, 0.008), (0.17 * w, 0.19, 0.116 * w), dress.top)
        for x in (-0.145, 0.145):
            self._bar(body, ((0.2 * x, 0.19, 0.0), (x, 0.15, 0.0)), 0.058, dress.top, 1.02)
        if dress.carries == "backpack":
            self._blob(body, (0, 0.0, -0.175), (0.145, 0.215, 0.095), dress.bag)
            self._blob(body, (0, -0.07, -0.235), (0.11, 0.11, 0.06), dress.bag, 0.8)
            for x in (-0.1, 0.1):
                self._bar(body, ((x, 0.2, -0.06), (x, 0.05, 0.118 * w)), 0.022, dress.bag, 0.9)
        if dress.carries == "shoulder":
            self._bar(body, ((-0.12, 0.2, 0.06), (0.15 * w, -0.2, 0.11 * w)), 0.015, dress.bag, 0.9)

    def _lowerneck(self, body: Any, _: float) -> None:
        self._bar(body, ((0, 0.0, 0.0), (0, 0.10, 0.01)), 0.052, self._dress.skin, 0.9)
        if self._dress.head == "hood" or self._dress.below == "coat":
            self._blob(body, (0, 0.045, -0.01), (0.09, 0.06, 0.085), self._dress.top, 0.92)

    def _upperneck(self, body: Any, _: float) -> None:
        self._bar(body, ((0, -0.01, 0.0), (0, 0.1, 0.0)), 0.05, self._dress.skin, 0.9)

    def _head(self, body: Any, _: float) -> None:
        dress = self._dress
        self._blob(body, (0, 0.035, 0.022), (0.07, 0.112, 0.088), dress.skin)
        if dress.head == "bald":
            return
        colour = {"hood": dress.top, "cap": dress.bag}.get(dress.head, dress.hair)
        if dress.head == "hood":
            self._blob(body, (0, 0.04, -0.012), (0.097, 0.135, 0.102), colour, 0.95)
        else:
            self._blob(body, (0, 0.072, -0.004), (0.08, 0.088, 0.096), colour)
        if dress.head == "cap":
            self._blob(body, (0, 0.095, 0.1), (0.065, 0.014, 0.075), colour, 0.9)
        if dress.head == "long":
            self._blob(body, (0, -0.03, -0.05), (0.088, 0.15, 0.06), colour)

    def _femur(self, body: Any, _: float) -> None:
        dress, w = self._dress, math.sqrt(self._dress.girth)
        if dress.below in ("skirt", "coat"):
            colour = dress.top if dress.below == "coat" else dress.legs
            self._bar(body, ((0, -0.05, 0), (0, -0.3, 0)), 0.098 * w, colour, 0.97)
        self._bar(body, ((0, -0.03, 0), (0, -0.19, 0)), 0.083 * w, dress.legs)
        self._bar(body, ((0, -0.17, 0), (0, -0.39, 0)), 0.066 * w, dress.skin if dress.below == "skirt" else dress.legs)

    def _tibia(self, body: Any, _: float) -> None:
        dress, w = self._dress, math.sqrt(self._dress.girth)
        is_bare = dress.below in ("shorts", "skirt")
        colour, loose = (dress.skin, 0.88) if is_bare else (dress.legs, 1.0)
        self._bar(body, ((0, -0.01, 0), (0, -0.18, -0.012)), 0.058 * w * loose, colour)
        self._bar(body, ((0, -0.17, -0.008), (0, -0.375, 0)), 0.05 * w * loose**2, colour, 0.97)

    def _foot(self, body: Any, _: float) -> None:
        self._blob(body, (0, -0.07, -0.008), (0.047, 0.135, 0.044), self._dress.shoes)
        self._blob(body, (0, 0.01, 0.005), (0.044, 0.06, 0.058), self._dress.shoes, 0.95)

    def _humerus(self, body: Any, _: float) -> None:
        dress, w = self._dress, math.sqrt(self._dress.girth)
        is_bare = dress.sleeves == "short"
        self._bar(body, ((0, 0.0, 0), (0, -0.15, 0)), 0.053 * w, dress.top, 0.99)
        self._bar(body, ((0, -0.14, 0), (0, -0.27, 0)), (0.042 if is_bare else 0.05) * w, self._sleeve(), 0.97)

    def _radius(self, body: Any, _: float) -> None:
        w = math.sqrt(self._dress.girth)
        self._bar(
            body, ((0, 0.0, 0), (0, -0.2, 0)), (0.036 if self._dress.sleeves == "short" else 0.045) * w, self._sleeve()
        )
        self._blob(body, (0, -0.27, 0.0), (0.032, 0.075, 0.038), self._dress.skin, 0.97)
        if self._dress.carries == "hand":
            self._dress = replace(self._dress, carries="nothing")  # one hand only
            self._blob(body, (0, -0.48, 0.02), (0.07, 0.17, 0.17), self._dress.bag)

    def _sleeve(self) -> Colour:
        return self._dress.skin if self._dress.sleeves == "short" else self._dress.top


def carried_otherwise(posture: Posture, gait: Gait, rng: np.random.Generator, *, moves: bool) -> Posture:
    """Nobody walks like the next: arms at something, a trunk bent a little, one leg before the other."""
    left, right = posture.left, posture.right
    lean = posture.lean + float(rng.normal(0.0, 0.02))
    bend, neck = posture.bend + float(rng.normal(0.02, 0.05)), posture.neck + float(rng.normal(0.05, 0.15))
    if gait in (Gait.WALK, Gait.RUN):
        kind = rng.choice(["as is", "phone", "pockets", "front", "up", "behind"], p=[0.56, 0.13, 0.1, 0.1, 0.04, 0.07])
        if kind == "phone":
            right, neck = _arm(right, 0.35, 2.0), neck + 0.25
            if rng.uniform() < 0.4:
                right = _arm(right, 0.5, 2.75)  # at the ear
        elif kind == "pockets":
            left, right = _arm(left, -0.25, 0.35), _arm(right, -0.25, 0.35)
        elif kind == "front":
            left, right = _arm(left, 0.2, 1.45), _arm(right, 0.2, 1.45)
        elif kind == "up":
            left = _arm(left, float(rng.uniform(1.3, 2.8)), float(rng.uniform(1.5, 3.0)))
        elif kind == "behind":
            left, right = _arm(left, -0.45, -0.2), _arm(right, -0.45, -0.2)
        if not moves:
            apart = float(rng.normal(0.0, 0.10))
            left, right = _leg(left, apart), _leg(right, -apart)
            if rng.uniform() < 0.12:
                bend += float(rng.uniform(0.3, 1.0))  # stoops
    return Posture(lean, bend, neck, left, right)


def _arm(limbs: Limbs, upper: float, fore: float) -> Limbs:
    return replace(limbs, upper_arm=upper + 0.15 * limbs.upper_arm, forearm=fore + 0.15 * limbs.forearm)


def _leg(limbs: Limbs, forward: float) -> Limbs:
    return replace(limbs, thigh=limbs.thigh + forward, shin=limbs.shin + 0.6 * forward)
