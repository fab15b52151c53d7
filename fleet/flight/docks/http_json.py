"""A dock behind HTTP and JSON: `GET /dock` for its state, `POST /dock/command` for a wish (docs/adding-a-dock.md).

Whatever answers is believed only as far as it names the dock that was meant and says how old its word is. Nothing that
it sends can be larger, later or other than the contract has it.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Literal

import anyio
import httpx
from pydantic import Field, ValidationError

from contract.clock import Clock
from contract.docks import Dock as DockSpec
from contract.frozen import Frozen, Identifier
from fleet.flight.dock import Asked, Cover, DockDriver, Pad, Report
from fleet.flight.errors import CommandRefused, NoAnswer

ANSWER_WITHIN_S = 2.0
MAX_ANSWER_BYTES = 16_384
COMMAND_LIVES_S = 5.0  # later than that it must not be carried out (SAFETY 3)
ACCEPTED, CONFLICT, OK = 202, 409, 200
Exchange = Callable[[str, str, bytes | None], Awaitable[tuple[int, bytes]]]  # method, path, body -> status, body
Text = Annotated[str, Field(max_length=200)]


class ReportBody(Frozen):
    """The body of an answer to `GET /dock`; null is unknown."""

    version: Literal[1]
    dock: Identifier
    simulated: bool
    age_s: Annotated[float, Field(ge=0.0, le=3600.0)]
    cover: Cover | None
    pad: Pad | None
    charging: bool | None
    charge_frac: Annotated[float, Field(ge=0.0, le=1.0)] | None
    wind_m_s: Annotated[float, Field(ge=0.0, le=100.0)] | None
    rain_mm_h: Annotated[float, Field(ge=0.0, le=500.0)] | None
    fault: Text | None


class RefusalBody(Frozen):
    """The body of an answer 409 to a command."""

    reason: Text


class Driver(DockDriver):
    """`exchange`: another way than a socket, for a simulation; `token`: sent as a bearer token."""

    def __init__(
        self, spec: DockSpec, *, clock: Clock, token: str | None = None, exchange: Exchange | None = None
    ) -> None:
        super().__init__(spec, clock=clock)
        self._token, self._exchange = token, exchange

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        if self._exchange is not None:
            yield
            return
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(
            base_url=self.spec.connection or "",
            headers=headers,
            timeout=ANSWER_WITHIN_S,
            trust_env=False,
            follow_redirects=False,
        ) as client:
            self._exchange = _over(client)
            try:
                yield
            finally:
                self._exchange = None

    async def report(self) -> Report:
        status, body = await self._ask("GET", "/dock", None)
        if status != OK:
            raise NoAnswer(f"expected status {OK}, got {status}")
        try:
            said = ReportBody.model_validate_json(body)
        except ValidationError as err:
            raise NoAnswer(f"expected a report of a dock, got {_first(err)}") from err
        if said.dock != self.spec.id:
            raise NoAnswer(f"expected dock '{self.spec.id}', got '{said.dock}'")
        return Report(**{name: getattr(said, name) for name in Report.__slots__})

    async def hand_over(self, asked: Asked) -> None:
        wish = {"version": 1, "id": str(asked.command_id), "do": asked.verb.value, "expires_in_s": COMMAND_LIVES_S}
        status, body = await self._ask("POST", "/dock/command", json.dumps(wish).encode())
        if status == CONFLICT:
            try:
                reason = RefusalBody.model_validate_json(body).reason
            except ValidationError:
                reason = "without a reason"
            raise CommandRefused(f"dock '{self.spec.id}' refuses to {asked.verb.value}: {reason}")
        if status != ACCEPTED:
            raise NoAnswer(f"expected status {ACCEPTED}, got {status}")

    async def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        if self._exchange is None:
            raise NoAnswer("its connection is not open")
        try:
            with anyio.fail_after(ANSWER_WITHIN_S):  # httpx's own limit starts anew with each byte
                return await self._exchange(method, path, body)
        except TimeoutError as err:
            raise NoAnswer(f"no answer within {ANSWER_WITHIN_S:.0f} s") from err
        except (httpx.HTTPError, OSError) as err:
            raise NoAnswer(f"no answer: {type(err).__name__}") from err


def _over(client: httpx.AsyncClient) -> Exchange:
    async def exchange(method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with client.stream(method, path, content=body, headers=headers) as answer:
            held = b""
            async for chunk in answer.aiter_bytes():
                held += chunk
                if len(held) > MAX_ANSWER_BYTES:
                    raise NoAnswer(f"expected an answer of at most {MAX_ANSWER_BYTES} bytes")
            return answer.status_code, held

    return exchange


def _first(err: ValidationError) -> str:
    first = err.errors(include_url=False, include_input=False)[0]
    return f"'{'.'.join(str(part) for part in first['loc'])}': {first['msg']}"[:200]
