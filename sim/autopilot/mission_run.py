"""Running a mission: which item is current and what was reached.

`reached` holds one number: a DO_ command right behind a waypoint overwrites it, so MISSION_ITEM_REACHED can skip one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from sim.autopilot.items import DO_JUMP, NAVIGATION, Item


class MissionState(IntEnum):
    """MISSION_STATE of MISSION_CURRENT; ArduPilot never says paused (4)."""

    NO_MISSION = 1
    NOT_STARTED = 2
    ACTIVE = 3
    COMPLETE = 5


@dataclass(slots=True)
class MissionRun:
    """`items[0]` is home and is never flown; sequence numbers count it."""

    items: list[Item] = field(default_factory=list)
    seq: int = 0
    state: MissionState = MissionState.NO_MISSION
    reached: int | None = None
    _begun: bool = False
    _jumps: dict[int, int] = field(default_factory=dict)

    @property
    def has_items(self) -> bool:
        return len(self.items) > 1

    @property
    def is_running(self) -> bool:
        return self.state is MissionState.ACTIVE

    def reset(self) -> None:
        """Back to the first item."""
        self.seq = 0
        self._begun = False
        self._jumps.clear()
        self.state = MissionState.NOT_STARTED if self.has_items else MissionState.NO_MISSION

    def items_changed(self) -> None:
        """The list was written to. A running mission goes on with whatever now stands at its place."""
        if not self.is_running:
            self.reset()
        elif self.seq >= len(self.items):
            self.state = MissionState.COMPLETE

    def start_or_resume(self) -> None:
        if self.state is MissionState.COMPLETE or not self.has_items:
            self.reset()
        if self.has_items:
            self.state = MissionState.ACTIVE
            self.seq = max(1, self.seq)
            self._begun = False

    def stop(self) -> None:
        """The mode was left: the current item is begun again on resuming."""
        if self.is_running:
            self.state = MissionState.NOT_STARTED
        self._begun = False

    def jump_to(self, seq: int) -> bool:
        if not 0 < seq < len(self.items):
            return False
        self.seq = seq
        self._begun = False
        if self.state is MissionState.COMPLETE:
            self.state = MissionState.NOT_STARTED
        return True

    def step(self, *, begin: Callable[[Item], None], is_done: Callable[[Item], bool]) -> None:
        """Move on as far as items allow now. `begin` carries out a DO_ command at once, or sets out for the others."""
        for _ in range(len(self.items) + 1):  # a jump that leads nowhere must not hang the vehicle
            if not self.is_running:
                return
            item = self.items[self.seq]
            if not self._begun:
                self._begun = True
                if item.command == DO_JUMP:
                    self._follow_jump(item)
                    continue
                begin(item)
            if item.command in NAVIGATION and not is_done(item):
                return
            self.reached = self.seq
            self._advance()

    def _follow_jump(self, item: Item) -> None:
        done = self._jumps.get(self.seq, 0)
        wanted = item.params[1]
        if (wanted < 0 or done < wanted) and 0 < int(item.params[0]) < len(self.items):
            self._jumps[self.seq] = done + 1
            self.seq = int(item.params[0])
            self._begun = False
        else:
            self._advance()

    def _advance(self) -> None:
        self._begun = False
        if self.seq + 1 < len(self.items):
            self.seq += 1
        else:
            self.state = MissionState.COMPLETE
