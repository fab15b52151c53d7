"""The coordinator's HTTP door as a node uses it: evidence is put there, live video is offered there by WebSocket.

Events never go this way: they have the outbox and the broker. Here is who the node is (its token) and who the
coordinator is (its certificate), for both uses.
"""

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import connect

from edge.errors import SetUpError
from edge.link.uplink import LOOPBACK

CONNECT_S = 5.0
ANSWER_S = 20.0  # for each read and write, not for the whole
CLOSE_S = 1.0  # for the coordinator's goodbye


@dataclass(frozen=True, slots=True)
class Coordinator:
    """Where it is and how a node says who it is. Raises SetUpError for what SAFETY 22 forbids.

    url: http or https, with host and port alone; in the clear only loopback goes. ca: path of the PEM file of its
    authority; None: those that this machine trusts.
    """

    url: str
    token: str = field(repr=False)
    ca: str | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            has_port = parts.port is None or parts.port > 0
        except ValueError as err:
            raise SetUpError(f"coordinator: expected an address such as https://fleet:8443, got '{self.url}'") from err
        is_bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_bare or not has_port:
            raise SetUpError(f"coordinator: expected an address such as https://fleet:8443, got '{self.url}'")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise SetUpError(f"coordinator {self.url}: expected https for an address that is not loopback, got http")
        if parts.scheme == "http" and self.ca is not None:
            raise SetUpError(f"coordinator {self.url}: tls is for https, got http")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise SetUpError(f"coordinator {self.url}: expected a token in printable ASCII without blanks")

    @property
    def headers(self) -> dict[str, str]:
        """Of every request: which node asks."""
        return {"Authorization": f"Bearer {self.token}"}

    def tls_context(self) -> ssl.SSLContext | None:
        """None where there is no TLS. Raises SetUpError for a file that is missing or not what it should be."""
        if not self.url.startswith("https:"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca)
        except OSError as err:
            raise SetUpError(f"coordinator {self.url}: tls: {err.strerror or err}") from err

    def client(self) -> httpx.Client:
        """For requests to paths such as `/api/v1/evidence/...`; redirects and proxies of the environment are not
        followed."""
        return httpx.Client(
            base_url=self.url,
            headers=self.headers,
            verify=self.tls_context() or True,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            trust_env=False,
        )

    def websocket(self, path: str, *, max_bytes: int, silent_s: float) -> connect:
        """To be used with `async with`; raises OSError, TimeoutError and websockets' WebSocketException. max_bytes: of
        a message of the coordinator; silent_s: how long it may leave a ping without an answer."""
        return connect(
            f"ws{self.url.removeprefix('http').rstrip('/')}{path}",
            ssl=self.tls_context(),
            additional_headers=self.headers,
            compression=None,  # video is compressed already
            proxy=None,
            open_timeout=CONNECT_S,
            close_timeout=CLOSE_S,
            ping_timeout=silent_s,
            max_size=max_bytes,
        )
