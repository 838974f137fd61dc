"""The proof on the live database that nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.clock import database_now
from adapters.sql.connection import POSTGRESQL, connection_over
from adapters.sql.engine import AVOIDED_WAYS
from adapters.sql.schema import messages, records
from imcore.chat_record import ReplyStatus
from imcore.message import MessageType
from imcore.ports import Audit


async def audit(connection: AsyncConnection, *, older_than_s: float) -> Audit:
    """One scan for each count, of all that was made before `older_than_s` ago by the database's clock."""
    before = await database_now(await connection_over(connection)) - timedelta(seconds=older_than_s)
    queries = {
        "messages_without_record": _messages_without_record(before),
        "records_not_final": _records_not_final(before),
        "success_without_reply": _success_without_reply(before),
        "replies_without_record": _replies_without_record(before),
        "double_replies": _double_replies(before),
    }
    async with _whole_tables(connection):
        return Audit(**{name: (await connection.execute(query)).scalar_one() for name, query in queries.items()})


@asynccontextmanager
async def _whole_tables(connection: AsyncConnection) -> AsyncIterator[None]:
    """Let PostgreSQL read and join them meanwhile, which our connections forbid."""
    ways = AVOIDED_WAYS if connection.dialect.name == POSTGRESQL else ()
    for way in ways:
        await connection.execute(text(f"SET {way} = on"))
    try:
        yield
    finally:
        for way in ways:
            await connection.execute(text(f"SET {way} = off"))


Count = Select[int]


def _messages_without_record(before: datetime) -> Count:
    return _count(
        messages,
        messages.c.msg_type == MessageType.TEXT,
        messages.c.created_at <= before,
        ~exists().where(records.c.user_message_id == messages.c.message_id),
    )


def _records_not_final(before: datetime) -> Count:
    return _count(records, records.c.status == ReplyStatus.PROCESSING, records.c.created_at <= before)


def _success_without_reply(before: datetime) -> Count:
    is_reply = and_(messages.c.message_id == records.c.ai_message_id, messages.c.msg_type == MessageType.AI_REPLY)
    return _count(records, records.c.status == ReplyStatus.SUCCESS, records.c.created_at <= before, ~exists().where(is_reply))


def _replies_without_record(before: datetime) -> Count:
    """As a difference of sets, for no index leads from a reply to its record: not every database would join them without."""
    replies = select(messages.c.message_id).where(messages.c.msg_type == MessageType.AI_REPLY, messages.c.created_at <= before)
    recorded = select(records.c.ai_message_id).where(records.c.ai_message_id.is_not(None))
    return select(func.count()).select_from(replies.except_(recorded).subquery("unrecorded"))


def _double_replies(before: datetime) -> Count:
    """Messages that several records answer. A unique key forbids it; this is for the day on which the key is gone."""
    doubled = (
        select(records.c.user_message_id)
        .where(records.c.ai_message_id.is_not(None), records.c.created_at <= before)
        .group_by(records.c.user_message_id)
        .having(func.count() > 1)
    )
    return select(func.count()).select_from(doubled.subquery("doubled"))


def _count(table: Any, *conditions: Any) -> Count:
    return select(func.count()).select_from(table).where(*conditions)
