"""Use case: a user reads what was said, in which sessions, and what became of the replies. Nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.errors import InvalidRequestError, NotFoundError
from imcore.ids import owned_session_id
from imcore.message import Message
from imcore.ports import MessageStore, RecordPage
from imcore.session import Session
from imcore.value import value

MAX_PAGE = 200

_T = TypeVar("_T")


@value
class MessagePage:
    """Oldest first. Each cursor is the `seq` to go on from, None where there is nothing more on that side."""

    items: Sequence[Message]
    next_after_seq: int | None
    next_before_seq: int | None


@dataclass(frozen=True, slots=True)
class ReadHistory:
    store: MessageStore

    async def messages(
        self, user_id: str, session_id: str | None = None, *, after_seq: int | None = None, before_seq: int | None = None, limit: int = 50
    ) -> MessagePage:
        """A page of one session: the newest without a cursor.

        `next_after_seq` is always set when there are items: asking with it later gives what has come since.
        """
        if after_seq is not None and before_seq is not None:
            raise InvalidRequestError("after_seq, before_seq: only one of them can be given.")
        limit = _page(limit)
        session = owned_session_id(user_id, session_id)
        items = await self.store.messages(user_id, session, after_seq=after_seq, before_seq=before_seq, limit=limit + 1)
        forwards = after_seq is not None
        more = len(items) > limit
        items = items[:limit] if forwards else items[-limit:]
        if not items:
            return MessagePage((), after_seq, before_seq if forwards else None)
        return MessagePage(items, items[-1].seq, items[0].seq if more or forwards else None)

    async def message(self, user_id: str, message_id: str) -> Message:
        return _found(await self.store.message(user_id, message_id), "message")

    async def sessions(self, user_id: str, *, limit: int = MAX_PAGE) -> list[Session]:
        return await self.store.sessions(user_id, limit=_page(limit))

    async def record(self, user_id: str, record_id: str) -> ChatRecord:
        return _found(await self.store.record(user_id, record_id), "record")

    async def record_of(self, user_id: str, user_message_id: str) -> ChatRecord:
        """The record of the reply to a message of the user's."""
        return _found(await self.store.record_of(user_id, user_message_id), "message")

    async def records(
        self,
        user_id: str,
        *,
        session_id: str | None = None,
        status: ReplyStatus | None = None,
        user_message_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> RecordPage:
        session = None if session_id is None else owned_session_id(user_id, session_id)
        return await self.store.records(
            user_id, session_id=session, status=status, user_message_id=user_message_id, cursor=cursor, limit=_page(limit)
        )


def _page(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequestError(f"limit: 1 to {MAX_PAGE} are accepted.")
    return limit


def _found(thing: _T | None, name: str) -> _T:
    if thing is None:
        raise NotFoundError(f"You have no such {name}.")
    return thing
