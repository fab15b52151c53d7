"""What stores from before there were migrations hold; some of them were made before the last of these tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("alarm_id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("raised_at_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alarm_id"),
        if_not_exists=True,
    )
    op.create_index("ix_alarms_incident_id", "alarms", ["incident_id"], unique=False, if_not_exists=True)
    op.create_index("ix_alarms_raised_at_us", "alarms", ["raised_at_us"], unique=False, if_not_exists=True)

    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_audit_at_us", "audit", ["at_us"], unique=False, if_not_exists=True)

    op.create_table(
        "configurations",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "version"),
        if_not_exists=True,
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(length=36), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("vehicle", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("trace_id", sa.String(length=32), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("decision_id"),
        if_not_exists=True,
    )
    op.create_index("ix_decisions_task_id", "decisions", ["task_id"], unique=False, if_not_exists=True)
    op.create_index("ix_decisions_trace_id", "decisions", ["trace_id"], unique=False, if_not_exists=True)
    op.create_index("ix_decisions_vehicle", "decisions", ["vehicle"], unique=False, if_not_exists=True)

    op.create_table(
        "evidence",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("start_us", sa.BigInteger(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "kind", "sha256"),
        if_not_exists=True,
    )
    op.create_index("evidence_by_file", "evidence", ["sha256"], unique=False, if_not_exists=True)

    op.create_table(
        "evidence_files",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("loudness", sa.Integer(), nullable=False),
        sa.Column("whole_at_us", sa.BigInteger(), nullable=False),
        sa.Column("removed_at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sha256"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_evidence_files_whole_at_us", "evidence_files", ["whole_at_us"], unique=False, if_not_exists=True
    )

    op.create_table(
        "hops",
        sa.Column("trace_id", sa.String(length=32), nullable=False),
        sa.Column("hop", sa.String(length=32), nullable=False),
        sa.Column("took_us", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("trace_id", "hop"),
        if_not_exists=True,
    )
    op.create_table(
        "incidents",
        sa.Column("incident_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=False),
        sa.Column("opened_at_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
        if_not_exists=True,
    )
    op.create_index("ix_incidents_opened_at_us", "incidents", ["opened_at_us"], unique=False, if_not_exists=True)
    op.create_index("ix_incidents_state", "incidents", ["state"], unique=False, if_not_exists=True)
    op.create_index("ix_incidents_trace_id", "incidents", ["trace_id"], unique=False, if_not_exists=True)

    op.create_table(
        "messages",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("outbox_id", sa.String(length=36), nullable=False),
        sa.Column("boot", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("captured_at_us", sa.BigInteger(), nullable=False),
        sa.Column("received_at_us", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
        if_not_exists=True,
    )
    op.create_index("ix_messages_event_id", "messages", ["event_id"], unique=False, if_not_exists=True)
    op.create_index("ix_messages_trace_id", "messages", ["trace_id"], unique=False, if_not_exists=True)
    op.create_index(
        "one_message_a_number", "messages", ["node", "outbox_id", "sequence"], unique=True, if_not_exists=True
    )

    op.create_table(
        "node_streams",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("outbox_id", sa.String(length=36), nullable=False),
        sa.Column("contiguous", sa.BigInteger(), nullable=False),
        sa.Column("beyond", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("node", "outbox_id"),
        if_not_exists=True,
    )
    op.create_table(
        "node_tokens",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("added_at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
        sa.UniqueConstraint("digest"),
        if_not_exists=True,
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        if_not_exists=True,
    )
    op.create_table(
        "task_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_task_changes_task_id", "task_changes", ["task_id"], unique=False, if_not_exists=True)

    op.create_table(
        "tasks",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("vehicle", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=False),
        sa.Column("created_at_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("task_id"),
        if_not_exists=True,
    )
    op.create_index("ix_tasks_created_at_us", "tasks", ["created_at_us"], unique=False, if_not_exists=True)
    op.create_index("ix_tasks_incident_id", "tasks", ["incident_id"], unique=False, if_not_exists=True)
    op.create_index("ix_tasks_state", "tasks", ["state"], unique=False, if_not_exists=True)
    op.create_index("ix_tasks_trace_id", "tasks", ["trace_id"], unique=False, if_not_exists=True)

    op.create_table(
        "zones",
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("is_set", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("zone"),
        if_not_exists=True,
    )
