"""queues in order of time."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    with op.batch_alter_table("alarms", schema=None) as batch_op:
        batch_op.create_index("alarms_by_state", ["state", "raised_at_us"], unique=False)

    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("audit_by_act", ["act", "actor", "at_us"], unique=False)

    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incidents_state"))
        batch_op.create_index("incidents_by_state", ["state", "opened_at_us"], unique=False)
