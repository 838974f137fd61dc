"""Fewer index entries for each reply, and a planner that does not take open records for rare.

Nothing looks records up by `ai_message_id`. A user's sessions are few enough to be sorted when they are listed: without `updated_at` in its
index a session's row is changed in place, and so is a claimed record, both given the room. What is only asked for ranges of time has a small
index of blocks. Of the open records PostgreSQL's statistics see none, so it would read all of them to find those of one session.
"""

from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

RECORDS = "ai_chat_records"
IN_PLACE = ("sessions", RECORDS)
BY_TIME = ("messages", RECORDS)


def upgrade() -> None:
    op.drop_index("ix_ai_chat_records_ai_message_id", RECORDS)
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.drop_index("ix_sessions_user_id_updated_at", "sessions")
    if op.get_bind().dialect.name == "postgresql":
        for table in BY_TIME:
            op.drop_index(f"ix_{table}_created_at", table)
            op.create_index(f"ix_{table}_created_at", table, ["created_at"], postgresql_using="brin")
        for table in IN_PLACE:
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)")
        op.execute(f"ALTER TABLE {RECORDS} ALTER COLUMN status TYPE smallint, ALTER COLUMN status SET STATISTICS 0")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {RECORDS} ALTER COLUMN status SET STATISTICS -1")
        for table in IN_PLACE:
            op.execute(f"ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)")
        for table in BY_TIME:
            op.drop_index(f"ix_{table}_created_at", table)
            op.create_index(f"ix_{table}_created_at", table, ["created_at"])
    op.create_index("ix_sessions_user_id_updated_at", "sessions", ["user_id", "updated_at"])
    op.drop_index("ix_sessions_user_id", "sessions")
    op.create_index("ix_ai_chat_records_ai_message_id", RECORDS, ["ai_message_id"])
