"""Use case: a user sends a message; it is committed with the waiting record of its reply before anybody is answered.

What it interrupts (`DoubleTexting`) is decided in the same commit, and told afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

from imcore.chat_record import ChatRecord
from imcore.clock import utc_now
from imcore.double_texting import DoubleTexting
from imcore.events import StopReply
from imcore.ids import check_message_id, new_id, owned_session_id
from imcore.message import Message, MessageType, check_content
from imcore.ports import MessageStore, Notifier, ReplyQueue, Stored


@dataclass(frozen=True, slots=True)
class SendMessage:
    store: MessageStore
    queue: ReplyQueue
    notifier: Notifier
    max_message_chars: int = 8000
    max_pending_replies: int | None = None
    double_texting: DoubleTexting = DoubleTexting.QUEUE

    async def __call__(self, user_id: str, msg_content: object, *, message_id: str | None = None, session_id: str | None = None) -> Stored:
        """Returns what is stored; `duplicate` if the very same send was answered before.

        Raises:
            InvalidRequestError, TooLargeError, ForbiddenError: nothing was kept.
            MessageConflictError: the id is taken by another message.
            ReplyInProgressError: the session still waits for a reply, and `double_texting` is `REJECT`.
            RateLimitedError: too many of the user's replies are still to come.
            StoreUnavailableError: the same `message_id` can be sent again safely.
        """
        message = self._checked(user_id, msg_content, message_id, session_id)
        record = ChatRecord(
            record_id=new_id(),
            session_id=message.session_id,
            user_id=user_id,
            user_message_id=message.message_id,
            created_at=message.created_at,
            updated_at=message.created_at,
        )
        stored = await self.store.add(message, record, max_pending=self.max_pending_replies, double_texting=self.double_texting)
        self._tell_interrupted(user_id, stored)
        if stored.record.is_open:
            self.queue.enqueue([message.session_id])
        return stored

    def _tell_interrupted(self, user_id: str, stored: Stored) -> None:
        for record_id in stored.stopped:
            self.notifier.publish_request(StopReply(record_id))
        for end in stored.cancelled:
            self.notifier.publish(user_id, end)

    def _checked(self, user_id: str, msg_content: object, message_id: str | None, session_id: str | None) -> Message:
        now = utc_now()
        return Message(
            message_id=new_id() if message_id is None else check_message_id(message_id),
            session_id=owned_session_id(user_id, session_id),
            from_user_id=user_id,
            msg_type=MessageType.TEXT,
            msg_content=check_content(msg_content, self.max_message_chars),
            created_at=now,
            updated_at=now,
        )
