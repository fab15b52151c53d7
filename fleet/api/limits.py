"""How often somebody may ask, and how often a password may be guessed. Times are monotonic microseconds.

What is counted is bounded: past MAX_KEPT the one seen longest ago is forgotten.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

MAX_KEPT = 10_000
FREE_TRIES = 5  # of an account from one address; then each costs time
WAIT_US = 1_000_000  # after the first that is not free; doubles
MAX_WAIT_US = 900_000_000
ANYBODYS_TRIES = 50  # of one account from everywhere, and of one address for whatever account
FORGOTTEN_US = 3_600_000_000


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last_us: int = 0


class SignInLimits:
    """Back-off per account and address together, and far later per account and per address alone: a stranger who
    guesses does not lock out whoever signs in from elsewhere before he has spent hours on it."""

    def __init__(self) -> None:
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()

    def wait_us(self, account: str, address: str, now_us: int) -> int:
        """How long until the next try is heard; 0: now. A try that is heard counts as failed until `succeeded`."""
        keys = self._keys(account, address)
        wait_us = max(self._wait_us(key, free, now_us) for key, free in keys)
        if wait_us == 0:
            for key, _ in keys:
                tries = self._tries.setdefault(key, _Tries())
                tries.count, tries.last_us = tries.count + 1, now_us
                self._tries.move_to_end(key)
            while len(self._tries) > MAX_KEPT:
                self._tries.popitem(last=False)
        return wait_us

    def succeeded(self, account: str, address: str) -> None:
        self._tries.pop((account, _place(address)), None)
        for key, _ in self._keys(account, address)[1:]:
            if key in self._tries:  # of these the right password takes back its own try only
                self._tries[key].count -= 1

    def _wait_us(self, key: tuple[str, str], free: int, now_us: int) -> int:
        tries = self._tries.get(key)
        if tries is None or tries.count < free:
            return 0
        if now_us - tries.last_us >= FORGOTTEN_US:
            del self._tries[key]
            return 0
        due_us = min(WAIT_US << min(tries.count - free, 20), MAX_WAIT_US)
        return max(tries.last_us + due_us - now_us, 0)

    def _keys(self, account: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
        place = _place(address)
        return ((account, place), FREE_TRIES), ((account, ""), ANYBODYS_TRIES), (("", place), ANYBODYS_TRIES)


@dataclass(slots=True)
class _Bucket:
    left: float
    at_us: int


class RequestLimits:
    """A token bucket for each principal."""

    def __init__(self, *, per_s: float = 50.0, burst: float = 200.0) -> None:
        self._per_us, self._burst = per_s / 1e6, burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_us(self, principal: str, now_us: int) -> int:
        """How long until this one may ask again; 0: it is counted and heard."""
        bucket = self._buckets.setdefault(principal, _Bucket(self._burst, now_us))
        self._buckets.move_to_end(principal)
        bucket.left = min(bucket.left + (now_us - bucket.at_us) * self._per_us, self._burst)
        bucket.at_us = now_us
        if len(self._buckets) > MAX_KEPT:
            self._buckets.popitem(last=False)
        if bucket.left < 1.0:
            return round((1.0 - bucket.left) / self._per_us)
        bucket.left -= 1.0
        return 0


def _place(address: str) -> str:
    """One household of IPv6 is one: its /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else address
