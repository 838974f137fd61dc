"""The WebSocket `/ws/{user_id}`: who may open one, and what happens to it from the handshake to the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from adapters.websocket import frames
from adapters.websocket.close_codes import GOING_AWAY, TOO_MANY_CONNECTIONS
from adapters.websocket.outbox import Outbox
from entrypoints.api.authentication import bearer_token, check_origin
from entrypoints.api.frame_rate import BURST_FRAMES, FRAMES_A_SECOND
from entrypoints.api.problem import error_response, request_id_of
from entrypoints.api.services import Services
from entrypoints.api.socket_frames import SocketFrames
from entrypoints.api.socket_protocol import EXTENSION
from entrypoints.api.socket_session import SocketSession, SocketTimes
from entrypoints.api.socket_watch import SocketWatch
from entrypoints.identity import Identity
from imcore.errors import ForbiddenError, IMError, UnauthenticatedError
from imcore.ids import new_id

PROTOCOL = "bearer"
GONE_S = 1.0


class SocketEndpoint:
    """An ASGI application: it stays out of FastAPI's machinery."""

    def __init__(self, services: Services, times: SocketTimes | None = None) -> None:
        self._services = services
        self._times = times or SocketTimes()
        self._watch = SocketWatch(self._times.look_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        try:
            identity = await self._identify(scope)
        except IMError as error:
            await error_response(error, scope)(scope, receive, send)
            await _until_gone(receive)
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if PROTOCOL in scope["subprotocols"] else None})
        _forget_handshake(scope)
        await self._serve(scope, receive, send, identity)

    async def _identify(self, scope: Scope) -> Identity:
        headers = Headers(scope=scope)
        check_origin(headers, self._services.settings.allowed_origins)
        token = _token(scope, headers)
        if token is None:
            raise UnauthenticatedError("A token is needed: subprotocols `bearer, <JWT>`, an Authorization header, or `?token=`.")
        identity = await self._services.tokens.verify(token)
        if scope["path_params"]["user_id"] != identity.user_id:
            raise ForbiddenError("The path names another user than the token.")
        return identity

    async def _serve(self, scope: Scope, receive: Receive, send: Send, identity: Identity) -> None:
        services, user_id = self._services, identity.user_id
        outbox = services.hub.open_socket(user_id)
        if outbox is None:
            services.metrics.evicted(TOO_MANY_CONNECTIONS.name)
            await send({"type": "websocket.close", "code": TOO_MANY_CONNECTIONS.code, "reason": TOO_MANY_CONNECTIONS.reason})
            return
        session = self._session(scope, receive, send, identity, outbox)
        services.metrics.socket_opened()
        self._watch.add(session)
        try:
            outbox.offer(frames.ready(user_id, new_id(), self._limits()))
            code = await session.run()
            if code is not None and code is not GOING_AWAY:
                services.metrics.evicted(code.name)
        finally:
            self._watch.remove(session)
            services.hub.remove(user_id, outbox)
            services.metrics.socket_closed()

    def _session(self, scope: Scope, receive: Receive, send: Send, identity: Identity, outbox: Outbox) -> SocketSession:
        return SocketSession(
            receive,
            send,
            outbox,
            SocketFrames(self._services, identity.user_id, request_id_of(scope), outbox),
            expires_at=identity.expires_at,
            max_frame_bytes=self._services.max_input_bytes,
            times=self._times,
            direct=scope.get("extensions", {}).get(EXTENSION),
        )

    def _limits(self) -> dict[str, object]:
        settings = self._services.settings
        return {
            "max_message_chars": settings.max_message_chars,
            "max_frame_bytes": self._services.max_input_bytes,
            "max_pending_replies": settings.max_pending_replies_per_user,
            "rate_limit": settings.rate_limit,
            "frames_per_second": FRAMES_A_SECOND,
            "frames_burst": BURST_FRAMES,
            "idle_s": self._times.idle_s,
        }


def _forget_handshake(scope: Scope) -> None:
    """The server keeps the scope as long as the socket is open: the token need not stay in memory, and a browser's headers are long."""
    scope.update(headers=[], subprotocols=[])
    scope["state"].update(query_token=None)


async def _until_gone(receive: Receive) -> None:
    """uvicorn logs an error if the application returns before a refused connection is closed. It tells of the end twice: sent, closed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_S):
            await receive()
            await receive()


def _token(scope: Scope, headers: Headers) -> str | None:
    protocols: list[str] = scope["subprotocols"]
    if len(protocols) > 1 and protocols[0] == PROTOCOL:
        return protocols[1]
    token: str | None = bearer_token(headers) or scope["state"]["query_token"]
    return token
