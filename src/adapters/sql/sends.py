"""Storing users' messages, each with the waiting record of its reply."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, select

from adapters.sql.bulk import BulkInsert, among, write_together
from adapters.sql.clock import DatabaseClock, whole_ms
from adapters.sql.connection import PLAN_ANEW, Connection
from adapters.sql.locks import lock_sessions
from adapters.sql.pending import open_record_counts, too_many_pending
from adapters.sql.rows import MESSAGE, RECORD, split, values_of
from adapters.sql.schema import messages, records
from adapters.sql.session_log import SessionLog
from adapters.sql.stops import Stop, stop, stop_records
from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.double_texting import DoubleTexting
from imcore.errors import ForbiddenError, IMError, MessageConflictError, ReplyInProgressError
from imcore.message import Message
from imcore.ports import Stored
from imcore.value import value

_NEW_RECORD = (
    "record_id",
    "session_id",
    "user_id",
    "user_message_id",
    "user_seq",
    "status",
    "attempt",
    "attempt_limit",
    "cancel_requested",
    "created_at",
    "updated_at",
)
"""What a record has that waits for its first attempt."""

_insert_records = BulkInsert(records, *_NEW_RECORD)

_Known = tuple[Message, ChatRecord | None]


@value
class Send:
    message: Message
    record: ChatRecord
    max_pending: int | None
    double_texting: DoubleTexting = DoubleTexting.QUEUE

    @property
    def looks_at_open_records(self) -> bool:
        return self.double_texting is DoubleTexting.REJECT or self.double_texting is DoubleTexting.INTERRUPT

    def stored(self, seq: int, stored_at: datetime) -> Stored:
        """The answer: message and record with what the store gives them. Recovery goes by `stored_at`, a time by the database's clock."""
        waiting = self.record
        record = ChatRecord(
            waiting.record_id,
            waiting.session_id,
            waiting.user_id,
            waiting.user_message_id,
            waiting.created_at,
            stored_at,
            user_seq=seq,
            attempt_limit=waiting.attempt_limit,
        )
        return Stored(self.message.numbered(seq), record, duplicate=False)


async def add_all(connection: Connection, sends: Sequence[Send]) -> list[Stored | Exception]:
    """One step for many sends, in the order in which they came."""
    log = SessionLog(await lock_sessions(connection, {send.message.session_id for send in sends}))
    # with the sessions locked, all that was ever stored in them is visible
    open_records = await _open_records(connection, {send.message.session_id for send in sends if send.looks_at_open_records})
    known, now = await _stored(connection, {send.message.message_id for send in sends})
    batch = _Batch(
        log=log,
        now=now,
        known=known,
        open_records=open_records,
        pending=await open_record_counts(connection, {send.record.user_id for send in sends if send.max_pending is not None}),
    )
    answers = [batch.add(send) for send in sends]
    new_records = (_insert_records, [values_of(record, _NEW_RECORD) for record in batch.new_records])
    await write_together(connection, *log.writes(), new_records)
    await write_together(connection, *stop_records(batch.stops))  # of records that this very batch may have brought
    return answers


