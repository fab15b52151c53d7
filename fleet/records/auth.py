"""Who may do what, and secrets: drawn here and nowhere else, compared by their hash (SAFETY 22).

What we draw is 32 random bytes, so a plain hash suffices; what a person chose: fleet/records/passwords.
"""

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from fleet.errors import SetUpError

Holder = TypeVar("Holder")
MAX_KEY = 120


class Role(str, Enum):
    """What a person is here, and the rule of each route. Only a remote pilot lets a vehicle go: no other role includes
    that, it is given beside one (User.is_pilot)."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    PILOT = "pilot"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


_GUARDS = frozenset({Role.VIEWER, Role.OPERATOR})
DUTIES: Mapping[Role, frozenset[Role]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.OPERATOR: _GUARDS,
    Role.PILOT: _GUARDS | {Role.PILOT},
    Role.SUPERVISOR: _GUARDS | {Role.SUPERVISOR},
    Role.ADMIN: _GUARDS | {Role.SUPERVISOR, Role.ADMIN},
}


def duties_of(role: Role, *, is_pilot: bool = False) -> frozenset[Role]:
    """Rules of the routes that are open to this role."""
    return DUTIES[role] | DUTIES[Role.PILOT] if is_pilot else DUTIES[role]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks. may: rules of the routes open to them now; of a token fewer than its person's own."""

    name: str
    role: Role
    may: frozenset[Role]
    token: str | None = None  # name of the API token, where one asks for the person


def holder_of(token: str, holders: Mapping[str, Holder]) -> Holder | None:
    """Whose token this is, of `holders` by the hash of theirs; compares with every hash in constant time."""
    digest, found = digest_of(token), None
    for known, holder in holders.items():
        if secrets.compare_digest(known, digest):
            found = holder
    return found


def is_same(one: str, other: str) -> bool:
    """In constant time."""
    return secrets.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def drawn_token() -> str:
    """A fresh one, to be shown once."""
    return secrets.token_urlsafe(32)


def csrf_of(session_token: str) -> str:
    """What a page of ours sends beside the cookie: whoever knows it has read an answer that only we can read."""
    return hmac.new(session_token.encode(errors="replace"), b"vedette csrf", hashlib.sha256).hexdigest()


def name_key(name: str) -> str:
    """Names that look alike in writing are one person: 'Ada' and 'ADA'. Raises SetUpError for one that is too long."""
    key = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    if len(key) > MAX_KEY:
        raise SetUpError(f"a name: expected at most {MAX_KEY} letters, got {len(key)}")
    return key
