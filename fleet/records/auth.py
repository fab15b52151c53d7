"""Who may do what: named tokens with a role each (SAFETY 22).

Only the sha256 of a token is kept; a token is 32 random bytes, so a plain hash suffices. Without tokens the API is in
demo mode: loopback only, and every command names its person itself. Nodes have tokens of their own, which say who they
are and give no role (fleet/records/node_credentials.py).
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from fleet.errors import SetUpError

Holder = TypeVar("Holder")
_LINE = re.compile(r"^(?P<name>[^:\s][^:]{0,79}):(?P<role>[a-z]+):(?P<digest>[0-9a-f]{64})$")


class Role(str, Enum):
    """A pilot and an administrator may each do what an operator may, who may what a viewer may; neither may do the
    other's work. Only a remote pilot lets a vehicle go, only an administrator changes what a node runs."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    PILOT = "pilot"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        if self in (Role.PILOT, Role.ADMIN):
            return other in (Role.VIEWER, Role.OPERATOR, self)
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Tokens:
    """The people of this installation, by the hash of their token."""

    people: dict[str, Person]

    def person(self, token: str) -> Person | None:
        return holder_of(token, self.people)


def holder_of(token: str, holders: Mapping[str, Holder]) -> Holder | None:
    """Whose token this is, of `holders` by the hash of theirs; compares with every hash in constant time."""
    digest, found = digest_of(token), None
    for known, holder in holders.items():
        if secrets.compare_digest(known, digest):
            found = holder
    return found


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def drawn_token() -> str:
    """A fresh one, to be shown once."""
    return secrets.token_urlsafe(32)


def parse_tokens(text: str, *, source: str) -> Tokens:
    """Lines (or `,`-separated) of `name:role:sha256hex`. Raises SetUpError without ever showing a hash."""
    people: dict[str, Person] = {}
    lines = [line.strip() for line in text.replace(",", "\n").splitlines()]
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        match = _LINE.match(line)
        if match is None or match["role"] not in {role.value for role in Role}:
            roles = "|".join(role.value for role in Role)
            raise SetUpError(f"{source}: line {number}: expected NAME:{roles}:SHA256HEX")
        if match["digest"] in people:
            raise SetUpError(f"{source}: line {number}: this token stands here twice")
        people[match["digest"]] = Person(match["name"], Role(match["role"]))
    if not people:
        raise SetUpError(f"{source}: expected at least one NAME:ROLE:SHA256HEX, got none")
    return Tokens(people)


def new_token(name: str, role: Role) -> tuple[str, str]:
    """A fresh token, shown once, and the line that goes into the environment."""
    token = drawn_token()
    line = f"{name}:{role.value}:{digest_of(token)}"
    parse_tokens(line, source="user")
    return token, line
