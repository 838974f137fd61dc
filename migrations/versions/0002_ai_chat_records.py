"""The life of each AI reply."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
UTC_TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL_OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

TABLE = "ai_chat_records"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BIG_KEY, autoincrement=True, nullable=False),
        sa.Column("record_id", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(48), nullable=False),
        sa.Column("user_id", sa.String(48), nullable=False),
        sa.Column("user_message_id", sa.String(64), nullable=False),
        sa.Column("user_seq", sa.BigInteger(), nullable=False),
        sa.Column("ai_message_id", sa.String(64)),
        sa.Column("request_content", LONG_TEXT),
        sa.Column("response_content", LONG_TEXT),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("attempt_limit", sa.Integer(), nullable=False),
        sa.Column("lease_expires_at", UTC_TIME),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(255)),
        sa.Column("queue_ms", sa.BigInteger()),
        sa.Column("first_token_ms", sa.BigInteger()),
        sa.Column("duration_ms", sa.BigInteger()),
        sa.Column("prompt_tokens", sa.BigInteger()),
        sa.Column("completion_tokens", sa.BigInteger()),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_message", sa.String(500)),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ai_chat_records"),
        sa.UniqueConstraint("record_id", name="uq_ai_chat_records_record_id"),
        sa.UniqueConstraint("user_message_id", name="uq_ai_chat_records_user_message_id"),
        sa.UniqueConstraint("ai_message_id", name="uq_ai_chat_records_ai_message_id"),
        **MYSQL_OPTIONS,
    )
    op.create_index("ix_ai_chat_records_session_id_status_user_seq", TABLE, ["session_id", "status", "user_seq"])
    op.create_index("ix_ai_chat_records_status_created_at", TABLE, ["status", "created_at"])
    op.create_index("ix_ai_chat_records_user_id_id", TABLE, ["user_id", "id"])
    op.create_index("ix_ai_chat_records_created_at", TABLE, ["created_at"])


def downgrade() -> None:
    op.drop_table(TABLE)
