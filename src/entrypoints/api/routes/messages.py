"""What was said: messages, and the reply to one of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from adapters.websocket.client_frames import MAX_SEQ
from adapters.websocket.render import JsonObject, message_json
from entrypoints.api import schemas
from entrypoints.api.authentication import CurrentUser, TheServices
from entrypoints.api.event_stream import EventStreamResponse, wants_events
from entrypoints.api.ids import MessageId
from entrypoints.api.problem_docs import problems
from entrypoints.api.reply_cursor import ReplyCursor
from entrypoints.api.reply_json import reply_json
from entrypoints.api.reply_stream import ReplyStream
from imcore.errors import RateLimitedError
from imcore.read_history import MAX_PAGE

router = APIRouter(tags=["messages"])

Seq = Annotated[int | None, Query(ge=0, le=MAX_SEQ)]

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "As an event stream: `reply.*` events, `id` is `attempt:offset`.", "content": {"text/event-stream": {}}}
}


@router.get("/api/message/list", response_model=schemas.MessagePage, responses=problems(422))
async def list_messages(  # noqa: PLR0917  # FastAPI passes its parameters by name
    user_id: CurrentUser,
    services: TheServices,
    session_id: str | None = None,
    after_seq: Seq = None,
    before_seq: Seq = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
) -> JsonObject:
    """A page of one session (the default one if none is named), oldest first: the newest page without a cursor."""
    page = await services.read_history.messages(user_id, session_id, after_seq=after_seq, before_seq=before_seq, limit=limit)
    return {
        "items": [message_json(message) for message in page.items],
        "next_after_seq": page.next_after_seq,
        "next_before_seq": page.next_before_seq,
    }


@router.get("/api/message/{message_id}", response_model=schemas.Message, responses=problems(404))
async def get_message(user_id: CurrentUser, services: TheServices, message_id: MessageId) -> JsonObject:
    """One message, yours or a reply to you."""
    return message_json(await services.read_history.message(user_id, message_id))


@router.get(
    "/api/message/{message_id}/reply",
    response_model=schemas.Reply,
    response_model_exclude_unset=True,
    responses=_EVENTS | problems(404, 429),
)
async def get_reply(
    user_id: CurrentUser,
    services: TheServices,
    message_id: MessageId,
    accept: Annotated[str | None, Header()] = None,
    last_event_id: Annotated[str | None, Header(description="The `id` of the last event you have: the stream goes on after it.")] = None,
) -> JsonObject | Response:
    """The reply to one of your messages.

    With `Accept: text/event-stream` its events, until it has ended; a finished reply is sent whole.
    """
    record = await services.read_history.record_of(user_id, message_id)
    if not wants_events(accept):
        return await reply_json(services, user_id, record)
    outbox = services.hub.open_stream(user_id, record.record_id)
    if outbox is None:
        raise RateLimitedError("You have too many event streams open; close one.", 1)
    stream = ReplyStream(services, user_id, record.record_id, outbox, ReplyCursor.of(last_event_id))
    return EventStreamResponse(stream.chunks())
