"""Use case: a user stops a reply, before it begins or in the middle; the text so far is kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.errors import NotFoundError
from imcore.events import ReplyCancelled, StopReply
from imcore.ports import MessageStore, Notifier, ReplyQueue


@dataclass(frozen=True, slots=True)
class CancelReply:
    store: MessageStore
    queue: ReplyQueue
    notifier: Notifier
    _stopping: set[asyncio.Task[ChatRecord]] = field(default_factory=set, init=False, repr=False, compare=False)

    async def __call__(self, user_id: str, record_id: str) -> ChatRecord:
        """Returns the record: cancelled already, or about to be by its writer. Can be repeated; one that has ended stays as it is.

        Whoever gives up waiting stops nothing: what is committed is told.

        Raises:
            NotFoundError: the user has no such record.
        """
        stopping = asyncio.create_task(self._stop(user_id, record_id))
        self._stopping.add(stopping)  # the event loop itself would let go of it
        stopping.add_done_callback(self._stopping.discard)
        return await asyncio.shield(stopping)

    async def _stop(self, user_id: str, record_id: str) -> ChatRecord:
        record = await self.store.cancel(user_id, record_id)
        if record is None:
            raise NotFoundError("You have no such record.")
        if record.is_open:
            self.notifier.publish_request(StopReply(record_id))
        elif record.status is ReplyStatus.CANCELLED:
            await self._tell(user_id, record)
        return record

    async def _tell(self, user_id: str, record: ChatRecord) -> None:
        message = await self.store.message(user_id, record.ai_message_id) if record.ai_message_id else None
        for ended in await self.store.group_of(record):
            self.notifier.publish(user_id, ReplyCancelled(ended.record_id, ended.attempt, message))
        self.queue.enqueue([record.session_id])  # the next one in the session may have waited for this
