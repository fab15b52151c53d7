"""The store's tables, in portable SQLAlchemy Core: SQLite on one box, PostgreSQL beside it.

What a person reads as a whole (alarm, incident, task, decision) is kept as one JSON document; the columns beside it are
only what is searched by. A change needs a version too: `python -m fleet.records.migrations WORDS` writes it.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

MESSAGES = Table(
    "messages",
    METADATA,
    Column("message_id", String(36), primary_key=True),
    Column("digest", String(64), nullable=False),  # contract.codec.wire_digest; content_digest of an earlier version
    Column("node", String(64), nullable=False),
    Column("outbox_id", String(36), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("trace_id", String(32), nullable=False, index=True),
    Column("event_id", String(36), nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("captured_at_us", BigInteger, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("envelope", Text, nullable=False),
    Index("one_message_a_number", "node", "outbox_id", "sequence", unique=True),
)

NODE_STREAMS = Table(
    "node_streams",
    METADATA,
    Column("node", String(64), primary_key=True),
    Column("outbox_id", String(36), primary_key=True),
    Column("contiguous", BigInteger, nullable=False),
    Column("beyond", JSON, nullable=False),  # [[first, last], ...]
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("topic", String(200), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # the same nonsense twice is one row
    Column("payload", LargeBinary, nullable=False),
)

EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("event_id", String(36), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("start_us", BigInteger, nullable=False),
    Column("received_at_us", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("evidence_by_file", "sha256"),
)

EVIDENCE_FILES = Table(  # that were whole here once
    "evidence_files",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("loudness", Integer, nullable=False),  # of its loudest event, from 0
    Column("whole_at_us", BigInteger, nullable=False, index=True),
    Column("removed_at_us", BigInteger, nullable=True),  # it gave way then
)

SENSOR_MESSAGES = Table(  # alarms of devices without an outbox: what was told is not told again
    "sensor_messages",
    METADATA,
    Column("message_id", String(36), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("at_us", BigInteger, nullable=False, index=True),
)

PROCEDURES = Table(  # an incident's way through its procedure
    "procedures",
    METADATA,
    Column("incident_id", String(36), primary_key=True),
    Column("is_over", Boolean, nullable=False, index=True),
    Column("document", Text, nullable=False),
)

NODE_TOKENS = Table(
    "node_tokens",
    METADATA,
    Column("node", String(64), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # sha256; the token itself is nowhere here
    Column("added_at_us", BigInteger, nullable=False),
)

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("incident_id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("trace_id", String(32), nullable=False, index=True),
    Column("opened_at_us", BigInteger, nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default="3"),  # level; 3 as of a row that has none
    Index("incidents_in_queue", "state", "priority", "opened_at_us"),
    Index("incidents_by_state", "state", "opened_at_us"),  # those that are closed are in the order of time
    Index("incidents_of_a_kind", "kind", "opened_at_us"),
)

ALARMS = Table(
    "alarms",
    METADATA,
    Column("alarm_id", String(36), primary_key=True),
    Column("incident_id", String(36), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("raised_at_us", BigInteger, nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default="3"),
    Index("alarms_in_queue", "state", "priority", "raised_at_us"),
    Index("alarms_by_state", "state", "raised_at_us"),
)

TASKS = Table(
    "tasks",
    METADATA,
    Column("task_id", String(36), primary_key=True),
    Column("incident_id", String(36), nullable=True, index=True),
    Column("vehicle", String(64), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("is_final", Boolean, nullable=False),
    Column("trace_id", String(32), nullable=False, index=True),
    Column("created_at_us", BigInteger, nullable=False, index=True),
    Column("document", Text, nullable=False),
)

TASK_CHANGES = Table(
    "task_changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("task_id", String(36), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("decision_id", String(36), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("vehicle", String(64), nullable=False, index=True),
    Column("task_id", String(36), nullable=True, index=True),
    Column("trace_id", String(32), nullable=True, index=True),
    Column("verdict", String(16), nullable=False),
    Column("document", Text, nullable=False),  # inputs, parameters and code version (SAFETY 14)
)

HOPS = Table(
    "hops",
    METADATA,
    Column("trace_id", String(32), primary_key=True),
    Column("hop", String(32), primary_key=True),
    Column("took_us", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

ZONES = Table(
    "zones",
    METADATA,
    Column("zone", String(64), primary_key=True),
    Column("is_set", Boolean, nullable=False),
    Column("by", String(120), nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

CONFIGURATIONS = Table(
    "configurations",
    METADATA,
    Column("node", String(64), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("by", String(120), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("actor", String(120), nullable=False),
    Column("act", String(64), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("trace_id", String(32), nullable=True),
    Column("detail", JSON, nullable=False),
    Index("audit_by_act", "act", "actor", "at_us"),
)
