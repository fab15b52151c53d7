"""MAVLink as real bytes through memory: a fleet.flight transport on one side, simulated autopilots on the other."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import anyio

from fleet.flight.mavlink_sources import Address
from fleet.flight.mavlink_transport import OnData
from sim.autopilot.autopilot import Autopilot
from sim.impairment import Impairment

TICK_S = 0.08  # two inner steps of an autopilot; answers do not wait for it


class MemoryTransport:
    """Datagrams to and from the vehicles behind one connection string; `links` by system id."""

    keeps_datagrams = True
    local_port: int | None = None
    dialled: Address | None = None

    def __init__(self, autopilots: Iterable[Autopilot], links: Mapping[int, Impairment]) -> None:
        self._autopilots: dict[Address, Autopilot] = {("memory", each.spec.system_id): each for each in autopilots}
        self._links = {address: links[each.spec.system_id] for address, each in self._autopilots.items()}
        self._on_data: OnData | None = None

    def join(self, name: str, autopilot: Autopilot, link: Impairment) -> None:
        """One more, at an address of its own, whatever its system id is."""
        address = ("memory", name)
        self._autopilots[address], self._links[address] = autopilot, link

    def leave(self, name: str) -> None:
        del self._autopilots["memory", name], self._links["memory", name]

    async def open(self, on_data: OnData) -> None:
        self._on_data = on_data

    async def run(self) -> None:
        """Nothing of its own: vehicles live on without a coordinator, in `fly`."""
        await anyio.sleep_forever()

    def close(self) -> None:
        self._on_data = None

    def send(self, raw: bytes, address: Address) -> bool:
        autopilot = self._autopilots.get(address)
        if autopilot is None or self._on_data is None:
            return False
        for delay_s in self._links[address].delays_s():
            _later(delay_s, self._reach, autopilot, raw, address)
        return True

    def _reach(self, autopilot: Autopilot, raw: bytes, address: Address) -> None:
        autopilot.receive(raw)
        self._pump({address: autopilot})

    def pump_all(self) -> None:
        """What the vehicles have to say, on its way."""
        self._pump(self._autopilots)

    def _pump(self, autopilots: Mapping[Address, Autopilot]) -> None:
        """What arrives at one moment, arrives by one timer: a hundred vehicles say two thousand things a second."""
        due: dict[float, list[tuple[bytes, Address]]] = {}
        for address, autopilot in autopilots.items():
            link = self._links[address]
            for frame in autopilot.outgoing():
                for delay_s in link.delays_s():
                    due.setdefault(delay_s, []).append((frame, address))
        for delay_s, frames in due.items():
            _later(delay_s, self._hear, frames)

    def _hear(self, frames: Iterable[tuple[bytes, Address]]) -> None:
        for frame, address in frames:
            if self._on_data is not None:  # else nobody listens any more
                self._on_data(frame, address)


def _later(delay_s: float, act: Callable[..., object], *arguments: object) -> None:
    asyncio.get_running_loop().call_later(delay_s, act, *arguments)
