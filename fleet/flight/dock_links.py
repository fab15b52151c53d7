"""The docks of one site that are machines: opened together, looked at until the block ends."""

import importlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import cast
from urllib.parse import urlsplit

import anyio

from contract.clock import Clock
from contract.docks import Dock as DockSpec
from contract.site import Site
from fleet.broker_settings import is_loopback
from fleet.errors import SetUpError
from fleet.flight.dock import DockDriver
from fleet.flight.docks.http_json import Exchange
from fleet.flight.held_open import HeldOpen


class Docks(HeldOpen):
    """`async with Docks(...) as docks`: `docks.drivers` by dock id, kept fresh until the block ends.

    `tokens`: by dock id; `exchange_of`: other ways than sockets, for a simulation. Raises SetUpError for a connection
    that can never work, or in the clear to another machine.
    """

    def __init__(
        self,
        *,
        site: Site,
        clock: Clock,
        tokens: Mapping[str, str] | None = None,
        exchange_of: Callable[[DockSpec], Exchange] | None = None,
    ) -> None:
        self.drivers: Mapping[str, DockDriver] = {
            spec.id: _driver(spec)(
                spec,
                clock=clock,
                token=(tokens or {}).get(spec.id),
                exchange=None if exchange_of is None else exchange_of(spec),
            )
            for spec in site.docks
            if spec.kind is not None
        }
        for driver in self.drivers.values():
            _refuse_open_ways(driver.spec)

    async def __aenter__(self) -> "Docks":
        async with AsyncExitStack() as opening:
            for driver in self.drivers.values():
                await opening.enter_async_context(driver.opened())
            tasks = await opening.enter_async_context(anyio.create_task_group())
            for driver in self.drivers.values():
                tasks.start_soon(driver.run, name=f"dock {driver.spec.id}")
            opening.callback(tasks.cancel_scope.cancel)
            self._opened = opening.pop_all()
        return self


def _driver(spec: DockSpec) -> Callable[..., DockDriver]:
    """The Driver of the file in fleet/flight/docks that is named as the kind."""
    assert spec.kind is not None
    module = importlib.import_module(f"fleet.flight.docks.{spec.kind.value}")
    return cast(Callable[..., DockDriver], module.Driver)


def _refuse_open_ways(spec: DockSpec) -> None:
    try:
        url = urlsplit(spec.connection or "")
        is_whole = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise SetUpError(f"dock '{spec.id}': expected http://HOST:PORT or https://HOST:PORT, got '{spec.connection}'")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise SetUpError(f"dock '{spec.id}': expected https to '{url.hostname}'; only loopback goes in the clear")
