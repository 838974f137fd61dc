"""Storing users' messages, each with the waiting record of its reply."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.locks import lock_sessions
from adapters.sql.rows import MESSAGE, RECORD, split, values_of
from adapters.sql.schema import messages, records, sessions
from adapters.sql.session_log import SessionLog
from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.errors import ForbiddenError, IMError, MessageConflictError, RateLimitedError
from imcore.message import Message
from imcore.ports import Stored

RETRY_AFTER_S = 5.0
"""What a user is told who waits for too many replies already; about the time of one reply."""


@dataclass(frozen=True, slots=True)
class Send:
    message: Message
    record: ChatRecord
    max_pending: int | None


async def add_all(connection: AsyncConnection, sends: Sequence[Send]) -> list[Stored | Exception]:
    """One step for many sends, in the order in which they came."""
    log = SessionLog(await lock_sessions(connection, {send.message.session_id for send in sends}))
    # with the sessions locked, all that was ever stored in them is visible
    batch = _Batch(
        log=log,
        known=await _stored(connection, {send.message.message_id for send in sends}),
        pending=await _open_record_counts(connection, {send.record.user_id for send in sends if send.max_pending is not None}),
    )
    answers = [batch.add(send) for send in sends]
    await log.write(connection)
    if batch.new_records:
        await connection.execute(insert(records), [values_of(record) for record in batch.new_records])
    return answers


class _Batch:
    def __init__(self, *, log: SessionLog, known: dict[str, tuple[Message, ChatRecord | None]], pending: dict[str, int]) -> None:
        self.new_records: list[ChatRecord] = []
        self._log = log
        self._known = known
        self._pending = pending

    def add(self, send: Send) -> Stored | Exception:
        known = self._known.get(send.message.message_id)
        if known is not None:
            return _repeated(send.message, *known)
        refusal = self._refusal(send)
        return refusal or self._accept(send)

    def _refusal(self, send: Send) -> IMError | None:
        user_id = send.record.user_id
        if self._log.owner(send.message.session_id) not in {None, user_id}:
            return ForbiddenError("This session belongs to another user.")
        if send.max_pending is not None and self._pending.get(user_id, 0) >= send.max_pending:
            return RateLimitedError(f"{send.max_pending} replies are still to come; wait for one of them.", RETRY_AFTER_S)
        return None

    def _accept(self, send: Send) -> Stored:
        message = self._log.append(send.message, user_id=send.record.user_id)
        record = replace(send.record, user_seq=message.seq)
        self.new_records.append(record)
        self._known[message.message_id] = (message, record)
        self._pending[record.user_id] = self._pending.get(record.user_id, 0) + 1
        return Stored(message, record, duplicate=False)


def _repeated(message: Message, stored: Message, record: ChatRecord | None) -> Stored | Exception:
    if record is None or not message.says_the_same_as(stored):
        return MessageConflictError("message_id: taken by another message; send this one with another id.")
    return Stored(stored, record, duplicate=True)


async def _stored(connection: AsyncConnection, message_ids: Collection[str]) -> dict[str, tuple[Message, ChatRecord | None]]:
    found = await connection.execute(
        select(*MESSAGE, *RECORD)
        .outerjoin_from(messages, records, records.c.user_message_id == messages.c.message_id)
        .where(messages.c.message_id.in_(sorted(message_ids)))
    )
    pairs = [split(row, Message) for row in found]
    return {message[0]: (Message(*message), ChatRecord(*record) if record[0] else None) for message, record in pairs}


async def _open_record_counts(connection: AsyncConnection, user_ids: Collection[str]) -> dict[str, int]:
    """By way of the users' sessions: there an index leads to the open records, however many have ended."""
    if not user_ids:
        return {}
    counts = await connection.execute(
        select(sessions.c.user_id, func.count().label("open_records"))
        .join_from(sessions, records, records.c.session_id == sessions.c.session_id)
        .where(sessions.c.user_id.in_(sorted(user_ids)), records.c.status == ReplyStatus.PROCESSING)
        .group_by(sessions.c.user_id)
    )
    return {row.user_id: row.open_records for row in counts}
