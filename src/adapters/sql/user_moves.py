"""What a user can do to a reply: cancel it, or let it be written anew."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.clock import database_now
from adapters.sql.ends import reply_message, write_ends
from adapters.sql.locks import lock_records, lock_sessions
from adapters.sql.schema import messages, records
from adapters.sql.session_log import SessionLog
from imcore.chat_record import MAX_ATTEMPTS, ChatRecord, ReplyStatus
from imcore.errors import NotRetryableError
from imcore.session import Session

_CLEARED = dict.fromkeys(
    (
        "ai_message_id",
        "lease_expires_at",
        "request_content",
        "response_content",
        "model",
        "queue_ms",
        "first_token_ms",
        "duration_ms",
        "prompt_tokens",
        "completion_tokens",
        "error_code",
        "error_message",
    )
)


async def cancel(connection: AsyncConnection, user_id: str, record_id: str) -> ChatRecord | None:
    locked = await _lock(connection, user_id, record_id)
    if locked is None:
        return None
    sessions, record = locked
    now = await database_now(connection)
    if record.is_claimable(now):
        log = SessionLog(sessions)
        record = replace(record, status=ReplyStatus.CANCELLED, lease_expires_at=None, updated_at=now)
        if record.text:  # of an attempt that nobody goes on with
            record = replace(record, ai_message_id=log.append(reply_message(record), user_id=user_id).message_id)
        await write_ends(connection, log, [record])
    elif record.is_open and not record.cancel_requested:
        record = replace(record, cancel_requested=True, updated_at=now)
        await connection.execute(
            update(records).where(records.c.record_id == record_id).values(cancel_requested=True, updated_at=record.updated_at)
        )
    return record


async def retry(connection: AsyncConnection, user_id: str, record_id: str) -> ChatRecord | None:
    locked = await _lock(connection, user_id, record_id)
    if locked is None:
        return None
    _, record = locked
    if record.status is ReplyStatus.SUCCESS:
        raise NotRetryableError("This message has its reply; only a failed or cancelled one can be retried.")
    if record.is_open:
        return record
    if record.ai_message_id:
        await connection.execute(delete(messages).where(messages.c.message_id == record.ai_message_id))
    changes = {
        **_CLEARED,
        "status": ReplyStatus.PROCESSING,
        "attempt_limit": record.attempt + MAX_ATTEMPTS,
        "cancel_requested": False,
        "updated_at": await database_now(connection),
    }
    await connection.execute(update(records).where(records.c.record_id == record_id).values(changes))
    return replace(record, **changes)  # type: ignore[arg-type]  # the values are of many types, by name


async def _lock(connection: AsyncConnection, user_id: str, record_id: str) -> tuple[dict[str, Session], ChatRecord] | None:
    """The user's own record and its session, locked."""
    own = select(records.c.session_id).where(records.c.record_id == record_id, records.c.user_id == user_id)
    session_id = (await connection.execute(own)).scalar_one_or_none()
    if session_id is None:
        return None
    sessions = await lock_sessions(connection, {session_id})
    return sessions, (await lock_records(connection, {record_id}))[record_id]
