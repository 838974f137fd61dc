"""A JSON answer as it goes out: no object between the bytes and the server."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send


class JSONBytes:
    """An ASGI application that answers with `body`, which is JSON."""

    def __init__(self, body: bytes, status: int) -> None:
        self._body = body
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self._body))]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})
