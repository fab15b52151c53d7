"""Half of a mission, left in a vehicle whose link went away in the middle of an upload: cleared when it is heard again.

The clearing belongs to the approved upload, which promised all of the mission or none. Nobody's order is overtaken by
it, and what runs is never cleared: whoever switched to AUTO meanwhile has the vehicle.
"""

import contextlib

import structlog

from fleet.flight.errors import LinkDown
from fleet.flight.mavlink_codec import Message
from fleet.flight.mavlink_mission import ACCEPTED, MissionKind, clear_message
from fleet.flight.mavlink_port import Port
from fleet.flight.vehicle import FlightMode

AGAIN_US = 1_000_000
_log = structlog.get_logger(__name__)


class HalfMission:
    """Of one vehicle. `is_left`: what it holds may be half of a mission."""

    def __init__(self, port: Port, *, vehicle_id: str) -> None:
        self._port, self._vehicle_id = port, vehicle_id
        self.is_left = False
        self._asked_at_us: int | None = None

    def begin(self) -> None:
        """An upload begins: it replaces what there is, or says that it did not."""
        self.is_left = False

    def leave(self) -> None:
        """An upload came to nothing, and the vehicle did not say that it was cleared."""
        self.is_left, self._asked_at_us = True, None
        _log.warning("half of a mission may be in the vehicle", vehicle=self._vehicle_id)

    def clear(self, mode: FlightMode | None) -> None:
        """Ask for it, each second, of a vehicle that is heard in `mode`; for the loop."""
        now_us = self._port.now_us()
        is_early = self._asked_at_us is not None and now_us - self._asked_at_us < AGAIN_US
        if not self.is_left or is_early or mode in (None, FlightMode.AUTO):
            return
        self._asked_at_us = now_us
        with contextlib.suppress(LinkDown):
            self._port.send_beside(clear_message(self._port.system_id, MissionKind.MISSION))

    def hear(self, message: Message) -> None:
        """A MISSION_ACK."""
        is_done = int(message.mission_type) == MissionKind.MISSION and int(message.type) == ACCEPTED
        if self.is_left and self._asked_at_us is not None and is_done and self._port.is_for_us(message):
            self.is_left = False
            _log.info("half a mission was cleared", vehicle=self._vehicle_id)
