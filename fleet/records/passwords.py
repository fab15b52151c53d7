"""Passwords, by argon2id; one takes about 30 ms and 19 MiB, so never on a loop that somebody waits for.

Parameters: OWASP Password Storage Cheat Sheet (m = 19 MiB, t = 2, p = 1). Raised later, they reach each person at the
next sign-in.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fleet.errors import Refused

MIN_LETTERS, MAX_LETTERS = 12, 128
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
# Of a password that nobody has: an unknown name takes as long as a known one.
NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$/T5mkOwB4khi95Y5hKe6rQ$ZxKWV6+/hBWe2j3kk4gMxNvMXR6oSBqIOsOGc4lGa0U"


def hashed(password: str, *, name: str) -> str:
    """Raises Refused for one that is too short, too long or the name itself."""
    if not MIN_LETTERS <= len(password) <= MAX_LETTERS:
        raise Refused(f"a password: expected {MIN_LETTERS} to {MAX_LETTERS} letters, got {len(password)}")
    if password.casefold() == name.casefold() or len(set(password)) < 5:
        raise Refused("a password: expected other than the name, and at least 5 different letters")
    return hashed_anew(password)


def hashed_anew(password: str) -> str:
    """Of one that was judged before."""
    return _HASHER.hash(password)


def is_right(password: str, kept: str | None) -> bool:
    """kept None: nobody's; it takes the same time and is wrong."""
    try:
        _HASHER.verify(kept or NOBODYS, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    return _HASHER.check_needs_rehash(kept)
