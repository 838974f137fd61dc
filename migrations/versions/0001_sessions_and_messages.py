"""Sessions and their messages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision: str = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
UTC_TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql")
MYSQL_OPTIONS = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(48), nullable=False),
        sa.Column("user_id", sa.String(48), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
        **MYSQL_OPTIONS,
    )
    op.create_index("ix_sessions_user_id_updated_at", "sessions", ["user_id", "updated_at"])
    op.create_table(
        "messages",
        sa.Column("id", BIG_KEY, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("session_id", sa.String(48), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("from_user_id", sa.String(48), nullable=False),
        sa.Column("msg_type", sa.String(32), nullable=False),
        sa.Column("msg_content", LONG_TEXT, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("updated_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("message_id", name="uq_messages_message_id"),
        sa.UniqueConstraint("session_id", "seq", name="uq_messages_session_id_seq"),
        **MYSQL_OPTIONS,
    )
    op.create_index("ix_messages_from_user_id", "messages", ["from_user_id"])
    op.create_index("ix_messages_created_at", "messages", ["created_at"])


def downgrade() -> None:
    op.drop_table("messages")
    op.drop_table("sessions")
