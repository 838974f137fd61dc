"""`POST /api/message/send`: the hot route, served without FastAPI's dependency and response-model machinery."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.websocket import frames
from adapters.websocket.client_frames import message_send
from adapters.websocket.render import accepted_json
from entrypoints.api.authentication import authenticate
from entrypoints.api.body import read_json_object
from entrypoints.api.event_stream import EventStreamResponse, wants_events
from entrypoints.api.json_bytes import JSONBytes
from entrypoints.api.problem import error_response
from entrypoints.api.problem_docs import ADMISSION_CODES, problems
from entrypoints.api.reply_cursor import ReplyCursor
from entrypoints.api.reply_stream import ReplyStream
from entrypoints.api.schemas import Accepted, SendRequest
from entrypoints.api.services import Services
from imcore.errors import IMError
from imcore.ports import Stored

log = logging.getLogger(__name__)


class SendEndpoint:
    """An ASGI application: it is reached past FastAPI, see `hot_paths`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnect:
            log.debug("the client left before its request was whole")
            return
        except IMError as error:
            answer = error_response(error, scope)
        except Exception as error:
            log.exception("defect in a request")
            answer = error_response(error, scope)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        services, headers = self._services, _headers(scope)
        user_id = (await authenticate(services, headers)).user_id
        asked = message_send(await read_json_object(headers, receive, services.max_input_bytes))
        await services.admission.check(user_id)
        stored = await services.send_message(user_id, asked.msg_content, message_id=asked.message_id, session_id=asked.session_id)
        if not stored.duplicate:
            services.metrics.message_stored(stored.message.msg_type.value)
        streamed = _stream(services, user_id, stored) if wants_events(headers.get("accept")) else None
        return streamed or JSONBytes(orjson.dumps(accepted_json(stored)), _status(stored))


def _headers(scope: Scope) -> Mapping[str, str]:
    """By their names in lower case, the first of several with one name. Starlette's own look through all of them for each name asked."""
    return {str(name, "latin-1"): str(value, "latin-1") for name, value in reversed(scope["headers"])}


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


async def send() -> None:
    """Send a message.

    It is answered once the message and the record of its reply are committed. The same `message_id` with the same content again changes
    nothing and is answered with `200` and `"duplicate": true`. With `Accept: text/event-stream` the answer goes on with the reply's events.
    """


class _PlainRoute(APIRoute):
    """In the OpenAPI document like every other route, but served by an ASGI application."""

    def __init__(self, path: str, app: ASGIApp, **documented: Any) -> None:
        super().__init__(path, send, **documented)
        self.app = app


def send_route(services: Services) -> APIRoute:
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
        SendEndpoint(services),
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
