"""The three tables. No foreign keys: their locks would be paid on the hot path; `audit` proves what they would."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, UniqueConstraint

from adapters.sql.columns import BIG_KEY, LONG_TEXT, JsonObject, MessageTypeName, StatusNumber, UtcDateTime

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# utf8mb4_bin: 'Alice' and 'alice' are two users on MySQL as well
MYSQL_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}

metadata = MetaData(naming_convention=NAMING_CONVENTION)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(48), primary_key=True),
    Column("user_id", String(48), nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "user_id"),
    **MYSQL_OPTIONS,
)

messages = Table(
    "messages",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("message_id", String(64), nullable=False),
    Column("session_id", String(48), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("from_user_id", String(48), nullable=False),
    Column("msg_type", MessageTypeName, nullable=False),
    Column("msg_content", LONG_TEXT, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("message_id"),
    UniqueConstraint("session_id", "seq"),
    Index(None, "from_user_id"),
    Index(None, "created_at", postgresql_using="brin"),
    **MYSQL_OPTIONS,
)

records = Table(
    "ai_chat_records",
    metadata,
    Column("id", BIG_KEY, primary_key=True, autoincrement=True),
    Column("record_id", String(64), nullable=False),
    Column("session_id", String(48), nullable=False),
    Column("user_id", String(48), nullable=False),
    Column("user_message_id", String(64), nullable=False),
    Column("user_seq", BigInteger, nullable=False),
    Column("ai_message_id", String(64)),
    Column("request_content", JsonObject),
    Column("response_content", JsonObject),
    Column("status", StatusNumber, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("attempt_limit", Integer, nullable=False),
    Column("lease_expires_at", UtcDateTime),
    Column("cancel_requested", Boolean, nullable=False),
    Column("model", String(255)),
    Column("queue_ms", BigInteger),
    Column("first_token_ms", BigInteger),
    Column("duration_ms", BigInteger),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("error_code", String(64)),
    Column("error_message", String(500)),
    Column("leader_id", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("record_id"),
    UniqueConstraint("user_message_id"),
    Index(None, "session_id", "status", "user_seq"),  # the oldest open record of a session
    Index(None, "status", "created_at"),  # the sweep: open records, oldest first
    Index(None, "user_id", "id"),  # a user's records, newest first
    Index(None, "user_id", "updated_at"),  # what changed for a user while events were missed
    Index(None, "created_at", postgresql_using="brin"),
    **MYSQL_OPTIONS,
)
