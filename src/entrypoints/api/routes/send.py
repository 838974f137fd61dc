"""`POST /api/message/send`: the hot route, served without FastAPI's dependency and response-model machinery."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response

from adapters.websocket import frames
from adapters.websocket.client_frames import message_send
from adapters.websocket.render import accepted_json
from entrypoints.api.authentication import authenticate, services_of
from entrypoints.api.body import read_json_object
from entrypoints.api.event_stream import EventStreamResponse, wants_events
from entrypoints.api.problem_docs import ADMISSION_CODES, problems
from entrypoints.api.reply_cursor import ReplyCursor
from entrypoints.api.reply_stream import ReplyStream
from entrypoints.api.schemas import Accepted, SendRequest
from entrypoints.api.services import Services
from imcore.ports import Stored


async def send(request: Request) -> Response:
    """Send a message.

    It is answered once the message and the record of its reply are committed. The same `message_id` with the same content again changes
    nothing and is answered with `200` and `"duplicate": true`. With `Accept: text/event-stream` the answer goes on with the reply's events.
    """
    services = services_of(request)
    user_id = (await authenticate(services, request.headers)).user_id
    asked = message_send(await read_json_object(request, services.max_input_bytes))
    await services.admission.check(user_id)
    stored = await services.send_message(user_id, asked.msg_content, message_id=asked.message_id, session_id=asked.session_id)
    if not stored.duplicate:
        services.metrics.message_stored(stored.message.msg_type.value)
    streamed = _stream(services, user_id, stored) if wants_events(request.headers.get("accept")) else None
    return streamed or Response(orjson.dumps(accepted_json(stored)), _status(stored), media_type="application/json")


def _stream(services: Services, user_id: str, stored: Stored) -> Response | None:
    """None if the user has too many streams open: the reply can be read later."""
    record_id = stored.record.record_id
    outbox = services.hub.open_stream(user_id, record_id)
    if outbox is None:
        return None
    stream = ReplyStream(services, user_id, record_id, outbox, ReplyCursor())
    return EventStreamResponse(stream.chunks(frames.accepted(stored)), _status(stored))


def _status(stored: Stored) -> int:
    return 200 if stored.duplicate else 202


class _PlainRoute(APIRoute):
    """In the OpenAPI document like every other route, but its endpoint is served as Starlette would."""

    def __init__(self, path: str, endpoint: Any, **documented: Any) -> None:
        super().__init__(path, endpoint, **documented)
        self.app = request_response(endpoint)


def send_route() -> APIRoute:
    """To be put among the application's own routes, not into a router that is included: that would wrap it."""
    answers: dict[int | str, dict[str, Any]] = {
        200: {"model": Accepted, "description": "The very same send was answered before: `duplicate` is true."},
        202: {
            "description": "Committed. As an event stream: `message.accepted`, then the reply's events.",
            "content": {"text/event-stream": {}},
        },
    }
    failures = problems(409, 413, 422, 429, 503, codes=ADMISSION_CODES)
    return _PlainRoute(
        "/api/message/send",
        send,
        methods=["POST"],
        status_code=202,
        response_model=Accepted,
        responses=answers | failures,
        tags=["messages"],
        openapi_extra={
            "security": [{"HTTPBearer": []}],
            "requestBody": {"required": True, "content": {"application/json": {"schema": SendRequest.model_json_schema()}}},
        },
    )
