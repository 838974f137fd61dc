"""What a client can be told about a reply, live. At most once each: whatever is missed is read from the store.

`offset` counts Unicode code points. The text of a delta belongs at its offset; a new attempt starts again at 0 and replaces all;
so does a delta at offset 0 of the same attempt, which is how a snapshot of the text so far is sent.
"""

from __future__ import annotations

from typing import ClassVar

from imcore.chat_record import ReplyError
from imcore.message import Message
from imcore.value import value


@value
class ReplyStarted:
    """`origin` names the process where the message came in: it is told of the deltas, others once they ask. Empty: every process is."""

    type: ClassVar[str] = "reply.started"
    record_id: str
    attempt: int
    session_id: str
    user_message_id: str
    ai_message_id: str
    origin: str = ""


@value
class ReplyDelta:
    type: ClassVar[str] = "reply.delta"
    record_id: str
    attempt: int
    offset: int
    text: str


@value
class ReplyCompleted:
    type: ClassVar[str] = "reply.completed"
    record_id: str
    attempt: int
    message: Message


@value
class ReplyFailed:
    type: ClassVar[str] = "reply.failed"
    record_id: str
    attempt: int
    error: ReplyError


@value
class ReplyCancelled:
    type: ClassVar[str] = "reply.cancelled"
    record_id: str
    attempt: int
    message: Message | None


ReplyEnded = ReplyCompleted | ReplyFailed | ReplyCancelled
ReplyEvent = ReplyStarted | ReplyDelta | ReplyEnded


@value
class StopReply:
    """Asks whoever writes this reply to stop and to keep the text so far."""

    type: ClassVar[str] = "stop"
    record_id: str


@value
class ShowReply:
    """Asks whoever writes this reply for a delta at offset 0 with the whole text so far, and to tell every process what follows."""

    type: ClassVar[str] = "show"
    record_id: str


@value
class TellAll:
    """Asks every writer to tell every process what follows of the replies that run now: one has begun to listen."""

    type: ClassVar[str] = "tell_all"


WriterRequest = StopReply | ShowReply | TellAll
