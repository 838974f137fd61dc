"""Around every request: its id, its log line, its time by route, and no token in anybody's log."""

from __future__ import annotations

import logging
import re
import time
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.logs import REQUEST_ID
from entrypoints.metrics import Metrics
from imcore.ids import new_id

log = logging.getLogger(__name__)

_SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = ("/health", "/metrics", "/assets")
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class RequestMiddleware:
    """Pure ASGI, the outermost. Puts `request_id` and, from a WebSocket's query, `query_token` into the scope's state."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {}).update(request_id=request_id, query_token=_take_query_token(scope))
        answer = _Answer(request_id, send)
        REQUEST_ID.set(request_id)  # the server gives each request a context of its own
        try:
            await self._app(scope, receive, answer.send)
        finally:
            self._account(scope, answer)

    def _account(self, scope: Scope, answer: _Answer) -> None:
        method = scope.get("method", "GET")
        route = _route(scope)
        if not answer.is_socket:
            self._metrics.http_request(method if method in _METHODS else "OTHER", route, answer.status, answer.head_s)
        level = logging.DEBUG if scope["path"].startswith(_QUIET) and answer.status < 400 else logging.INFO  # noqa: PLR2004  # HTTP's own figure
        if log.isEnabledFor(level):
            said = {"method": method, "route": route, "status": answer.status, "duration_ms": answer.duration_ms}
            log.log(level, "websocket closed" if answer.is_socket else "request", extra=said)


class _Answer:
    """What was answered, and how long it took until the answer began: an event stream may then go on for minutes."""

    def __init__(self, request_id: str, send: Send) -> None:
        self.status = 500
        self.is_socket = False
        self.head_s = 0.0
        self._request_id = request_id
        self._send = send
        self._begun = time.perf_counter()

    @property
    def duration_ms(self) -> float:
        return round((time.perf_counter() - self._begun) * 1000, 1)

    async def send(self, message: Message) -> None:
        if message["type"] in _STARTS:
            self.is_socket = message["type"] == "websocket.accept"
            self.status = 101 if self.is_socket else message["status"]
            self.head_s = time.perf_counter() - self._begun
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._request_id.encode())]
        await self._send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return str(value, "latin-1") if _SAFE_ID.fullmatch(value) else new_id()
    return new_id()


def _take_query_token(scope: Scope) -> str | None:
    """Takes `?token=` out of the scope itself, for the server logs the query too."""
    if b"token=" not in scope["query_string"]:
        return None
    fields = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    scope["query_string"] = urlencode([(name, value) for name, value in fields if name != "token"]).encode("latin-1")
    return next((value for name, value in fields if name == "token"), None)


def _route(scope: Scope) -> str:
    """The template, never the path: a label must not have a value for each user."""
    if scope["type"] == "websocket":
        return "/ws/{user_id}"
    return getattr(scope.get("route"), "path", "unmatched")
