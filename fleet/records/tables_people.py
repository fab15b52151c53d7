"""Tables of people, their sessions and tokens, and of commands that were given a key; no secret stands here."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from fleet.records.tables import METADATA

USERS = Table(
    "users",
    METADATA,
    Column("key", String(120), primary_key=True),  # fleet.records.auth.name_key
    Column("name", String(80), nullable=False),
    Column("role", String(16), nullable=False),
    Column("is_pilot", Boolean, nullable=False),
    Column("password", String(200), nullable=True),  # argon2id; none until the link was used
    Column("is_disabled", Boolean, nullable=False),
    Column("added_at_us", BigInteger, nullable=False),
)

INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("user", String(120), primary_key=True),  # empty: of the first administrator, who names himself
    Column("digest", String(64), nullable=False, unique=True),
    Column("expires_at_us", BigInteger, nullable=False),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("user", String(120), nullable=False, index=True),
    Column("began_at_us", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
)

API_TOKENS = Table(
    "api_tokens",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("user", String(120), nullable=False),
    Column("name", String(80), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("made_at_us", BigInteger, nullable=False),
    Column("expires_at_us", BigInteger, nullable=False),
    UniqueConstraint("user", "name", name="one_token_a_name"),
)

COMMAND_KEYS = Table(
    "command_keys",
    METADATA,
    Column("principal", String(64), primary_key=True),  # a hash
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),  # of what was asked
    Column("at_us", BigInteger, nullable=False),
    Column("status", Integer, nullable=True),  # none: begun, and nobody knows how it ended
    Column("media_type", String(80), nullable=True),
    Column("body", Text, nullable=True),
    Index("command_keys_by_age", "at_us"),
)
