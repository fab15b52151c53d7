"""The links and vehicles of one site: who shares a connection string shares a socket.

Everything opens before the first background loop runs, so a port in use is one clear error and not a crashed task.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol, cast

import anyio

from contract.clock import Clock
from contract.site import Site
from contract.site import Vehicle as VehicleSpec
from fleet.flight.forwarding import Forwarding
from fleet.flight.held_open import HeldOpen
from fleet.flight.mavlink_codec import OUR_SYSTEM_ID, Encoder
from fleet.flight.mavlink_link import Link
from fleet.flight.mavlink_signing import Signing
from fleet.flight.mavlink_transport import Connection, Transport, make_transport, parse_connection
from fleet.flight.tlog import Tlog
from fleet.flight.traffic import TrafficPicture
from fleet.flight.vehicle import Vehicle


class Driver(Vehicle, Protocol):
    """What a file of fleet/flight/vehicles holds under this name, whatever autopilot it is for; `run` is its background
    loop, until cancelled."""

    def __init__(self, spec: VehicleSpec, *, link: Link, clock: Clock) -> None: ...

    async def run(self) -> None: ...


class Flight(HeldOpen):
    """`async with Flight(...) as flight`: `flight.vehicles` by vehicle id, kept fresh until the block ends.

    `is_alive` says whether gate and monitor completed a cycle within the last second; without it no heartbeat goes out
    (SAFETY 9). `transport_of`: other ways than sockets, for a simulation. `signing_keys`: by vehicle id.
    `forward`: connections to which everything heard is passed on. Raises SetUpError, also on entering, when one of the
    connections can never work.
    """

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        is_alive: Callable[[], bool],
        system_id: int = OUR_SYSTEM_ID,
        tlog_path: Path | None = None,
        transport_of: Callable[[Connection], Transport] | None = None,
        signing_keys: Mapping[str, bytes] | None = None,
        forward: Sequence[str] = (),
    ) -> None:
        self._tlog = Tlog(tlog_path, clock=clock)
        self.traffic = TrafficPicture(site, clock=clock)  # of all receivers together
        connections = {spec.id: parse_connection(spec.connection) for spec in site.vehicles}
        self._forwarding = Forwarding([parse_connection(text) for text in forward])
        keys = signing_keys or {}
        signing = {spec.system_id: Signing(keys[spec.id], clock=clock) for spec in site.vehicles if spec.id in keys}
        self.links: Mapping[str, Link] = {
            str(connection): Link(
                str(connection),
                transport=transport_of(connection) if transport_of else make_transport(connection),
                encoder=Encoder(system_id),
                clock=clock,
                tlog=self._tlog,
                is_alive=is_alive,
                signing=signing,
                forward=self._forwarding.send if self._forwarding else None,
                on_traffic=self.traffic.hear,
            )
            for connection in connections.values()
        }
        self._drivers = {
            spec.id: _driver(spec)(spec, link=self.links[str(connections[spec.id])], clock=clock)
            for spec in site.vehicles
        }
        self.vehicles: Mapping[str, Vehicle] = dict(self._drivers)

    async def __aenter__(self) -> "Flight":
        async with AsyncExitStack() as opening:
            opening.enter_context(self._tlog)
            opening.enter_context(self._forwarding)
            for link in self.links.values():
                opening.callback(link.close)
                await link.open()
            tasks = await opening.enter_async_context(anyio.create_task_group())
            for link in self.links.values():
                tasks.start_soon(link.run, name=f"link {link.name}")
            for vehicle_id, driver in self._drivers.items():
                tasks.start_soon(driver.run, name=f"vehicle {vehicle_id}")
            opening.callback(tasks.cancel_scope.cancel)
            self._opened = opening.pop_all()
        return self


def _driver(spec: VehicleSpec) -> type[Driver]:
    """The Driver of the file in fleet/flight/vehicles that is named as the kind."""
    module = importlib.import_module(f"fleet.flight.vehicles.{spec.kind.value}")
    return cast(type[Driver], module.Driver)
