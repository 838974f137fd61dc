"""How replies end: the record's final state and the reply message, in one step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import Select, select

from adapters.sql.bulk import BulkUpdate, Write, among, write_together
from adapters.sql.claims import is_held, sessions_that_wait
from adapters.sql.connection import Connection
from adapters.sql.locks import lock_groups, lock_records, lock_sessions
from adapters.sql.rows import MESSAGE, values_of
from adapters.sql.schema import messages, records
from adapters.sql.session_log import SessionLog
from imcore.chat_record import ChatRecord, ReplyOutcome
from imcore.errors import LeaseLostError
from imcore.ids import AI_USER_ID, reply_message_id
from imcore.message import Message, MessageType
from imcore.ports import Finished
from imcore.value import value

FROM_OUTCOME = (
    "status",
    "request_content",
    "model",
    "queue_ms",
    "first_token_ms",
    "duration_ms",
    "prompt_tokens",
    "completion_tokens",
    "error_code",
    "error_message",
)
_FINAL = ("record_id", *FROM_OUTCOME, "response_content", "ai_message_id", "updated_at", "lease_expires_at")

_end_records = BulkUpdate(records, *_FINAL)


@value
class _End:
    """`group`: all records that share the reply, the one that was written first."""

    group: Sequence[ChatRecord]
    message: Message | None


async def finish_all(connection: Connection, outcomes: Sequence[ReplyOutcome]) -> list[Finished | Exception]:
    """One step for many ends."""
    session_ids = {outcome.lease.session_id for outcome in outcomes}
    log = SessionLog(await lock_sessions(connection, session_ids))
    stored = await lock_records(connection, {outcome.lease.record_id for outcome in outcomes})
    groups = await lock_groups(connection, stored.values())
    repeated = await _messages(connection, _reply_ids_of_repetitions(outcomes, stored))
    ended: dict[str, _End] = {}
    answers: list[Message | Exception | None] = []
    for outcome in outcomes:
        record = stored.get(outcome.lease.record_id)
        if record is not None and is_held(record, outcome.lease):
            end = ended[record.record_id] = _end(groups.get(record.record_id, [record]), outcome, log)
            stored[record.record_id] = end.group[0]
            answers.append(end.message)
        elif record is not None and _is_repetition(record, outcome):
            answers.append(ended[record.record_id].message if record.record_id in ended else repeated.get(record.ai_message_id or ""))
        else:
            answers.append(LeaseLostError("The reply has ended or is another writer's now."))
    await write_together(connection, *log.writes(), end_records([record for end in ended.values() for record in end.group]))
    waiting = await sessions_that_wait(connection, session_ids)
    return [
        answer if isinstance(answer, Exception) else Finished(answer, outcome.lease.session_id in waiting)
        for outcome, answer in zip(outcomes, answers, strict=True)
    ]


def response_of(outcome: ReplyOutcome) -> dict[str, object] | None:
    """What is kept of the model's answer."""
    return outcome.response_content or ({"text": outcome.text} if outcome.text else None)


def end_records(ended: Sequence[ChatRecord]) -> Write:
    """The final state of these records; their messages are in the log."""
    return _end_records, [values_of(record, _FINAL) for record in ended]


def reply_message(record: ChatRecord) -> Message:
    """The message that the record's text makes, as of the record's end."""
    return Message(
        message_id=reply_message_id(record.record_id),
        session_id=record.session_id,
        from_user_id=AI_USER_ID,
        msg_type=MessageType.AI_REPLY,
        msg_content=record.text,
        created_at=record.updated_at,
        updated_at=record.updated_at,
    )


def shared_end(record: ChatRecord, leader: ChatRecord) -> ChatRecord:
    """The final state of a record that was merged into `leader`, which has ended."""
    return replace(
        record,
        status=leader.status,
        ai_message_id=leader.ai_message_id,
        error_code=leader.error_code,
        error_message=leader.error_message,
        updated_at=leader.updated_at,
    )


def _end(group: Sequence[ChatRecord], outcome: ReplyOutcome, log: SessionLog) -> _End:
    record, *merged = group
    final = replace(
        record,
        **{name: getattr(outcome, name) for name in FROM_OUTCOME},
        response_content=response_of(outcome),
        updated_at=outcome.ended_at,
        lease_expires_at=None,
    )
    message = None
    if outcome.leaves_message:
        message = log.append(replace(reply_message(final), msg_content=outcome.text), user_id=record.user_id)
        final = replace(final, ai_message_id=message.message_id)
    return _End([final, *(shared_end(other, final) for other in merged)], message)


def _is_repetition(record: ChatRecord, outcome: ReplyOutcome) -> bool:
    """Whether this very outcome seems to be stored: the answer to its commit was lost on the way."""
    return record.status is outcome.status and record.attempt == outcome.lease.attempt


def _reply_ids_of_repetitions(outcomes: Sequence[ReplyOutcome], stored: dict[str, ChatRecord]) -> list[str]:
    found = [stored[outcome.lease.record_id] for outcome in outcomes if outcome.lease.record_id in stored]
    return [record.ai_message_id for record in found if record.ai_message_id]


async def _messages(connection: Connection, message_ids: Collection[str]) -> dict[str, Message]:
    if not message_ids:
        return {}
    rows = await connection.execute(_finding(connection.dialect), {"message_ids": sorted(message_ids)})
    return {row[0]: Message(*row) for row in rows}


@cache
def _finding(dialect: str) -> Select[Any]:
    return select(*MESSAGE).where(among(dialect, messages.c.message_id, "message_ids"))
