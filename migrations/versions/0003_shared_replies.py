"""Records that share one reply."""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

TABLE = "ai_chat_records"

CANCELLED = 3


def upgrade() -> None:
    with op.batch_alter_table(TABLE) as table:
        table.add_column(sa.Column("leader_id", sa.String(64)))
        table.drop_constraint("uq_ai_chat_records_ai_message_id", type_="unique")
        table.create_index("ix_ai_chat_records_ai_message_id", ["ai_message_id"])


def downgrade() -> None:
    """The leader keeps the reply. A record that shared it becomes one of a cancelled reply that left no text: it can be retried alone."""
    records = sa.table(TABLE, *(sa.column(name) for name in ("record_id", "leader_id", "ai_message_id", "status")))
    op.execute(
        records.update()
        .where(records.c.leader_id.is_not(None), records.c.leader_id != records.c.record_id, records.c.ai_message_id.is_not(None))
        .values(ai_message_id=None, status=CANCELLED)
    )
    with op.batch_alter_table(TABLE) as table:
        table.drop_index("ix_ai_chat_records_ai_message_id")
        table.create_unique_constraint("uq_ai_chat_records_ai_message_id", ["ai_message_id"])
        table.drop_column("leader_id")
