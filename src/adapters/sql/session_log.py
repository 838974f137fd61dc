"""The next messages of locked sessions: gives away `seq`s and writes both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.sql.rows import values_of
from adapters.sql.schema import messages, sessions
from imcore.message import Message
from imcore.session import Session

_ADVANCE = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("of_session"))
    .values(last_seq=bindparam("new_last_seq"), updated_at=bindparam("new_updated_at"))
)


class SessionLog:
    """Appends messages in memory, then writes them all at once.

    A session that was not there when the locks were taken is made; if somebody else makes it at the same time, its key clashes
    and the whole transaction is tried again.
    """

    def __init__(self, locked: Mapping[str, Session]) -> None:
        self._locked = locked
        self._sessions = dict(locked)
        self._messages: list[Message] = []

    def owner(self, session_id: str) -> str | None:
        """Whose session it is, None if it is to be made yet."""
        session = self._sessions.get(session_id)
        return session.user_id if session else None

    def append(self, message: Message, *, user_id: str) -> Message:
        """The message with its `seq`, as the last one of its session, which is `user_id`'s."""
        session = self._sessions.get(message.session_id) or Session(message.session_id, user_id, 0, message.created_at, message.created_at)
        message = replace(message, seq=session.last_seq + 1)
        latest = max(session.updated_at, message.created_at)
        self._sessions[message.session_id] = replace(session, last_seq=message.seq, updated_at=latest)
        self._messages.append(message)
        return message

    async def write(self, connection: AsyncConnection) -> None:
        touched = {message.session_id for message in self._messages}
        made = [self._sessions[session_id] for session_id in sorted(touched - self._locked.keys())]
        grown = [self._sessions[session_id] for session_id in sorted(touched & self._locked.keys())]
        if made:
            await connection.execute(insert(sessions), [values_of(session) for session in made])
        if grown:
            await connection.execute(_ADVANCE, [_advance(session) for session in grown])
        if self._messages:
            await connection.execute(insert(messages), [values_of(message) for message in self._messages])


def _advance(session: Session) -> dict[str, object]:
    return {"of_session": session.session_id, "new_last_seq": session.last_seq, "new_updated_at": session.updated_at}
