"""The shapes of the HTTP interface, for its document and for the check of every answer that is not on the hot path."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[
    str,
    Field(description="UTC, RFC 3339 with milliseconds.", examples=["2026-01-31T08:15:00.123Z"], json_schema_extra={"format": "date-time"}),
]
Status = Annotated[int, Field(ge=0, le=3, description="0 processing, 1 success, 2 failed, 3 cancelled.")]
JsonObject = dict[str, Any]


class Problem(BaseModel):
    """RFC 9457. `code` is stable, the texts are for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:imcore:problem:not_found"])
    title: str
    status: int | None = Field(default=None, description="The HTTP status; not there where a reply failed and no request.")
    detail: str
    code: str = Field(examples=["not_found"])
    request_id: str | None = Field(default=None, description="Also in the header `X-Request-ID` and in the server's logs.")
    retry_after_s: int | None = Field(default=None, description="Seconds until it makes sense to try again.")


class Message(BaseModel):
    """One immutable line of a session. `seq` orders the messages of a session: always growing, gaps allowed."""

    message_id: str
    session_id: str
    seq: int
    from_user_id: str = Field(description="The user, or `im:ai` for a reply.")
    msg_type: str = Field(description="`TEXT` or `AI_REPLY`.")
    msg_content: str
    created_at: Time
    updated_at: Time


class SendRequest(BaseModel):
    msg_content: str = Field(min_length=1, description="At most `IM_MAX_MESSAGE_CHARS` Unicode code points.")
    message_id: str | None = Field(
        default=None,
        max_length=64,
        description="Yours, 1 to 64 of `A-Z a-z 0-9 . _ : -`: it makes a repeated send harmless. Else the server makes one.",
    )
    session_id: str | None = Field(default=None, max_length=48, description="Your user id (the default), or your user id + `:` + a name.")


class Accepted(BaseModel):
    """The message is committed together with the record of the reply to come."""

    message: Message
    record_id: str
    status: Status
    duplicate: bool | None = Field(default=None, description="True if the very same send was answered before; else not there.")


class MessagePage(BaseModel):
    """Oldest first. A cursor is None where there is nothing more on that side."""

    items: list[Message]
    next_after_seq: int | None = Field(description="Ask with it, now or later, for what follows.")
    next_before_seq: int | None = Field(description="Ask with it for what comes before.")


class Reply(BaseModel):
    """What became of the reply to a message; `text` is what there is of it so far."""

    record_id: str
    status: Status
    attempt: int = Field(description="0: nobody has begun it.")
    ai_message_id: str | None = Field(description="The id that the reply has, or will have; null if it left no message.")
    text: str
    message: Message | None = None
    error: Problem | None = None


class RecordSummary(BaseModel):
    """The life of one reply. Times in milliseconds: `queue_ms` from acceptance to claim, the others from claim on."""

    record_id: str
    session_id: str
    user_message_id: str
    ai_message_id: str | None
    status: Status
    attempt: int
    response_content: JsonObject | None = Field(description="What the model answered; `text` is in it.")
    model: str | None
    duration_ms: int | None
    queue_ms: int | None
    first_token_ms: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    error_code: str | None
    error_message: str | None
    merged_into: str | None = Field(description="The record whose reply answers this one's message too (`IM_DOUBLE_TEXTING=merge`).")
    created_at: Time
    updated_at: Time


class Record(RecordSummary):
    request_content: JsonObject | None = Field(description="The exact request sent to the model.")


class RecordPage(BaseModel):
    """Newest first."""

    items: list[RecordSummary]
    next_cursor: str | None = Field(description="Ask with it for what is older; null on the last page.")


class Session(BaseModel):
    session_id: str
    user_id: str
    last_seq: int
    created_at: Time
    updated_at: Time = Field(description="When its last message came.")


class SessionList(BaseModel):
    items: list[Session]


class Guest(BaseModel):
    token: str
    user_id: str


class Health(BaseModel):
    status: str = Field(examples=["ready"])
