"""A simulated dock: the far end of docs/adding-a-dock.md, written from that page and not from the coordinator's code.

Its lid takes its time, and what it was told twice it does once. What breaks (`is_stuck`, `jams`,
`fault`, `is_silent`, the weather) is set from outside, by a scenario or a test.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from contract.clock import Clock
from contract.docks import Dock
from contract.site import Site
from sim.autopilot.autopilot import Autopilot

Cover = Literal["open", "opening", "closed", "closing"]
LID_S = 8.0
JAMS_AFTER_S = 2.0
ON_PAD_M, LOW_M = 2.0, 1.0
REMEMBERED = 64  # ids of commands
NOT_FOUND, BAD_REQUEST, CONFLICT, ACCEPTED, OK = 404, 400, 409, 202, 200


class SimulatedDock:
    """`pad`: what stands on it now, as the world has it."""

    def __init__(self, dock_id: str, *, clock: Clock, pad: Callable[[], str | None]) -> None:
        self.dock_id, self._clock, self._pad = dock_id, clock, pad
        self.cover: Cover | None = "closed"
        self.charging = False
        self.charge_frac: float | None = None
        self.wind_m_s: float | None = 2.0
        self.rain_mm_h: float | None = 0.0
        self.fault: str | None = ""
        self.is_stuck = False  # takes every command and never moves
        self.jams = False  # its lid moves a little, and it says so
        self.is_silent = False
        self.age_s = 0.0
        self.told: list[str] = []
        self._until_us: int | None = None
        self._known: dict[str, str] = {}

    def step(self) -> None:
        """The lid arrives."""
        if self._until_us is None or self._clock.monotonic_us() < self._until_us:
            return
        self._until_us = None
        if self.jams:
            self.cover, self.fault = None, "its lid is jammed"
        else:
            self.cover = "open" if self.cover == "opening" else "closed"

    def shut(self) -> None:
        """By itself, at once: what nobody ordered."""
        self.cover, self._until_us = "closed", None

    async def exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        """One request and its answer. Raises OSError while it is silent."""
        if self.is_silent:
            raise ConnectionError("no route to the dock")
        self.step()
        if (method, path) == ("GET", "/dock"):
            return OK, json.dumps(self._report()).encode()
        if (method, path) == ("POST", "/dock/command"):
            return self._take(body or b"")
        return NOT_FOUND, b""

    def _report(self) -> dict[str, object]:
        return {
            "version": 1,
            "dock": self.dock_id,
            "simulated": True,
            "age_s": self.age_s,
            "cover": self.cover,
            "pad": self._pad(),
            "charging": self.charging,
            "charge_frac": self.charge_frac,
            "wind_m_s": self.wind_m_s,
            "rain_mm_h": self.rain_mm_h,
            "fault": self.fault,
        }

    def _take(self, body: bytes) -> tuple[int, bytes]:
        try:
            wish = json.loads(body)
            command_id, verb, version = str(wish["id"]), str(wish["do"]), wish["version"]
        except (ValueError, KeyError, TypeError):
            return BAD_REQUEST, b""
        if version != 1 or verb not in ("open", "close", "charge"):
            return BAD_REQUEST, b""
        if command_id in self._known:
            return ACCEPTED, b""
        if verb == "charge" and self._pad() != "vehicle":
            return CONFLICT, json.dumps({"reason": "nothing to charge on the pad"}).encode()
        self._known[command_id] = verb
        while len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        self.told.append(verb)
        if not self.is_stuck:
            self._do(verb)
        return ACCEPTED, b""

    def _do(self, verb: str) -> None:
        if verb == "charge":
            self.charging = True
            return
        self.charging = False
        wanted: tuple[Cover, Cover] = ("open", "opening") if verb == "open" else ("closed", "closing")
        if self.cover not in wanted:
            self.cover = wanted[1]
            self._until_us = self._clock.monotonic_us() + round((JAMS_AFTER_S if self.jams else LID_S) * 1e6)


def docks_of(site: Site, autopilots: Mapping[str, Autopilot], *, clock: Clock) -> dict[str, SimulatedDock]:
    """A far end for each dock of the site that is a machine, closed over its vehicle if that is there."""
    frame = site.local_frame()

    def pad_of(dock: Dock) -> str:
        place = frame.to_enu(dock.position)
        for autopilot in autopilots.values():
            truth = autopilot.truth()
            is_low = truth.amsl_m - site.origin.ground_amsl_m < LOW_M
            if is_low and frame.to_enu(truth.point).horizontal_distance_m(place) < ON_PAD_M:
                return "vehicle"
        return "empty"

    machines = [dock for dock in site.docks if dock.kind is not None]
    return {dock.id: SimulatedDock(dock.id, clock=clock, pad=partial(pad_of, dock)) for dock in machines}
