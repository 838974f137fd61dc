"""What a user can do to a reply: cancel it, or let it be written anew."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import delete, select, update

from adapters.sql.bulk import write_together
from adapters.sql.clock import database_now
from adapters.sql.connection import Connection
from adapters.sql.locks import lock_groups, lock_records, lock_sessions
from adapters.sql.pending import open_record_counts, too_many_pending
from adapters.sql.schema import messages, records
from adapters.sql.session_log import SessionLog
from adapters.sql.stops import stop, stop_records
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


async def cancel(connection: Connection, user_id: str, record_id: str) -> ChatRecord | None:
    locked = await _lock(connection, user_id, record_id)
    if locked is None:
        return None
    sessions, record = locked
    if not record.is_open:
        return record
    log = SessionLog(sessions)
    stopped = stop(await _group(connection, record), await database_now(connection), log)
    await write_together(connection, *log.writes(), *stop_records([stopped]))
    return next(record for record in stopped.group if record.record_id == record_id)


async def retry(connection: Connection, user_id: str, record_id: str, *, max_pending: int | None) -> ChatRecord | None:
    locked = await _lock(connection, user_id, record_id)
    if locked is None:
        return None
    _, record = locked
    if record.status is ReplyStatus.SUCCESS:
        raise NotRetryableError("This message has its reply; only a failed or cancelled one can be retried.")
    if record.is_open:
        return record
    if max_pending is not None and (await open_record_counts(connection, {user_id})).get(user_id, 0) >= max_pending:
        raise too_many_pending(max_pending)
    group = await _group(connection, record)
    attempt = record.attempt + 1
    if record.ai_message_id:
        await connection.execute(delete(messages).where(messages.c.message_id == record.ai_message_id))
    changes = {
        **_CLEARED,
        "status": ReplyStatus.PROCESSING,
        "attempt": attempt,
        "attempt_limit": attempt + MAX_ATTEMPTS,
        "cancel_requested": False,
        "updated_at": await database_now(connection),
    }
    await connection.execute(update(records).where(records.c.record_id.in_([one.record_id for one in group])).values(changes))
    return replace(record, **changes)  # type: ignore[arg-type]  # the values are of many types, by name


async def _lock(connection: Connection, user_id: str, record_id: str) -> tuple[dict[str, Session], ChatRecord] | None:
    """The user's own record and its session, locked."""
    own = select(records.c.session_id).where(records.c.record_id == record_id, records.c.user_id == user_id)
    found = await connection.execute(own)
    if not found:
        return None
    session_id = found[0][0]
    sessions = await lock_sessions(connection, {session_id})
    return sessions, (await lock_records(connection, {record_id}))[record_id]


async def _group(connection: Connection, record: ChatRecord) -> list[ChatRecord]:
    """All records that share this one's reply, locked, the leader first."""
    groups = await lock_groups(connection, [record])
    return groups.get(record.answered_by, [record])
