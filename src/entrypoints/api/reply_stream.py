"""The events of one reply, from where the client is to the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

from adapters.websocket import frames
from adapters.websocket.frames import Frame
from adapters.websocket.outbox import Outbox
from entrypoints.api.reply_cursor import ReplyCursor
from entrypoints.api.services import Services
from imcore.chat_record import ChatRecord
from imcore.errors import StoreUnavailableError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyDelta, ReplyEnded, ReplyStarted
from imcore.ids import reply_message_id
from imcore.resume_session import ended_event, leader_of

log = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
HEARTBEAT = b": still here\n\n"


class ReplyStream:
    """Server-sent events out of an outbox that is open already: so nothing that happens while the store is read is missed."""

    def __init__(
        self, services: Services, user_id: str, record_id: str, outbox: Outbox, cursor: ReplyCursor, *, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._services = services
        self._user_id = user_id
        self._record_id = record_id
        self._outbox = outbox
        self._cursor = cursor
        self._heartbeat_s = heartbeat_s

    async def chunks(self, first: Frame | None = None) -> AsyncGenerator[bytes]:
        """`first`, if given, goes before all. Ends after the reply's end, or when the server closes the outbox."""
        try:
            if first is not None:
                yield _sse(first, None)
            for frame in await self._so_far():
                yield _sse(frame, self._cursor)
                if frame.end is not None:
                    return
            async for chunk in self._live():
                yield chunk
        finally:
            self._services.hub.remove(self._user_id, self._outbox)

    async def _so_far(self) -> list[Frame]:
        store = self._services.store
        record = await store.record(self._user_id, self._record_id)
        if record is not None and record.is_open:
            return self._begun(record, await leader_of(store, record))
        end = await ended_event(store, self._user_id, self._record_id)
        return [] if end is None else self._rest(end)

    def _begun(self, record: ChatRecord, leader: ChatRecord) -> list[Frame]:
        """A reply in progress: what this process heard of it, else what the store has, and its writer is asked for more."""
        delta = self._services.live.so_far(record, leader)
        if delta.attempt == 0:
            return []
        begun = [frames.reply_event(_started(record, delta.attempt))] if self._cursor.begin(delta.attempt) else []
        return begun + self._news(delta)

    async def _live(self) -> AsyncGenerator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    frame = await self._outbox.take()
            except TimeoutError:
                yield HEARTBEAT
                heard = await self._end_nobody_told()
            else:
                if frame is None:
                    return
                heard = self._heard(frame)
            for news in heard:
                yield _sse(news, self._cursor)
                if news.end is not None:
                    return

    async def _end_nobody_told(self) -> list[Frame]:
        """The event of an end can be lost; the store has it all the same."""
        try:
            end = await ended_event(self._services.store, self._user_id, self._record_id)
        except StoreUnavailableError as error:
            log.warning("the store was not asked for a reply's end", extra={"record_id": self._record_id, "detail": error.detail})
            return []
        return [] if end is None else self._rest(end)

    def _heard(self, frame: Frame) -> list[Frame]:
        if frame.end is not None:
            return self._rest(frame.end)
        if frame.delta is not None:
            news = self._cursor.advance(frame.delta)
            return [] if news is None else [frame if news is frame.delta else frames.reply_event(news)]
        return [frame] if frame.event is not None and self._cursor.begin(frame.event.attempt) else []

    def _rest(self, end: ReplyEnded) -> list[Frame]:
        """What of the whole text the client has not read yet, then the end."""
        self._cursor.begin(end.attempt)
        message = end.message if isinstance(end, ReplyCompleted | ReplyCancelled) else None
        rest = [] if message is None else self._news(ReplyDelta(self._record_id, end.attempt, 0, message.msg_content))
        return [*rest, frames.reply_event(end)]

    def _news(self, delta: ReplyDelta) -> list[Frame]:
        news = self._cursor.advance(delta)
        return [] if news is None else [frames.reply_event(news)]


def _started(record: ChatRecord, attempt: int) -> ReplyStarted:
    return ReplyStarted(record.record_id, attempt, record.session_id, record.user_message_id, reply_message_id(record.answered_by))


def _sse(frame: Frame, cursor: ReplyCursor | None) -> bytes:
    """One event; a browser names its id in `Last-Event-ID` when it comes back."""
    name = frame.event.type if frame.event is not None else "message.accepted"
    event_id = "" if cursor is None else f"id: {cursor}\n"
    return f"event: {name}\n{event_id}data: {frame.text}\n\n".encode()
