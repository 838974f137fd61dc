"""The last lines of conversations, for prompts: questions with their answers, those of many replies that begin at once in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Integer, String, Text, and_, bindparam, cast, func, select

from adapters.sql.connection import POSTGRESQL, Connection
from adapters.sql.database_functions import NUMBERS, TEXTS, calling
from adapters.sql.rows import MESSAGE, columns_of
from adapters.sql.schema import messages, records
from imcore.message import Message, MessageType
from imcore.value import value


@value
class Window:
    """The newest `limit` messages up to `user_seq`; of the replies none that came later."""

    session_id: str
    user_seq: int
    limit: int


Line = Sequence[Any]
"""The values of a message, in the order of its fields."""

_Stretch = tuple[str | None, str | None]
_NO_STRETCH: _Stretch = (None, None)

_PLACE = {field.name: place for place, field in enumerate(fields(Message))}
_MESSAGE_ID, _TYPE, _SEQ = (_PLACE[name] for name in ("message_id", "msg_type", "seq"))
_TEXT = MessageType.TEXT.value
_MESSAGE_TYPES = {kind.value: kind for kind in MessageType}


async def read_all(connection: Connection, windows: Sequence[Window]) -> list[list[Message]]:
    """The messages of each window, oldest first."""
    stretches = await _read_stretches(connection, windows) if windows and connection.dialect == POSTGRESQL else {}
    found = [from_stretch(*stretches.get((window.session_id, window.user_seq), _NO_STRETCH), window.limit) for window in windows]
    return [await read_one(connection, window) if lines is None else lines for window, lines in zip(windows, found, strict=True)]


async def read_one(connection: Connection, window: Window) -> list[Message]:
    """The same, by a query for this window alone, which finds answers however far they are."""
    given = {"session_id": window.session_id, "user_seq": window.user_seq, "at_most": window.limit}
    if connection.dialect == POSTGRESQL:
        ((found,),) = await connection.execute(_FAR, given)
        return _lines(orjson.loads(found or "[]"), window.limit, _of_json)
    width = len(MESSAGE)
    pairs = [(row[:width], None if row[width] is None else row[width:]) for row in await connection.execute(_QUESTIONS_AND_ANSWERS, given)]
    return _lines(pairs, window.limit, lambda line: Message(*line))


def from_stretch(messages_json: str | None, answers_json: str | None, limit: int) -> list[Message] | None:
    """The window's messages, out of what `read_conversations` gives of its session; None if that does not hold them all."""
    if messages_json is None:
        return None
    stretch: dict[str | None, Line] = {line[_MESSAGE_ID]: line for line in orjson.loads(messages_json)}
    answers: dict[str, str] = orjson.loads(answers_json or "{}")
    questions = sorted([line for line in stretch.values() if line[_TYPE] == _TEXT], key=itemgetter(_SEQ), reverse=True)
    near: list[tuple[Line, Line | None]] = []
    for question in questions:
        answer_id = answers.get(str(question[_SEQ]))
        if answer_id is not None and answer_id not in stretch:
            break
        near.append((question, stretch.get(answer_id)))
    lines = _lines(near, limit, _of_json)
    is_whole_session = len(near) == len(questions) > 0 and questions[-1][_SEQ] == 1
    return lines if len(lines) == limit or is_whole_session else None


def _lines(newest_first: Iterable[tuple[Line, Line | None]], limit: int, read: Callable[[Line], Message]) -> list[Message]:
    """Of questions with their answers. An answer to several questions stays with the newest of them."""
    found: dict[str, Line] = {}
    for question, answer in newest_first:
        if answer is not None:
            found.setdefault(answer[_MESSAGE_ID], answer)
        found.setdefault(question[_MESSAGE_ID], question)
        if len(found) >= limit:
            break
    return [read(line) for line in list(found.values())[:limit][::-1]]


def _of_json(line: Line) -> Message:
    message_id, session_id, from_user_id, msg_type, msg_content, created_at, updated_at, seq = line
    created = datetime.fromisoformat(created_at)
    updated = created if updated_at == created_at else datetime.fromisoformat(updated_at)
    return Message(message_id, session_id, from_user_id, _MESSAGE_TYPES[msg_type], msg_content, created, updated, seq)


async def _read_stretches(connection: Connection, windows: Sequence[Window]) -> dict[tuple[str, int], _Stretch]:
    given = {
        "session_ids": [window.session_id for window in windows],
        "user_seqs": [str(window.user_seq) for window in windows],
        "history_messages": max(window.limit for window in windows),
    }
    return {(row[0], row[1]): (row[2], row[3]) for row in await connection.execute(_STRETCHES, given)}


_STRETCHES = calling(
    "read_conversations",
    [Column("session_id", String), Column("user_seq", BigInteger), Column("messages", Text), Column("answers", Text)],
    session_ids=TEXTS,
    user_seqs=NUMBERS,
    history_messages=(Integer, Integer),
)

_FAR = select(
    func.read_far_conversation(
        cast(bindparam("session_id", type_=String), String),
        cast(bindparam("user_seq", type_=BigInteger), BigInteger),
        cast(bindparam("at_most", type_=Integer), Integer),
    )
)


_asked = (
    select(*MESSAGE)
    .where(
        messages.c.session_id == bindparam("session_id", type_=String),
        messages.c.seq <= bindparam("user_seq", type_=BigInteger),
        messages.c.msg_type == MessageType.TEXT,
    )
    .order_by(messages.c.seq.desc())
    .limit(bindparam("at_most"))
    .subquery("asked")
)
_answer = messages.alias("answer")
_QUESTIONS_AND_ANSWERS = (
    select(*columns_of(_asked, Message), *columns_of(_answer, Message))
    .select_from(_asked)
    .outerjoin(records, and_(records.c.user_message_id == _asked.c.message_id, _asked.c.seq < bindparam("user_seq", type_=BigInteger)))
    .outerjoin(_answer, _answer.c.message_id == records.c.ai_message_id)
    .order_by(_asked.c.seq.desc())
)
