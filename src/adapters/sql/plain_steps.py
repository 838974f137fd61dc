"""The three steps that every reply takes, in the plain case: each is one call of a function in PostgreSQL, see `migrations/functions`.

`sends`, `claims` and `ends` take five round trips and more for the same, and know all cases. Each step here returns the answers to those
of its items that were plain, by their places; the others it leaves as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, String, Text

from adapters.sql.claims import Claim
from adapters.sql.clock import HeardClock
from adapters.sql.columns import UtcDateTime, json_text
from adapters.sql.connection import Connection
from adapters.sql.database_functions import DOCUMENT, TEXTS, TIMES, calling
from adapters.sql.ends import FROM_OUTCOME, response_of
from adapters.sql.schema import records
from adapters.sql.sends import Send
from adapters.sql.windows import Window, from_stretch
from imcore.chat_record import ChatRecord, ReplyOutcome
from imcore.ids import AI_USER_ID, reply_message_id
from imcore.message import Message, MessageType
from imcore.ports import Claimed, Finished, Stored
from imcore.value import value

_NAMES = ("record_id", "session_id", "user_id", "user_message_id", "created_at", "updated_at", "user_seq")
_STATE = ("attempt", "attempt_limit", "lease_expires_at", "cancel_requested", "response_content")
"""What a record may have that was not ended yet and does not share its reply."""


_ADD = calling(
    "add_messages",
    [Column("stored_at", UtcDateTime), Column("seqs", Text)],
    session_ids=TEXTS,
    user_ids=TEXTS,
    message_ids=TEXTS,
    record_ids=TEXTS,
    contents=TEXTS,
    given_at=TIMES,
    sessions_named=(Integer, Integer),
    attempt_limit=(Integer, Integer),
    max_pending=(Integer, Integer),
)
_CLAIM = calling(
    "claim_replies",
    [*(Column(name, records.c[name].type) for name in (*_NAMES, *_STATE)), Column("messages", Text), Column("answers", Text)],
    session_ids=TEXTS,
    not_after=(UtcDateTime, UtcDateTime),
    lease_s=(Double, Double),
    history_messages=(Integer, Integer),
)
_FINISH = calling(
    "finish_replies",
    [Column("record_id", String), Column("seq", BigInteger), Column("session_waits", Boolean)],
    session_ids=TEXTS,
    record_ids=TEXTS,
    given=DOCUMENT,
)


async def add_messages(connection: Connection, sends: Sequence[Send]) -> Mapping[int, Stored]:
    """Messages that are new, in sessions of their own users, who do not wait for too many replies: all of them or none."""
    messages = [send.message for send in sends]
    user_ids = [send.record.user_id for send in sends]
    session_ids = [message.session_id for message in messages]
    message_ids = [message.message_id for message in messages]
    sessions_named = len(set(session_ids))
    limits = sends[0].record.attempt_limit, sends[0].max_pending
    if (
        len(set(message_ids)) < len(sends)
        or len(set(zip(session_ids, user_ids, strict=True))) > sessions_named
        or not all(_is_plain(send, limits) for send in sends)
    ):
        return {}
    given = {
        "session_ids": session_ids,
        "user_ids": user_ids,
        "message_ids": message_ids,
        "record_ids": [send.record.record_id for send in sends],
        "contents": [message.msg_content for message in messages],
        "given_at": [message.created_at.isoformat() for message in messages],
        "sessions_named": sessions_named,
        "attempt_limit": limits[0],
        "max_pending": limits[1],
    }
    for stored_at, seqs in await connection.execute(_ADD, given):
        return {place: send.stored(int(seq), stored_at) for place, (send, seq) in enumerate(zip(sends, seqs.split(","), strict=True))}
    return {}


def _is_plain(send: Send, limits: tuple[int, int | None]) -> bool:
    message, record = send.message, send.record
    return (
        message.created_at == message.updated_at == record.created_at
        and message.msg_type is MessageType.TEXT
        and (record.attempt_limit, send.max_pending) == limits
        and not send.looks_at_open_records
    )


@value
class FarClaimed:
    """A claim whose conversation has answers far from their questions. It is still to be read, for which no claim beside it has to wait."""

    record: ChatRecord
    window: Window


class ClaimReplies:
    """Replies that nobody has begun, or that were handed back, each alone in its session with that.

    A claim that is made later than `within_s` after its connection was ready is void. Its caller has given up, or will before the answer
    comes: a lease would be held by nobody.
    """

    def __init__(self, *, within_s: float) -> None:
        self._within = timedelta(seconds=within_s)
        self._clock = HeardClock()

    async def __call__(self, connection: Connection, claims: Sequence[Claim]) -> Mapping[int, Claimed | FarClaimed | None]:
        alike = (claims[0].lease_s, claims[0].history_messages)
        places = {
            claim.session_id: place
            for place, claim in reversed(list(enumerate(claims)))
            if not claim.merge and (claim.lease_s, claim.history_messages) == alike
        }
        if not places:
            return {}
        lease_s, history_messages = alike
        not_after = await self._clock.now(connection) + self._within
        given = {"session_ids": sorted(places), "not_after": not_after, "lease_s": lease_s, "history_messages": history_messages}
        answers: dict[int, Claimed | FarClaimed | None] = dict.fromkeys(places.values())
        for row in await connection.execute(_CLAIM, given):
            record_id, session_id, *_ = row
            if record_id is None:
                del answers[places[session_id]]
                self._clock.forget()
            else:
                claimed = answers[places[session_id]] = _claimed(row, history_messages)
                assert claimed.record.lease_expires_at is not None  # noqa: S101  # it has just been given
                self._clock.hear(claimed.record.lease_expires_at - timedelta(seconds=lease_s))
        return answers


def _claimed(row: Sequence[Any], history_messages: int) -> Claimed | FarClaimed:
    *values, messages_json, answers_json = row
    record = ChatRecord(**dict(zip((*_NAMES, *_STATE), values, strict=True)))
    lines = from_stretch(messages_json, answers_json, history_messages)
    return FarClaimed(record, Window(record.session_id, record.user_seq, history_messages)) if lines is None else Claimed([record], lines)


async def finish_replies(connection: Connection, outcomes: Sequence[ReplyOutcome]) -> Mapping[int, Finished]:
    """Replies whose leases are held, each alone in its session."""
    places = {outcome.lease.record_id: place for place, outcome in enumerate(outcomes)}
    session_ids = {outcome.lease.session_id for outcome in outcomes}
    if len(session_ids) < len(outcomes):
        return {}
    given = [_ended(outcome) for outcome in outcomes]
    rows = await connection.execute(
        _FINISH, {"session_ids": sorted(session_ids), "record_ids": sorted(places), "given": orjson.dumps(given).decode()}
    )
    return {places[record_id]: Finished(_reply(outcomes[places[record_id]], seq), session_waits) for record_id, seq, session_waits in rows}


def _ended(outcome: ReplyOutcome) -> dict[str, object]:
    return {
        **{name: getattr(outcome, name) for name in FROM_OUTCOME},
        "record_id": outcome.lease.record_id,
        "attempt": outcome.lease.attempt,
        "request_content": json_text(outcome.request_content),
        "response_content": json_text(response_of(outcome)),
        "ai_message_id": reply_message_id(outcome.lease.record_id) if outcome.leaves_message else None,
        "from_user_id": AI_USER_ID,
        "msg_type": MessageType.AI_REPLY,
        "msg_content": outcome.text,
        "ended_at": outcome.ended_at,
    }


def _reply(outcome: ReplyOutcome, seq: int | None) -> Message | None:
    if seq is None:
        return None
    lease, ended_at = outcome.lease, outcome.ended_at
    message_id = reply_message_id(lease.record_id)
    return Message(message_id, lease.session_id, AI_USER_ID, MessageType.AI_REPLY, outcome.text, ended_at, ended_at, seq)
