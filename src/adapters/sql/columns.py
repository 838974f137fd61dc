"""Column types that mean the same on every database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, SmallInteger, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from imcore.chat_record import ReplyStatus
from imcore.message import MessageType

BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key that counts by itself; on SQLite only an INTEGER does."""

LONG_TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql")
"""Text of any length; MySQL's TEXT ends at 64 KiB."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC datetimes out; in the order of time also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else value.replace(tzinfo=UTC)


class JsonObject(TypeDecorator[dict[str, object]]):
    """A JSON object in a text column."""

    impl = LONG_TEXT
    cache_ok = True

    def process_bind_param(self, value: dict[str, object] | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, object] | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else json.loads(value)


def json_text(value: dict[str, object] | None) -> str | None:
    """Readable; but half a surrogate pair, which a model's pieces may end in, is in no UTF-8 and can only be kept escaped."""
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


class StatusNumber(TypeDecorator[ReplyStatus]):
    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: ReplyStatus | None, dialect: Dialect) -> int | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> ReplyStatus | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else ReplyStatus(value)


class MessageTypeName(TypeDecorator[MessageType]):
    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: MessageType | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> MessageType | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else MessageType(value)
