"""Use case: a user stops a reply, before it begins or in the middle; the text so far is kept."""

from __future__ import annotations

from dataclasses import dataclass

from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.errors import NotFoundError
from imcore.events import ReplyCancelled, StopReply
from imcore.ports import MessageStore, Notifier, ReplyQueue


@dataclass(frozen=True, slots=True)
class CancelReply:
    store: MessageStore
    queue: ReplyQueue
    notifier: Notifier

    async def __call__(self, user_id: str, record_id: str) -> ChatRecord:
        """Returns the record: cancelled already, or about to be by its writer. Can be repeated; one that has ended stays as it is.

        Raises:
            NotFoundError: the user has no such record.
        """
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
