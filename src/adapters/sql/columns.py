"""Column types that mean the same on every database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, SmallInteger, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from imcore.chat_record import ReplyStatus
from imcore.message import MessageType

ResultProcessor = Callable[[Any], Any] | None

BIG_KEY = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key that counts by itself; on SQLite only an INTEGER does."""

LONG_TEXT = Text().with_variant(mysql.LONGTEXT(), "mysql")
"""Text of any length; MySQL's TEXT ends at 64 KiB."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes in, aware UTC datetimes out; in the order of time also where the database knows no time zones.

    PostgreSQL gives them in the zone of the session, which is UTC: see `engine`.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else self.impl_instance)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def result_processor(self, dialect: Dialect, coltype: Any) -> ResultProcessor:
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else value.replace(tzinfo=UTC)


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
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":"))


_STATUSES: dict[int | None, ReplyStatus | None] = {None: None} | {status.value: status for status in ReplyStatus}
_MESSAGE_TYPES: dict[str | None, MessageType | None] = {None: None} | {kind.value: kind for kind in MessageType}
"""Looked up for each row, which an enumeration itself takes six times as long for."""


class StatusNumber(TypeDecorator[ReplyStatus]):
    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: ReplyStatus | None, dialect: Dialect) -> int | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else int(value)

    def result_processor(self, dialect: Dialect, coltype: Any) -> ResultProcessor:  # noqa: ARG002  (SQLAlchemy's signature)
        return _STATUSES.__getitem__


class MessageTypeName(TypeDecorator[MessageType]):
    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: MessageType | None, dialect: Dialect) -> str | None:  # noqa: ARG002  (SQLAlchemy's signature)
        return None if value is None else value.value

    def result_processor(self, dialect: Dialect, coltype: Any) -> ResultProcessor:  # noqa: ARG002  (SQLAlchemy's signature)
        return _MESSAGE_TYPES.__getitem__
