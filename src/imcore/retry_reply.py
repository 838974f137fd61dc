"""Use case: a user has a failed or cancelled reply written anew, as a further attempt of the same record."""

from __future__ import annotations

from dataclasses import dataclass

from imcore.chat_record import ChatRecord
from imcore.errors import NotFoundError
from imcore.ports import MessageStore, ReplyQueue


@dataclass(frozen=True, slots=True)
class RetryReply:
    store: MessageStore
    queue: ReplyQueue
    max_pending_replies: int | None = None

    async def __call__(self, user_id: str, record_id: str) -> ChatRecord:
        """Returns the record, open again. Can be repeated while it is open.

        Raises:
            NotFoundError: the user has no such record.
            NotRetryableError: the reply succeeded.
            RateLimitedError: the user already waits for `max_pending_replies` replies.
        """
        record = await self.store.retry(user_id, record_id, max_pending=self.max_pending_replies)
        if record is None:
            raise NotFoundError("You have no such record.")
        self.queue.enqueue([record.session_id])
        return record
