"""The last messages of sessions, for prompts: those of many replies that begin at the same time in one query, where the database can."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, FromClause, Integer, Select, String, and_, bindparam, literal, select, true

from adapters.sql.bulk import document, recordset
from adapters.sql.connection import PLAN_ANEW, POSTGRESQL, Connection
from adapters.sql.rows import MESSAGE, columns_of
from adapters.sql.schema import messages, records
from imcore.message import Message, MessageType


@dataclass(frozen=True, slots=True)
class Window:
    """The newest `limit` messages up to `user_seq`; of the replies none that came later."""

    session_id: str
    user_seq: int
    limit: int


_QUESTION = slice(len(MESSAGE))
_ANSWER = slice(len(MESSAGE), None)
"""Where they are in a pair; an answer may be missing, then there are only NULLs."""


async def read_all(connection: Connection, windows: Sequence[Window]) -> list[list[Message]]:
    """The messages of each window, oldest first."""
    if windows and connection.dialect == POSTGRESQL:
        return await _read_together(connection, windows)
    return [await _read_one(connection, window) for window in windows]


async def _read_together(connection: Connection, windows: Sequence[Window]) -> list[list[Message]]:
    asked = [{"position": place, "session_id": window.session_id, "user_seq": window.user_seq} for place, window in enumerate(windows)]
    found = await connection.execute(_MANY, {"rows": document(asked), "at_most": max(window.limit for window in windows)})
    by_position = {position: [row[1:] for row in rows] for position, rows in groupby(found, key=itemgetter(0))}
    return [lines(by_position.get(place, ()), window.limit) for place, window in enumerate(windows)]


async def _read_one(connection: Connection, window: Window) -> list[Message]:
    found = await connection.execute(_ONE, {"session_id": window.session_id, "user_seq": window.user_seq, "at_most": window.limit})
    return lines([row[1:] for row in found], window.limit)


def lines(
    newest_first: Iterable[Sequence[Any]], limit: int, read: Callable[[Sequence[Any]], Message] = lambda values: Message(*values)
) -> list[Message]:
    """Of pairs, a question's values and those of its answer. An answer to several questions stays with the newest of them."""
    found: dict[str, Message] = {}
    for pair in newest_first:
        for line in (pair[_ANSWER], pair[_QUESTION]):
            if line[0] is not None and line[0] not in found:
                found[line[0]] = read(line)
        if len(found) >= limit:
            break
    return list(found.values())[:limit][::-1]


def _select(
    given: FromClause | None, position: ColumnElement[int], session_id: ColumnElement[str], user_seq: ColumnElement[int]
) -> Select[Any]:
    questions = (
        select(*MESSAGE)
        .where(messages.c.session_id == session_id, messages.c.seq <= user_seq, messages.c.msg_type == MessageType.TEXT)
        .order_by(messages.c.seq.desc())
        .limit(bindparam("at_most"))
    )
    asked: Any = questions.subquery("asked") if given is None else questions.lateral("asked")
    source = asked if given is None else given.join(asked, true())
    answer = messages.alias("answer")
    return (
        select(position.label("position"), *columns_of(asked, Message), *columns_of(answer, Message))
        .select_from(source)
        .outerjoin(records, and_(records.c.user_message_id == asked.c.message_id, asked.c.seq < user_seq))
        .outerjoin(answer, answer.c.message_id == records.c.ai_message_id)
        .order_by(*([] if given is None else [position]), asked.c.seq.desc())
    )


_given = recordset([Column("position", Integer), Column("session_id", String(48)), Column("user_seq", BigInteger)], "rows")
_MANY = _select(_given, _given.c.position, _given.c.session_id, _given.c.user_seq).execution_options(**{PLAN_ANEW: True})
_ONE = _select(None, literal(0), bindparam("session_id", type_=String), bindparam("user_seq", type_=BigInteger))