class _Batch:
    """What is known before the sends, and what they make of it, each in the sight of those before it."""

    def __init__(
        self,
        *,
        log: SessionLog,
        now: datetime,
        known: dict[str, _Known],
        open_records: dict[str, list[ChatRecord]],
        pending: dict[str, int],
    ) -> None:
        self.new_records: list[ChatRecord] = []
        self.stops: list[Stop] = []
        self._log = log
        self._now = now
        self._known = known
        self._open_records = open_records
        self._pending = pending

    def add(self, send: Send) -> Stored | Exception:
        known = self._known.get(send.message.message_id)
        if known is not None:
            return _repeated(send.message, *known)
        refusal = self._refusal(send)
        if refusal is not None:
            return refusal
        stops = self._interrupt(send) if send.double_texting is DoubleTexting.INTERRUPT else []
        return self._accept(send, stops)

    def _refusal(self, send: Send) -> IMError | None:
        user_id, in_session = send.record.user_id, self._open_records.get(send.message.session_id, [])
        if self._log.owner(send.message.session_id) not in {None, user_id}:
            return ForbiddenError("This session belongs to another user.")
        if send.double_texting is DoubleTexting.REJECT and in_session:
            return ReplyInProgressError("The session still waits for a reply; send this when it has come, or cancel it first.")
        interrupted = len(in_session) if send.double_texting is DoubleTexting.INTERRUPT else 0
        if send.max_pending is not None and self._pending.get(user_id, 0) - interrupted >= send.max_pending:
            return too_many_pending(send.max_pending)
        return None

    def _interrupt(self, send: Send) -> list[Stop]:
        """Stop all replies that the session waits for; those that run are still open then."""
        before = self._open_records.get(send.message.session_id, [])
        by_reply = defaultdict(list)
        for record in before:
            by_reply[record.answered_by].append(record)
        stops = [stop(group, self._now, self._log) for group in by_reply.values()]
        after = [record for stopped in stops for record in stopped.group if record.is_open]
        self._open_records[send.message.session_id] = after
        self._pending[send.record.user_id] = self._pending.get(send.record.user_id, 0) - len(before) + len(after)
        self.stops += stops
        return stops

    def _accept(self, send: Send, stops: Sequence[Stop]) -> Stored:
        message = self._log.append(send.message, user_id=send.record.user_id)
        stored = send.stored(message.seq, self._now)
        record = stored.record
        self.new_records.append(record)
        self._known[message.message_id] = (message, record)
        self._pending[record.user_id] = self._pending.get(record.user_id, 0) + 1
        self._open_records.setdefault(message.session_id, []).append(record)
        return replace(
            stored,
            stopped=tuple(stopped.group[0].record_id for stopped in stops if not stopped.is_over),
            cancelled=tuple(end for stopped in stops if stopped.is_over for end in stopped.ends),
        )


def _repeated(message: Message, stored: Message, record: ChatRecord | None) -> Stored | Exception:
    if record is None or not message.says_the_same_as(stored):
        return MessageConflictError("message_id: taken by another message; send this one with another id.")
    return Stored(stored, record, duplicate=True)


async def _stored(connection: Connection, message_ids: Collection[str]) -> tuple[dict[str, _Known], datetime]:
    """What is known by these ids, and the time by the database's clock: one query for both."""
    found = await connection.execute(_looking_up(connection.dialect), {"message_ids": sorted(message_ids)})
    pairs = [split(row[:-1], Message) for row in found if row[0] is not None]
    known = {message[0]: (Message(*message), ChatRecord(*record) if record[0] else None) for message, record in pairs}
    return known, whole_ms(found[0][-1])


@cache
def _looking_up(dialect: str) -> Select[Any]:
    clock = select(DatabaseClock().label("now")).subquery("clock")
    return (
        select(*MESSAGE, *RECORD, clock.c.now)
        .outerjoin_from(clock, messages, among(dialect, messages.c.message_id, "message_ids"))
        .outerjoin(records, records.c.user_message_id == messages.c.message_id)
    )


async def _open_records(connection: Connection, session_ids: Collection[str]) -> dict[str, list[ChatRecord]]:
    """By session, locked, in the order of the messages; the sessions are locked too."""
    if not session_ids:
        return {}
    rows = await connection.execute(_locking_open_records(connection.dialect), {"session_ids": sorted(session_ids)})
    by_session = defaultdict(list)
    for record in sorted((ChatRecord(*row) for row in rows), key=lambda record: record.user_seq):
        by_session[record.session_id].append(record)
    return by_session


@cache
def _locking_open_records(dialect: str) -> Select[Any]:
    return (
        select(*RECORD)
        .where(among(dialect, records.c.session_id, "session_ids"), records.c.status == ReplyStatus.PROCESSING)
        .order_by(records.c.record_id)
        .with_for_update()
        .execution_options(**{PLAN_ANEW: True})
    )
