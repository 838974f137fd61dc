"""The shapes of the WebSocket's frames, for the AsyncAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from adapters.websocket.client_frames import MAX_KNOWN_REPLIES, MAX_PING_ID_CHARS, MAX_SEQ
from entrypoints.api.schemas import Message, Problem, SendRequest, Status


class MessageSend(SendRequest):
    """Send a message. Answered by `message.accepted` or `message.rejected`."""

    type: Literal["message.send"]


class ReplyCancel(BaseModel):
    """Stop a reply; the text so far is kept. The end comes as `reply.cancelled`."""

    type: Literal["reply.cancel"]
    record_id: str


class KnownReply(BaseModel):
    record_id: str
    attempt: int
    offset: int


class Resume(BaseModel):
    """After each connect: what was missed. Answered by `resumed`."""

    type: Literal["resume"]
    session_id: str | None = None
    after_seq: int = Field(ge=0, le=MAX_SEQ, description="The `seq` of the last message you have, 0 for none.")
    replies: list[KnownReply] | None = Field(default=None, max_length=MAX_KNOWN_REPLIES, description="Replies that were in progress.")


class Ping(BaseModel):
    """Answered by `pong`; keeps a quiet connection from being closed as idle."""

    type: Literal["ping"]
    id: int | str | None = Field(default=None, description=f"At most {MAX_PING_ID_CHARS} characters.")


class Ready(BaseModel):
    """The first frame on a connection."""

    type: Literal["ready"]
    user_id: str
    connection_id: str
    limits: dict[str, Any]


class MessageAccepted(BaseModel):
    """The message and the record of its reply are committed."""

    type: Literal["message.accepted"]
    message: Message
    record_id: str
    status: Status
    duplicate: bool


class MessageRejected(BaseModel):
    """Nothing was kept, or (503) the same `message_id` can be sent again safely."""

    type: Literal["message.rejected"]
    message_id: str | None = Field(description="Yours; null if you gave none.")
    error: Problem


class ReplyStarted(BaseModel):
    """An attempt begins: whatever there was of an earlier one is void."""

    type: Literal["reply.started"]
    record_id: str
    session_id: str
    user_message_id: str
    ai_message_id: str
    attempt: int


class ReplyDelta(BaseModel):
    """`text` belongs at code point `offset` of the reply. At 0 it replaces all; so does a new `attempt`."""

    type: Literal["reply.delta"]
    record_id: str
    attempt: int
    offset: int
    text: str


class ReplyCompleted(BaseModel):
    """The reply is stored; `message` is the whole of it."""

    type: Literal["reply.completed"]
    record_id: str
    attempt: int
    message: Message


class ReplyFailed(BaseModel):
    type: Literal["reply.failed"]
    record_id: str
    attempt: int
    error: Problem
    retryable: bool = Field(description="Whether a retry can succeed without anybody changing anything.")


class ReplyCancelled(BaseModel):
    type: Literal["reply.cancelled"]
    record_id: str
    attempt: int
    message: Message | None = Field(description="The text so far, null if there was none.")


class ReplyInProgress(BaseModel):
    record_id: str
    user_message_id: str
    ai_message_id: str
    attempt: int = Field(description="0: nobody has begun it.")
    text: str


class Resumed(BaseModel):
    type: Literal["resumed"]
    session_id: str
    recovered: bool = Field(description="False: you know messages that are not stored; drop what you have and resume from 0.")
    messages: list[Message] = Field(description="Those after `after_seq`, oldest first.")
    replies: list[ReplyInProgress]
    more: bool = Field(description="There are further messages: resume again from the last `seq`.")


class Pong(BaseModel):
    type: Literal["pong"]
    id: int | str | None


class Error(BaseModel):
    """A frame was not valid, or what it asked for failed."""

    type: Literal["error"]
    error: Problem
    about: str | None = Field(description="The type of your frame, null if it had no known one.")


FROM_CLIENT: tuple[type[BaseModel], ...] = (MessageSend, ReplyCancel, Resume, Ping)
FROM_SERVER: tuple[type[BaseModel], ...] = (
    Ready,
    MessageAccepted,
    MessageRejected,
    ReplyStarted,
    ReplyDelta,
    ReplyCompleted,
    ReplyFailed,
    ReplyCancelled,
    Resumed,
    Pong,
    Error,
)


def frame_type(frame: type[BaseModel]) -> str:
    """The value of its field `type`."""
    kind: str = frame.model_json_schema()["properties"]["type"]["const"]
    return kind
