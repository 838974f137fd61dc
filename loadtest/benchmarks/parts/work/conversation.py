"""What users say and the model answers, as the store is given it."""

from __future__ import annotations

from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.clock import utc_now
from imcore.ids import new_id
from imcore.message import Message, MessageType

TEXT = "What would you say to a walk along the river this afternoon, if the rain stops in time? " * 2
PROMPT_MESSAGES = 20


def a_send(user_id: str) -> tuple[Message, ChatRecord]:
    """A message in the user's own session, and the record of its reply."""
    now, message_id = utc_now(), new_id()
    message = Message(message_id, user_id, user_id, MessageType.TEXT, TEXT, now, now)
    return message, ChatRecord(new_id(), user_id, user_id, message_id, now, now)


def lease_of(record: ChatRecord) -> Lease:
    return Lease(record.record_id, record.session_id, record.attempt)


def a_reply(record: ChatRecord) -> ReplyOutcome:
    """The end of a reply, with the request that led to it."""
    messages = [{"role": "user", "content": TEXT} for _ in range(PROMPT_MESSAGES)]
    request: dict[str, object] = {"model": "demo", "messages": messages}
    return ReplyOutcome(
        lease_of(record),
        ReplyStatus.SUCCESS,
        TEXT,
        ended_at=utc_now(),
        request_content=request,
        response_content={"text": TEXT, "finish_reason": "stop", "model": "demo"},
        model="demo",
        duration_ms=1000,
    )
