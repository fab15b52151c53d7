"""One message to one receiver: how it is signed, sent and answered."""

import hashlib
import hmac
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import anyio
import httpx

from fleet.records.news import NewsEvent

DELIVERY, EVENT, TIMESTAMP, SIGNATURE = "Vedette-Delivery", "Vedette-Event", "Vedette-Timestamp", "Vedette-Signature"
TEST_EVENT = "test"
NOT_THIS = (400, 410, 413, 422)  # the receiver says that it never takes this message, however often it is sent


class Answer(str, Enum):
    TAKEN = "taken"
    REFUSED = "refused"  # this message, for good
    NOT_NOW = "not now"


@dataclass(frozen=True, slots=True)
class Outcome:
    """words: without the address and the secret, for the log."""

    answer: Answer
    words: str


@dataclass(frozen=True, slots=True)
class Receiver:
    """keep_us: what is older is given up. authority: a private one; None: those that certifi lists."""

    name: str
    url: str = field(repr=False)  # its path may be as good as a password
    secret: bytes = field(repr=False)
    events: frozenset[NewsEvent]
    keep_us: int
    timeout_s: float
    authority: ssl.SSLContext | None = None

    def client(self) -> httpx.AsyncClient:
        """To be entered. Environment and redirects lead nowhere else."""
        verify: ssl.SSLContext | bool = True if self.authority is None else self.authority
        return httpx.AsyncClient(verify=verify, timeout=self.timeout_s, follow_redirects=False, trust_env=False)

    async def send(
        self, client: httpx.AsyncClient, body: bytes, *, delivery: uuid.UUID, event: str, at_us: int
    ) -> Outcome:
        """Never raises for what the other side does. Nothing of its answer but the status is read."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "vedette",
            DELIVERY: str(delivery),
            EVENT: event,
            **signed(self.secret, body, at_s=at_us // 1_000_000),
        }
        try:
            with anyio.fail_after(self.timeout_s):  # httpx's own limits start anew with each byte
                async with client.stream("POST", self.url, content=body, headers=headers) as response:
                    status = response.status_code
        except TimeoutError:
            return Outcome(Answer.NOT_NOW, f"no answer within {self.timeout_s:g} s")
        except (httpx.HTTPError, OSError, UnicodeError) as err:  # the last: a name that cannot be looked up
            return Outcome(Answer.NOT_NOW, f"{type(err).__name__}: {err}".replace(self.url, "its url")[:200])
        if 200 <= status < 300:
            return Outcome(Answer.TAKEN, f"HTTP {status}")
        return Outcome(Answer.REFUSED if status in NOT_THIS else Answer.NOT_NOW, f"HTTP {status}")


def signed(secret: bytes, body: bytes, *, at_s: int) -> Mapping[str, str]:
    """Headers: when, and HMAC-SHA256 over 'WHEN.BODY'."""
    digest = hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP: str(at_s), SIGNATURE: f"v1={digest}"}
