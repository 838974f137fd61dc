"""The next messages of locked sessions: gives away `seq`s and writes both."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.sql.bulk import BulkInsert, BulkUpdate, Write
from adapters.sql.rows import values_of
from adapters.sql.schema import messages, sessions
from imcore.message import Message
from imcore.session import Session

_SESSION = ("session_id", "user_id", "last_seq", "created_at", "updated_at")
_MESSAGE = ("message_id", "session_id", "seq", "from_user_id", "msg_type", "msg_content", "created_at", "updated_at")
_ADVANCED = ("session_id", "last_seq", "updated_at")

_make_sessions = BulkInsert(sessions, *_SESSION)
_advance_sessions = BulkUpdate(sessions, *_ADVANCED)
_insert_messages = BulkInsert(messages, *_MESSAGE)


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
        seq, latest = session.last_seq + 1, max(session.updated_at, message.created_at)
        message = message.numbered(seq)
        self._sessions[message.session_id] = Session(session.session_id, session.user_id, seq, session.created_at, latest)
        self._messages.append(message)
        return message

    def writes(self) -> list[Write]:
        """What is to be written."""
        touched = {message.session_id for message in self._messages}
        made = [self._sessions[session_id] for session_id in sorted(touched - self._locked.keys())]
        grown = [self._sessions[session_id] for session_id in sorted(touched & self._locked.keys())]
        return [
            (_make_sessions, [values_of(session, _SESSION) for session in made]),
            (_advance_sessions, [values_of(session, _ADVANCED) for session in grown]),
            (_insert_messages, [values_of(message, _MESSAGE) for message in self._messages]),
        ]
