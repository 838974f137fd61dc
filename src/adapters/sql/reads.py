"""What users, writers and recovery read. Every function is one statement, so what it sees is of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, null, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.clock import database_now
from adapters.sql.connection import connection_over
from adapters.sql.cursor import decoded, encoded
from adapters.sql.rows import MESSAGE, RECORD, SESSION
from adapters.sql.schema import messages, records, sessions
from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.message import Message
from imcore.ports import RecordPage
from imcore.session import Session

_LISTED = [null().label(column.name) if column is records.c.request_content else column for column in RECORD]
"""A record as lists show it: what was sent to the model can be long, and is read with the record alone."""


async def message(connection: AsyncConnection, user_id: str, message_id: str) -> Message | None:
    found = await connection.execute(_own_messages(user_id).where(messages.c.message_id == message_id))
    row = found.one_or_none()
    return Message(*row) if row else None


async def session_messages(
    connection: AsyncConnection, user_id: str, session_id: str, *, after_seq: int | None, before_seq: int | None, limit: int
) -> list[Message]:
    query = _own_messages(user_id).where(messages.c.session_id == session_id)
    if before_seq is not None:
        query = query.where(messages.c.seq < before_seq)
    if after_seq is not None:
        found = await connection.execute(query.where(messages.c.seq > after_seq).order_by(messages.c.seq).limit(limit))
        return [Message(*row) for row in found]
    newest_first = await connection.execute(query.order_by(messages.c.seq.desc()).limit(limit))
    return [Message(*row) for row in newest_first][::-1]


async def user_sessions(connection: AsyncConnection, user_id: str, *, limit: int) -> list[Session]:
    found = await connection.execute(
        select(*SESSION).where(sessions.c.user_id == user_id).order_by(sessions.c.updated_at.desc(), sessions.c.session_id).limit(limit)
    )
    return [Session(*row) for row in found]


async def one_record(connection: AsyncConnection, user_id: str, condition: ColumnElement[bool]) -> ChatRecord | None:
    """The user's own record for which a condition on a unique column holds."""
    row = (await connection.execute(select(*RECORD).where(records.c.user_id == user_id, condition))).one_or_none()
    return ChatRecord(*row) if row else None


async def record_page(
    connection: AsyncConnection, user_id: str, *, filters: Sequence[ColumnElement[bool]], cursor: str | None, limit: int
) -> RecordPage:
    query = select(*_LISTED, records.c.id).where(records.c.user_id == user_id, *filters)
    if cursor is not None:
        query = query.where(records.c.id < decoded(cursor))
    rows = (await connection.execute(query.order_by(records.c.id.desc()).limit(limit + 1))).all()
    page = rows[:limit]
    return RecordPage(
        items=[ChatRecord(*row[:-1]) for row in page],
        next_cursor=encoded(page[-1].id) if len(rows) > limit else None,
    )


async def changed_since(connection: AsyncConnection, user_id: str, since: datetime, *, limit: int) -> list[ChatRecord]:
    found = await connection.execute(
        select(*_LISTED)
        .where(records.c.user_id == user_id, records.c.updated_at > since)
        .order_by(records.c.updated_at.desc(), records.c.id.desc())
        .limit(limit)
    )
    return [ChatRecord(*row) for row in found][::-1]


async def open_records(connection: AsyncConnection, user_id: str, session_id: str) -> list[ChatRecord]:
    found = await connection.execute(
        select(*RECORD)
        .where(records.c.session_id == session_id, records.c.status == ReplyStatus.PROCESSING, records.c.user_id == user_id)
        .order_by(records.c.user_seq)
    )
    return [ChatRecord(*row) for row in found]


async def group_of(connection: AsyncConnection, record: ChatRecord) -> list[ChatRecord]:
    found = await connection.execute(
        select(*RECORD)
        .where(
            records.c.session_id == record.session_id,
            records.c.status == record.status,
            records.c.leader_id == record.leader_id,
        )
        .order_by(records.c.user_seq)
    )
    return [ChatRecord(*row) for row in found] or [record]


async def open_record_count(connection: AsyncConnection) -> int:
    found = await connection.execute(select(func.count()).select_from(records).where(records.c.status == ReplyStatus.PROCESSING))
    return found.scalar_one()


async def due_sessions(connection: AsyncConnection, *, waiting_s: float, limit: int) -> list[str]:
    now = await database_now(await connection_over(connection))
    other = records.alias("other")
    blocked = exists().where(  # by an older record that goes first, or by one that runs
        other.c.session_id == records.c.session_id,
        other.c.status == ReplyStatus.PROCESSING,
        or_(other.c.user_seq < records.c.user_seq, other.c.lease_expires_at > now),
    )
    waits = and_(records.c.lease_expires_at.is_(None), records.c.updated_at < now - timedelta(seconds=waiting_s))
    found = await connection.execute(
        select(records.c.session_id)
        .where(records.c.status == ReplyStatus.PROCESSING, or_(waits, records.c.lease_expires_at <= now), ~blocked)
        .order_by(records.c.created_at)
        .limit(limit)
    )
    return list(found.scalars())


def _own_messages(user_id: str) -> Select[Any]:
    return (
        select(*MESSAGE).join_from(messages, sessions, sessions.c.session_id == messages.c.session_id).where(sessions.c.user_id == user_id)
    )
